package report

import (
	"fmt"
	"io"
)

var launchSection = &of[launchRow]{"launch", "Launch overhead", "bench launch --agents=50000", "", writeLaunch, launchLimits, launchHeadline}

var scalabilitySection = &of[launchRow]{"scalability", "The Mesos paper: scalability", "bench paper scalability", "", writeLaunch, scalabilityLimits, launchHeadline}

// launchRow is one size of the fleet in `bench launch`.
type launchRow struct {
	Agents        int     `json:"agents"`
	Running       int     `json:"running"`
	TasksPerS     float64 `json:"tasks_per_s"`
	Probes        int     `json:"probes"`
	Launch        latency `json:"launch"`
	Wait          latency `json:"wait"`
	Seconds       float64 `json:"seconds"`
	AllocatorCPUS float64 `json:"allocator_cpu_s"`
	RSSBytes      float64 `json:"allocator_rss_bytes"`
}

func writeLaunch(w io.Writer, rows []launchRow) {
	fmt.Fprintln(w, "| agents | tasks run | tasks/s | probes | launch p50 | p99 | most | wait p50 | p99 | most | allocator cores | allocator RSS |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|---|---|")
	for _, r := range rows {
		fmt.Fprintf(w, "| %d | %d | %.0f | %d | %v | %v | %.2f | %.0f MiB |\n", r.Agents, r.Running, r.TasksPerS, r.Probes,
			r.Launch, r.Wait, r.AllocatorCPUS/r.Seconds, r.RSSBytes/(1<<20))
	}
}

const launchLimits = `
Launch is the time from a probe's ACCEPT to its TASK_RUNNING, as the framework sees both, while the fleet is full; agents are
simulated, so that no process is started. The paper of Mesos (NSDI 2011) shows it below 1 s up to 50,000 agents, on machines
of their own. What limits it: an ACCEPT waits for the batch that is being written and for its own, and TASK_RUNNING for one more;
all of them wait for a cycle that is under way. A REVIVE asks for a cycle over the whole fleet, in which every full agent is
offered in vain to one framework after the other, since disk and ports are left of it: that is most of the wait, and of the CPU time.
`

const scalabilityLimits = `
Tasks last 30 s with a deviation of 10 s, as the paper's do. It shows an overhead below one second up to 50,000 agents, which 99
machines played. What limits it is said under launch overhead.
`

func launchHeadline(rows []launchRow) string {
	if len(rows) == 0 {
		return ""
	}
	r := rows[len(rows)-1]
	return fmt.Sprintf("%d agents: p50 %s, p99 %s", r.Agents, seconds(r.Launch.P50/1e9), seconds(r.Launch.P99/1e9))
}
