package world

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/caprock/caprock/wire/build"
)

// Report is what a scenario found.
type Report struct {
	// Command is how to make it again, without the program's name.
	Command string `json:"command"`
	// Commit that the program was built from, as build.Revision has it; empty if the build did not know.
	Commit  string  `json:"commit,omitempty"`
	When    string  `json:"when"`
	Machine Machine `json:"machine"`
	// Rows are the scenario's own.
	Rows any `json:"rows"`
	// Notes say what a reader must know to read the rows.
	Notes []string `json:"notes,omitempty"`
	// Timeline is how the run went, if it is not part of a row.
	Timeline *Timeline `json:"timeline,omitempty"`
}

// NewReport fills in where and when.
func NewReport(command string, rows any, notes ...string) *Report {
	return &Report{Command: command, Commit: build.Revision(), When: time.Now().UTC().Format(time.RFC3339), Machine: ThisMachine(), Rows: rows, Notes: notes}
}

// Print writes the report as a table of these columns and rows.
func (r *Report) Print(w io.Writer, columns []string, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, strings.Join(columns, "\t")+"\t")
	for _, row := range rows {
		fmt.Fprintln(t, strings.Join(row, "\t")+"\t")
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, n := range r.Notes {
		fmt.Fprintln(w, n)
	}
	_, err := fmt.Fprintln(w, r.Machine)
	return err
}

// Milliseconds prints a duration for a table.
func Milliseconds(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/1e6) }

// Rate prints a number per second for a table.
func Rate(perSecond float64) string { return fmt.Sprintf("%.0f", perSecond) }
