package features

import (
	_ "embed"
	"fmt"
	"strings"
)

// reasonList is a line per reason of a task's status: reason, sources, states, tests,
// note; separated by tabs.
//
//go:embed reasons.tsv
var reasonList string

// Reason is why a task is in a state, and what makes it happen in a test.
type Reason struct {
	Name, Sources, States string // Name without REASON_, states without TASK_
	Tests                 []Test
	Note                  string // as of a Rule
}

// Reasons reads the list of reasons.
func Reasons() ([]Reason, error) {
	var all []Reason
	for line := range strings.Lines(reasonList) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 5 {
			return nil, fmt.Errorf("reason %d: got %d fields, want 5: reason, sources, states, tests, note", len(all)+1, len(f))
		}
		r := Reason{Name: f[0], Sources: f[1], States: f[2], Note: f[4]}
		var err error
		if r.Tests, err = shownBy(f[3], r.Note); err != nil {
			return nil, fmt.Errorf("reason %s: %w", r.Name, err)
		}
		all = append(all, r)
	}
	return all, nil
}

func renderReasons(reasons []Reason) string {
	var b strings.Builder
	var c tally
	for _, r := range reasons {
		c.add(r.Tests, r.Note)
	}
	fmt.Fprintf(&b, "\n## Reasons of statuses\n\nOf %d reasons %s.\n\n| reason | source | states | made to happen by; what differs |\n|---|---|---|---|\n", len(reasons), c)
	for _, r := range reasons {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.Name, r.Sources, r.States, shown(r.Tests, r.Note))
	}
	return b.String()
}
