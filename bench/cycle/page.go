package cycle

import (
	"fmt"

	"github.com/caprock/caprock/bench/page"
	"github.com/caprock/caprock/bench/world"
)

// writePage compares the shapes of the matrix.
func writePage(file string, rows []row) error {
	table := page.Table{Columns: []string{"agents × frameworks", "cycle, CPU ms", "deciding", "records", "their bytes", "bare heap", "offers", "Mesos ms"}}
	full := page.Plot{Title: "CPU time of a full cycle", Y: "ms"}
	each := page.Plot{Title: "CPU time of a full cycle, for each offer", Y: "µs"}
	for _, r := range rows {
		cpu, offers := r.Report.Median.CPUSeconds, r.Report.Median.Offers
		table.Rows = append(table.Rows, []string{r.Name, fmt.Sprintf("%.3f", cpu*1e3), fmt.Sprintf("%.3f", r.Parts.Decide*1e3),
			fmt.Sprintf("%.3f", r.Parts.Records*1e3), fmt.Sprintf("%.3f", r.Parts.Encode*1e3), fmt.Sprintf("%.3f", r.Parts.Floor*1e3),
			fmt.Sprint(offers), fmt.Sprintf("%.0f", r.MesosSeconds*1e3)})
		full.Bars = append(full.Bars, page.Bar{Name: r.Name, Value: cpu * 1e3})
		if offers > 0 {
			each.Bars = append(each.Bars, page.Bar{Name: r.Name, Value: cpu * 1e6 / float64(offers)})
		}
	}
	report := world.NewReport("bench cycle --matrix", nil, "medians; Mesos is its real allocator, measured on such a machine in the same shapes, 0 if it was not")
	return page.WriteFile(file, report, table, []page.Plot{full, each})
}

// writeCycles shows the cycles of one shape in their order.
func writeCycles(file string, s Shape, r *Report) error {
	table := page.Table{Columns: []string{"cycle", "wall ms", "CPU ms", "offers"}}
	wall, cpu := page.Line{Name: "wall"}, page.Line{Name: "CPU"}
	for i, c := range r.Cycles {
		n := float64(i + 1)
		wall.X, wall.Y = append(wall.X, n), append(wall.Y, c.WallSeconds*1e3)
		cpu.X, cpu.Y = append(cpu.X, n), append(cpu.Y, c.CPUSeconds*1e3)
		table.Rows = append(table.Rows, []string{fmt.Sprint(i + 1), fmt.Sprintf("%.3f", c.WallSeconds*1e3), fmt.Sprintf("%.3f", c.CPUSeconds*1e3), fmt.Sprint(c.Offers)})
	}
	parts := page.Plot{Title: "Parts of a cycle, CPU time", Y: "ms", Bars: []page.Bar{{Name: "deciding", Value: r.Parts.Decide * 1e3},
		{Name: "records", Value: r.Parts.Records * 1e3}, {Name: "their bytes", Value: r.Parts.Encode * 1e3}, {Name: "a bare heap, for comparison", Value: r.Parts.Floor * 1e3}}}
	report := world.NewReport("bench cycle", nil, fmt.Sprintf("%d agents, %d frameworks in %d roles; the median cycle takes %.3f ms of CPU for %d offers",
		s.Agents, s.Frameworks, s.Roles, r.Median.CPUSeconds*1e3, r.Median.Offers))
	return page.WriteFile(file, report, table, []page.Plot{{Title: "Each cycle", X: "cycle", Y: "ms", Lines: []page.Line{wall, cpu}}, parts})
}
