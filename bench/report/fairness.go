package report

import (
	"fmt"
	"io"
)

var fairnessSection = &of[fairnessRow]{"fairness", "The DRF paper: fairness", "bench paper fairness", "", writeFairness, fairnessLimits, func(rows []fairnessRow) string {
	var most, sum float64
	for _, r := range rows {
		most, sum = max(most, r.Deviation), sum+r.Deviation
	}
	return fmt.Sprintf("shares are off by %.1f points on average, in one phase by %.1f", 100*sum/float64(max(1, len(rows))), 100*most)
}}

// fairnessRow is a user in a phase of `bench paper fairness`.
type fairnessRow struct {
	Phase     string  `json:"phase"`
	Role      string  `json:"role"`
	Running   float64 `json:"running"`
	Share     float64 `json:"role_share"`
	Fair      float64 `json:"fair_share"`
	Deviation float64 `json:"deviation"`
}

func writeFairness(w io.Writer, rows []fairnessRow) {
	fmt.Fprintln(w, "| phase | user | tasks run | dominant share, mean | fair | off by, mean |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|")
	for _, r := range rows {
		fmt.Fprintf(w, "| %s | %s | %.0f | %.1f %% | %.1f %% | %.1f points |\n", r.Phase, r.Role, r.Running, 100*r.Share, 100*r.Fair, 100*r.Deviation)
	}
}

const fairnessLimits = `
Fair is the allocation of dominant resource fairness (NSDI 2011) for one pool that can be cut anywhere; what is off includes the way from one
phase's shares to the next one's, which takes a task's length since nothing is taken from who has it. What limits it: what a
task leaves is free until the next cycle offers it and its ACCEPT is answered, and machines cannot be cut anywhere.
`
