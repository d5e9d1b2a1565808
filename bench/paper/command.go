package paper

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/caprock/caprock/bench/launch"
	"github.com/caprock/caprock/bench/page"
	"github.com/caprock/caprock/bench/world"
)

// Command returns "caprock bench paper".
func Command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "paper",
		Short: "Repeat the experiments of the Mesos paper",
		Long: `Repeat the experiments of the Mesos paper (NSDI 2011) on a fleet of simulated agents:

  scalability  how long a task takes to start while 200 frameworks keep the fleet busy, against the size of the fleet
  recovery     how long until all agents and frameworks are back after the allocator is killed
  fairness     the dominant shares of users over time, beside those that dominant resource fairness would give them`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(launch.Scalability(), recoveryCommand(), fairnessCommand())
	return cmd
}

// allocatorFlags adds the flags that say which allocator to load.
func allocatorFlags(f *pflag.FlagSet, a *world.AllocatorOptions) {
	f.StringVar(&a.Dir, "dir", "", "`directory` for the allocator's state (default: the temporary one)")
	f.StringSliceVar(&a.Flags, "alloc-flags", a.Flags, "`flags` of the allocator")
	f.StringVar(&a.CPUProfile, "cpuprofile", "", "write a CPU profile of the last allocator to this `file`")
}

func recoveryCommand() *cobra.Command {
	var o RecoveryOptions
	var out page.Output
	cmd := &cobra.Command{
		Use:   "recovery",
		Short: "Kill the allocator and measure how long until all agents and frameworks are back",
		Long: `Kill the allocator (SIGKILL) while a fleet works, start it again at once, and measure how long until all agents and
frameworks are back, which try by themselves every 20 ms. The paper found 4 to 8 seconds with up to 4,000 agents and
200 frameworks, the election of another master included; here the same machine starts the same allocator again.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := errors.Join(world.Between("agents", o.Agents, 1, world.MaxAgents), world.Between("links", o.Links, 0, 1000),
				world.Between("frameworks", o.Frameworks, 1, 5000), world.Between("roles", o.Roles, 1, 5000), world.Between("kills", o.Kills, 1, 1000),
				world.Between("per-agent", o.PerAgent, 1, 64))
			if o.TaskTime < 100*time.Millisecond || o.TaskTime > time.Hour || o.Settle < 0 || o.Settle > time.Hour || o.WarmUp < 0 || o.WarmUp > time.Hour {
				err = errors.Join(err, fmt.Errorf("got --task-time=%v, --settle=%v and --warm-up=%v, want 100ms to 1h, and 0 to 1h", o.TaskTime, o.Settle, o.WarmUp))
			}
			if err != nil {
				return err
			}
			if o.WarmUp == 0 {
				o.WarmUp = o.TaskTime * 3 / 2
			}
			progress := world.NewProgress(cmd.ErrOrStderr())
			r, err := Recover(cmd.Context(), o, progress)
			progress.Clear()
			if err != nil {
				return err
			}
			return out.Print(cmd.OutOrStdout(), recoveryReport(&o, r), recoveryTable(r), recoveryPlots(r))
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.Agents, "agents", 4000, "simulated agents")
	f.IntVar(&o.Links, "links", 0, "links that the agents share (default: one per 1,000, at least 4)")
	f.IntVar(&o.Frameworks, "frameworks", 200, "frameworks that keep the fleet busy")
	f.IntVar(&o.Roles, "roles", 10, "roles they are dealt over")
	f.IntVar(&o.Kills, "kills", 10, "how often the allocator is killed")
	f.IntVar(&o.PerAgent, "per-agent", 2, "tasks that fill an agent")
	f.DurationVar(&o.TaskTime, "task-time", 30*time.Second, "mean length of tasks, which last half of it to one and a half times")
	f.DurationVar(&o.WarmUp, "warm-up", 0, "time between a full fleet and the first kill (default: one and a half task times,\nafter which the tasks of the start have ended)")
	f.DurationVar(&o.Settle, "settle", 4*time.Second, "time from one recovery to the next kill")
	allocatorFlags(f, &o.Allocator)
	out.Flags(f)
	world.Quick(cmd, "agents=200", "frameworks=20", "kills=2", "task-time=2s", "settle=500ms")
	return cmd
}

func recoveryReport(o *RecoveryOptions, r *Recovered) *world.Report {
	var running, rss int64
	for _, k := range r.Kills {
		running += k.Running / int64(len(r.Kills))
		rss = max(rss, k.RSS)
	}
	report := world.NewReport("bench paper recovery", r.Measures(),
		fmt.Sprintf("%d agents, %d frameworks in %d roles, %d tasks of %v ± half on average; %d kills; seconds from the signal; allocator flags %v",
			o.Agents, o.Frameworks, o.Roles, running, o.TaskTime, len(r.Kills), o.Allocator.Flags),
		fmt.Sprintf("%d tasks ended otherwise than by finishing; the allocator had at most %d MiB after a recovery", r.Lost, rss>>20))
	report.Timeline = r.Timeline
	return report
}

func recoveryTable(r *Recovered) page.Table {
	t := page.Table{Columns: []string{"from the kill until", "mean s", "min s", "max s"}}
	for _, m := range r.Measures() {
		t.Rows = append(t.Rows, []string{m.What, fmt.Sprintf("%.2f", m.Mean), fmt.Sprintf("%.2f", m.Min), fmt.Sprintf("%.2f", m.Max)})
	}
	return t
}

func recoveryPlots(r *Recovered) []page.Plot {
	each := page.Plot{Title: "Each recovery", X: "kill", Y: "s"}
	for _, m := range r.Measures() {
		l := page.Line{Name: m.What, Y: m.Runs}
		for i := range m.Runs {
			l.X = append(l.X, float64(i+1))
		}
		each.Lines = append(each.Lines, l)
	}
	return append([]page.Plot{each}, page.OfTimeline("", r.Timeline)...)
}
