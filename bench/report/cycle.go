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
	} `json:"report"`
	Parts struct {
		DecideS      float64 `json:"decide_cpu_s"`
		RecordsS     float64 `json:"records_cpu_s"`
		EncodeS      float64 `json:"encode_cpu_s"`
		FloorS       float64 `json:"floor_cpu_s"`
		AddFwsS      float64 `json:"add_frameworks_cpu_s"`
		EventCycleS  float64 `json:"event_cycle_cpu_s"`
		Refusals     int     `json:"refusals"`
		RSSBytes     int64   `json:"rss_bytes"`
		RefusedScanS float64 `json:"refused_scan_cpu_s"`
	} `json:"parts"`
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
	fmt.Fprintln(w, "| agents × frameworks | offers | full cycle, median (least–most) | Mesos | ratio | bare heap | of the cycle: deciding | records | their bytes | allocations | adding the agents | adding the frameworks | one agent freed | bytes per agent |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
	for i := range runs {
		r := &runs[i]
		full := r.Report.Median.CPUS
		mesos, ratio := "", ""
		if r.MesosS > 0 {
			mesos = seconds(r.MesosS)
			if full > 0 {
				ratio = fmt.Sprintf("%.0f", r.MesosS/full)
			}
		}
		low, high := r.spread()
		fmt.Fprintf(w, "| %s | %d | %s (%s–%s) | %s | %s | %s | %s | %s | %s | %.0f | %s | %s | %s | %.0f |\n",
			r.Name, r.Report.Median.Offers, seconds(full), seconds(low), seconds(high), mesos, ratio, seconds(r.Parts.FloorS),
			seconds(r.Parts.DecideS), seconds(r.Parts.RecordsS), seconds(r.Parts.EncodeS), r.Report.AllocsPerCycle,
			seconds(r.Report.AddAgentsCPUS), seconds(r.Parts.AddFwsS), seconds(r.Parts.EventCycleS), r.Report.BytesPerAgent)
	}
	for i := range runs {
		if r := &runs[i]; r.Parts.Refusals > 0 {
			fmt.Fprintf(w, "\n%s: %d refusals are in force, the process has had %d MiB; a cycle in which every agent must be looked at again, as when a framework revives, takes %s.\n",
				r.Name, r.Parts.Refusals, r.Parts.RSSBytes>>20, seconds(r.Parts.RefusedScanS))
		}
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
