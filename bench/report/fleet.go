package report

import (
	"fmt"
	"io"
)

// latency is a distribution, in nanoseconds.
type latency struct {
	P50 float64 `json:"p50_ns"`
	P99 float64 `json:"p99_ns"`
	Max float64 `json:"max_ns"`
}

func (l latency) String() string {
	return seconds(l.P50/1e9) + " | " + seconds(l.P99/1e9) + " | " + seconds(l.Max/1e9)
}

// launchRow is one size of the fleet in `bench launch`.
type launchRow struct {
	Agents        int     `json:"agents"`
	Running       int     `json:"running"`
	TasksPerS     float64 `json:"tasks_per_s"`
	Probes        int     `json:"probes"`
	Launch        latency `json:"launch"`
	Wait          latency `json:"wait"`
	Seconds       float64 `json:"seconds"`
	AllocatorCPUS float64 `json:"allocator_cpu_s"`
	RSSBytes      float64 `json:"allocator_rss_bytes"`
}

func writeLaunch(w io.Writer, rows []launchRow) {
	fmt.Fprintln(w, "| agents | tasks run | tasks/s | probes | launch p50 | p99 | most | wait p50 | p99 | most | allocator cores | allocator RSS |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|---|---|")
	for _, r := range rows {
		fmt.Fprintf(w, "| %d | %d | %.0f | %d | %v | %v | %.2f | %.0f MiB |\n", r.Agents, r.Running, r.TasksPerS, r.Probes,
			r.Launch, r.Wait, r.AllocatorCPUS/r.Seconds, r.RSSBytes/(1<<20))
	}
}
