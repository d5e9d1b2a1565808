package cycle

import (
	"fmt"

	"github.com/caprock/caprock/bench/page"
)

const matrixNote = "medians; Mesos is its real allocator, measured on such a machine in the same shapes"

// matrixTable compares the shapes of the matrix.
func matrixTable(rows []row) page.Table {
	t := page.Table{Columns: []string{"agents × frameworks", "cycle, CPU ms", "deciding", "records", "their bytes", "bare heap", "offers",
		"Mesos ms", "ratio", "add agents ms", "B/agent", "event µs", "quiet µs"}}
	for _, r := range rows {
		cpu := r.Report.Median.CPUSeconds
		mesos, ratio := "", ""
		if r.MesosSeconds > 0 {
			mesos = fmt.Sprintf("%.0f", r.MesosSeconds*1e3)
			if cpu > 0 {
				ratio = fmt.Sprintf("%.0f×", r.MesosSeconds/cpu)
			}
		}
		t.Rows = append(t.Rows, []string{r.Name, milli(cpu), milli(r.Parts.Decide), milli(r.Parts.Records), milli(r.Parts.Encode), milli(r.Parts.Floor),
			fmt.Sprint(r.Report.Median.Offers), mesos, ratio, fmt.Sprintf("%.1f", r.Report.AddAgents*1e3), fmt.Sprint(r.Report.BytesPerAgent),
			fmt.Sprintf("%.1f", r.Parts.EventCycle*1e6), fmt.Sprintf("%.1f", r.Parts.QuietCycle*1e6)})
	}
	return t
}

func milli(seconds float64) string { return fmt.Sprintf("%.3f", seconds*1e3) }

func matrixPlots(rows []row) []page.Plot {
	full := page.Plot{Title: "CPU time of a full cycle", Y: "ms"}
	each := page.Plot{Title: "CPU time of a full cycle, for each offer", Y: "µs"}
	for _, r := range rows {
		cpu, offers := r.Report.Median.CPUSeconds, r.Report.Median.Offers
		full.Bars = append(full.Bars, page.Bar{Name: r.Name, Value: cpu * 1e3})
		if offers > 0 {
			each.Bars = append(each.Bars, page.Bar{Name: r.Name, Value: cpu * 1e6 / float64(offers)})
		}
	}
	return []page.Plot{full, each}
}

// cyclesTable has the cycles of one shape in their order, and their median.
func cyclesTable(r *Report) page.Table {
	t := page.Table{Columns: []string{"cycle", "wall ms", "CPU ms", "offers"}}
	line := func(name string, c Sample) {
		t.Rows = append(t.Rows, []string{name, milli(c.WallSeconds), milli(c.CPUSeconds), fmt.Sprint(c.Offers)})
	}
	for i, c := range r.Cycles {
		line(fmt.Sprint(i+1), c)
	}
	line("median", r.Median)
	return t
}

// notes say what the cycles of one shape are made of, and what was measured on the way.
func notes(s Shape, r *Report) []string {
	p := &r.Parts
	all := []string{
		fmt.Sprintf("%d agents, %d frameworks in %d roles; deciding allocates %d times; of the median cycle's CPU time the decision takes %.2f ms, the records %.2f ms, their %d bytes %.2f ms; a bare heap takes %.2f ms",
			s.Agents, s.Frameworks, s.Roles, r.AllocsPerCycle, p.Decide*1e3, p.Records*1e3, p.RecordBytes, p.Encode*1e3, p.Floor*1e3),
		fmt.Sprintf("adding the frameworks took %.1f ms, adding the agents %.1f ms and %d bytes each", p.AddFrameworks*1e3, r.AddAgents*1e3, r.BytesPerAgent),
	}
	if p.Refusals > 0 {
		return append(all, fmt.Sprintf("%d refusals in %d MiB; a cycle that looks at each agent again takes %.1f µs", p.Refusals, p.RSSBytes>>20, p.RefusedScan*1e6))
	}
	return append(all, fmt.Sprintf("declining all takes %.1f ms, a cycle with nothing to offer %.1f µs, one for one agent after an event %.1f µs",
		p.Decline*1e3, p.QuietCycle*1e6, p.EventCycle*1e6))
}

func cyclesPlots(r *Report) []page.Plot {
	wall, cpu := page.Line{Name: "wall"}, page.Line{Name: "CPU"}
	for i, c := range r.Cycles {
		n := float64(i + 1)
		wall.X, wall.Y = append(wall.X, n), append(wall.Y, c.WallSeconds*1e3)
		cpu.X, cpu.Y = append(cpu.X, n), append(cpu.Y, c.CPUSeconds*1e3)
	}
	return []page.Plot{
		{Title: "Each cycle", X: "cycle", Y: "ms", Lines: []page.Line{wall, cpu}},
		{Title: "Parts of a cycle, CPU time", Y: "ms", Bars: []page.Bar{{Name: "deciding", Value: r.Parts.Decide * 1e3},
			{Name: "records", Value: r.Parts.Records * 1e3}, {Name: "their bytes", Value: r.Parts.Encode * 1e3},
			{Name: "a bare heap, for comparison", Value: r.Parts.Floor * 1e3}}},
	}
}
