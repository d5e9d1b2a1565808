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

// fanoutRow is one kind of subscriber in `bench fanout`.
type fanoutRow struct {
	latency
	Kind        string  `json:"kind"`
	Subscribers int     `json:"subscribers"`
	Cut         int     `json:"cut"`
	EventsPerS  float64 `json:"events_per_s"`
	BytesPerS   float64 `json:"bytes_per_s"`
}

func writeFanout(w io.Writer, rows []fanoutRow) {
	fmt.Fprintln(w, "| subscribers | how many | cut | events/s | MiB/s | p50 | p99 | most |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|")
	for _, r := range rows {
		fmt.Fprintf(w, "| %s | %d | %d | %.0f | %.1f | %v |\n", r.Kind, r.Subscribers, r.Cut, r.EventsPerS, r.BytesPerS/(1<<20), r.latency)
	}
}

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

// fleetRow is one kind of framework in `bench fleet`.
type fleetRow struct {
	Kind       string  `json:"kind"`
	Frameworks int     `json:"frameworks"`
	Offers     uint64  `json:"offers"`
	Declined   uint64  `json:"declined"`
	TasksPerS  float64 `json:"tasks_per_s"`
	Running    float64 `json:"running"`
	Share      float64 `json:"dominant_share"`
	Accept     latency `json:"accept"`
}

func writeFleet(w io.Writer, rows []fleetRow) {
	fmt.Fprintln(w, "| role | frameworks | tasks/s | tasks run | dominant share, mean | offers | declined | ACCEPT p50 | p99 | most |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|")
	for _, r := range rows {
		fmt.Fprintf(w, "| %s | %d | %.0f | %.0f | %.1f %% | %d | %d | %v |\n", r.Kind, r.Frameworks, r.TasksPerS, r.Running, r.Share*100,
			r.Offers, r.Declined, r.Accept)
	}
}
