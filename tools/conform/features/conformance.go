package features

import (
	"fmt"
	"strings"

	"github.com/caprock/caprock/tools/flags"
)

// ConformancePage is the page's place below the module's root.
const ConformancePage = "docs/conformance.md"

const conformanceHead = `# What shows that Caprock does as Mesos does

Lists, each line with the test of ours that shows it or the reason why there is none: the rules by which Mesos
refuses input, the tests of Mesos for its master and APIs, the reasons of tasks' statuses, and the flags of its master. Tests are named by package and function;
in parentheses is the scenario that they play or the case of their table.

This page is written by ` + "`go run ./tools/conform features`" + `; its sources are beside that program.
`

// Lists are what the page is written from.
type Lists struct {
	Rules   []Rule
	Tests   []MesosTest
	Reasons []Reason
}

// ReadLists reads all of them.
func ReadLists() (l Lists, err error) {
	if l.Rules, err = Rules(); err != nil {
		return l, err
	}
	if l.Tests, err = MesosTests(); err != nil {
		return l, err
	}
	l.Reasons, err = Reasons()
	return l, err
}

// RenderConformance writes the page.
func RenderConformance(l Lists) string {
	rules, tests := l.Rules, l.Tests
	var b strings.Builder
	b.WriteString(conformanceHead)
	var c tally
	for _, r := range rules {
		c.add(r.Tests, r.Note)
	}
	fmt.Fprintf(&b, "\n## Rules for input\n\nOf %d rules %s.\n", len(rules), c)
	area := ""
	for _, r := range rules {
		if r.Area != area {
			area = r.Area
			fmt.Fprintf(&b, "\n### %s\n\n| | rule | outcome in Mesos | shown by; what differs |\n|---|---|---|---|\n", area)
		}
		fmt.Fprintf(&b, "| %d | %s | %s | %s |\n", r.ID, cell(r.Text), cell(r.Outcome), shown(r.Tests, r.Note))
	}
	c = tally{}
	for _, t := range tests {
		c.add(t.Tests, t.Note)
	}
	fmt.Fprintf(&b, "\n## Mesos' tests\n\nOf %d tests %s.\n", len(tests), c)
	file := ""
	for _, t := range tests {
		if t.File != file {
			file = t.File
			fmt.Fprintf(&b, "\n### %s\n\n| test | shown by; what differs |\n|---|---|\n", file)
		}
		fmt.Fprintf(&b, "| %s | %s |\n", t.Name, shown(t.Tests, t.Note))
	}
	b.WriteString(renderReasons(l.Reasons))
	b.WriteString(renderFlags())
	return b.String()
}

// cell is a text that does not end the cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }

// tally counts what tests show, what does not apply and what is missing.
type tally struct{ shown, notApplying, missing int }

func (c *tally) add(tests []Test, note string) {
	switch {
	case len(tests) > 0:
		c.shown++
	case strings.HasPrefix(note, notApplying):
		c.notApplying++
	default:
		c.missing++
	}
}

func (c tally) String() string {
	return fmt.Sprintf("**%d are shown, %d do not apply, %d are missing**", c.shown, c.notApplying, c.missing)
}

const flagsHead = `
## Flags of the master

Dashes and underscores mean the same. What is accepted without effect is named in the log. ` + "`--help`" + ` lists what
Caprock has beyond these.

| flag | old name | in ` + "`caprock alloc`" + ` |
|---|---|---|
`

func renderFlags() string {
	var b strings.Builder
	b.WriteString(flagsHead)
	for _, f := range flags.MesosFlags() {
		old := ""
		if f.OldName != "" {
			old = "`--" + f.OldName + "`"
		}
		said := map[flags.Verdict]string{
			flags.Own: "the same", flags.Ignored: "accepted, no effect", flags.Refused: "refused",
			flags.Only: "accepted as `" + strings.Join(f.Values, "` or `") + "`, no effect",
		}[f.Verdict]
		if f.Note != "" {
			said += ": " + f.Note
		}
		fmt.Fprintf(&b, "| `--%s` | %s | %s |\n", f.Name, old, cell(said))
	}
	return b.String()
}
