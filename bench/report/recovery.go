package report

import (
	"fmt"
	"io"
	"slices"
)

var recoverySection = &of[recoveryRow]{"recovery", "The Mesos paper: recovery", "bench paper recovery", "", writeRecovery, recoveryLimits, func(rows []recoveryRow) string {
	r := first(rows, func(r *recoveryRow) bool { return r.What == "all back" })
	return fmt.Sprintf("all back after %s on average, at most %s", seconds(r.Mean), seconds(r.Max))
}}

// recoveryRow is one of the times of `bench paper recovery`.
type recoveryRow struct {
	What string    `json:"what"`
	Mean float64   `json:"mean_s"`
	Min  float64   `json:"min_s"`
	Max  float64   `json:"max_s"`
	Runs []float64 `json:"runs_s"`
}

func writeRecovery(w io.Writer, rows []recoveryRow) {
	fmt.Fprintln(w, "| from the kill until | mean | median | least–most | kills |")
	fmt.Fprintln(w, "|---|---|---|---|---|")
	for _, r := range rows {
		sorted := slices.Sorted(slices.Values(r.Runs))
		median := 0.0
		if n := len(sorted); n > 0 {
			median = (sorted[(n-1)/2] + sorted[n/2]) / 2
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s–%s | %d |\n", r.What, seconds(r.Mean), seconds(median), seconds(r.Min), seconds(r.Max), len(r.Runs))
	}
}

const recoveryLimits = `
The paper found 4 to 8 seconds on average, with up to 4,000 agents and 200 frameworks, until all had come back to another master,
which had to be elected first. Here the killed process is started again on the same machine, and those who lost it try
to reach it every 20 ms; nothing that was acknowledged is lost. What limits it: the start of the process, which reads its store, and
then agents and frameworks who all come at once and share two cores with the allocator.
`
