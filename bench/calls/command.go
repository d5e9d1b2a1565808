package calls

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caprock/caprock/bench/page"
	"github.com/caprock/caprock/bench/world"
	"github.com/caprock/caprock/wire/codec"
)

// Command returns "caprock bench calls".
func Command() *cobra.Command {
	var o Options
	var names, codecs []string
	var runs, pace int
	var out page.Output
	var profile string
	cmd := &cobra.Command{
		Use:   "calls",
		Short: "Measure scheduler calls against a durable allocator",
		Long: `Measure scheduler calls against a durable allocator: ACCEPT with 1, 10 and 100 tasks, ACKNOWLEDGE,
DECLINE and whole task lifecycles, in protobuf and JSON. Each case starts an allocator of its own in the
temporary directory, whose disk decides what a durable call costs, and loads it over loopback.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			types, err := codecTypes(codecs)
			if err != nil {
				return err
			}
			chosen, err := choose(cases(pace, types), names)
			if err != nil {
				return err
			}
			if err := validate(&o, runs); err != nil {
				return err
			}
			rows, err := repeat(cmd.Context(), o, chosen, runs, profile, world.NewProgress(cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			return print(cmd.OutOrStdout(), &out, o, runs, rows)
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.Frameworks, "frameworks", 1000, "connected frameworks")
	f.IntVar(&o.Roles, "roles", 10, "roles they are dealt over")
	f.IntVar(&o.Agents, "agents", 10_000, "simulated agents")
	f.IntVar(&o.Links, "links", 10, "links that the agents share")
	f.IntVar(&o.InFlight, "in-flight", 256, "calls that wait for an answer at a time")
	f.IntVar(&o.AtOnce, "at-once", 32, "acknowledgements that a framework sends before it reads the first answer, as Mesos'\nscheduler library does; they count as one call in flight")
	f.DurationVar(&o.WarmUp, "warm-up", time.Second, "time that is not counted")
	f.DurationVar(&o.Window, "window", 5*time.Second, "time that is counted")
	f.IntVar(&o.Acks, "acks", 100_000, "updates that the acknowledge case confirms")
	f.Int64Var(&o.Outstanding, "outstanding", 20_000, "tasks of the lifecycle case under way at a time")
	f.IntVar(&pace, "rate", 5000, "calls per second of the paced case")
	f.IntVar(&runs, "runs", 1, "runs of each case; the table shows medians")
	f.StringSliceVar(&names, "cases", nil, "run these `cases` only, such as accept-100 or lifecycle/json")
	f.StringSliceVar(&codecs, "codecs", []string{"protobuf", "json"}, "`encodings` of calls and events")
	f.StringVar(&o.Allocator.URL, "allocator", "", "`URL` of a running allocator, instead of one per case")
	f.StringVar(&o.Allocator.Dir, "dir", "", "`directory` for the allocators' state (default: the temporary one)")
	f.StringSliceVar(&o.Allocator.Flags, "alloc-flags", nil, "`flags` of the allocators, after --allocation-interval=20ms (lifecycle: 1s)")
	f.StringVar(&profile, "cpuprofile", "", "write CPU profiles of the allocators to `PREFIX`-case.pprof")
	out.Flags(f)
	world.Quick(cmd, "frameworks=100", "agents=200", "warm-up=300ms", "window=1s", "acks=10000")
	return cmd
}

// Bounds of a run: what a machine with 20,000 descriptors and some memory bears.
const (
	mostFrameworks = 5000
	mostAgents     = 200_000
	longestWindow  = 10 * time.Minute
)

func validate(o *Options, runs int) error {
	for _, c := range []struct {
		name           string
		got, low, high int
	}{
		{"frameworks", o.Frameworks, 1, mostFrameworks}, {"agents", o.Agents, 1, mostAgents}, {"links", o.Links, 1, 1000},
		{"roles", o.Roles, 1, mostFrameworks}, {"in-flight", o.InFlight, 1, 10_000}, {"at-once", o.AtOnce, 1, 1000}, {"runs", runs, 1, 100},
		{"acks", o.Acks, 1, 10_000_000},
	} {
		if c.got < c.low || c.got > c.high {
			return fmt.Errorf("got --%s=%d, want %d to %d", c.name, c.got, c.low, c.high)
		}
	}
	if o.Window <= 0 || o.Window > longestWindow {
		return fmt.Errorf("got --window=%v, want more than 0 and at most %v", o.Window, longestWindow)
	}
	return nil
}

func codecTypes(names []string) (types []codec.Type, err error) {
	for _, n := range names {
		switch n {
		case "protobuf":
			types = append(types, codec.Protobuf)
		case "json":
			types = append(types, codec.JSON)
		default:
			return nil, fmt.Errorf("got --codecs=%s, want protobuf or json", n)
		}
	}
	return types, nil
}

// Result is a case's row of medians and the runs behind it.
type Result struct {
	Row
	Runs []Row `json:"runs"`
}

func repeat(ctx context.Context, o Options, chosen []Case, runs int, profile string, progress *world.Progress) ([]Result, error) {
	results := make([]Result, len(chosen))
	// Whole rounds, so that a disturbance of the machine hits one run of each
	// case and not all runs of one.
	for range runs {
		for i, c := range chosen {
			if profile != "" {
				o.Allocator.CPUProfile = profile + "-" + strings.ReplaceAll(c.Name, "/", "-") + ".pprof"
			}
			row, err := Run(ctx, o, c, progress)
			if err != nil {
				progress.Clear()
				return nil, fmt.Errorf("%s: %w", c.Name, err)
			}
			results[i].Runs = append(results[i].Runs, row)
		}
	}
	for i := range results {
		results[i].Row = medians(results[i].Runs)
	}
	progress.Clear()
	return results, nil
}

// medians takes each column's median by itself.
func medians(runs []Row) Row {
	return Row{
		Case:           runs[0].Case,
		Calls:          median(runs, func(r Row) uint64 { return r.Calls }),
		Tasks:          median(runs, func(r Row) uint64 { return r.Tasks }),
		Seconds:        median(runs, func(r Row) float64 { return r.Seconds }),
		CallsPerSecond: median(runs, func(r Row) float64 { return r.CallsPerSecond }),
		TasksPerSecond: median(runs, func(r Row) float64 { return r.TasksPerSecond }),
		P50:            median(runs, func(r Row) time.Duration { return r.P50 }),
		P99:            median(runs, func(r Row) time.Duration { return r.P99 }),
		Max:            median(runs, func(r Row) time.Duration { return r.Max }),
		Refused:        median(runs, func(r Row) uint64 { return r.Refused }),
		Starved:        median(runs, func(r Row) uint64 { return r.Starved }),
		AllocatorCPU:   median(runs, func(r Row) float64 { return r.AllocatorCPU }),
		LoadCPU:        median(runs, func(r Row) float64 { return r.LoadCPU }),
		RSS:            median(runs, func(r Row) int64 { return r.RSS }),
		Registered:     median(runs, func(r Row) float64 { return r.Registered }),
		Subscribed:     median(runs, func(r Row) float64 { return r.Subscribed }),
	}
}

func median[T cmp.Ordered](runs []Row, column func(Row) T) T {
	values := make([]T, len(runs))
	for i, r := range runs {
		values[i] = column(r)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func print(w io.Writer, out *page.Output, o Options, runs int, results []Result) error {
	var table [][]string
	for _, r := range results {
		table = append(table, []string{
			r.Case, world.Rate(r.CallsPerSecond), world.Rate(r.TasksPerSecond), spread(r.Runs),
			world.Milliseconds(r.P50), world.Milliseconds(r.P99), world.Milliseconds(r.Max),
			perUnit(r.AllocatorCPU, r.Calls), perUnit(r.AllocatorCPU, r.Tasks),
			fmt.Sprintf("%.2f", r.AllocatorCPU/r.Seconds), fmt.Sprintf("%.2f", r.LoadCPU/r.Seconds), fmt.Sprint(r.RSS >> 20),
		})
	}
	report := world.NewReport("bench calls", results,
		fmt.Sprintf("%d frameworks in %d roles, %d agents on %d links, %d calls in flight, up to %d acknowledgements at once, window %v, medians of %d runs, allocator flags %v",
			o.Frameworks, o.Roles, o.Agents, o.Links, o.InFlight, o.AtOnce, o.Window, runs, o.Allocator.Flags),
		"every answer waits for the disk; tasks/s of lifecycle are tasks that went from ACCEPT to the acknowledgement of TASK_FINISHED")
	return out.Print(w, report, page.Table{Columns: []string{"case", "calls/s", "tasks/s", "±", "p50 ms", "p99 ms", "max ms",
		"µs CPU/call", "µs CPU/task", "alloc cores", "load cores", "RSS MiB"}, Rows: table}, plots(results))
}

func plots(results []Result) []page.Plot {
	bars := func(title, unit string, value func(*Row) float64) page.Plot {
		p := page.Plot{Title: title, Y: unit}
		for i := range results {
			p.Bars = append(p.Bars, page.Bar{Name: results[i].Case, Value: value(&results[i].Row)})
		}
		return p
	}
	all := []page.Plot{
		bars("Calls per second", "calls/s", func(r *Row) float64 { return r.CallsPerSecond }),
		bars("Latency at p50", "ms", func(r *Row) float64 { return float64(r.P50) / 1e6 }),
		bars("Latency at p99", "ms", func(r *Row) float64 { return float64(r.P99) / 1e6 }),
		bars("CPU of the allocator", "cores", func(r *Row) float64 { return r.AllocatorCPU / r.Seconds }),
		bars("Memory of the allocator", "MiB", func(r *Row) float64 { return float64(r.RSS) / (1 << 20) }),
	}
	for _, r := range results {
		// Of several runs the last is drawn.
		if t := r.Runs[len(r.Runs)-1].Timeline; t != nil {
			all = append(all, page.OfTimeline(r.Case, t)...)
		}
	}
	return all
}

// spread is half of what lies between the fastest and the slowest run, in
// percent of the median; nothing for a single run.
func spread(runs []Row) string {
	if len(runs) < 2 {
		return ""
	}
	rate := func(r Row) float64 { return r.CallsPerSecond }
	low, high := slices.MinFunc(runs, func(a, b Row) int { return cmp.Compare(rate(a), rate(b)) }),
		slices.MaxFunc(runs, func(a, b Row) int { return cmp.Compare(rate(a), rate(b)) })
	return fmt.Sprintf("%.0f%%", (rate(high)-rate(low))/2/median(runs, rate)*100)
}

// perUnit is the allocator's CPU time for each call or task, in µs.
func perUnit(seconds float64, units uint64) string {
	if units == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f", seconds*1e6/float64(units))
}
