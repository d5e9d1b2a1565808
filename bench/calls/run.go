package calls

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/bench/world"
	"github.com/caprock/caprock/wire/mesos"
)

// Options of a run.
type Options struct {
	Frameworks, Roles, Agents, Links int
	// InFlight is how many calls of a closed loop wait for answers.
	InFlight int
	// AtOnce is how many acknowledgements a framework sends before it reads the first
	// answer; they count as one of InFlight.
	AtOnce int
	// WarmUp is not counted, Window is.
	WarmUp, Window time.Duration
	// Acks is how many updates the acknowledge case confirms.
	Acks int
	// Outstanding bounds the tasks of the lifecycle case that have not ended.
	Outstanding int64
	Allocator   world.AllocatorOptions
}

// Row is the result of one case.
type Row struct {
	Case    string  `json:"case"`
	Calls   uint64  `json:"calls"`
	Tasks   uint64  `json:"tasks"`
	Seconds float64 `json:"seconds"`
	// CallsPerSecond and TasksPerSecond; of the lifecycle case tasks are whole
	// lifecycles.
	CallsPerSecond float64       `json:"calls_per_s"`
	TasksPerSecond float64       `json:"tasks_per_s"`
	P50            time.Duration `json:"p50_ns"`
	P99            time.Duration `json:"p99_ns"`
	Max            time.Duration `json:"max_ns"`
	// Refused are tasks that were accepted and then found wanting; they are not in Tasks.
	Refused uint64 `json:"refused,omitempty"`
	// Starved are paced calls that were due while there was no offer.
	Starved uint64 `json:"starved,omitempty"`
	// CPU seconds of the window, and memory at its end.
	AllocatorCPU float64 `json:"allocator_cpu_s"`
	LoadCPU      float64 `json:"load_cpu_s"`
	RSS          int64   `json:"allocator_rss_bytes"`
	// Registered is how long the fleet took to register, Subscribed the frameworks.
	Registered float64 `json:"registered_s"`
	Subscribed float64 `json:"subscribed_s"`
	// Timeline is how the window went.
	Timeline *world.Timeline `json:"timeline,omitempty"`
}

// run is one case under way.
type run struct {
	o          Options
	c          Case
	allocator  *world.Allocator
	fleet      *world.Fleet
	frameworks *world.Frameworks
	pool       *pool

	recording atomic.Bool
	stopping  atomic.Bool
	calls     atomic.Uint64 // answered, recorded or not
	tasks     atomic.Uint64 // accepted, recorded or not
	launching atomic.Int64  // of the lifecycle case: sent, perhaps accepted
	refused   atomic.Uint64 // tasks that were answered with an end instead of a start
	starved   atomic.Uint64
	workers   sync.WaitGroup

	over world.Latencies // what was recorded since the last sample

	mu   sync.Mutex
	hist world.Histogram // merged at the end
}

// Run measures one case.
func Run(ctx context.Context, o Options, c Case, progress *world.Progress) (row Row, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute+2*o.Window)
	defer cancel()
	r := &run{o: o, c: c, pool: newPool(o.AtOnce)}
	row.Case = c.Name
	o.Allocator.Flags = append([]string{"--allocation-interval=" + c.interval().String()}, o.Allocator.Flags...)
	if r.allocator, err = world.StartAllocator(ctx, o.Allocator); err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, r.allocator.Stop()) }()
	if err := r.build(ctx, &row, progress); err != nil {
		return row, err
	}
	defer r.frameworks.Close()
	defer r.fleet.Close()
	if c.kind == acknowledge {
		err = r.acknowledge(ctx, &row, progress)
	} else {
		err = r.window(ctx, &row, progress)
	}
	r.stop()
	if err == nil {
		err = errors.Join(r.fleet.Err(), r.frameworks.Err())
	}
	row.P50, row.P99, row.Max = r.hist.Quantile(.5), r.hist.Quantile(.99), r.hist.Max()
	if !r.allocator.Ours() {
		r.frameworks.Leave()
	}
	return row, err
}

