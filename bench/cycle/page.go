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
