package report

import (
	"fmt"
	"io"
	"path/filepath"
	"sort"
	"strings"
)

// table is a run that says itself how it is shown: scenarios whose figures fit
// one table write this form.
type table struct {
	Title   string     `json:"title"`
	Command string     `json:"command"`
	Machine string     `json:"machine"`
	Commit  string     `json:"commit"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
	// Limits is prose: what keeps the figures from being better.
	Limits string `json:"limits"`
}

// writeTables shows the newest run of every scenario named table-*.
func writeTables(w io.Writer, history string) error {
	files, err := filepath.Glob(filepath.Join(history, "table-*.json"))
	if err != nil {
		return err
	}
	scenarios := map[string]bool{}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".json")
		if len(name) > len("-2006-01-02") {
			scenarios[name[:len(name)-len("-2006-01-02")]] = true
		}
	}
	names := make([]string, 0, len(scenarios))
	for name := range scenarios {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		file, date, err := newest(history, name)
		if err != nil {
			return err
		}
		var t table
		if err := load(file, &t); err != nil {
			return err
		}
		if err := t.write(w, date); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func (t *table) write(w io.Writer, date string) error {
	fmt.Fprintf(w, "\n## %s\n\n    %s\n\n%s, %s, commit %s.\n\n", t.Title, t.Command, date, t.Machine, t.Commit)
	fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(t.Columns, " | "), strings.Repeat("---|", len(t.Columns)))
	for i, row := range t.Rows {
		if len(row) != len(t.Columns) {
			return fmt.Errorf("row %d has %d cells, want %d", i+1, len(row), len(t.Columns))
		}
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
	}
	if t.Limits != "" {
		fmt.Fprintf(w, "\n%s\n", t.Limits)
	}
	return nil
}
