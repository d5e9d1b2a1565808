package features

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

// list is a line per item: id, area, feature, status, tests, note; separated by tabs.
//
//go:embed features.tsv
var list string

// Status says how much of an item is there.
type Status string

// The statuses, from all to nothing.
const (
	Done    Status = "done"
	Partial Status = "partial"
	NotYet  Status = "not yet"
)

// Item is one thing that users of Mesos can see.
type Item struct {
	ID      int // 1 and up, in the order of the list
	Area    string
	Feature string
	Status  Status
	Tests   []Test // what shows that it is there, if only in part
	Note    string // what lacks, or why
}

// Test names a Go test or a client of the conformance run.
type Test struct {
	Package  string // below the module's root; empty for a client
	Function string
	Scenario string // a file that the test plays, or a case of its table; empty if none is meant
	Client   string // a case of tools/conform clients
}

// String is what a reader looks for in the repository.
func (t Test) String() string {
	switch {
	case t.Client != "":
		return fmt.Sprintf("client “%s”", t.Client)
	case t.Scenario != "":
		return fmt.Sprintf("`%s` %s (%s)", t.Package, t.Function, t.Scenario)
	}
	return fmt.Sprintf("`%s` %s", t.Package, t.Function)
}

// Items reads the list.
func Items() ([]Item, error) { return parse(list) }

func parse(text string) ([]Item, error) {
	var items []Item
	for line := range strings.Lines(text) {
		item, err := parseItem(strings.TrimSuffix(line, "\n"), len(items)+1)
		if err != nil {
			return nil, fmt.Errorf("item %d: %w", len(items)+1, err)
		}
		items = append(items, item)
	}
	return items, nil
}

func parseItem(line string, wantID int) (Item, error) {
	f := strings.Split(line, "\t")
	if len(f) != 6 {
		return Item{}, fmt.Errorf("got %d fields, want 6: id, area, feature, status, tests, note", len(f))
	}
	if strings.Contains(line, "|") {
		return Item{}, fmt.Errorf("got a |, which would end a cell of the page's table: %s", line)
	}
	id, err := strconv.Atoi(f[0])
	if err != nil || id != wantID {
		return Item{}, fmt.Errorf("got id %q, want %d", f[0], wantID)
	}
	item := Item{ID: id, Area: f[1], Feature: f[2], Status: Status(f[3]), Note: f[5]}
	if item.Tests, err = parseTests(f[4]); err != nil {
		return Item{}, err
	}
	return item, item.check()
}

func (i Item) check() error {
	switch {
	case i.Area == "" || i.Feature == "":
		return fmt.Errorf("got area %q and feature %q, want both", i.Area, i.Feature)
	case i.Status == Done && len(i.Tests) == 0:
		return fmt.Errorf("%q is done, but no test shows it", i.Feature)
	case i.Status == Partial && i.Note == "":
		return fmt.Errorf("%q is partial, but nothing says what lacks", i.Feature)
	case i.Status == NotYet && len(i.Tests) > 0:
		return fmt.Errorf("%q is not there yet, but has tests", i.Feature)
	case i.Status != Done && i.Status != Partial && i.Status != NotYet:
		return fmt.Errorf("got status %q, want %s, %s or %s", i.Status, Done, Partial, NotYet)
	}
	return nil
}

// parseTests reads references that are separated by "; ".
func parseTests(refs string) (tests []Test, err error) {
	for ref := range strings.SplitSeq(refs, "; ") {
		if ref == "" {
			continue
		}
		test, err := parseTest(ref)
		if err != nil {
			return nil, err
		}
		tests = append(tests, test)
	}
	return tests, nil
}

// parseTest reads "package Function", "package Function (scenario or case)" or "client: name".
func parseTest(ref string) (Test, error) {
	if name, ok := strings.CutPrefix(ref, "client: "); ok {
		return Test{Client: name}, nil
	}
	f := strings.SplitN(ref, " ", 3)
	if len(f) == 2 {
		return Test{Package: f[0], Function: f[1]}, nil
	}
	if len(f) == 3 && len(f[2]) > 2 && f[2][0] == '(' && f[2][len(f[2])-1] == ')' {
		return Test{Package: f[0], Function: f[1], Scenario: f[2][1 : len(f[2])-1]}, nil
	}
	return Test{}, fmt.Errorf("got test %q, want \"package Function\", \"package Function (scenario or case)\" or \"client: name\"", ref)
}
