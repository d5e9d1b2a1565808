package storm

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caprock/caprock/bench/page"
	"github.com/caprock/caprock/bench/world"
)

// Command returns "caprock bench storm".
func Command() *cobra.Command {
	var o Options
	var out page.Output
	cmd := &cobra.Command{
		Use:   "storm",
		Short: "Measure registrations, reconnects and a restart with everybody at once",
		Long: `Measure what happens when everybody comes at once: all agents register with an empty allocator, half of
them lose their links and return, tasks are launched, the fleet rests, and the allocator is killed and started again
while the tasks run.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, c := range []struct {
				name           string
				got, low, high int
			}{
				{"agents", o.Agents, 1, 200_000}, {"links", o.Links, 0, 1000}, {"frameworks", o.Frameworks, 1, 5000},
				{"roles", o.Roles, 1, 5000}, {"tasks", o.Tasks, 0, 2_000_000},
			} {
				if c.got < c.low || c.got > c.high {
					return fmt.Errorf("got --%s=%d, want %d to %d", c.name, c.got, c.low, c.high)
				}
			}
			progress := world.NewProgress(cmd.ErrOrStderr())
			rows, timeline, err := Run(cmd.Context(), o, progress)
			progress.Clear()
			if err != nil {
				return err
			}
			var table [][]string
			for _, r := range rows {
				table = append(table, []string{r.Phase, fmt.Sprint(r.Count), fmt.Sprintf("%.2f", r.Seconds),
					world.Rate(float64(r.Count) / r.Seconds), fmt.Sprintf("%.2f", r.AllocatorCPU), fmt.Sprintf("%.2f", r.LoadCPU),
					fmt.Sprint(r.RSS >> 20)})
			}
			report := world.NewReport("bench storm", rows, fmt.Sprintf("%d agents (%s) on one machine, %d frameworks in %d roles, %d tasks, allocator flags %v",
				o.Agents, o.Shape, o.Frameworks, o.Roles, o.Tasks, o.Allocator.Flags))
			report.Timeline = timeline
			return out.Print(cmd.OutOrStdout(), report,
				page.Table{Columns: []string{"phase", "count", "s", "per s", "allocator CPU s", "load CPU s", "RSS MiB"}, Rows: table}, plots(rows, timeline))
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.Agents, "agents", 10_000, "simulated agents")
	f.IntVar(&o.Links, "links", 0, "links that the agents share (default: one per 1,000)")
	f.IntVar(&o.Frameworks, "frameworks", 200, "connected frameworks")
	f.IntVar(&o.Roles, "roles", 10, "roles they are dealt over")
	f.IntVar(&o.Tasks, "tasks", 50_000, "tasks that run when the allocator is killed")
	f.DurationVar(&o.Heartbeats, "heartbeats", 15*time.Second, "how long the fleet answers pings and does nothing else; agents are pinged every 15s")
	f.StringVar(&o.Shape, "shape", "plain", "`kind` of agents: "+strings.Join(world.ShapeNames(), ", ")+"; or a workload's file, for its machines")
	f.StringVar(&o.Allocator.URL, "allocator", "", "`URL` of a running allocator, instead of a fresh one; it is not killed")
	f.StringVar(&o.Allocator.Dir, "dir", "", "`directory` for the allocator's state (default: the temporary one)")
	f.StringSliceVar(&o.Allocator.Flags, "alloc-flags", nil, "`flags` of the allocator")
	f.StringVar(&o.Allocator.CPUProfile, "cpuprofile", "", "write a CPU profile of the allocator's last run to this `file`")
	out.Flags(f)
	world.Quick(cmd, "agents=1000", "frameworks=20", "tasks=2000", "heartbeats=2s")
	return cmd
}

func plots(rows []Row, timeline *world.Timeline) []page.Plot {
	took := page.Plot{Title: "How long the phases took", Y: "s"}
	for _, r := range rows {
		took.Bars = append(took.Bars, page.Bar{Name: r.Phase, Value: r.Seconds})
	}
	return append([]page.Plot{took}, page.OfTimeline("", timeline)...)
}
