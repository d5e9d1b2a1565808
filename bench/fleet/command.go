package fleet

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caprock/caprock/bench/page"
	"github.com/caprock/caprock/bench/workload"
	"github.com/caprock/caprock/bench/world"
)

// flags of the command.
type flags struct {
	agents, links, frameworks int
	shape, workload           string
	seed                      int64
	print                     bool
	trace                     TraceOptions
	taskTime, warmUp, window  time.Duration
	allocator                 world.AllocatorOptions
}

// Command returns "caprock bench fleet".
func Command() *cobra.Command {
	var o flags
	var out page.Output
	cmd := &cobra.Command{
		Use:   "fleet",
		Short: "Measure a steady state and what share of it each kind of framework gets",
		Long: `Measure a steady state and what share of it each kind of framework gets. Without --workload, --seed or --trace
seven roles of weight 1 compete for the fleet, one for each kind of framework:

` + workload.KindsHelp() + `

--workload says what the world is made of and what happens in it: a file (see docs/bench.md), or one of the
examples ` + strings.Join(workload.ExampleNames(), ", ") + `. --print-workload prints what would be played and
ends, as a file to start from. --seed makes one up. --trace replays what arrived at a cluster, when, and for how long, on machines
like its own.

Prints for each phase and group of frameworks its tasks, the dominant share of its role beside what dominant resource
fairness would give it ("fair", and how far "off by" it was), how long its ACCEPTs took, and from when a task was wanted to
when it ran ("start").`,
		Example: `  caprock bench fleet --agents=5000 --frameworks=50 --html=fleet.html
  caprock bench fleet --print-workload > mine.toml; caprock bench fleet --workload=./mine.toml
  caprock bench fleet --seed=42 --agents=2000 --frameworks=100
  caprock bench fleet --trace=google2019:/data/cell-a --speed=60 --scale=0.01`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(cmd); err != nil {
				return err
			}
			w, replay, notes, err := o.load()
			if err != nil {
				return err
			}
			if o.print {
				return printWorkload(cmd.OutOrStdout(), w)
			}
			progress := world.NewProgress(cmd.ErrOrStderr())
			r, err := Run(cmd.Context(), Options{Workload: w, Replay: replay, Allocator: o.allocator}, progress)
			progress.Clear()
			if err != nil {
				return err
			}
			report := Report("bench fleet", w, r, o.allocator.Flags)
			report.Notes = append(report.Notes, notes...)
			return out.Print(cmd.OutOrStdout(), report, Table(r), Plots(r))
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.agents, "agents", 1000, "simulated agents")
	f.StringVar(&o.shape, "shape", "plain", "`kind` of agents: "+strings.Join(world.ShapeNames(), ", "))
	f.IntVar(&o.links, "links", 0, "links that the agents share (default: one per 1,000, at least 4)")
	f.IntVar(&o.frameworks, "frameworks", 5, "frameworks of each kind; with --seed, of all")
	f.DurationVar(&o.taskTime, "task-time", 30*time.Second, "mean length of tasks, which last half of it to one and a half times")
	f.DurationVar(&o.warmUp, "warm-up", time.Minute, "time that is not counted, in which shares come to rest; at least two task times")
	f.DurationVar(&o.window, "window", time.Minute, "time that is counted")
	f.StringVar(&o.workload, "workload", "", "`file` with a workload, or the name of an example: says all that --agents, --shape, --frameworks, --task-time and so on do")
	f.Int64Var(&o.seed, "seed", 0, "make a workload of --agents and --frameworks from this seed, which is not 0: machines and frameworks at random")
	f.StringVar(&o.trace.Name, "trace", "", "replay a trace, `FORMAT:DIR`: google2019 or alibaba2018, and the directory with its CSV files, plain, .gz or .zst")
	f.Float64Var(&o.trace.Speed, "speed", 60, "how much faster than it happened a trace is replayed")
	f.Float64Var(&o.trace.Part, "scale", 0.01, "`part` of a trace's machines and jobs to play, at most 1")
	f.DurationVar(&o.trace.From, "trace-from", 0, "where in the trace to begin")
	f.DurationVar(&o.trace.For, "trace-for", time.Hour, "how much of the trace to play, in its own time")
	f.IntVar(&o.trace.Roles, "trace-roles", 10, "users, or kinds of jobs, that get a role of their own; the others share one")
	f.Float64Var(&o.trace.Largest.CPUs, "trace-cpus", 64, "CPUs of the largest machine: traces tell sizes as parts of it")
	f.Float64Var(&o.trace.Largest.MemMiB, "trace-mem", 262144, "memory of the largest machine, in MiB")
	f.BoolVar(&o.print, "print-workload", false, "print the workload as a file and end")
	f.StringVar(&o.allocator.URL, "allocator", "", "`URL` of a running allocator, instead of a fresh one")
	f.StringVar(&o.allocator.Dir, "dir", "", "`directory` for the allocator's state (default: the temporary one)")
	f.StringSliceVar(&o.allocator.Flags, "alloc-flags", nil, "`flags` of the allocator")
	f.StringVar(&o.allocator.CPUProfile, "cpuprofile", "", "write a CPU profile of the allocator to this `file`")
	out.Flags(f)
	world.Quick(cmd, "agents=100", "frameworks=2", "task-time=1s", "warm-up=3s", "window=5s")
	// Workloads and traces say themselves how large they are.
	cmd.MarkFlagsMutuallyExclusive("quick", "workload")
	cmd.MarkFlagsMutuallyExclusive("quick", "trace")
	return cmd
}

