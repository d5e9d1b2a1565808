package isolation

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/caprock/caprock/bench/world"
)

// Options of a run.
type Options struct {
	// Groups are the numbers of containers to read.
	Groups []int
	// Launches of each kind.
	Launches int
	// Load is how long CPU times are compared, and a quarter of it programs timed.
	Load time.Duration
}

// Row is one measurement.
type Row struct {
	What string `json:"what"`
	// Value in Unit, and the same for comparison in the ways that others do it.
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Note  string  `json:"note,omitempty"`
}

// Command returns "caprock bench isolation".
func Command() *cobra.Command {
	var o Options
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "isolation",
		Short: "Measure what cgroups, BPF and namespaces cost on this machine",
		Long: `Measure what cgroups, BPF and namespaces cost on this machine: reading what containers use by BPF, from files
that are kept open, and from files that are opened each time; launching a command; the programs at each context
switch and packet; and whether the CPU time that BPF counts is that of the kernel. Needs root.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			progress := world.NewProgress(cmd.ErrOrStderr())
			rows, err := Run(cmd.Context(), o, func(what string) { progress.Show("%s", what) })
			progress.Clear()
			if err != nil {
				return err
			}
			var table [][]string
			for _, r := range rows {
				table = append(table, []string{r.What, fmt.Sprintf("%.4g", r.Value), r.Unit, r.Note})
			}
			report := world.NewReport("bench isolation", rows, fmt.Sprintf("%d launches of each kind, %s of load", o.Launches, o.Load))
			return report.Print(cmd.OutOrStdout(), asJSON, []string{"what", "value", "unit", "note"}, table)
		},
	}
	f := cmd.Flags()
	f.IntSliceVar(&o.Groups, "groups", []int{100, 1000, 5000}, "numbers of containers to read")
	f.IntVar(&o.Launches, "launches", 300, "launches of each kind")
	f.DurationVar(&o.Load, "load", 10*time.Second, "how long CPU times are compared")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	cmd.AddCommand(trafficCommand())
	return cmd
}
