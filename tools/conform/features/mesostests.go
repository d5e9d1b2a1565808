package features

import (
	_ "embed"
	"fmt"
	"strings"
)

// testList is a line per test of Mesos: file, name, tests, note; separated by tabs.
//
//go:embed mesos_tests.tsv
var testList string

// MesosTest is a test of Mesos and what of ours shows the same.
type MesosTest struct {
	File, Name string // a name may be there twice: in two fixtures of the file
	Tests      []Test
	Note       string // as of a Rule
}

// MesosTests reads the list of Mesos' tests.
func MesosTests() ([]MesosTest, error) {
	var all []MesosTest
	for line := range strings.Lines(testList) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 4 {
			return nil, fmt.Errorf("test %d: got %d fields, want 4: file, name, tests, note", len(all)+1, len(f))
		}
		m := MesosTest{File: f[0], Name: f[1], Note: f[3]}
		var err error
		if m.Tests, err = shownBy(f[2], m.Note); err != nil {
			return nil, fmt.Errorf("%s %s: %w", m.File, m.Name, err)
		}
		all = append(all, m)
	}
	return all, nil
}
