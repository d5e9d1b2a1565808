package features

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// Page is the page's place below the module's root.
const Page = "docs/features.md"

const head = `# Mesos' features, one by one

What users of Apache Mesos 1.12 can see of it from outside, and how much of it Caprock has. **Done** means that a
test of ours shows it; the test is named. **Partial** says what lacks, or that it is there and no test shows it; **not yet**
is the rest.
Where Caprock differs on purpose is told in [compatibility.md](compatibility.md).

Tests are named by package and function; in parentheses is the scenario they play: files of ` + "`testdata`" + ` in
` + "`alloc/core` and `agent/core`, and for `alloc/cycle/history` those of `alloc/cycle/testdata/histories/rules`" + `. Clients are
those that ` + "`go run ./tools/conform clients`" + ` runs. What the replay of recorded exchanges shows is not counted here.

This page is written by ` + "`go run ./tools/conform features`" + ` from ` + "`tools/conform/features/features.tsv`" + `.

`

// counts are numbers of items per status.
type counts struct{ done, partial, notYet int }

func (c *counts) add(s Status) {
	switch s {
	case Done:
		c.done++
	case Partial:
		c.partial++
	case NotYet:
		c.notYet++
	}
}

// Render writes the page.
func Render(items []Item) string {
	var areas []string // in the order of the list
	per := map[string]*counts{}
	var all counts
	for _, i := range items {
		if per[i.Area] == nil {
			per[i.Area] = &counts{}
			areas = append(areas, i.Area)
		}
		per[i.Area].add(i.Status)
		all.add(i.Status)
	}
	var b strings.Builder
	b.WriteString(head)
	fmt.Fprintf(&b, "**Of %d features %d are done, %d are partial, %d are not there yet.**\n\n", len(items), all.done, all.partial, all.notYet)
	b.WriteString("| area | done | partial | not yet |\n|---|---|---|---|\n")
	for _, a := range areas {
		fmt.Fprintf(&b, "| %s | %d | %d | %d |\n", a, per[a].done, per[a].partial, per[a].notYet)
	}
	area := ""
	for _, i := range items {
		if i.Area != area {
			area = i.Area
			fmt.Fprintf(&b, "\n## %s\n\n| | feature | status | shown by; what lacks |\n|---|---|---|---|\n", area)
		}
		fmt.Fprintf(&b, "| %d | %s | %s | %s |\n", i.ID, i.Feature, i.Status, remarks(i))
	}
	return b.String()
}

// remarks joins the tests of an item and its note.
func remarks(i Item) string { return shown(i.Tests, i.Note) }

// shown names tests and adds a note.
func shown(tests []Test, note string) string {
	parts := make([]string, 0, len(tests)+1)
	for _, t := range tests {
		parts = append(parts, t.String())
	}
	text := strings.Join(parts, ", ")
	if text != "" && note != "" {
		text += "; "
	}
	return text + note
}

// Command writes the page.
func Command() *cobra.Command {
	return &cobra.Command{
		Use:   "features",
		Short: "Write " + Page + " and " + ConformancePage + ": what Mesos has, and what of ours shows it",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			items, err := Items()
			if err != nil {
				return err
			}
			root, err := moduleRoot()
			if err != nil {
				return err
			}
			lists, err := ReadLists()
			if err != nil {
				return err
			}
			return errors.Join(
				os.WriteFile(filepath.Join(root, Page), []byte(Render(items)), 0o644),
				os.WriteFile(filepath.Join(root, ConformancePage), []byte(RenderConformance(lists)), 0o644))
		},
	}
}

// moduleRoot is the nearest directory upwards that holds a go.mod.
func moduleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		_, err := os.Stat(filepath.Join(dir, "go.mod"))
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("found no go.mod in %s or above it", start)
		}
	}
}
