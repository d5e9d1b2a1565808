package report

import (
	"fmt"
	"io"
	"strings"
)

var launchSection = &of[launchRow]{"launch", "Launch overhead", "bench launch --agents=50000", "", writeLaunch, launchLimits, launchHeadline}

var scalabilitySection = &of[launchRow]{"scalability", "The Mesos paper: scalability", "bench paper scalability", "", writeLaunch, scalabilityLimits, launchHeadline}

// launchRow is one size of the fleet in `bench launch`.
type launchRow struct {
	Agents    int     `json:"agents"`
	Running   int     `json:"running"`
	TasksPerS float64 `json:"tasks_per_s"`
	Probes    int     `json:"probes"`
	Launch    latency `json:"launch"`
	Wait      latency `json:"wait"`
	// Parts of both, by name; older runs have none.
	Parts         map[string]latency `json:"parts"`
	Seconds       float64            `json:"seconds"`
	AllocatorCPUS float64            `json:"allocator_cpu_s"`
	RSSBytes      float64            `json:"allocator_rss_bytes"`
}

func writeLaunch(w io.Writer, rows []launchRow) {
	fmt.Fprintln(w, "| agents | tasks run | tasks/s | probes | launch p50 | p99 | most | wait p50 | p99 | most | allocator cores | allocator RSS |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|---|---|")
	for _, r := range rows {
		fmt.Fprintf(w, "| %d | %d | %.0f | %d | %v | %v | %.2f | %.0f MiB |\n", r.Agents, r.Running, r.TasksPerS, r.Probes,
			r.Launch, r.Wait, r.AllocatorCPUS/r.Seconds, r.RSSBytes/(1<<20))
	}
	writeLaunchParts(w, rows)
}

// launchParts are the parts in their order.
var launchParts = []struct{ name, title string }{
	{"revive_answered", "wait: REVIVE answered"}, {"answer_to_offer", "then OFFERS"},
	{"accept_answered", "launch: ACCEPT answered"}, {"accept_to_agent", "at the agent"}, {"agent_to_running", "then TASK_RUNNING"},
	{"generator_late", "load generator behind"},
}

// writeLaunchParts says what wait and launch consist of, in runs that know.
func writeLaunchParts(w io.Writer, rows []launchRow) {
	begun := false
	for _, r := range rows {
		if len(r.Parts) == 0 {
			continue
		}
		if !begun {
			begun = true
			fmt.Fprint(w, "\n| agents, p50 / p99 of")
			for _, p := range launchParts {
				fmt.Fprint(w, " | ", p.title)
			}
			fmt.Fprintln(w, " |\n|---"+strings.Repeat("|---", len(launchParts))+"|")
		}
		fmt.Fprint(w, "| ", r.Agents)
		for _, p := range launchParts {
			l := r.Parts[p.name]
			fmt.Fprintf(w, " | %s / %s", seconds(l.P50/1e9), seconds(l.P99/1e9))
		}
		fmt.Fprintln(w, " |")
	}
}

const launchLimits = `
Launch is the time from a probe's ACCEPT to its TASK_RUNNING, as the framework sees both, while the fleet is full; agents are
simulated, so that no process is started. The paper of Mesos (NSDI 2011) shows it below 1 s up to 50,000 agents, on machines
of their own. What limits it: an ACCEPT waits for the batch that is being written and for its own, and TASK_RUNNING for one more;
where the load generator shares the cores with the allocator, each of these steps also waits for a core, the longer while
one of the two collects garbage. A REVIVE asks for a cycle over the whole fleet, but agents whose cpus and memory are in use are
known to be below every minimum and are not visited, so it costs what is free.
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
