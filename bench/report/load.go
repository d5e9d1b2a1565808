package report

import (
	"fmt"
	"io"
	"strings"
)

// loadRun is a run of `bench calls` or `bench storm`.
type loadRun[R any] struct {
	Command string `json:"command"`
	When    string `json:"when"`
	Machine struct {
		CPU    string `json:"cpu"`
		Cores  int    `json:"cores"`
		MemMiB int    `json:"mem_mib"`
		Kernel string `json:"kernel"`
		Go     string `json:"go"`
	} `json:"machine"`
	Rows  []R      `json:"rows"`
	Notes []string `json:"notes"`
}

// head writes the command, when and where it ran, and its notes.
func (r *loadRun[R]) head(w io.Writer, title string) {
	fmt.Fprintf(w, "\n## %s\n\n    caprock %s\n\n%s, %d cores (%s), %d MiB, Linux %s, %s. %s.\n\n", title, r.Command,
		r.When, r.Machine.Cores, r.Machine.CPU, r.Machine.MemMiB, r.Machine.Kernel, r.Machine.Go, strings.Join(r.Notes, "; "))
}

// callsRow is one case: the medians of its runs.
type callsRow struct {
	Case          string  `json:"case"`
	Calls         float64 `json:"calls"`
	Tasks         float64 `json:"tasks"`
	CallsPerS     float64 `json:"calls_per_s"`
	TasksPerS     float64 `json:"tasks_per_s"`
	P50NS         float64 `json:"p50_ns"`
	P99NS         float64 `json:"p99_ns"`
	AllocatorCPUS float64 `json:"allocator_cpu_s"`
	RSSBytes      float64 `json:"allocator_rss_bytes"`
	Runs          []struct {
		CallsPerS float64 `json:"calls_per_s"`
	} `json:"runs"`
}

func writeCalls(w io.Writer, rows []callsRow) {
	fmt.Fprintln(w, "| case | calls/s, median (least–most) | tasks/s | p50 | p99 | allocator CPU per call | allocator RSS |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|")
	for _, r := range rows {
		low, high := r.CallsPerS, r.CallsPerS
		for _, run := range r.Runs {
			low, high = min(low, run.CallsPerS), max(high, run.CallsPerS)
		}
		perCall := 0.0
		if r.Calls > 0 {
			perCall = r.AllocatorCPUS / r.Calls
		}
		fmt.Fprintf(w, "| %s | %.0f (%.0f–%.0f) | %.0f | %s | %s | %s | %.0f MiB |\n", r.Case, r.CallsPerS, low, high,
			r.TasksPerS, seconds(r.P50NS/1e9), seconds(r.P99NS/1e9), seconds(perCall), r.RSSBytes/(1<<20))
	}
}

// stormRow is one phase.
type stormRow struct {
	Phase         string  `json:"phase"`
	Count         int     `json:"count"`
	Seconds       float64 `json:"seconds"`
	AllocatorCPUS float64 `json:"allocator_cpu_s"`
	RSSBytes      float64 `json:"allocator_rss_bytes"`
}

func writeStorm(w io.Writer, rows []stormRow) {
	fmt.Fprintln(w, "| phase | how many | took | allocator CPU | allocator RSS |")
	fmt.Fprintln(w, "|---|---|---|---|---|")
	for _, r := range rows {
		fmt.Fprintf(w, "| %s | %d | %s | %s | %.0f MiB |\n", r.Phase, r.Count, seconds(r.Seconds), seconds(r.AllocatorCPUS), r.RSSBytes/(1<<20))
	}
}

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
