package main

import (
	"fmt"
	"io"

	"github.com/caprock/caprock/bench/page"
	"github.com/caprock/caprock/bench/peers/work"
	"github.com/caprock/caprock/bench/world"
)

func print(w io.Writer, out *page.Output, rows []row, runs int) error {
	report := world.NewReport("bench peers", rows,
		fmt.Sprintf("nodes have %d CPUs and %d GiB, tasks take %d and %d GiB; medians of %d runs, each in a process of its own, systems in turns",
			work.NodeCPUs, work.NodeMemMiB>>10, work.TaskCPUs, work.TaskMemMiB>>10, runs),
		"time runs from the moment at which tasks are given to an idle system until each has a node; every placement is checked",
		"nothing is written to a disk but by the rows \"durable\", which also share the machine with their load generator")
	table := page.Table{Columns: []string{"shape", "system", "value", "unit", "least", "most", "of the fastest peer", "µs CPU/task", "peak RSS MiB"}}
	for i := range rows {
		table.Rows = append(table.Rows, cells(&rows[i]))
	}
	return out.Print(w, report, table, plots(rows))
}

func cells(r *row) []string {
	if r.Kind != "measured" {
		return []string{r.Kind + ": " + r.Shape, r.System, fmt.Sprintf("%g", r.Value), r.Unit, "", "", "", "", ""}
	}
	low, high := r.spread()
	ratio := ""
	if r.OfFastestPeer > 0 {
		ratio = fmt.Sprintf("%.2f", r.OfFastestPeer)
	}
	return []string{r.Shape, r.System, world.Rate(r.Value), r.Unit, world.Rate(low), world.Rate(high), ratio,
		fmt.Sprintf("%.1f", r.CPUSeconds/float64(r.Tasks)*1e6), fmt.Sprint(r.PeakRSS >> 20)}
}

// plots are bars for each shape.
func plots(rows []row) (all []page.Plot) {
	for _, r := range rows {
		if r.Kind != "measured" {
			continue
		}
		if len(all) == 0 || all[len(all)-1].Title != r.Shape {
			all = append(all, page.Plot{Title: r.Shape, Y: "tasks/s"})
		}
		p := &all[len(all)-1]
		p.Bars = append(p.Bars, page.Bar{Name: r.System, Value: r.Value})
	}
	return all
}
