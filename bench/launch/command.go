package launch

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/caprock/caprock/bench/page"
	"github.com/caprock/caprock/bench/world"
)

// Command returns "caprock bench launch".
func Command() *cobra.Command {
	return command("bench launch", Options{TaskTime: 30 * time.Second, Spread: .5, Probes: 200}, &cobra.Command{
		Use:   "launch",
		Short: "Measure how long a task takes to start on a busy fleet",
		Long: `Measure how long a task takes to start on a busy fleet: frameworks keep every agent full with two
tasks that sleep for about --task-time, while one framework more launches a probe now and then. Prints the time
from the probe's ACCEPT to its TASK_RUNNING, and that from its REVIVE to an offer. Agents are simulated, so the
start of a process is not in these figures. --sizes measures several fleets, one after the other.`,
	})
}

// Scalability returns "caprock bench paper scalability": the same, with the paper's
// numbers.
func Scalability() *cobra.Command {
	return command("bench paper scalability", Options{Sizes: []int{1000, 50_000, 100_000}, TaskTime: 30 * time.Second, Spread: paperSpread, Probes: 100}, &cobra.Command{
		Use:   "scalability",
		Short: "Measure how long a task takes to start, against the size of a busy fleet",
		Long: `Measure how long a task takes to start, against the size of a busy fleet: 200 frameworks keep every agent full with
two tasks of 30 s on average and a deviation of 10 s, while one framework more launches a probe now and then. Prints the time from the
probe's ACCEPT to its TASK_RUNNING, which the paper calls overhead and found below a second up to 50,000 agents, and
that from its REVIVE to an offer. Agents are simulated, as the paper's were.`,
	})
}

// paperSpread gives uniform lengths the deviation of the paper's normal ones: a third.
const paperSpread = .577

// command adds what both have in common; cmd says what they are.
func command(name string, o Options, cmd *cobra.Command) *cobra.Command {
	var agents int
	var out page.Output
	several := len(o.Sizes) > 0
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !several && !cmd.Flags().Changed("sizes") {
			o.Sizes = []int{agents}
		}
		if err := validate(&o); err != nil {
			return err
		}
		progress := world.NewProgress(cmd.ErrOrStderr())
		var rows []Row
		for _, size := range o.Sizes {
			row, err := Run(cmd.Context(), o, size, progress)
			if err != nil {
				progress.Clear()
				return fmt.Errorf("%d agents: %w", size, err)
			}
			rows = append(rows, row)
		}
		progress.Clear()
		return out.Print(cmd.OutOrStdout(), report(name, &o, rows), table(rows), plots(rows))
	}
	f := cmd.Flags()
	if several {
		f.IntSliceVar(&o.Sizes, "sizes", o.Sizes, "`numbers` of agents to measure, one after the other")
	} else {
		f.IntVar(&agents, "agents", 10_000, "simulated agents")
		f.IntSliceVar(&o.Sizes, "sizes", nil, "`numbers` of agents to measure, such as 1000,10000,50000, instead of --agents")
	}
	f.IntVar(&o.Links, "links", 0, "links that the agents share (default: one per 1,000)")
	f.IntVar(&o.Frameworks, "frameworks", 200, "frameworks that keep the fleet busy")
	f.IntVar(&o.Roles, "roles", 10, "roles they are dealt over")
	f.DurationVar(&o.TaskTime, "task-time", o.TaskTime, "mean length of their tasks, which are spread evenly around it by up to "+fmt.Sprintf("%.0f%%", 100*o.Spread))
	f.IntVar(&o.Probes, "probes", o.Probes, "probes of each size")
	f.DurationVar(&o.Every, "every", 100*time.Millisecond, "least time from one probe to the next")
	f.DurationVar(&o.WarmUp, "warm-up", 5*time.Second, "time between a full fleet and the first probe; tasks of the start end as if they had\nbegun at any time before")
	f.StringVar(&o.Allocator.URL, "allocator", "", "`URL` of a running allocator, instead of one per size")
	f.StringVar(&o.Allocator.Dir, "dir", "", "`directory` for the allocators' state (default: the temporary one)")
	f.StringSliceVar(&o.Allocator.Flags, "alloc-flags", nil, "`flags` of the allocators")
	f.StringVar(&o.Allocator.CPUProfile, "cpuprofile", "", "write a CPU profile of the last allocator to this `file`")
	out.Flags(f)
	fleet := "agents=500"
	if several {
		fleet = "sizes=200,1000"
	}
	world.Quick(cmd, fleet, "frameworks=20", "probes=20", "task-time=1s")
	return cmd
}