// build brings the frameworks and the fleet on, in this order: the first framework
// of a cluster of agents would be offered all of them.
func (r *run) build(ctx context.Context, row *Row, progress *world.Progress) error {
	shape, err := world.ShapeNamed("plain")
	if err != nil {
		return err
	}
	began := time.Now()
	progress.Show("%s: subscribing %d frameworks", r.c.Name, r.o.Frameworks)
	r.frameworks, err = world.Subscribe(ctx, r.allocator.URL(), world.FrameworksOptions{
		Count: r.o.Frameworks, Roles: r.o.Roles, Codec: r.c.codec, Events: world.Events{
			Offers: r.pool.putOffers,
			Update: func(f *world.Framework, s *mesos.TaskStatus) {
				if len(s.GetUuid()) > 0 {
					r.pool.putStatus(f, s)
				} else if core.IsTerminal(s.GetState()) {
					r.refused.Add(1)
				}
			},
		},
	})
	row.Subscribed = time.Since(began).Seconds()
	if err != nil {
		return err
	}
	r.fleet = world.NewFleet(world.FleetOptions{Agents: r.o.Agents, Links: r.o.Links, Shape: shape, Behaviour: r.c.behaviour()})
	began = time.Now()
	progress.Show("%s: registering %d agents", r.c.Name, r.o.Agents)
	if err := r.fleet.Connect(ctx, r.allocator.URL()); err != nil {
		return err
	}
	if err := r.fleet.WaitRegistered(ctx, r.o.Agents); err != nil {
		return err
	}
	row.Registered = time.Since(began).Seconds()
	return nil
}

// window runs the loop for the warm-up and the window.
func (r *run) window(ctx context.Context, row *Row, progress *world.Progress) error {
	world.Collect()
	if r.c.rate > 0 {
		if err := r.startPaced(ctx); err != nil {
			return err
		}
	} else {
		r.startClosed()
	}
	if err := r.sleep(ctx, r.o.WarmUp, progress, "warming up"); err != nil {
		return err
	}
	before := r.mark()
	r.recording.Store(true)
	err := r.timeline(row, func() error { return r.sleep(ctx, r.o.Window, progress, "measuring") })
	r.recording.Store(false)
	r.fill(row, before)
	return err
}

// marks are counters at one moment.
type marks struct {
	at                       time.Time
	calls, tasks             uint64
	refused, starved         uint64
	finished                 int64
	allocatorCPU, loadCPUNow time.Duration
}

func (r *run) mark() marks {
	return marks{time.Now(), r.calls.Load(), r.tasks.Load(), r.refused.Load(), r.starved.Load(), r.fleet.Finished(), r.allocator.Usage().CPU, world.OwnCPU()}
}

func (r *run) fill(row *Row, from marks) {
	to := r.mark()
	row.Seconds = to.at.Sub(from.at).Seconds()
	row.Calls, row.Refused, row.Starved = to.calls-from.calls, to.refused-from.refused, to.starved-from.starved
	row.Tasks = to.tasks - from.tasks - min(row.Refused, to.tasks-from.tasks)
	if r.c.kind == lifecycle {
		row.Tasks = uint64(to.finished - from.finished)
	}
	row.CallsPerSecond, row.TasksPerSecond = float64(row.Calls)/row.Seconds, float64(row.Tasks)/row.Seconds
	row.AllocatorCPU, row.LoadCPU = (to.allocatorCPU - from.allocatorCPU).Seconds(), (to.loadCPUNow - from.loadCPUNow).Seconds()
	row.RSS = r.allocator.Usage().RSS
}

// sleep lets the loop run for d and shows how it goes.
func (r *run) sleep(ctx context.Context, d time.Duration, progress *world.Progress, doing string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.Now().Add(d)
	last, lastAt := r.calls.Load(), time.Now()
	for time.Now().Before(end) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := errors.Join(r.fleet.Err(), r.frameworks.Err()); err != nil {
			return err
		}
		if now := time.Now(); now.Sub(lastAt) > time.Second/2 {
			n := r.calls.Load()
			progress.ShowPart(1-float64(end.Sub(now))/float64(d), "%s: %s, %.0f calls/s", r.c.Name, doing, float64(n-last)/now.Sub(lastAt).Seconds())
			last, lastAt = n, now
		}
	}
	return nil
}

// startClosed keeps a fixed number of calls in flight.
func (r *run) startClosed() {
	for range r.o.InFlight {
		r.workers.Go(func() {
			hist := &world.Histogram{}
			for {
				it, ok := r.pool.take()
				if !ok {
					break
				}
				r.call(it, func(took time.Duration) {
					r.calls.Add(1)
					r.record(hist, took)
				})
			}
			r.merge(hist)
		})
	}
}

// record counts a latency while the window is open.
func (r *run) record(hist *world.Histogram, took time.Duration) {
	if r.recording.Load() {
		hist.Record(took)
		r.over.Record(took)
	}
}

// samples per second of a window's timeline.
const samples = 5

