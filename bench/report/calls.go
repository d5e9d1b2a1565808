package report

import (
	"fmt"
	"io"
)

var callsSection = &of[callsRow]{"calls", "Scheduler calls", "bench calls --runs=3 --window=3s", "", writeCalls, callsLimits, func(rows []callsRow) string {
	one := first(rows, func(r *callsRow) bool { return r.Case == "accept-1/protobuf" })
	life := first(rows, func(r *callsRow) bool { return r.Case == "lifecycle/protobuf" })
	return fmt.Sprintf("%.0f ACCEPTs/s of one task, %.0f task lifecycles/s", one.CallsPerS, life.TasksPerS)
}}

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

const callsLimits = `
Every call that changes something is on disk before it is answered; an acknowledgement that ends nothing waits for what was
decided before it. Load generator and allocator share the two cores, and other programs used part of them; CPU per call is the
steadier figure. Frameworks send acknowledgements without waiting for each answer, as Mesos' own scheduler library does, and
accept with as many tasks as an offer has room for.

What limits it: the CPU of the two cores, of which the load generator takes a quarter. Of the allocator's part of a task's life a
quarter is deciding, a fifth Pebble, most of it flushes and compactions of records that live for seconds (a task's life is some ten
records: three states, two of its end, the oldest completed task of the framework, and its share of offer, order and outbox),
an eighth HTTP, a tenth collections. Single ACCEPTs cost six times as much per task as those of a hundred: each has its
own request, answer, offer and entry in an outbox. The tail of single ACCEPTs at a steady
rate are moments in which both cores are full. Mostly a cycle makes offers to a hundred frameworks at once, every 20 ms, which this
process writes and the load generator reads: on a busy machine the tail is nearly twice as long with one every 100 ms,
and about half with one every 2 ms. Seldom the allocator marks its heap (30 ms every 13 s, on all threads at once). Flushes and compactions, which took a
core for 20 ms every 2 s, pause between bursts. With nothing else running p99 is 3.7 ms in the median of five runs in
protobuf and 3.8 ms in JSON, 3.3 to 5.9 ms in single ones; the aim is 5 ms. Where the disk is made to wait, as shared ones are after hours of writing, it is 300 ms.
`
