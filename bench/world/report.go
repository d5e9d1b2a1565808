package world

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/caprock/caprock/wire/build"
)

// Progress is the line that shows what a run is doing.
type Progress struct {
	w        io.Writer
	terminal bool
	every    time.Duration

	mu   sync.Mutex
	last time.Time
	open bool
}

// NewProgress writes to w, over and over on one line if that is a terminal, else a
// line every few seconds.
func NewProgress(w io.Writer) *Progress {
	p := &Progress{w: w, every: 3 * time.Second}
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			p.terminal, p.every = true, 200*time.Millisecond
		}
	}
	return p
}

// Show replaces the line, at most as often as it can be read.
func (p *Progress) Show(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.last) < p.every {
		return
	}
	p.last = time.Now()
	text := fmt.Sprintf(format, args...)
	if p.terminal {
		fmt.Fprintf(p.w, "\r\x1b[K%s", text)
		p.open = true
		return
	}
	fmt.Fprintln(p.w, text)
}

// Clear takes the line away, before a table.
func (p *Progress) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.open = false
	}
}

// Report is what a scenario found.
type Report struct {
	// Command is how to make it again, without the program's name.
	Command string `json:"command"`
	// Commit that the program was built from; empty if the build did not know.
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
	return &Report{Command: command, Commit: build.Info("").GetGitSha(), When: time.Now().UTC().Format(time.RFC3339), Machine: ThisMachine(), Rows: rows, Notes: notes}
}

// Print writes the report as JSON, or as a table of these columns and rows.
func (r *Report) Print(w io.Writer, asJSON bool, columns []string, rows [][]string) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
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
