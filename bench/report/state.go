package report

import (
	"fmt"
	"io"
)

var stateSection = &of[stateRow]{"state", "Readers beside schedulers", "bench state --agents=50000", "", writeState, stateLimits, func(rows []stateRow) string {
	alone := first(rows, func(r *stateRow) bool { return r.Readers == "nobody" })
	beside := first(rows, func(r *stateRow) bool { return r.Readers == "/state" })
	return fmt.Sprintf("ACCEPT p99 %s alone, %s beside readers of /state", seconds(alone.Accept.P99/1e9), seconds(beside.Accept.P99/1e9))
}}

// stateRow is `bench state` with one kind of readers, or without any.
type stateRow struct {
	Readers       string  `json:"readers"`
	Accept        latency `json:"accept"`
	AcceptsPerS   float64 `json:"accepts_per_s"`
	Read          latency `json:"read"`
	ReadsPerS     float64 `json:"reads_per_s"`
	BytesPerS     float64 `json:"read_bytes_per_s"`
	Seconds       float64 `json:"seconds"`
	AllocatorCPUS float64 `json:"allocator_cpu_s"`
	RSSBytes      float64 `json:"allocator_rss_bytes"`
}

func writeState(w io.Writer, rows []stateRow) {
	fmt.Fprintln(w, "| readers of | ACCEPT/s | ACCEPT p50 | p99 | most | reads/s | MiB/s | read p50 | p99 | most | allocator cores | allocator RSS |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|---|---|")
	for _, r := range rows {
		fmt.Fprintf(w, "| %s | %.0f | %v | %.1f | %.1f | %v | %.2f | %.0f MiB |\n", r.Readers, r.AcceptsPerS, r.Accept,
			r.ReadsPerS, r.BytesPerS/(1<<20), r.Read, r.AllocatorCPUS/r.Seconds, r.RSSBytes/(1<<20))
	}
}

const stateLimits = `
ACCEPTs are due at even intervals and their latency counts from then. Phases with and without readers take turns on the same
allocator, so that both see the same machine. What limits it: bodies are written one at a time, on a thread that gives way to all others, and readers who wait for the same one
share it; they are sent in pieces of half a MiB with a pause of 1 ms after each, which took 3 ms off the tail. So reads are slow while the cores are busy, and what an ACCEPT still meets are garbage and a core that is taken at
the moment. GET_STATE, GET_AGENTS and GET_TASKS are written one agent or task at a time, so that little of that garbage is theirs.
`
