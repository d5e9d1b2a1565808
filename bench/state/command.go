package state

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caprock/caprock/bench/page"
	"github.com/caprock/caprock/bench/world"
)

// Command returns "caprock bench state".
func Command() *cobra.Command {
	var o Options
	var names []string
	var out page.Output
	cmd := &cobra.Command{
		Use:   "state",
		Short: "Measure how much readers of the state delay schedulers",
		Long: `Measure how much readers of the state delay schedulers: frameworks ACCEPT offers at even intervals, while
nobody reads and while readers poll /state, /state-summary, GET_AGENTS or GET_TASKS. The phases take turns, round after
round, on one allocator, so that they can be compared.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := validate(&o); err != nil {
				return err
			}
			var polled []endpoint
			for _, n := range names {
				e, err := endpointNamed(n)
				if err != nil {
					return err
				}
				polled = append(polled, e)
			}
			progress := world.NewProgress(cmd.ErrOrStderr())
			rows, timeline, err := Run(cmd.Context(), o, polled, progress)
			progress.Clear()
			if err != nil {
				return err
			}
			report := world.NewReport("bench state", rows,
				fmt.Sprintf("%d agents (%s), %d frameworks in %d roles, %d ACCEPTs/s of a task that ends at once, %d readers with pauses of %v, %d rounds of %v, allocator flags %v",
					o.Agents, o.Shape, o.Frameworks, o.Roles, o.Rate, o.Readers, o.Pause, o.Rounds, o.Window, o.Allocator.Flags),
				"latencies of ACCEPT count from when it was due; ± is the difference to nobody reading")
			report.Timeline = timeline
			return out.Print(cmd.OutOrStdout(), report, table(rows), plots(rows, timeline))
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.Agents, "agents", 10_000, "simulated agents")
	f.StringVar(&o.Shape, "shape", "mixed", "`kind` of agents: "+strings.Join(world.ShapeNames(), ", ")+"; or a workload's file, for its machines")
	f.IntVar(&o.Links, "links", 0, "links that the agents share (default: one per 1,000)")
	f.IntVar(&o.Frameworks, "frameworks", 200, "frameworks, each with one call in flight")
	f.IntVar(&o.Roles, "roles", 10, "roles they are dealt over")
	f.IntVar(&o.Rate, "rate", 500, "ACCEPTs that are due in a second")
	f.IntVar(&o.Readers, "readers", 2, "readers that poll at a time")
	f.DurationVar(&o.Pause, "pause", 100*time.Millisecond, "time between an answer and a reader's next read")
	f.StringSliceVar(&names, "endpoints", []string{"/state", "/state-summary", "GET_AGENTS", "GET_TASKS"}, "`what` is read")
	f.IntVar(&o.Rounds, "rounds", 3, "rounds of all phases")
	f.DurationVar(&o.Settle, "settle", time.Second, "time of each phase that is not counted")
	f.DurationVar(&o.Window, "window", 4*time.Second, "time of each phase that is counted")
	f.StringVar(&o.Allocator.URL, "allocator", "", "`URL` of a running allocator, instead of a fresh one")
	f.StringVar(&o.Allocator.Dir, "dir", "", "`directory` for the allocator's state (default: the temporary one)")
	f.StringSliceVar(&o.Allocator.Flags, "alloc-flags", nil, "`flags` of the allocator")
	f.StringVar(&o.Allocator.CPUProfile, "cpuprofile", "", "write a CPU profile of the allocator to this `file`")
	out.Flags(f)
	world.Quick(cmd, "agents=500", "frameworks=50", "rate=200", "rounds=1", "settle=300ms", "window=1s")
	return cmd
}

func validate(o *Options) error {
	for _, d := range []time.Duration{o.Window, o.Settle + 1, o.Pause + 1} {
		if d <= 0 || d > 10*time.Minute {
			return fmt.Errorf("got --window=%v, --settle=%v and --pause=%v, want at most 10m, the first more than 0 and none negative", o.Window, o.Settle, o.Pause)
		}
	}
	return errors.Join(world.Between("agents", o.Agents, 1, 200_000), world.Between("links", o.Links, 0, 1000),
		world.Between("frameworks", o.Frameworks, 1, 5000), world.Between("roles", o.Roles, 1, 5000), world.Between("rate", o.Rate, 1, 20_000),
		world.Between("readers", o.Readers, 1, 1000), world.Between("rounds", o.Rounds, 1, 100))
}

func table(rows []Row) page.Table {
	t := page.Table{Columns: []string{"readers of", "ACCEPT/s", "p50 ms", "±", "p99 ms", "±", "max ms", "reads/s", "MiB/s", "read p50 ms", "p99 ms",
		"alloc cores", "load cores", "RSS MiB", "starved"}}
	for _, r := range rows {
		t.Rows = append(t.Rows, []string{
			r.Readers, world.Rate(r.AcceptsPerSecond),
			world.Milliseconds(r.Accept.P50), more(r.Accept.P50, rows[0].Accept.P50),
			world.Milliseconds(r.Accept.P99), more(r.Accept.P99, rows[0].Accept.P99), world.Milliseconds(r.Accept.Max),
			fmt.Sprintf("%.1f", r.ReadsPerSecond), fmt.Sprintf("%.1f", r.BytesPerSecond/(1<<20)),
			world.Milliseconds(r.Read.P50), world.Milliseconds(r.Read.P99),
			fmt.Sprintf("%.2f", r.AllocatorCPU/r.Seconds), fmt.Sprintf("%.2f", r.LoadCPU/r.Seconds), fmt.Sprint(r.RSS >> 20), fmt.Sprint(r.Starved),
		})
	}
	return t
}

// more is a difference in milliseconds, with its sign; nothing if there is none.
func more(d, than time.Duration) string {
	if d == than {
		return ""
	}
	return fmt.Sprintf("%+.2f", float64(d-than)/1e6)
}

func plots(rows []Row, timeline *world.Timeline) []page.Plot {
	p99 := page.Plot{Title: "ACCEPT at p99, by what is read meanwhile", Y: "ms"}
	for _, r := range rows {
		p99.Bars = append(p99.Bars, page.Bar{Name: r.Readers, Value: float64(r.Accept.P99) / 1e6})
	}
	return append([]page.Plot{p99}, page.OfTimeline("", timeline)...)
}
