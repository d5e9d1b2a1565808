package isolation

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/caprock/caprock/bench/page"
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

	// plot and bar say where the value is drawn; "" nowhere.
	plot, bar string
}

// Command returns "caprock bench isolation".
func Command() *cobra.Command {
	var o Options
	var out page.Output
	cmd := &cobra.Command{
		Use:   "isolation",
		Short: "Measure what cgroups, BPF and namespaces cost on this machine",
		Long: `Measure what cgroups, BPF and namespaces cost on this machine: reading what containers use by BPF, from files
that are kept open, and from files that are opened each time; launching a command; the programs at each context
switch and packet; and whether the CPU time that BPF counts is that of the kernel. Needs root.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			progress := world.NewProgress(cmd.ErrOrStderr())
			rows, err := Run(cmd.Context(), o, func(what string) { progress.Show("%s", what) })
			progress.Clear()
			if err != nil {
				return err
			}
			var table [][]string
			for _, r := range rows {
				table = append(table, []string{r.What, value(r.Value), r.Unit, r.Note})
			}
			report := world.NewReport("bench isolation", rows, fmt.Sprintf("%d launches of each kind, %s of load", o.Launches, o.Load))
			return out.Print(cmd.OutOrStdout(), report, page.Table{Columns: []string{"what", "value", "unit", "note"}, Rows: table}, plots(rows))
		},
	}
	f := cmd.Flags()
	f.IntSliceVar(&o.Groups, "groups", []int{100, 1000, 5000}, "numbers of containers to read")
	f.IntVar(&o.Launches, "launches", 300, "launches of each kind")
	f.DurationVar(&o.Load, "load", 10*time.Second, "how long CPU times are compared")
	out.Flags(f)
	world.Quick(cmd, "groups=20,100", "launches=30", "load=1s")
	cmd.AddCommand(trafficCommand())
	return cmd
}

func (o *Options) validate() error {
	err := world.Between("launches", o.Launches, 1, 100_000)
	for _, n := range o.Groups {
		err = errors.Join(err, world.Between("groups", n, 1, 20_000))
	}
	if o.Load <= 0 || o.Load > 10*time.Minute {
		err = errors.Join(err, fmt.Errorf("got --load=%v, want more than 0 and at most 10m", o.Load))
	}
	return err
}

// value prints four digits, and whole numbers whole.
func value(v float64) string {
	if v >= 1000 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.4g", v)
}

// plots draws what belongs together side by side.
func plots(rows []Row) []page.Plot {
	var out []page.Plot
	for _, r := range rows {
		if r.plot == "" {
			continue
		}
		i := slices.IndexFunc(out, func(p page.Plot) bool { return p.Title == r.plot })
		if i < 0 {
			i = len(out)
			out = append(out, page.Plot{Title: r.plot, Y: r.Unit})
		}
		out[i].Bars = append(out[i].Bars, page.Bar{Name: r.bar, Value: r.Value})
	}
	return out
}
