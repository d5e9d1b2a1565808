package fleet

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/caprock/caprock/bench/page"
	"github.com/caprock/caprock/bench/world"
)

// Command returns "caprock bench fleet".
func Command() *cobra.Command {
	var o Options
	var out page.Output
	cmd := &cobra.Command{
		Use:   "fleet",
		Short: "Measure a steady state and what share of it each kind of framework gets",
		Long: `Measure a steady state and what share of it each kind of framework gets. Seven roles compete for the fleet:
services that hold what they have, batch jobs that need mostly CPU, others that need mostly memory, greedy ones that take
offers whole, picky ones that take only a quarter of the agents, slow ones that answer after a second, and those that decline
everything. Prints the dominant share of each role, its tasks, and how long its ACCEPTs wait.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := validate(&o); err != nil {
				return err
			}
			progress := world.NewProgress(cmd.ErrOrStderr())
			r, err := Run(cmd.Context(), o, progress)
			progress.Clear()
			if err != nil {
				return err
			}
			return out.Print(cmd.OutOrStdout(), report(&o, r), table(r), plots(r))
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.Agents, "agents", 1000, "simulated agents")
	f.IntVar(&o.Links, "links", 0, "links that the agents share (default: one per 1,000, at least 4)")
	f.IntVar(&o.Frameworks, "frameworks", 5, "frameworks of each kind")
	f.DurationVar(&o.TaskTime, "task-time", 30*time.Second, "mean length of tasks, which last half of it to one and a half times")
	f.DurationVar(&o.WarmUp, "warm-up", time.Minute, "time that is not counted, in which shares come to rest; at least two task times")
	f.DurationVar(&o.Window, "window", time.Minute, "time that is counted")
	f.StringVar(&o.Allocator.URL, "allocator", "", "`URL` of a running allocator, instead of a fresh one")
	f.StringVar(&o.Allocator.Dir, "dir", "", "`directory` for the allocator's state (default: the temporary one)")
	f.StringSliceVar(&o.Allocator.Flags, "alloc-flags", nil, "`flags` of the allocator")
	f.StringVar(&o.Allocator.CPUProfile, "cpuprofile", "", "write a CPU profile of the allocator to this `file`")
	out.Flags(f)
	return cmd
}

func validate(o *Options) error {
	if o.TaskTime < 10*time.Millisecond || o.TaskTime > time.Hour {
		return fmt.Errorf("got --task-time=%v, want 10ms to 1h", o.TaskTime)
	}
	if o.Window <= 0 || o.Window > time.Hour || o.WarmUp < 0 || o.WarmUp > time.Hour {
		return fmt.Errorf("got --window=%v and --warm-up=%v, want at most 1h, the first more than 0", o.Window, o.WarmUp)
	}
	return errors.Join(world.Between("agents", o.Agents, 1, 200_000), world.Between("links", o.Links, 0, 1000),
		world.Between("frameworks", o.Frameworks, 1, 700))
}

func report(o *Options, r *Result) *world.Report {
	report := world.NewReport("bench fleet", r.Rows,
		fmt.Sprintf("%d agents, %d frameworks of each kind, each kind a role of weight 1; tasks of %v ± half; %v after a warm-up of %v; allocator flags %v",
			o.Agents, o.Frameworks, o.TaskTime, o.Window, o.WarmUp, o.Allocator.Flags),
		fmt.Sprintf("the allocator used %.2f cores and %d MiB, the load generator %.2f cores", r.AllocatorCPU/r.Seconds, r.RSS>>20, r.LoadCPU/r.Seconds))
	report.Timeline = r.Timeline
	return report
}

func table(r *Result) page.Table {
	t := page.Table{Columns: []string{"role", "frameworks", "tasks/s", "tasks run", "dominant share", "offers", "declined", "ACCEPT p50 ms", "p99 ms", "max ms"}}
	for _, r := range r.Rows {
		t.Rows = append(t.Rows, []string{r.Kind, fmt.Sprint(r.Frameworks), world.Rate(r.TasksPerSecond), world.Rate(r.Running),
			fmt.Sprintf("%.1f%%", 100*r.DominantShare), fmt.Sprint(r.Offers), fmt.Sprint(r.Declined),
			world.Milliseconds(r.Accept.P50), world.Milliseconds(r.Accept.P99), world.Milliseconds(r.Accept.Max)})
	}
	return t
}

func plots(r *Result) []page.Plot {
	share := page.Plot{Title: "Mean dominant share", Y: "percent"}
	for _, r := range r.Rows {
		share.Bars = append(share.Bars, page.Bar{Name: r.Kind, Value: 100 * r.DominantShare})
	}
	return append([]page.Plot{share}, page.OfTimeline("", r.Timeline)...)
}
