package report

import (
	"fmt"
	"io"
)

// cycleRun is one shape of `caprock bench cycle --matrix --json`.
type cycleRun struct {
	Name   string  `json:"name"`
	MesosS float64 `json:"mesos_s"` // CPU of Mesos' allocator, same shape and machine; 0 unknown
	Report struct {
		Median struct {
			CPUS   float64 `json:"cpu_s"`
			Offers int     `json:"offers"`
		} `json:"median"`
		Cycles []struct {
			CPUS float64 `json:"cpu_s"`
		} `json:"cycles"`
		AllocsPerCycle float64 `json:"allocs_per_cycle"`
		BytesPerAgent  float64 `json:"bytes_per_agent"`
		AddAgentsCPUS  float64 `json:"add_agents_cpu_s"`
		MaterializeS   float64 `json:"materialize_cpu_s"`
		RecordsS       float64 `json:"records_cpu_s"`
		EncodeS        float64 `json:"encode_cpu_s"`
		EventCycleCPUS float64 `json:"event_cycle_cpu_s"`
	} `json:"report"`
}

// spread is the least and the most CPU time of a cycle.
func (r *cycleRun) spread() (low, high float64) {
	for i, c := range r.Report.Cycles {
		if i == 0 || c.CPUS < low {
			low = c.CPUS
		}
		high = max(high, c.CPUS)
	}
	return low, high
}

func writeCycle(w io.Writer, runs []cycleRun) {
	fmt.Fprintln(w, "| agents × frameworks | offers | cycle, records and their bytes | Mesos | ratio | of that the cycle, median (least–most) | of that the records | of that the bytes | adding the agents | one agent freed | bytes per agent |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|---|")
	for i := range runs {
		r := &runs[i]
		full := r.Report.Median.CPUS + r.Report.RecordsS + r.Report.EncodeS
		mesos, ratio := "", ""
		if r.MesosS > 0 {
			mesos = seconds(r.MesosS)
			if full > 0 {
				ratio = fmt.Sprintf("%.0f", r.MesosS/full)
			}
		}
		low, high := r.spread()
		fmt.Fprintf(w, "| %s | %d | %s | %s | %s | %s (%s–%s) | %s | %s | %s | %s | %.0f |\n",
			r.Name, r.Report.Median.Offers, seconds(full), mesos, ratio, seconds(r.Report.Median.CPUS), seconds(low), seconds(high),
			seconds(r.Report.RecordsS), seconds(r.Report.EncodeS), seconds(r.Report.AddAgentsCPUS), seconds(r.Report.EventCycleCPUS), r.Report.BytesPerAgent)
	}
}

// seconds prints a duration in the unit that suits it, two or three digits.
func seconds(s float64) string {
	switch {
	case s == 0:
		return "–"
	case s < 1e-3:
		return fmt.Sprintf("%.3g µs", s*1e6)
	case s < 1:
		return fmt.Sprintf("%.3g ms", s*1e3)
	}
	return fmt.Sprintf("%.3g s", s)
}
