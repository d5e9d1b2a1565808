package cycle

import (
	"encoding/json"
	"fmt"
	"io"
)

// row is one line of the matrix, with what the allocator of Mesos 1.12 takes for
// the same shape on the same kind of machine, 0 if that was not measured.
type row struct {
	Name         string  `json:"name"`
	MesosSeconds float64 `json:"mesos_s,omitempty"`
	Shape        Shape   `json:"-"`
	Report       *Report `json:"report"`
}

func matrix() []row {
	return []row{
		{"1,000 × 1,000", 0.06, Shape{Agents: 1000, Frameworks: 1000, Roles: 1}, nil},
		{"10,000 × 50", 0.19, Shape{Agents: 10000, Frameworks: 50, Roles: 1}, nil},
		{"10,000 × 1,000", 0.29, Shape{Agents: 10000, Frameworks: 1000, Roles: 1}, nil},
		{"10,000 × 1,000, partial", 0.48, Shape{Agents: 10000, Frameworks: 1000, Roles: 1, Partial: true}, nil},
		{"10,000 × 200 × 200 roles", 0.27, Shape{Agents: 10000, Frameworks: 200, Roles: 200}, nil},
		{"10,000 × 1,000 × 1,000 roles", 0.81, Shape{Agents: 10000, Frameworks: 1000, Roles: 1000}, nil},
		{"50,000 × 200", 1.14, Shape{Agents: 50000, Frameworks: 200, Roles: 1}, nil},
		{"50,000 × 1,000", 1.53, Shape{Agents: 50000, Frameworks: 1000, Roles: 1}, nil},
		{"50,000 × 1,000, partial", 2.75, Shape{Agents: 50000, Frameworks: 1000, Roles: 1, Partial: true}, nil},
		{"50,000 × 1,000, filters of 3 s", 0, Shape{Agents: 50000, Frameworks: 1000, Roles: 1, DeclineSeconds: 3}, nil},
		{"100,000 × 1,000 × 1,000 roles", 0, Shape{Agents: 100000, Frameworks: 1000, Roles: 1000}, nil},
		{"100,000 × 1,000 × 1,000 roles, rich, filters of 3 s", 0,
			Shape{Agents: 100000, Frameworks: 1000, Roles: 1000, Rich: true, DeclineSeconds: 3}, nil},
		{"LargeAndSmallQuota 3,000", 12.2, Shape{Agents: 3000, Frameworks: 3000, Roles: 3000, Quota: "large-and-small"}, nil},
	}
}

// runMatrix measures every shape.
func runMatrix(w io.Writer, asJSON bool) error {
	rows := matrix()
	for i := range rows {
		r, err := Measure(rows[i].Shape)
		if err != nil {
			return fmt.Errorf("%s: %w", rows[i].Name, err)
		}
		rows[i].Report = r
		if asJSON {
			continue
		}
		ratio := "-"
		if m := rows[i].MesosSeconds; m > 0 && r.Median.CPUSeconds > 0 {
			ratio = fmt.Sprintf("%.0f×", m/r.Median.CPUSeconds)
		}
		fmt.Fprintf(w, "%-52s cpu %8.3f ms  offers %6d  Mesos/this %6s  add agents %7.1f ms  %5d B/agent  event %6.1f µs  quiet %6.1f µs\n",
			rows[i].Name, r.Median.CPUSeconds*1e3, r.Median.Offers, ratio, r.AddAgents*1e3, r.BytesPerAgent, r.EventCycle*1e6, r.QuietCycle*1e6)
	}
	if !asJSON {
		return nil
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(rows)
}