func validate(o *Options) error {
	if len(o.Sizes) == 0 {
		return fmt.Errorf("got --sizes without a number, want at least one")
	}
	err := errors.Join(world.Between("links", o.Links, 0, 1000), world.Between("frameworks", o.Frameworks, 1, 5000),
		world.Between("roles", o.Roles, 1, 5000), world.Between("probes", o.Probes, 1, 1_000_000))
	for _, n := range o.Sizes {
		err = errors.Join(err, world.Between("agents", n, 1, 200_000))
	}
	if err != nil {
		return err
	}
	if o.TaskTime < 10*time.Millisecond || o.TaskTime > time.Hour {
		return fmt.Errorf("got --task-time=%v, want 10ms to 1h", o.TaskTime)
	}
	if o.WarmUp < 0 || o.WarmUp > time.Hour {
		return fmt.Errorf("got --warm-up=%v, want 0 to 1h", o.WarmUp)
	}
	return nil
}

func report(name string, o *Options, rows []Row) *world.Report {
	notes := []string{
		fmt.Sprintf("%d frameworks in %d roles and one that probes; agents hold %d tasks of %v ± %.0f%%; %d probes, at least %v apart; allocator flags %v",
			o.Frameworks, o.Roles, perAgent, o.TaskTime, 100*o.Spread, o.Probes, o.Every, o.Allocator.Flags),
		"launch: from ACCEPT to TASK_RUNNING as the framework sees them; wait: from REVIVE to an offer; agents are simulated",
	}
	for _, r := range rows {
		notes = append(notes, fmt.Sprintf("%d agents, p50 / p99 ms: %v", r.Agents, r.Parts))
	}
	return world.NewReport(name, rows, notes...)
}

func table(rows []Row) page.Table {
	t := page.Table{Columns: []string{"agents", "tasks run", "tasks/s", "probes", "launch p50 ms", "p99 ms", "max ms", "wait p50 ms", "p99 ms", "max ms",
		"alloc cores", "load cores", "RSS MiB", "filled s"}}
	for _, r := range rows {
		t.Rows = append(t.Rows, []string{
			fmt.Sprint(r.Agents), fmt.Sprint(r.Running), world.Rate(r.TasksPerSecond), fmt.Sprint(r.Probes),
			world.Milliseconds(r.Launch.P50), world.Milliseconds(r.Launch.P99), world.Milliseconds(r.Launch.Max),
			world.Milliseconds(r.Wait.P50), world.Milliseconds(r.Wait.P99), world.Milliseconds(r.Wait.Max),
			fmt.Sprintf("%.2f", r.AllocatorCPU/r.Seconds), fmt.Sprintf("%.2f", r.LoadCPU/r.Seconds), fmt.Sprint(r.RSS >> 20),
			fmt.Sprintf("%.1f", r.Filled),
		})
	}
	return t
}

func plots(rows []Row) []page.Plot {
	launch := page.Plot{Title: "Launch overhead against the size of the fleet", X: "agents", Y: "ms", Lines: []page.Line{{Name: "p50"}, {Name: "p99"}, {Name: "max"}}}
	for _, r := range rows {
		for i, d := range []time.Duration{r.Launch.P50, r.Launch.P99, r.Launch.Max} {
			l := &launch.Lines[i]
			l.X, l.Y = append(l.X, float64(r.Agents)), append(l.Y, float64(d)/1e6)
		}
	}
	var all []page.Plot
	if len(rows) > 1 {
		all = append(all, launch)
	}
	for _, r := range rows {
		all = append(all, page.OfTimeline(fmt.Sprintf("%d agents", r.Agents), r.Timeline)...)
	}
	return all
}