// timeline samples while do runs.
func (r *run) timeline(row *Row, do func() error) error {
	sampler := world.NewSampler(time.Second/samples, r.allocator)
	sampler.Rate("calls per s", "answered", func() float64 { return float64(r.calls.Load()) })
	sampler.Latency("latency, ms", &r.over)
	sampler.Start()
	err := do()
	row.Timeline = sampler.Stop()
	return err
}

func (r *run) merge(h *world.Histogram) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hist.Merge(h)
}

// call makes the calls that an item asks for, tells answered of each, and frees its
// framework.
func (r *run) call(it item, answered func(took time.Duration)) {
	f, tasks := it.framework, 0
	var err error
	switch {
	case it.statuses != nil:
		err = f.AcknowledgeAll(it.statuses, answered)
	case r.c.kind == decline:
		err = once(answered)(f.Decline(it.offer))
	default:
		// A framework that takes an offer for all of its tasks though it holds fewer
		// gets none: what ended tasks free comes back in small pieces.
		if tasks = world.TasksThatFit(it.offer, r.c.tasks); tasks == 0 {
			err = once(answered)(f.Decline(it.offer))
			break
		}
		r.limit(int64(tasks))
		err = once(answered)(f.Accept(it.offer, tasks))
	}
	if err != nil {
		if !r.stopping.Load() {
			r.frameworks.Fail(fmt.Errorf("framework %d: %w", f.Number, err))
		}
		return
	}
	r.tasks.Add(uint64(tasks))
	if it.statuses != nil {
		r.limit(0)
	}
	r.pool.done(f)
}

// once passes on how long a call took that did not fail.
func once(answered func(time.Duration)) func(time.Duration, error) error {
	return func(took time.Duration, err error) error {
		if err == nil {
			answered(took)
		}
		return err
	}
}

// limit holds offers while too many tasks of the lifecycle case are under way.
func (r *run) limit(more int64) {
	if r.c.kind == lifecycle {
		r.pool.hold(r.launching.Add(more)-r.fleet.Finished()-int64(r.refused.Load()) >= r.o.Outstanding)
	}
}

// due is a call of the open loop.
type due struct {
	item
	at time.Time
}

// startPaced makes a call whenever one is due and there is an offer.
func (r *run) startPaced(ctx context.Context) error {
	pace, err := world.NewMetronome(time.Second / time.Duration(r.c.rate))
	if err != nil {
		return err
	}
	queue := make(chan due, r.c.rate)
	for range r.o.InFlight {
		r.workers.Go(func() {
			hist := &world.Histogram{}
			for d := range queue {
				r.call(d.item, func(time.Duration) {
					r.calls.Add(1)
					r.record(hist, time.Since(d.at))
				})
			}
			r.merge(hist)
		})
	}
	r.workers.Go(func() {
		defer close(queue)
		defer pace.Close()
		for !r.stopping.Load() && ctx.Err() == nil {
			at, err := pace.Wait()
			if err != nil {
				r.frameworks.Fail(err)
				return
			}
			if it, ok := r.pool.tryTake(); ok {
				queue <- due{it, at}
			} else {
				r.starved.Add(1)
			}
		}
	})
	return nil
}

func (r *run) stop() {
	r.stopping.Store(true)
	r.pool.close()
	r.workers.Wait()
}

// acknowledge launches tasks, lets the agents report on all of them at once, and
// counts until every update is acknowledged.
func (r *run) acknowledge(ctx context.Context, row *Row, progress *world.Progress) error {
	r.startClosed()
	wanted := uint64(r.o.Acks)
	if err := r.until(ctx, progress, "launching", func() bool { return r.tasks.Load() >= wanted }); err != nil {
		return err
	}
	r.pool.hold(true)
	if err := r.until(ctx, progress, "launched", func() bool {
		return r.pool.idle() && uint64(r.fleet.Launched()) >= r.tasks.Load()
	}); err != nil {
		return err
	}
	before := r.mark()
	r.recording.Store(true)
	if err := r.fleet.Report(); err != nil {
		return err
	}
	total := before.calls + before.tasks
	err := r.timeline(row, func() error {
		return r.until(ctx, progress, "acknowledging", func() bool { return r.calls.Load() >= total })
	})
	r.recording.Store(false)
	r.fill(row, before)
	return err
}

func (r *run) until(ctx context.Context, progress *world.Progress, doing string, done func() bool) error {
	for !done() {
		if err := r.sleep(ctx, 20*time.Millisecond, progress, doing); err != nil {
			return err
		}
		progress.Show("%s: %s, %d calls", r.c.Name, doing, r.calls.Load())
	}
	return nil
}
