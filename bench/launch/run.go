package launch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caprock/caprock/bench/world"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/mesos"
)

// Options of a run.
type Options struct {
	// Sizes are the fleets to measure, one after the other.
	Sizes                    []int
	Links, Frameworks, Roles int
	// TaskTime is the mean length of the tasks that keep the fleet busy; they last
	// from (1 - Spread) to (1 + Spread) times that.
	TaskTime time.Duration
	Spread   float64
	// Probes of each size, and the least time from one to the next.
	Probes int
	Every  time.Duration
	// WarmUp is the time between a full fleet and the first probe. Tasks of the start
	// end as if they had begun earlier, so it need not be as long as they are.
	WarmUp    time.Duration
	Allocator world.AllocatorOptions
}

// Latency is a distribution.
type Latency struct {
	P50 time.Duration `json:"p50_ns"`
	P99 time.Duration `json:"p99_ns"`
	Max time.Duration `json:"max_ns"`
}

func latencyOf(l *world.Latencies) Latency {
	h := l.Total()
	return Latency{h.Quantile(.5), h.Quantile(.99), h.Max()}
}

// Row is the result for one size of the fleet.
type Row struct {
	Agents     int `json:"agents"`
	Frameworks int `json:"frameworks"`
	// Running tasks when the probes began, and TasksPerSecond that ended while
	// they went on.
	Running        int64   `json:"running"`
	TasksPerSecond float64 `json:"tasks_per_s"`
	Probes         uint64  `json:"probes"`
	// Launch is from ACCEPT to TASK_RUNNING, Wait from REVIVE to an offer, both as
	// the framework sees them.
	Launch Latency `json:"launch"`
	Wait   Latency `json:"wait"`
	// Parts are what both consist of.
	Parts Parts `json:"parts"`
	// Seconds of the probes; CPU time of them, and memory at their end.
	Seconds      float64 `json:"seconds"`
	AllocatorCPU float64 `json:"allocator_cpu_s"`
	LoadCPU      float64 `json:"load_cpu_s"`
	RSS          int64   `json:"allocator_rss_bytes"`
	// Registered is how long the fleet took to register, Filled to be full.
	Registered float64         `json:"registered_s"`
	Filled     float64         `json:"filled_s"`
	Timeline   *world.Timeline `json:"timeline,omitempty"`
}

// Half of an agent of the plain shape: two tasks fill one, and what is left, disk
// and ports, is not offered.
const (
	taskCPUs   = 32
	taskMemMiB = 131072
	perAgent   = 2
)

// probeRole is the role of the framework that probes.
const probeRole = "probe"

// run is one size under way.
type run struct {
	o          Options
	agents     int
	task       world.Task
	allocator  *world.Allocator
	fleet      *world.Fleet
	frameworks *world.Frameworks
	desks      *world.Desks
	progress   *world.Progress
	prober     *prober
}

// Run measures one size.
func Run(ctx context.Context, o Options, agents int, progress *world.Progress) (row Row, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	r := &run{o: o, agents: agents, progress: progress,
		task: world.Task{CPUs: taskCPUs, MemMiB: taskMemMiB, Sleep: o.TaskTime, Spread: o.Spread, Running: uint64(perAgent * agents / o.Frameworks)}}
	row.Agents, row.Frameworks = agents, o.Frameworks
	if r.allocator, err = world.StartAllocator(ctx, o.Allocator); err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, r.allocator.Stop()) }()
	if err := r.build(ctx, &row); err != nil {
		return row, err
	}
	defer r.fleet.Close()
	defer r.close()
	if err := r.fill(ctx, &row); err != nil {
		return row, err
	}
	return row, r.probe(ctx, &row)
}

