package cycle

import (
	"fmt"
	"io"

	"github.com/caprock/caprock/bench/world"
)

// row is one line of the matrix, with what the allocator of Mesos 1.12 takes for
// the same shape on the same kind of machine, 0 if that was not measured.
type row struct {
	Name         string  `json:"name"`
	MesosSeconds float64 `json:"mesos_s,omitempty"`
	Shape        Shape   `json:"-"`
	Report       *Report `json:"report"`
	Parts        *Parts  `json:"parts"`
}

func matrix() []row {
	return []row{
		{Name: "1,000 × 1,000", MesosSeconds: 0.06, Shape: Shape{Agents: 1000, Frameworks: 1000, Roles: 1}},
		{Name: "10,000 × 50", MesosSeconds: 0.19, Shape: Shape{Agents: 10000, Frameworks: 50, Roles: 1}},
		{Name: "10,000 × 1,000", MesosSeconds: 0.29, Shape: Shape{Agents: 10000, Frameworks: 1000, Roles: 1}},
		{Name: "10,000 × 1,000, partial", MesosSeconds: 0.48, Shape: Shape{Agents: 10000, Frameworks: 1000, Roles: 1, Partial: true}},
		{Name: "10,000 × 200 × 200 roles", MesosSeconds: 0.27, Shape: Shape{Agents: 10000, Frameworks: 200, Roles: 200}},
		{Name: "10,000 × 1,000 × 1,000 roles", MesosSeconds: 0.81, Shape: Shape{Agents: 10000, Frameworks: 1000, Roles: 1000}},
		{Name: "50,000 × 200", MesosSeconds: 1.14, Shape: Shape{Agents: 50000, Frameworks: 200, Roles: 1}},
		{Name: "50,000 × 1,000", MesosSeconds: 1.53, Shape: Shape{Agents: 50000, Frameworks: 1000, Roles: 1}},
		{Name: "50,000 × 1,000, partial", MesosSeconds: 2.75, Shape: Shape{Agents: 50000, Frameworks: 1000, Roles: 1, Partial: true}},
		{Name: "50,000 × 1,000, filters of 3 s", Shape: Shape{Agents: 50000, Frameworks: 1000, Roles: 1, DeclineSeconds: 3}},
		{Name: "50,000 × 1,000, everything refused", Shape: Shape{Agents: 50000, Frameworks: 1000, Roles: 1, Refused: true}},
		{Name: "100,000 × 1,000 × 1,000 roles", Shape: Shape{Agents: 100000, Frameworks: 1000, Roles: 1000}},
		{Name: "100,000 × 1,000 × 1,000 roles, rich, filters of 3 s",
			Shape: Shape{Agents: 100000, Frameworks: 1000, Roles: 1000, Rich: true, DeclineSeconds: 3}},
		{Name: "LargeAndSmallQuota 3,000", MesosSeconds: 12.2, Shape: Shape{Agents: 3000, Frameworks: 3000, Roles: 3000, Quota: "large-and-small"}},
	}
}

// runMatrix measures every shape, and writes a page to the file if there is one.
func runMatrix(w io.Writer, progress *world.Progress, asJSON bool, htmlFile string) error {
	rows := matrix()
	for i := range rows {
		progress.Show("shape %d of %d: %s", i+1, len(rows), rows[i].Name)
		r, err := Measure(rows[i].Shape)
		progress.Clear()
		if err != nil {
			return fmt.Errorf("%s: %w", rows[i].Name, err)
		}
		rows[i].Report, rows[i].Parts = r, &r.Parts
		if asJSON {
			continue
		}
		ratio := "-"
		if m := rows[i].MesosSeconds; m > 0 && r.Median.CPUSeconds > 0 {
			ratio = fmt.Sprintf("%.0f×", m/r.Median.CPUSeconds)
		}
		fmt.Fprintf(w, "%-52s cpu %8.3f ms  floor %6.3f ms  offers %6d  Mesos/this %6s  add agents %7.1f ms  %5d B/agent  event %6.1f µs  quiet %6.1f µs\n",
			rows[i].Name, r.Median.CPUSeconds*1e3, r.Parts.Floor*1e3, r.Median.Offers, ratio, r.AddAgents*1e3, r.BytesPerAgent,
			r.Parts.EventCycle*1e6, r.Parts.QuietCycle*1e6)
	}
	if htmlFile != "" {
		if err := writePage(htmlFile, rows); err != nil {
			return err
		}
	}
	if !asJSON {
		return nil
	}
	return world.NewReport("bench cycle --matrix", rows).Print(w, true, nil, nil)
}
