package main

import (
	"context"
	"slices"

	"github.com/caprock/caprock/bench/world"
)

// row is a line of the report: measured in this run, or not.
type row struct {
	// Kind is "measured", "recorded" (by us, in another run on such a machine) or
	// "published" (by others, on theirs).
	Kind   string `json:"kind"`
	System string `json:"system"`
	// Shape is what was placed, or what was done.
	Shape string `json:"shape"`
	// Value is the median, in Unit.
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	// Source of a figure that was not measured.
	Source string `json:"source,omitempty"`

	// Of what was measured: is it Caprock, in which place, and how much of the fastest
	// peer's median in the same shape.
	Peer          bool    `json:"peer,omitempty"`
	OfFastestPeer float64 `json:"of_fastest_peer,omitempty"`
	Nodes         int     `json:"nodes,omitempty"`
	Apps          int     `json:"apps,omitempty"`
	Tasks         int     `json:"tasks,omitempty"`
	// Medians of wall time, CPU time and memory, and the runs.
	Seconds    float64    `json:"seconds,omitempty"`
	CPUSeconds float64    `json:"cpu_s,omitempty"`
	PeakRSS    int64      `json:"peak_rss_bytes,omitempty"`
	Runs       []measured `json:"runs,omitempty"`
}

// spread is the least and the most tasks per second of a measured row.
func (r *row) spread() (low, high float64) {
	for i, m := range r.Runs {
		rate := float64(r.Tasks) / m.Seconds
		if i == 0 || rate < low {
			low = rate
		}
		high = max(high, rate)
	}
	return low, high
}

// rounds measures every system in every shape once, and again.
func rounds(ctx context.Context, o *options, all []shape, chosen []system, runs int, progress *world.Progress) ([]row, error) {
	var rows []row
	for _, sh := range all {
		for _, s := range chosen {
			rows = append(rows, row{Kind: "measured", System: s.title, Shape: sh.name, Unit: "tasks/s", Peer: s.peer,
				Nodes: sh.work.Nodes, Apps: sh.work.Apps, Tasks: sh.work.Tasks()})
		}
	}
	for round := range runs {
		for i := range rows {
			r, sh, s := &rows[i], all[i/len(chosen)], chosen[i%len(chosen)]
			progress.Show("round %d of %d, %d of %d: %s, %s", round+1, runs, i+1, len(rows), s.title, sh.name)
			m, err := child(ctx, o, s, sh.work)
			if err != nil {
				return nil, err
			}
			r.Runs = append(r.Runs, *m)
		}
	}
	for i := range rows {
		rows[i].sum()
	}
	compare(rows)
	return append(rows, recorded...), nil
}

// sum takes the medians of the runs.
func (r *row) sum() {
	median := func(column func(measured) float64) float64 {
		var values []float64
		for _, m := range r.Runs {
			values = append(values, column(m))
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	r.Seconds = median(func(m measured) float64 { return m.Seconds })
	r.CPUSeconds = median(func(m measured) float64 { return m.CPUSeconds })
	r.PeakRSS = int64(median(func(m measured) float64 { return float64(m.PeakRSS) }))
	r.Value = float64(r.Tasks) / r.Seconds
}

// compare finds the fastest peer of each shape.
func compare(rows []row) {
	fastest := map[string]float64{}
	for _, r := range rows {
		if r.Peer {
			fastest[r.Shape] = max(fastest[r.Shape], r.Value)
		}
	}
	for i := range rows {
		if r := &rows[i]; fastest[r.Shape] > 0 {
			r.OfFastestPeer = r.Value / fastest[r.Shape]
		}
	}
}