// build registers the fleet and subscribes the frameworks.
func (r *run) build(ctx context.Context, row *Row) error {
	shape, err := world.ShapeNamed("plain")
	if err != nil {
		return err
	}
	r.desks = world.NewDesks(r.take)
	if r.prober, err = newProber(ctx, r.allocator); err != nil {
		return err
	}
	r.fleet = world.NewFleet(world.FleetOptions{
		Agents: r.agents, Links: r.o.Links, Shape: shape, Behaviour: world.Sleeping, Arrived: r.prober.arrived,
	})
	r.frameworks, err = world.Subscribe(ctx, r.allocator.URL(), world.FrameworksOptions{
		Count: r.o.Frameworks, Roles: r.o.Roles, Codec: codec.Protobuf, Task: r.task,
		Events: world.Events{Offers: r.desks.Offers, Update: r.desks.Update},
	})
	if err != nil {
		r.prober.close()
		return err
	}
	began := time.Now()
	r.progress.Show("registering %d agents", r.agents)
	if err = r.fleet.Connect(ctx, r.allocator.URL()); err == nil {
		err = r.fleet.WaitRegistered(ctx, r.agents)
	}
	if err != nil {
		r.close()
		r.fleet.Close()
	}
	row.Registered = time.Since(began).Seconds()
	return err
}

func (r *run) close() {
	r.desks.Close()
	r.prober.desks.Close()
	if !r.allocator.Ours() {
		r.frameworks.Leave()
		r.prober.frameworks.Leave()
	}
	r.frameworks.Close()
	r.prober.close()
}

// take fills an offer with tasks.
func (r *run) take(f *world.Framework, o *mesos.Offer) error {
	var err error
	if n := r.task.ThatFit(o, perAgent); n > 0 {
		_, err = f.Accept(o, n)
	} else {
		_, err = f.Decline(o)
	}
	return err
}

func (r *run) err() error {
	return errors.Join(r.fleet.Err(), r.frameworks.Err(), r.desks.Err(), r.prober.err())
}

func (r *run) running() int64 { return r.fleet.Launched() - r.fleet.Finished() }

// fullPart of the room for tasks is in use when the fleet counts as full: some is
// always on its way from one framework to the next.
const fullPart = .9

// fill waits until the fleet is full and the frameworks have settled.
func (r *run) fill(ctx context.Context, row *Row) error {
	began := time.Now()
	full := int64(fullPart * float64(perAgent*r.agents))
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var settled <-chan time.Time
	for {
		select {
		case <-tick.C:
		case <-settled:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("%w: %d tasks run, want %d; shorter tasks than the allocator can replace leave a fleet idle", ctx.Err(), r.running(), full)
		}
		if err := r.err(); err != nil {
			return err
		}
		if settled == nil && r.running() >= full {
			row.Filled = time.Since(began).Seconds()
			settled = time.After(r.o.WarmUp)
		}
		r.progress.Show("%d agents: %d of %d tasks run", r.agents, r.running(), perAgent*r.agents)
	}
}

// probe launches the probes and fills in the row.
func (r *run) probe(ctx context.Context, row *Row) error {
	sampler := world.NewSampler(time.Second, r.allocator)
	sampler.Rate("tasks per s", "ended", func() float64 { return float64(r.fleet.Finished()) })
	sampler.Gauge("tasks", "running", func() float64 { return float64(r.running()) })
	sampler.Latency("ACCEPT to TASK_RUNNING, ms", &r.prober.launch)
	sampler.Latency("REVIVE to offer, ms", &r.prober.wait)
	stop, err := r.prober.parts.watch()
	if err != nil {
		return err
	}
	sampler.Start()
	began, used, own, finished := time.Now(), r.allocator.Usage(), world.OwnCPU(), r.fleet.Finished()
	row.Running = r.running()
	next := began
	for i := 0; i < r.o.Probes && err == nil; i++ {
		r.progress.ShowPart(float64(i)/float64(r.o.Probes), "%d agents: probe %d of %d, %d tasks run", r.agents, i+1, r.o.Probes, r.running())
		if err = r.prober.once(ctx, r.err); err == nil {
			next = next.Add(r.o.Every)
			err = pause(ctx, time.Until(next))
		}
	}
	now := r.allocator.Usage()
	err = errors.Join(err, stop())
	row.Timeline = sampler.Stop()
	row.Seconds = time.Since(began).Seconds()
	row.TasksPerSecond = float64(r.fleet.Finished()-finished) / row.Seconds
	row.AllocatorCPU, row.LoadCPU, row.RSS = (now.CPU - used.CPU).Seconds(), (world.OwnCPU() - own).Seconds(), now.RSS
	row.Launch, row.Wait, row.Probes = latencyOf(&r.prober.launch), latencyOf(&r.prober.wait), r.prober.launch.Total().Count()
	row.Parts = r.prober.parts.total()
	return errors.Join(err, r.err())
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
