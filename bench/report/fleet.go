package report

import (
	"fmt"
	"io"
)

var fleetSection = &of[fleetRow]{"fleet", "Steady state and shares", "bench fleet", "", writeFleet, fleetLimits, func(rows []fleetRow) string {
	var tasks float64
	for _, r := range rows {
		tasks += r.TasksPerS
	}
	return fmt.Sprintf("%.0f tasks/s in all", tasks)
}}

// fleetRow is one kind of framework in `bench fleet`.
type fleetRow struct {
	Phase      string  `json:"phase"`
	Kind       string  `json:"kind"`
	Frameworks int     `json:"frameworks"`
	Offers     uint64  `json:"offers"`
	Declined   uint64  `json:"declined"`
	TasksPerS  float64 `json:"tasks_per_s"`
	Running    float64 `json:"running"`
	Share      float64 `json:"dominant_share"`
	RoleShare  float64 `json:"role_share"`
	Fair       float64 `json:"fair_share"`
	Deviation  float64 `json:"deviation"`
	Accept     latency `json:"accept"`
}

func writeFleet(w io.Writer, rows []fleetRow) {
	fmt.Fprintln(w, "| phase | group | frameworks | tasks/s | tasks run | dominant share, mean | of its role | fair | off by | offers | declined | ACCEPT p50 | p99 | most |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
	for _, r := range rows {
		fmt.Fprintf(w, "| %s | %s | %d | %.0f | %.0f | %.1f %% | %.1f %% | %.1f %% | %.1f points | %d | %d | %v |\n", r.Phase, r.Kind, r.Frameworks, r.TasksPerS, r.Running, r.Share*100,
			r.RoleShare*100, r.Fair*100, r.Deviation*100,
			r.Offers, r.Declined, r.Accept)
	}
}

const fleetLimits = `
Every kind is a role of weight 1. The dominant share is the larger of a role's parts of all CPUs and of all memory, counted from
tasks that run; fair is what dominant resource fairness would give the role of one pool, if it took whatever it is offered.
Services stop when they have what they want and decliners want nothing. What keeps the others from equal shares: who answers
late or takes only some agents holds offers, not tasks, for part of the time, and what a task leaves is free until a cycle offers it.
`
