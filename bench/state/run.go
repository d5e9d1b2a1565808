package state

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/caprock/caprock/bench/workload"
	"github.com/caprock/caprock/bench/world"
	"github.com/caprock/caprock/wire/codec"
)

// Options of a run.
type Options struct {
	Agents, Links, Frameworks, Roles int
	// Shape of the agents: a name, or a workload's file.
	Shape string
	// Rate is how many ACCEPTs are due a second.
	Rate int
	// Readers that poll at a time, each with Pause between an answer and the next read.
	Readers int
	Pause   time.Duration
	// Rounds of all phases, each of which is Settle, not counted, and Window.
	Rounds         int
	Settle, Window time.Duration
	Allocator      world.AllocatorOptions
}

// Latency is a distribution.
type Latency struct {
	P50 time.Duration `json:"p50_ns"`
	P99 time.Duration `json:"p99_ns"`
	Max time.Duration `json:"max_ns"`
}

// Row is the result with readers of one endpoint, or with none.
type Row struct {
	Readers string `json:"readers"`
	// Accept is the latency of ACCEPT since it was due.
	Accept           Latency `json:"accept"`
	Accepts          uint64  `json:"accepts"`
	AcceptsPerSecond float64 `json:"accepts_per_s"`
	// Starved calls were due while no framework was free and had an offer.
	Starved uint64  `json:"starved,omitempty"`
	Read    Latency `json:"read"`
	Reads   uint64  `json:"reads"`
	// ReadsPerSecond of all readers, and bytes of their answers.
	ReadsPerSecond float64 `json:"reads_per_s"`
	BytesPerSecond float64 `json:"read_bytes_per_s"`
	Seconds        float64 `json:"seconds"`
	AllocatorCPU   float64 `json:"allocator_cpu_s"`
	LoadCPU        float64 `json:"load_cpu_s"`
	RSS            int64   `json:"allocator_rss_bytes"`
}

// none is the row without readers.
const none = "nobody"

// run is one under way.
type run struct {
	o          Options
	allocator  *world.Allocator
	fleet      *world.Fleet
	frameworks *world.Frameworks
	pacer      *world.Pacer
	progress   *world.Progress
	reads      world.Latencies // of the timeline
	phases     []*phase
}

// phase is what was counted in all rounds with the same readers.
type phase struct {
	row          Row
	endpoint     *endpoint // nil: no readers
	accept, read world.Histogram
	bytes        int64
}

// mostExtraThreads bounds the threads that are added for readers.
const mostExtraThreads = 16

// Run measures ACCEPT with nobody reading and with readers of each endpoint.
func Run(ctx context.Context, o Options, polled []endpoint, progress *world.Progress) (rows []Row, timeline *world.Timeline, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute+time.Duration((len(polled)+1)*o.Rounds)*(o.Settle+o.Window))
	defer cancel()
	r := &run{o: o, progress: progress, pacer: world.NewPacer(), phases: []*phase{{row: Row{Readers: none}}}}
	for i := range polled {
		r.phases = append(r.phases, &phase{row: Row{Readers: polled[i].name}, endpoint: &polled[i]})
	}
	// A reader copies for milliseconds at a time. It must not keep the callers of this process waiting for
	// one of Go's threads: what they measure is the allocator.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 2*min(o.Readers, mostExtraThreads/2)))
	shape, err := workload.ShapeNamed(o.Shape)
	if err != nil {
		return nil, nil, err
	}
	o.Allocator.Flags = append(shape.Flags(), o.Allocator.Flags...)
	if r.allocator, err = world.StartAllocator(ctx, o.Allocator); err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, r.allocator.Stop()) }()
	if err := r.build(ctx, shape); err != nil {
		return nil, nil, err
	}
	defer r.fleet.Close()
	defer r.frameworks.Close()
	defer r.pacer.Close()
	timeline, err = r.rounds(ctx)
	if !r.allocator.Ours() {
		r.frameworks.Leave()
	}
	for _, p := range r.phases {
		rows = append(rows, p.finish())
	}
	return rows, timeline, err
}