// ofTrace are the flags that only a trace has.
var ofTrace = []string{"speed", "scale", "trace-from", "trace-for", "trace-roles", "trace-cpus", "trace-mem"}

// ofWorkload are the flags that a workload's file replaces.
var ofWorkload = []string{"agents", "shape", "links", "frameworks", "task-time", "warm-up", "window", "seed"}

func (o *flags) validate(cmd *cobra.Command) error {
	var err error
	for _, name := range ofWorkload {
		if o.workload != "" && cmd.Flags().Changed(name) {
			err = errors.Join(err, fmt.Errorf("got --%s beside --workload, want it in the workload", name))
		}
	}
	for _, name := range ofTrace {
		if o.trace.Name == "" && cmd.Flags().Changed(name) {
			err = errors.Join(err, fmt.Errorf("got --%s without --trace", name))
		}
	}
	for _, name := range append([]string{"workload"}, ofWorkload...) {
		if o.trace.Name != "" && name != "frameworks" && name != "links" && cmd.Flags().Changed(name) {
			err = errors.Join(err, fmt.Errorf("got --%s beside --trace, which says that itself", name))
		}
	}
	if o.trace.Speed <= 0 || o.trace.Speed > 1e6 {
		err = errors.Join(err, fmt.Errorf("got --speed=%v, want more than 0 and at most 1e6", o.trace.Speed))
	}
	if o.seed < 0 {
		err = errors.Join(err, fmt.Errorf("got --seed=%d, want 1 or more", o.seed))
	}
	if o.taskTime < 10*time.Millisecond || o.taskTime > time.Hour {
		err = errors.Join(err, fmt.Errorf("got --task-time=%v, want 10ms to 1h", o.taskTime))
	}
	if o.window <= 0 || o.window > time.Hour || o.warmUp < 0 || o.warmUp > time.Hour {
		err = errors.Join(err, fmt.Errorf("got --window=%v and --warm-up=%v, want at most 1h, the first more than 0", o.window, o.warmUp))
	}
	most := workload.MaxFrameworks
	if o.seed == 0 {
		most /= len(workload.KindNames())
	}
	return errors.Join(err, world.Between("agents", o.agents, 1, world.MaxAgents), world.Between("links", o.links, 0, 1000),
		world.Between("frameworks", o.frameworks, 1, most), world.Between("trace-roles", o.trace.Roles, 1, 1000))
}

