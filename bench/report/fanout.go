package report

import (
	"fmt"
	"io"
)

var fanoutSection = &of[fanoutRow]{"fanout", "Event streams", "bench fanout", "", writeFanout, fanoutLimits, func(rows []fanoutRow) string {
	if len(rows) == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f events/s to %d subscribers, p99 %s", rows[0].EventsPerS, rows[0].Subscribers, seconds(rows[0].P99/1e9))
}}

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

const fanoutLimits = `
Latency is from the moment before an ACCEPT is sent to the moment a subscriber has the task's TASK_ADDED. Each event is encoded
once for all. What limits it: a write for each subscriber and batch, and a read on the other side, which shares the machine. Those
who do not read are cut once 4 MiB wait for them or a send takes 5 s; nobody waits for them.
`
