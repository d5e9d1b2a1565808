package fanout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caprock/caprock/bench/world"
	"github.com/caprock/caprock/wire/codec"
)

// Options of a run.
type Options struct {
	// Subscribers that keep up, and Slow ones that read SlowRate events a second.
	Subscribers, Slow, SlowRate int
	Codec                       codec.Type
	Agents, Links, Frameworks   int
	// Rate is how many tasks are launched a second; each is three events.
	Rate           int
	WarmUp, Window time.Duration
	Allocator      world.AllocatorOptions
}

// Row is the result for one kind of subscriber.
type Row struct {
	Kind        string `json:"kind"`
	Subscribers int    `json:"subscribers"`
	// Cut are those whose stream the allocator ended.
	Cut int `json:"cut"`
	// Events and bytes that arrived in the window, at all of them together.
	Events          uint64  `json:"events"`
	Bytes           uint64  `json:"bytes"`
	EventsPerSecond float64 `json:"events_per_s"`
	BytesPerSecond  float64 `json:"bytes_per_s"`
	// Least and most events that one of those that were not cut has had, from its first on.
	Least uint64 `json:"least_events"`
	Most  uint64 `json:"most_events"`
	// From ACCEPT to TASK_ADDED; of subscribers that keep up only.
	P50 time.Duration `json:"p50_ns,omitempty"`
	P99 time.Duration `json:"p99_ns,omitempty"`
	Max time.Duration `json:"max_ns,omitempty"`
}

// Result is a run.
type Result struct {
	Rows []Row
	// Tasks launched in the window, and calls that were due while there was no offer.
	Tasks, Starved uint64
	// CutByAllocator is what its metric says: of those who were cut, the ones whose buffer was full.
	CutByAllocator int
	Seconds        float64
	AllocatorCPU   float64
	LoadCPU        float64
	RSS            int64
	Timeline       *world.Timeline
}

// run is one under way.
type run struct {
	o          Options
	allocator  *world.Allocator
	fleet      *world.Fleet
	frameworks *world.Frameworks
	pacer      *world.Pacer
	audience   *audience
	progress   *world.Progress
}

// Run measures.
func Run(ctx context.Context, o Options, progress *world.Progress) (result *Result, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute+o.WarmUp+o.Window)
	defer cancel()
	r := &run{o: o, progress: progress, pacer: world.NewPacer()}
	o.Allocator.Flags = append([]string{fmt.Sprintf("--max-operator-event-stream-subscribers=%d", o.Subscribers+o.Slow+1)}, o.Allocator.Flags...)
	if r.allocator, err = world.StartAllocator(ctx, o.Allocator); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.allocator.Stop()) }()
	progress.Show("subscribing %d operators", o.Subscribers+o.Slow)
	r.audience = newAudience(o.Codec, o.Frameworks)
	defer r.audience.close()
	if err := r.audience.subscribe(ctx, r.allocator.URL(), o); err != nil {
		return nil, err
	}
	if err := r.build(ctx); err != nil {
		return nil, err
	}
	defer r.fleet.Close()
	defer r.frameworks.Close()
	defer r.pacer.Close()
	result, err = r.window(ctx)
	if !r.allocator.Ours() {
		r.frameworks.Leave()
	}
	return result, err
}

func (r *run) build(ctx context.Context) (err error) {
	shape, err := world.ShapeNamed("plain")
	if err != nil {
		return err
	}
	r.pacer.Launching = r.audience.launching
	r.frameworks, err = world.Subscribe(ctx, r.allocator.URL(), world.FrameworksOptions{
		Count: r.o.Frameworks, Roles: r.o.Frameworks, Codec: codec.Protobuf, Task: world.Task{IDPrefix: marker},
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

func (r *run) err() error { return errors.Join(r.fleet.Err(), r.frameworks.Err(), r.pacer.Err()) }

// window launches tasks, and counts what arrives after the warm-up.
func (r *run) window(ctx context.Context) (*Result, error) {
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
	if err := r.sleep(ctx, r.o.WarmUp, "warming up"); err != nil {
		return nil, err
	}
	before, err := world.Metrics(ctx, r.allocator.URL())
	if err != nil {
		return nil, err
	}
	r.audience.latency.Reset()
	sampler := world.NewSampler(time.Second, r.allocator)
	sampler.Rate("events delivered per s", "all subscribers", func() float64 { return float64(r.audience.events.Load()) })
	sampler.Rate("MiB delivered per s", "all subscribers", func() float64 { return float64(r.audience.bytes.Load()) / (1 << 20) })
	sampler.Latency("ACCEPT to TASK_ADDED, ms", &r.audience.latency)
	sampler.Gauge("streams open", "as the allocator says", func() float64 {
		m, _ := world.Metrics(ctx, r.allocator.URL()) // one that does not answer shows as 0
		return m["caprock/streams"]
	})
	sampler.Start()
	began, used, own, sent, starved := time.Now(), r.allocator.Usage(), world.OwnCPU(), r.pacer.Sent(), r.pacer.Starved()
	mark := r.audience.mark()
	err = r.sleep(ctx, r.o.Window, "measuring")
	now := r.allocator.Usage()
	result := &Result{
		Seconds: time.Since(began).Seconds(), Tasks: r.pacer.Sent() - sent, Starved: r.pacer.Starved() - starved,
		AllocatorCPU: (now.CPU - used.CPU).Seconds(), LoadCPU: (world.OwnCPU() - own).Seconds(), RSS: now.RSS,
	}
	counts := r.audience.mark()
	result.Timeline = sampler.Stop()
	if err != nil {
		return nil, err
	}
	stop()
	<-paced
	after, err := world.Metrics(ctx, r.allocator.URL())
	if err != nil {
		return nil, err
	}
	result.CutByAllocator = int(after[cutMetric] - before[cutMetric])
	if err := r.settle(ctx); err != nil {
		return nil, err
	}
	result.Rows = r.audience.rows(result.Seconds, mark, counts)
	return result, r.err()
}

// cutMetric counts subscribers that were cut, frameworks too; those here keep up.
const cutMetric = "caprock/streams/cut"

// settlePatience is how long those who keep up may take to read the last events.
const settlePatience = 5 * time.Second

// settle lets all subscribers read what is left, so that who was cut knows of it
// and all others can be compared.
func (r *run) settle(ctx context.Context) error {
	r.audience.hurry()
	last, still := r.audience.events.Load(), 0
	for end := time.Now().Add(settlePatience); time.Now().Before(end) && still < 5; {
		if err := r.sleep(ctx, 100*time.Millisecond, "reading the rest"); err != nil {
			return err
		}
		if now := r.audience.events.Load(); now == last {
			still++
		} else {
			last, still = now, 0
		}
	}
	return nil
}

// sleep shows how it goes for d.
func (r *run) sleep(ctx context.Context, d time.Duration, doing string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	end, began := time.NewTimer(d), time.Now()
	defer end.Stop()
	for {
		select {
		case <-end.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if err := r.err(); err != nil {
			return err
		}
		text := fmt.Sprintf("%s: %d tasks, %d events delivered, %d subscribers", doing, r.pacer.Sent(), r.audience.events.Load(), r.audience.connected.Load())
		if d < time.Second { // one of many
			r.progress.Show("%s", text)
		} else {
			r.progress.ShowPart(float64(time.Since(began))/float64(d), "%s", text)
		}
	}
}
