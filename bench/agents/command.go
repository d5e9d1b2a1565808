package agents

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/caprock/caprock/bench/page"
	"github.com/caprock/caprock/bench/world"
)

// Options of a run.
type Options struct {
	// Tasks that each agent is given.
	Tasks int
	// Settle is the time that an agent is left alone before its memory is read, Window
	// that over which CPU time is counted.
	Settle, Window time.Duration
	// Dir is where the agents' work directories are made; default: the temporary one.
	Dir string
	// Flags are added to the agents' command line.
	Flags []string
}

// Command returns "caprock bench agent".
func Command() *cobra.Command {
	var o Options
	var out page.Output
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Measure what an agent costs, against a helper process for each task",
		Long: `Measure what an agent costs its node: starts an agent, gives it --tasks commands that sleep, one after the
other, and prints the time from each order to TASK_RUNNING; then the memory and CPU time of the agent while
all of them run. Does the same with a helper process for each command, a minimal executor on the v1 executor API, and
prints both with their ratio. Needs root for what agents do to isolate tasks; without it tasks are plain processes.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := validate(&o); err != nil {
				return err
			}
			progress := world.NewProgress(cmd.ErrOrStderr())
			rows, err := Run(cmd.Context(), o, progress)
			progress.Clear()
			if err != nil {
				return err
			}
			return out.Print(cmd.OutOrStdout(), report(&o, rows), table(rows), plots(rows))
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.Tasks, "tasks", 1000, "tasks of each agent")
	f.DurationVar(&o.Settle, "settle", 6*time.Second, "time that an agent is left alone before its memory is read")
	f.DurationVar(&o.Window, "window", 10*time.Second, "time over which CPU time is counted")
	f.StringVar(&o.Dir, "dir", "", "`directory` for the agents' work directories (default: the temporary one)")
	f.StringSliceVar(&o.Flags, "agent-flags", nil, "`flags` of the agents")
	out.Flags(f)
	world.Quick(cmd, "tasks=50", "settle=1s", "window=2s")
	cmd.AddCommand(helperCommand())
	return cmd
}

func validate(o *Options) error {
	if err := world.Between("tasks", o.Tasks, 1, 10_000); err != nil {
		return err
	}
	if o.Settle < 0 || o.Settle > time.Hour || o.Window < 100*time.Millisecond || o.Window > time.Hour {
		return fmt.Errorf("got --settle=%v and --window=%v, want 0 to 1h and 100ms to 1h", o.Settle, o.Window)
	}
	return nil
}

func report(o *Options, rows []Row) *world.Report {
	return world.NewReport("bench agent", rows,
		fmt.Sprintf("%d × `%s`, launched one after the other; memory after %v of rest, CPU time over %v; agent flags %v",
			o.Tasks, sleepLine, o.Settle, o.Window, o.Flags),
		"launch: from the order on the link to TASK_RUNNING on it; the commands themselves are not counted",
		"a helper is this program as a minimal executor; Mesos' command executor is a program of tens of MB for each task")
}

func table(rows []Row) page.Table {
	t := page.Table{Columns: []string{"tasks run by", "tasks", "idle RSS MiB", "RSS MiB", "anon MiB", "helpers PSS MiB", "RSS MiB", "anon MiB",
		"KiB per task", "CPU ms/s", "launch p50 ms", "p99 ms", "max ms", "CPU ms each"}}
	for _, r := range rows {
		t.Rows = append(t.Rows, []string{
			r.Way, fmt.Sprint(r.Tasks), mebi(r.Idle.RSS), mebi(r.Agent.RSS), mebi(r.Agent.Anonymous),
			mebi(r.Helpers.PSS), mebi(r.Helpers.RSS), mebi(r.Helpers.Anonymous), fmt.Sprintf("%.0f", r.PerTask/1024),
			fmt.Sprintf("%.2f", (r.AgentCPU+r.HelpersCPU)*1e3),
			world.Milliseconds(r.Launch.P50), world.Milliseconds(r.Launch.P99), world.Milliseconds(r.Launch.Max), fmt.Sprintf("%.2f", r.LaunchCPU*1e3),
		})
	}
	if len(rows) == 2 {
		t.Rows = append(t.Rows, ratio(&rows[0], &rows[1]))
	}
	return t
}

// ratio is the last line of the table: helpers over none.
func ratio(none, with *Row) []string {
	times := func(a, b float64) string {
		if b <= 0 {
			return ""
		}
		return fmt.Sprintf("× %.1f", a/b)
	}
	return []string{"ratio", "", times(float64(with.Idle.RSS), float64(none.Idle.RSS)), times(float64(with.Agent.RSS), float64(none.Agent.RSS)),
		times(float64(with.Agent.Anonymous), float64(none.Agent.Anonymous)), "", "", "", times(with.PerTask, none.PerTask),
		times(with.AgentCPU+with.HelpersCPU, none.AgentCPU+none.HelpersCPU),
		times(float64(with.Launch.P50), float64(none.Launch.P50)), times(float64(with.Launch.P99), float64(none.Launch.P99)),
		times(float64(with.Launch.Max), float64(none.Launch.Max)), times(with.LaunchCPU, none.LaunchCPU)}
}

func mebi(bytes int64) string { return fmt.Sprintf("%.1f", float64(bytes)/(1<<20)) }

func plots(rows []Row) []page.Plot {
	memory := page.Plot{Title: "Memory of agent and helpers with all tasks running (PSS)", Y: "MiB"}
	launch := page.Plot{Title: "From an order to TASK_RUNNING", Y: "ms"}
	for _, r := range rows {
		memory.Bars = append(memory.Bars, page.Bar{Name: r.Way, Value: float64(r.Agent.PSS+r.Helpers.PSS) / (1 << 20)})
		launch.Bars = append(launch.Bars,
			page.Bar{Name: r.Way + ", p50", Value: float64(r.Launch.P50) / 1e6}, page.Bar{Name: r.Way + ", p99", Value: float64(r.Launch.P99) / 1e6})
	}
	return []page.Plot{memory, launch}
}
