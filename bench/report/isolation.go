package report

import (
	"fmt"
	"io"
)

var isolationSection = &of[isolationRow]{"isolation", "Isolation and accounting", "bench isolation", "", writeIsolation, isolationLimits, func(rows []isolationRow) string {
	if len(rows) == 0 {
		return ""
	}
	return fmt.Sprintf("%s: %.4g %s", rows[0].What, rows[0].Value, rows[0].Unit)
}}

// isolationRow is one measurement of `bench isolation`.
type isolationRow struct {
	What  string  `json:"what"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Note  string  `json:"note"`
}

func writeIsolation(w io.Writer, rows []isolationRow) {
	fmt.Fprintln(w, "| what | value | note |")
	fmt.Fprintln(w, "|---|---|---|")
	for _, r := range rows {
		fmt.Fprintf(w, "| %s | %.4g %s | %s |\n", r.What, r.Value, r.Unit, r.Note)
	}
}

const isolationLimits = `
Readings are CPU time of the reader. By BPF the CPU time is a load from shared memory and only memory is read from a file; of
files that are opened for each reading, which is what Mesos does, most is the opening. Launches are from nothing to a
running command with the rights of a task, on an otherwise idle agent, while the two cores are shared. What limits them: each v1 hierarchy costs a directory and a write to its
list of tasks, and namespaces and the init of one page some 0.3 ms more. A context switch of a container costs the two
BPF programs, that of any other process one lookup.
`
