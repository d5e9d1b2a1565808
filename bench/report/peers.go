package report

import (
	"fmt"
	"io"
	"strings"
)

var peersSection = &of[peersRow]{"peers", "Peers", "bench peers", "", writePeers, peersLimits, func(rows []peersRow) string {
	own := first(rows, func(r *peersRow) bool { return r.Kind == "measured" && strings.HasPrefix(r.System, "Caprock") })
	return fmt.Sprintf("%s, %s: %.0f %s, %.2f of the fastest peer", own.System, own.Shape, own.Value, own.Unit, own.OfFastestPeer)
}}

// peersRow is a system in a shape in `bench peers`, or a figure that was not measured in that run.
type peersRow struct {
	Kind          string  `json:"kind"` // measured, recorded or published
	System        string  `json:"system"`
	Shape         string  `json:"shape"`
	Value         float64 `json:"value"` // the median
	Unit          string  `json:"unit"`
	Source        string  `json:"source"`
	OfFastestPeer float64 `json:"of_fastest_peer"`
	Tasks         float64 `json:"tasks"`
	CPUS          float64 `json:"cpu_s"`
	RSSBytes      float64 `json:"peak_rss_bytes"`
	Runs          []struct {
		Seconds float64 `json:"seconds"`
	} `json:"runs"`
}

func writePeers(w io.Writer, rows []peersRow) {
	shape := ""
	for i := range rows {
		r := &rows[i]
		if r.Kind != "measured" || r.Tasks == 0 {
			continue
		}
		if r.Shape != shape {
			if shape != "" {
				fmt.Fprintln(w)
			}
			shape = r.Shape
			fmt.Fprintf(w, "| %s | tasks/s, median (least–most) | of the fastest peer | CPU per task | peak RSS |\n", shape)
			fmt.Fprintln(w, "|---|---|---|---|---|")
		}
		low, high := r.Value, r.Value
		for _, run := range r.Runs {
			low, high = min(low, r.Tasks/run.Seconds), max(high, r.Tasks/run.Seconds)
		}
		fmt.Fprintf(w, "| %s | %.0f (%.0f–%.0f) | %.2f | %s | %.0f MiB |\n", r.System, r.Value, low, high, r.OfFastestPeer,
			seconds(r.CPUS/r.Tasks), r.RSSBytes/(1<<20))
	}
	fmt.Fprint(w, "\nNot measured in this run: *recorded* figures are of another run on such a machine, *published* ones of others on theirs.\n\n")
	fmt.Fprintln(w, "| | system | what | value | source |")
	fmt.Fprintln(w, "|---|---|---|---|---|")
	for _, r := range rows {
		if r.Kind != "measured" {
			fmt.Fprintf(w, "| %s | %s | %s | %g %s | %s |\n", r.Kind, r.System, r.Shape, r.Value, r.Unit, r.Source)
		}
	}
}