func (r *run) build(ctx context.Context, shape *world.Shape) (err error) {
	r.frameworks, err = world.Subscribe(ctx, r.allocator.URL(), world.FrameworksOptions{
		Count: r.o.Frameworks, Roles: r.o.Roles, Codec: codec.Protobuf,
		Events: world.Events{Offers: r.pacer.Offers, Update: r.pacer.Update},
	})
	if err != nil {
		return err
	}
	r.fleet = world.NewFleet(world.FleetOptions{Agents: r.o.Agents, Links: r.o.Links, Shape: shape, Behaviour: world.Finishing})
	r.progress.Show("registering %d agents", r.o.Agents)
	if err = r.fleet.Connect(ctx, r.allocator.URL()); err == nil {
		err = r.fleet.WaitRegistered(ctx, r.o.Agents)
	}
	if err != nil {
		r.frameworks.Close()
		r.fleet.Close()
	}
	return err
}

// rounds plays every phase in every round.
func (r *run) rounds(ctx context.Context) (*world.Timeline, error) {
	var accepts world.Latencies // of the timeline: the pacer's are reset with each phase
	r.pacer.Answered = accepts.Record
	launching, stop := context.WithCancel(ctx)
	paced := make(chan struct{})
	go func() {
		defer close(paced)
		r.pacer.Run(launching, r.o.Rate)
	}()
	defer func() {
		stop()
		<-paced
	}()
	sampler := world.NewSampler(time.Second, r.allocator)
	sampler.Rate("ACCEPT per s", "answered", func() float64 { return float64(r.pacer.Sent()) })
	sampler.Latency("ACCEPT, ms", &accepts)
	sampler.Latency("reads, ms", &r.reads)
	sampler.Start()
	var err error
	for round := 0; round < r.o.Rounds && err == nil; round++ {
		for _, p := range r.phases {
			if err = r.play(ctx, p, round); err != nil {
				break
			}
		}
	}
	return sampler.Stop(), err
}

// play is one phase of one round.
func (r *run) play(ctx context.Context, p *phase, round int) error {
	var latency world.Latencies
	var bytes atomic.Int64
	failed := r.err
	if p.endpoint != nil {
		readers := read(ctx, r.allocator.URL(), *p.endpoint, r.o.Readers, r.o.Pause, func(d time.Duration) {
			latency.Record(d)
			r.reads.Record(d)
		}, &bytes)
		defer readers.stop()
		failed = func() error { return errors.Join(r.err(), readers.Err()) }
	}
	doing := fmt.Sprintf("round %d of %d, read by %s", round+1, r.o.Rounds, p.row.Readers)
	if err := r.sleep(ctx, r.o.Settle, doing, failed); err != nil {
		return err
	}
	latency.Reset()
	bytes.Store(0)
	r.pacer.Latency.Reset()
	began, used, own, starved := time.Now(), r.allocator.Usage(), world.OwnCPU(), r.pacer.Starved()
	err := r.sleep(ctx, r.o.Window, doing, failed)
	now := r.allocator.Usage()
	p.accept.Merge(r.pacer.Latency.Total())
	p.read.Merge(latency.Total())
	p.bytes += bytes.Load()
	p.row.Seconds += time.Since(began).Seconds()
	p.row.Starved += r.pacer.Starved() - starved
	p.row.AllocatorCPU += (now.CPU - used.CPU).Seconds()
	p.row.LoadCPU += (world.OwnCPU() - own).Seconds()
	p.row.RSS = max(p.row.RSS, now.RSS)
	return err
}

// finish fills in the row.
func (p *phase) finish() Row {
	r := &p.row
	r.Accept, r.Read = latencyOf(&p.accept), latencyOf(&p.read)
	r.Accepts, r.Reads = p.accept.Count(), p.read.Count()
	if r.Seconds > 0 {
		r.AcceptsPerSecond, r.ReadsPerSecond = float64(r.Accepts)/r.Seconds, float64(r.Reads)/r.Seconds
		r.BytesPerSecond = float64(p.bytes) / r.Seconds
	}
	return *r
}

func latencyOf(h *world.Histogram) Latency { return Latency{h.Quantile(.5), h.Quantile(.99), h.Max()} }

func (r *run) err() error { return errors.Join(r.fleet.Err(), r.frameworks.Err(), r.pacer.Err()) }

func (r *run) sleep(ctx context.Context, d time.Duration, doing string, failed func() error) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	end, began := time.NewTimer(d), time.Now()
	defer end.Stop()
	for {
		select {
		case <-end.C:
			return failed()
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if err := failed(); err != nil {
			return err
		}
		r.progress.ShowPart(float64(time.Since(began))/float64(d), "%s: %d tasks launched", doing, r.pacer.Sent())
	}
}
