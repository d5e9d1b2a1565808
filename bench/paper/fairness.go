package paper

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caprock/caprock/bench/fleet"
	"github.com/caprock/caprock/bench/page"
	"github.com/caprock/caprock/bench/workload"
	"github.com/caprock/caprock/bench/world"
)

// fairWorkloads are the experiment's parts, one after the other: the example of the DRF
// paper, and one in which users come and go.
var fairWorkloads = []string{"drf", "drf-changing"}

func fairnessCommand() *cobra.Command {
	var o struct {
		machines, frameworks int
		taskTime, phase      time.Duration
		allocator            world.AllocatorOptions
	}
	o.allocator.Flags = []string{"--allocation-interval=100ms"}
	var out page.Output
	cmd := &cobra.Command{
		Use:   "fairness",
		Short: "Measure dominant shares over time beside those of dominant resource fairness",
		Long: `Measure dominant shares over time beside those of dominant resource fairness. Two parts, one after the other: the example
of the DRF paper, users with tasks of <1 CPU, 4 GB> and <3 CPUs, 1 GB> on machines of 9 CPUs and 18 GB (four of them in one
here); and users that come and go. The table has for each phase the mean share of each user, the one that the analysis of one pool
gives, and the mean distance of the two, which includes the time from one phase's shares to the next one's and what is
free while it is offered. The workloads are the examples ` + strings.Join(fairWorkloads, " and ") + ` of ` + "`bench fleet`" + `.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := errors.Join(world.Between("machines", o.machines, 1, world.MaxAgents), world.Between("frameworks", o.frameworks, 1, 1000))
			if o.taskTime < 10*time.Millisecond || o.taskTime > time.Hour || o.phase < 0 || o.phase > time.Hour {
				err = errors.Join(err, fmt.Errorf("got --task-time=%v and --phase=%v, want 10ms to 1h and at most 1h", o.taskTime, o.phase))
			}
			if err != nil {
				return err
			}
			progress := world.NewProgress(cmd.ErrOrStderr())
			defer progress.Clear()
			all := &fleet.Result{}
			report := world.NewReport("bench paper fairness", nil)
			var plots []page.Plot
			for _, name := range fairWorkloads {
				w, err := workload.Load(name)
				if err != nil {
					return err
				}
				w.Fleet.Machines[0].Count = o.machines
				for i := range w.Groups {
					w.Groups[i].Count, w.Groups[i].TaskTime = o.frameworks, workload.Duration(o.taskTime)
				}
				for i := range w.Phases {
					if o.phase > 0 {
						w.Phases[i].Time = workload.Duration(o.phase)
					}
				}
				r, err := fleet.Run(cmd.Context(), fleet.Options{Workload: w, Allocator: o.allocator}, progress)
				if err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				for i := range r.Rows {
					r.Rows[i].Phase = name + ": " + r.Rows[i].Phase
				}
				all.Rows = append(all.Rows, r.Rows...)
				report.Notes = append(report.Notes, fleet.Report("", w, r, o.allocator.Flags).Notes...)
				report.Timeline = r.Timeline // of the last part
				plots = append(plots, page.OfTimeline(name, r.Timeline)...)
			}
			progress.Clear()
			report.Rows = all.Rows
			return out.Print(cmd.OutOrStdout(), report, fairnessTable(all), plots)
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.machines, "machines", 100, "machines, each as large as four of the DRF paper's example")
	f.IntVar(&o.frameworks, "frameworks", 5, "frameworks of each user")
	f.DurationVar(&o.taskTime, "task-time", 4*time.Second, "mean length of tasks, which last half of it to one and a half times")
	f.DurationVar(&o.phase, "phase", 0, "length of each phase (default: that of the workloads, 15s to 45s)")
	allocatorFlags(f, &o.allocator)
	out.Flags(f)
	world.Quick(cmd, "machines=10", "frameworks=2", "task-time=500ms", "phase=3s")
	return cmd
}

func fairnessTable(r *fleet.Result) page.Table {
	t := page.Table{Columns: []string{"phase", "user", "tasks run", "dominant share", "fair", "off by"}}
	percent := func(part float64) string { return fmt.Sprintf("%.1f%%", 100*part) }
	for _, r := range r.Rows {
		t.Rows = append(t.Rows, []string{r.Phase, r.Role, world.Rate(r.Running), percent(r.RoleShare), percent(r.FairShare), percent(r.Deviation)})
	}
	return t
}
