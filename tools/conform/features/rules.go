package features

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

// ruleList is a line per rule: id, area, rule, outcome, tests, note; separated by tabs.
//
//go:embed rules.tsv
var ruleList string

// Rule is a way in which Mesos refuses input, and what shows that Caprock does.
type Rule struct {
	ID                  int
	Area, Text, Outcome string
	Tests               []Test
	// Note says what differs, or, without tests, why the rule does not apply or that
	// it is missing: it begins with one of the words below.
	Note string
}

// What the note of a rule or a test without a test of ours begins with.
const (
	notApplying = "does not apply: "
	missing     = "missing: "
)

// Rules reads the list of rules.
func Rules() ([]Rule, error) {
	var rules []Rule
	for line := range strings.Lines(ruleList) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 6 {
			return nil, fmt.Errorf("rule %d: got %d fields, want 6: id, area, rule, outcome, tests, note", len(rules)+1, len(f))
		}
		r := Rule{Area: f[1], Text: f[2], Outcome: f[3], Note: f[5]}
		var err error
		if r.ID, err = strconv.Atoi(f[0]); err != nil || r.ID != len(rules)+1 {
			return nil, fmt.Errorf("got rule id %q, want %d", f[0], len(rules)+1)
		}
		if r.Tests, err = shownBy(f[4], r.Note); err != nil {
			return nil, fmt.Errorf("rule %d: %w", r.ID, err)
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// shownBy reads references to tests. There are some, or the note says why not.
func shownBy(refs, note string) ([]Test, error) {
	tests, err := parseTests(refs)
	reason := strings.HasPrefix(note, notApplying) || strings.HasPrefix(note, missing)
	switch {
	case err != nil:
		return nil, err
	case len(tests) == 0 && !reason:
		return nil, fmt.Errorf("no test is named, and the note %q does not begin with %q or %q", note, notApplying, missing)
	case len(tests) > 0 && reason:
		return nil, fmt.Errorf("tests are named, and the note says %q", note)
	case strings.Contains(note, "|"):
		return nil, fmt.Errorf("got a | in note %q, which would end a cell of the page's table", note)
	}
	return tests, nil
}
