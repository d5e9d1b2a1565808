package fanout

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/caprock/caprock/bench/page"
	"github.com/caprock/caprock/bench/world"
	"github.com/caprock/caprock/wire/codec"
)

// Command returns "caprock bench fanout".
func Command() *cobra.Command {
	var o Options
	var encoding string
	var out page.Output
	cmd := &cobra.Command{
		Use:   "fanout",
		Short: "Measure thousands of subscribers to the operators' event stream",
		Long: `Measure thousands of subscribers to the operators' event stream, some of which hardly read, while
tasks start and end. Prints how many events and bytes arrive, how long after its ACCEPT a task is known to the
subscribers, and who was cut for not reading. Each subscriber needs a descriptor in both processes.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := validate(&o, encoding); err != nil {
				return err
			}
			progress := world.NewProgress(cmd.ErrOrStderr())
			r, err := Run(cmd.Context(), o, progress)
			progress.Clear()
			if err != nil {
				return err
			}
			return out.Print(cmd.OutOrStdout(), report(&o, encoding, r), table(r), page.OfTimeline("", r.Timeline))
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.Subscribers, "subscribers", 2000, "subscribers that keep up")
	f.IntVar(&o.Slow, "slow", 50, "subscribers more that do not")
	f.IntVar(&o.SlowRate, "slow-rate", 1, "events that these read in a second")
	f.StringVar(&encoding, "codec", "protobuf", "`encoding` of the events: protobuf or json")
	f.IntVar(&o.Agents, "agents", 1000, "simulated agents")
	f.IntVar(&o.Links, "links", 0, "links that the agents share (default: one per 1,000, at least 4)")
	f.IntVar(&o.Frameworks, "frameworks", 50, "frameworks that launch tasks, each with one call in flight")
	f.IntVar(&o.Rate, "rate", 100, "tasks launched in a second, each of which is three events")
	f.DurationVar(&o.WarmUp, "warm-up", 2*time.Second, "time that is not counted")
	f.DurationVar(&o.Window, "window", 20*time.Second, "time that is counted")
	f.StringVar(&o.Allocator.URL, "allocator", "", "`URL` of a running allocator, instead of a fresh one; it must admit so many subscribers")
	f.StringVar(&o.Allocator.Dir, "dir", "", "`directory` for the allocator's state (default: the temporary one)")
	f.StringSliceVar(&o.Allocator.Flags, "alloc-flags", nil, "`flags` of the allocator")
	f.StringVar(&o.Allocator.CPUProfile, "cpuprofile", "", "write a CPU profile of the allocator to this `file`")
	out.Flags(f)
	world.Quick(cmd, "subscribers=100", "slow=5", "agents=100", "frameworks=20", "warm-up=500ms", "window=3s")
	return cmd
}

func validate(o *Options, encoding string) error {
	switch encoding {
	case "protobuf":
		o.Codec = codec.Protobuf
	case "json":
		o.Codec = codec.JSON
	default:
		return fmt.Errorf("got --codec=%s, want protobuf or json", encoding)
	}
	if o.Window <= 0 || o.Window > 10*time.Minute || o.WarmUp < 0 {
		return fmt.Errorf("got --window=%v and --warm-up=%v, want more than 0 to 10m, and no negative one", o.Window, o.WarmUp)
	}
	return errors.Join(world.Between("subscribers", o.Subscribers, 1, 15_000), world.Between("slow", o.Slow, 0, 5000),
		world.Between("slow-rate", o.SlowRate, 1, 1000), world.Between("agents", o.Agents, 1, 200_000),
		world.Between("links", o.Links, 0, 1000), world.Between("frameworks", o.Frameworks, 1, 1000), world.Between("rate", o.Rate, 1, 10_000))
}

func report(o *Options, encoding string, r *Result) *world.Report {
	report := world.NewReport("bench fanout", r.Rows,
		fmt.Sprintf("%s; %d agents, %d frameworks, %d tasks/s asked for and %.0f launched, %d were due while no framework was free and had an offer; window %v, allocator flags %v",
			encoding, o.Agents, o.Frameworks, o.Rate, float64(r.Tasks)/r.Seconds, r.Starved, o.Window, o.Allocator.Flags),
		fmt.Sprintf("the allocator used %.2f cores and %d MiB, the load generator %.2f cores; it cut %d streams for a full buffer, others for a send that took too long",
			r.AllocatorCPU/r.Seconds, r.RSS>>20, r.LoadCPU/r.Seconds, r.CutByAllocator),
		"latency is from ACCEPT to TASK_ADDED at a subscriber; least and most are events of one that was not cut")
	report.Timeline = r.Timeline
	return report
}

func table(r *Result) page.Table {
	t := page.Table{Columns: []string{"subscribers", "count", "cut", "events/s", "MiB/s", "least", "most", "p50 ms", "p99 ms", "max ms"}}
	for _, r := range r.Rows {
		row := []string{r.Kind, fmt.Sprint(r.Subscribers), fmt.Sprint(r.Cut), world.Rate(r.EventsPerSecond),
			fmt.Sprintf("%.2f", r.BytesPerSecond/(1<<20)), fmt.Sprint(r.Least), fmt.Sprint(r.Most), "", "", ""}
		if r.Max > 0 {
			row = append(row[:7], world.Milliseconds(r.P50), world.Milliseconds(r.P99), world.Milliseconds(r.Max))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
