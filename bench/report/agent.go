package report

import (
	"fmt"
	"io"
)

var agentSection = &of[agentRow]{"agent", "The agent, against a helper process for each task", "bench agent", "", writeAgent, agentLimits, func(rows []agentRow) string {
	if len(rows) == 0 {
		return ""
	}
	return fmt.Sprintf("idle %s, %.0f KiB for each task", mebi(rows[0].Idle.RSS), rows[0].PerTask/1024)
}}

// memory of one process or more, in bytes.
type memory struct {
	RSS       float64 `json:"rss_bytes"`
	PSS       float64 `json:"pss_bytes"`
	Anonymous float64 `json:"anonymous_bytes"`
}

// agentRow is one way to run tasks in `bench agent`.
type agentRow struct {
	Way        string  `json:"way"`
	Tasks      int     `json:"tasks"`
	Idle       memory  `json:"idle"`
	Agent      memory  `json:"agent"`
	Helpers    memory  `json:"helpers"`
	PerTask    float64 `json:"per_task_bytes"`
	AgentCPU   float64 `json:"agent_cpu"`
	HelpersCPU float64 `json:"helpers_cpu"`
	Launch     latency `json:"launch"`
	LaunchCPUS float64 `json:"launch_cpu_s"`
}

func mebi(bytes float64) string { return fmt.Sprintf("%.1f MiB", bytes/(1<<20)) }

func writeAgent(w io.Writer, rows []agentRow) {
	fmt.Fprintln(w, "| tasks run by | tasks | idle agent RSS | agent RSS, anonymous | helpers RSS, PSS, anonymous | memory per task | CPU a second, all idle | launch p50 | p99 | most | CPU per launch |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|---|")
	for _, r := range rows {
		helpers := ""
		if r.Helpers.RSS > 0 {
			helpers = mebi(r.Helpers.RSS) + ", " + mebi(r.Helpers.PSS) + ", " + mebi(r.Helpers.Anonymous)
		}
		fmt.Fprintf(w, "| %s | %d | %s | %s, %s | %s | %.0f KiB | %s | %v | %s |\n", r.Way, r.Tasks, mebi(r.Idle.RSS), mebi(r.Agent.RSS),
			mebi(r.Agent.Anonymous), helpers, r.PerTask/1024, seconds(r.AgentCPU+r.HelpersCPU), r.Launch, seconds(r.LaunchCPUS))
	}
	if len(rows) == 2 {
		a, b := &rows[0], &rows[1]
		fmt.Fprintf(w, "| ratio | | | | | × %.0f | × %.1f | × %.1f | × %.1f | × %.1f | × %.1f |\n", over(b.PerTask, a.PerTask),
			over(b.AgentCPU+b.HelpersCPU, a.AgentCPU), over(b.Launch.P50, a.Launch.P50), over(b.Launch.P99, a.Launch.P99),
			over(b.Launch.Max, a.Launch.Max), over(b.LaunchCPUS, a.LaunchCPUS))
	}
}

// over is a ratio; 0 where there is nothing to divide by.
func over(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
