package report

import (
	"fmt"
	"io"
)

var stormSection = &of[stormRow]{"storm", "Storms", "bench storm --agents=100000 --tasks=500000", "", writeStorm, stormLimits, func(rows []stormRow) string {
	cold := first(rows, func(r *stormRow) bool { return r.Phase == "agents registered from cold" })
	offer := first(rows, func(r *stormRow) bool { return r.Phase == "restart to first offer" })
	return fmt.Sprintf("%d agents registered in %s, first offer %s after a restart", cold.Count, seconds(cold.Seconds), seconds(offer.Seconds))
}}

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

const stormLimits = `
One run. Memory at rest is some 0.5 KB a task and 2.5 KB an agent, offers included, and garbage on top, up to 640 MiB together
or 15 %. Equal lists of resources, ids and names are kept once; a task is kept in a few words, and its messages are made for
those who ask; a third of what it takes are the indices that it is found by. Heartbeats are one ping and answer every 15 s.

What limits it: a start reads every record, and decodes and indexes tasks at some 4 µs each on either core; first offers
follow the first agents. Each returning agent sends all of its tasks, and every one is decoded and compared, so that the agents'
return takes longer than the first offer. Calls of frameworks have a queue of their own beside the agents', and half of each batch.
`