// load returns the workload that the flags ask for, and what arrives if that is a
// trace, of which the notes tell.
func (o *flags) load() (*workload.Workload, *Replay, []string, error) {
	if o.trace.Name == "" {
		w, err := o.made()
		return w, nil, nil, err
	}
	o.trace.Links, o.trace.Frameworks = o.links, o.frameworks
	w, r, stats, err := FromTrace(o.trace)
	if err != nil {
		return nil, nil, nil, err
	}
	return w, r, []string{fmt.Sprintf("trace %s: %v from %v on, %g times as fast, %g of it: %d tasks; %v",
		o.trace.Name, o.trace.For, o.trace.From, o.trace.Speed, o.trace.Part, len(r.Arrivals), stats)}, nil
}

// made is the workload of a file, a seed, or the flags.
func (o *flags) made() (*workload.Workload, error) {
	if o.workload != "" {
		return workload.Load(o.workload)
	}
	phases := []workload.Phase{{Name: "steady", Time: workload.Duration(o.window)}}
	if o.warmUp > 0 {
		phases = append([]workload.Phase{{Name: "warm-up", Time: workload.Duration(o.warmUp), Uncounted: true}}, phases...)
	}
	var w *workload.Workload
	if o.seed != 0 {
		w = workload.Random(o.seed, o.agents, o.frameworks)
	} else {
		w = &workload.Workload{Fleet: workload.Fleet{Shape: o.shape, Agents: o.agents}}
		for _, kind := range workload.KindNames() {
			g := workload.Group{Kind: kind, Count: o.frameworks}
			if kind != "service" {
				g.TaskTime = workload.Duration(o.taskTime)
			}
			w.Groups = append(w.Groups, g)
		}
	}
	w.Fleet.Links, w.Phases = o.links, phases
	w.Fill()
	return w, w.Check()
}

func printWorkload(out io.Writer, w *workload.Workload) error {
	text, err := w.TOML()
	if err == nil {
		_, err = out.Write(text)
	}
	return err
}

// Report is what a run found.
func Report(command string, w *workload.Workload, r *Result, allocFlags []string) *world.Report {
	frameworks, time0 := 0, time.Duration(0)
	for _, g := range w.Groups {
		frameworks += g.Count
	}
	for _, p := range w.Phases {
		time0 += time.Duration(p.Time)
	}
	report := world.NewReport(command, r.Rows,
		fmt.Sprintf("%d agents, %d frameworks in %d groups, seed %d; %v in %d phases; allocator flags %v",
			r.Agents, frameworks, len(w.Groups), w.Seed, time0, len(w.Phases), allocFlags),
		fmt.Sprintf("the allocator used %.2f cores and at most %d MiB, the load generator %.2f cores", r.AllocatorCPU/r.Seconds, r.RSS>>20, r.LoadCPU/r.Seconds))
	report.Timeline = r.Timeline
	return report
}

// Table of a run.
func Table(r *Result) page.Table {
	t := page.Table{Columns: []string{"phase", "frameworks", "", "tasks/s", "tasks run", "waiting", "role's share", "fair", "off by", "offers", "declined",
		"ACCEPT p50 ms", "p99 ms", "start p50 ms", "p99 ms"}}
	for _, r := range r.Rows {
		t.Rows = append(t.Rows, []string{r.Phase, r.Kind, fmt.Sprint(r.Frameworks), world.Rate(r.TasksPerSecond), world.Rate(r.Running), fmt.Sprint(r.Waiting),
			percent(r.RoleShare), percent(r.FairShare), percent(r.Deviation), fmt.Sprint(r.Offers), fmt.Sprint(r.Declined),
			world.Milliseconds(r.Accept.P50), world.Milliseconds(r.Accept.P99), world.Milliseconds(r.Start.P50), world.Milliseconds(r.Start.P99)})
	}
	return t
}

func percent(part float64) string { return fmt.Sprintf("%.1f%%", 100*part) }

// Plots of a run.
func Plots(r *Result) []page.Plot {
	share := page.Plot{Title: "Mean dominant share of the group", Y: "percent"}
	for _, r := range r.Rows {
		share.Bars = append(share.Bars, page.Bar{Name: r.Phase + ": " + r.Kind, Value: 100 * r.DominantShare})
	}
	return append([]page.Plot{share}, page.OfTimeline("", r.Timeline)...)
}
