package fleet

import (
	"context"
	"errors"
	"time"

	"github.com/caprock/caprock/bench/world"
	"github.com/caprock/caprock/wire/codec"
)

// Options of a run.
type Options struct {
	Agents, Links int
	// Frameworks of each kind.
	Frameworks int
	// TaskTime is the mean length of tasks; they last half of it to one and a half times.
	TaskTime time.Duration
	// WarmUp is not counted, Window is.
	WarmUp, Window time.Duration
	Allocator      world.AllocatorOptions
}

// Latency is a distribution.
type Latency struct {
	P50 time.Duration `json:"p50_ns"`
	P99 time.Duration `json:"p99_ns"`
	Max time.Duration `json:"max_ns"`
}

// Row is what one kind of framework did and got in the window.
type Row struct {
	Kind       string `json:"kind"`
	Frameworks int    `json:"frameworks"`
	Offers     uint64 `json:"offers"`
	Declined   uint64 `json:"declined"`
	// Refused are tasks that ended without having run.
	Refused        uint64  `json:"refused,omitempty"`
	Tasks          uint64  `json:"tasks"`
	TasksPerSecond float64 `json:"tasks_per_s"`
	// Running tasks and DominantShare are means over the window.
	Running       float64 `json:"running"`
	DominantShare float64 `json:"dominant_share"`
	Accept        Latency `json:"accept"`
}

// Result is a run.
type Result struct {
	Rows         []Row
	Seconds      float64
	AllocatorCPU float64
	LoadCPU      float64
	RSS          int64
	Timeline     *world.Timeline // warm-up included
}

// run is one under way.
type run struct {
	o         Options
	allocator *world.Allocator
	fleet     *world.Fleet
	parties   []*party
	progress  *world.Progress
}

// Run measures.
func Run(ctx context.Context, o Options, progress *world.Progress) (result *Result, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute+o.WarmUp+o.Window)
	defer cancel()
	r := &run{o: o, progress: progress}
	shape, err := world.ShapeNamed("plain")
	if err != nil {
		return nil, err
	}
	if r.allocator, err = world.StartAllocator(ctx, o.Allocator); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.allocator.Stop()) }()
	r.fleet = world.NewFleet(world.FleetOptions{Agents: o.Agents, Links: o.Links, Shape: shape, Behaviour: world.Sleeping})
	defer r.fleet.Close()
	defer r.leave()
	for i := range kinds {
		if err := r.subscribe(ctx, &kinds[i]); err != nil {
			return nil, err
		}
	}
	sampler := r.sampler()
	progress.Show("registering %d agents", o.Agents)
	if err := r.fleet.Connect(ctx, r.allocator.URL()); err != nil {
		return nil, err
	}
	if err := r.fleet.WaitRegistered(ctx, o.Agents); err != nil {
		return nil, err
	}
	sampler.Start()
	result, err = r.window(ctx)
	timeline := sampler.Stop()
	if err != nil {
		return nil, err
	}
	result.Timeline = timeline
	return result, nil
}

func (r *run) subscribe(ctx context.Context, k *kind) (err error) {
	r.progress.Show("subscribing frameworks that are %s", k.name)
	p := newParty(k, r.o.Agents, r.o.TaskTime)
	p.frameworks, err = world.Subscribe(ctx, r.allocator.URL(), world.FrameworksOptions{
		Count: r.o.Frameworks, Role: k.name, Codec: codec.Protobuf, Task: p.tasks,
		Events: world.Events{Offers: p.desks.Offers, Update: p.update},
	})
	if err == nil {
		r.parties = append(r.parties, p)
	}
	return err
}

// leave ends the frameworks.
func (r *run) leave() {
	for _, p := range r.parties {
		p.desks.Close()
		if !r.allocator.Ours() {
			p.frameworks.Leave()
		}
		p.frameworks.Close()
	}
}

func (r *run) sampler() *world.Sampler {
	s := world.NewSampler(time.Second, r.allocator)
	for _, p := range r.parties {
		s.Gauge("dominant share, percent", p.name, func() float64 { return 100 * p.share(p.running.Load(), r.o.Agents) })
	}
	for _, p := range r.parties {
		s.Rate("tasks launched per s", p.name, func() float64 { return float64(p.launched.Load()) })
	}
	return s
}

// window counts after the warm-up.
func (r *run) window(ctx context.Context) (*Result, error) {
	if err := r.watch(ctx, r.o.WarmUp, "warming up", func() {}); err != nil {
		return nil, err
	}
	result := &Result{Rows: make([]Row, len(r.parties))}
	for i, p := range r.parties {
		result.Rows[i] = Row{Offers: p.offers.Load(), Declined: p.declined.Load(), Tasks: p.launched.Load(), Refused: p.refused.Load()}
		p.accept.Reset()
	}
	began, used, own := time.Now(), r.allocator.Usage(), world.OwnCPU()
	running, looks := make([]int64, len(r.parties)), 0
	err := r.watch(ctx, r.o.Window, "measuring", func() {
		looks++
		for i, p := range r.parties {
			running[i] += p.running.Load()
		}
	})
	now := r.allocator.Usage()
	result.Seconds = time.Since(began).Seconds()
	result.AllocatorCPU, result.LoadCPU, result.RSS = (now.CPU - used.CPU).Seconds(), (world.OwnCPU() - own).Seconds(), now.RSS
	for i, p := range r.parties {
		row, h := &result.Rows[i], p.accept.Total()
		row.Kind, row.Frameworks = p.name, r.o.Frameworks
		row.Offers, row.Declined = p.offers.Load()-row.Offers, p.declined.Load()-row.Declined
		row.Tasks, row.Refused = p.launched.Load()-row.Tasks, p.refused.Load()-row.Refused
		row.TasksPerSecond = float64(row.Tasks) / result.Seconds
		row.Running = float64(running[i]) / float64(max(1, looks))
		row.DominantShare = p.share(running[i], r.o.Agents) / float64(max(1, looks))
		row.Accept = Latency{h.Quantile(.5), h.Quantile(.99), h.Max()}
	}
	return result, err
}

// lookEvery is how often running tasks are counted for the means.
const lookEvery = 50 * time.Millisecond

func (r *run) watch(ctx context.Context, d time.Duration, doing string, look func()) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	end := time.NewTimer(d)
	defer end.Stop()
	for {
		select {
		case <-end.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		look()
		err := r.fleet.Err()
		var running int64
		for _, p := range r.parties {
			err = errors.Join(err, p.frameworks.Err(), p.desks.Err())
			running += p.running.Load()
		}
		if err != nil {
			return err
		}
		r.progress.Show("%s: %d tasks run, %d have ended", doing, running, r.fleet.Finished())
	}
}
