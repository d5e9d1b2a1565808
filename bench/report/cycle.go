package report

import (
	"fmt"
	"io"
)

var cycleSection = &of[cycleRun]{"cycle", "The allocation cycle", "bench cycle --matrix", cycleText, writeCycle, cycleLimits, func(rows []cycleRun) string {
	r := first(rows, func(r *cycleRun) bool { return r.Name == "50,000 × 1,000" })
	return fmt.Sprintf("50,000 × 1,000: %s CPU a cycle, bare heap %s", seconds(r.Report.Median.CPUS), seconds(r.Parts.FloorS))
}}

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

const cycleText = `
Agents have cpus:24;mem:4096;disk:4096;ports:[31000-32000]; partial ones run a task of cpus:16;mem:2014;disk:1024 and
16 port ranges. Every cycle offers everything that is free and all of it is declined. The time of a full cycle is that of deciding,
of sorting the offers by framework, of numbering them and making their records as the allocator service does, and of the bytes
that go into the journal's batch. Allocations are those of deciding. The bare heap, measured in the same process, is what there
would be to do if there were nothing but fair shares of frameworks: it tells how busy the machine was. Rows with
everything refused are cycles in which every framework has refused every agent.

`

const cycleLimits = `
What the service does with the offers beside their records, which is its own tables of them, what readers see and the events for
frameworks, is not in these figures: it takes some 0.5 µs an offer (BenchmarkFullCycle in alloc/core), and took 1.9 µs before
offers were cut from shared pieces of memory.

What limits it: at 50,000 agents a cycle is bound by memory. Profiles of 50,000 × 1,000, in ns an offer, before and after the
steps below, taken one after the other on a busy machine (shares count more than sums):

    before                                          after
     63  fetching the agent's row                    42  one cache line for a row, and its vector
     75  next neediest framework                     42  matches without a branch, no iterator for the first
     14  rules (filters, minima, quota)               9  the first that may and takes all is served at once
     22  writing the offer down: 120 bytes            5  48 bytes; the list is shared by equal offers
     27  what the framework holds on the agent       27
     27  books of framework, role and cluster        15
     49  loop, availability, order of agents         44  a third of it the end of availability
     112 record: id, key, value                      67  a batch for each framework: sort 15, agents' ids 40
     125 its bytes                                    4  12 bytes an offer; resources once for each batch
     514                                            255

Steps that mattered, as CPU time of one part before and after in one run: offers of 48 bytes with a shared list, rows of 64 bytes
and the short way for the first claim: deciding 12.1 → 9.4 ms; matches without a branch, holdings in three places instead
of five: 9.4 → 8.5 ms; batches instead of a record for each offer: records 5.6 → 5.1 ms, bytes 5.3 → 0.2 ms; fetching the agents'
ids ahead, 32 at a time: records 5.1 → 2.7 ms; the short way for agents that somebody refused, whose refusals are fetched ahead
too: deciding with filters of 3 s 28 → 19 ms, and 78 → 62 ms in the rich shape.

What is left is the walk through 50,000 rows and ids in random order, which is the order in which Mesos visits agents, and the
tournament of the frameworks. Agents that all differ get lists of their own, some 250 ns each, and more terms in their batches.
The cycle is sequential by design: its result must not depend on the number of shards.
`
