package storm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caprock/caprock/bench/workload"
	"github.com/caprock/caprock/bench/world"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/mesos"
)

// Options of a storm.
type Options struct {
	Agents, Links, Frameworks, Roles int
	// Tasks that run when the allocator is killed; 0 skips launching, not the kill.
	Tasks int
	// Heartbeats is how long the fleet does nothing but answer pings; 0 skips that.
	Heartbeats time.Duration
	// Shape of the agents: a name, or a workload's file.
	Shape     string
	Allocator world.AllocatorOptions
}

// Row is one phase.
type Row struct {
	Phase   string  `json:"phase"`
	Count   int     `json:"count"`
	Seconds float64 `json:"seconds"`
	// AllocatorCPU and LoadCPU are seconds used during the phase, RSS is memory
	// at its end.
	AllocatorCPU float64 `json:"allocator_cpu_s"`
	LoadCPU      float64 `json:"load_cpu_s"`
	RSS          int64   `json:"allocator_rss_bytes"`
}

// storm is one under way.
type storm struct {
	o          Options
	allocator  *world.Allocator
	fleet      *world.Fleet
	frameworks *world.Frameworks
	progress   *world.Progress
	rows       []Row

	wanted atomic.Int64 // tasks still to launch
	first  *firstOffer
	calls  sync.WaitGroup
	acks   sync.Map // *world.Framework to *world.Acknowledger
	accept world.Latencies
}

// Run plays a storm. The timeline goes over all phases.
func Run(ctx context.Context, o Options, progress *world.Progress) (rows []Row, timeline *world.Timeline, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	s := &storm{o: o, progress: progress}
	shape, err := workload.ShapeNamed(o.Shape)
	if err != nil {
		return nil, nil, err
	}
	s.o.Allocator.Flags = append(shape.Flags(), o.Allocator.Flags...)
	if s.allocator, err = world.StartAllocator(ctx, s.o.Allocator); err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, s.allocator.Stop()) }()
	s.fleet = world.NewFleet(world.FleetOptions{Agents: o.Agents, Links: o.Links, Shape: shape, Behaviour: world.Running})
	defer func() { s.fleet.Close() }()
	sampler := world.NewSampler(time.Second/4, s.allocator)
	sampler.Gauge("agents", "registered", func() float64 { return float64(s.fleet.Registered()) })
	sampler.Rate("tasks per s", "launched", func() float64 { return float64(s.fleet.Launched()) })
	sampler.Latency("ACCEPT, ms", &s.accept)
	sampler.Start()
	defer func() { timeline = sampler.Stop() }()
	steps := []func(context.Context) error{s.cold, s.subscribe, s.vanish, s.launch, s.beat}
	if s.allocator.Ours() {
		steps = append(steps, s.kill)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return s.rows, nil, err
		}
	}
	if !s.allocator.Ours() {
		s.frameworks.Leave()
	}
	s.frameworks.Close()
	s.calls.Wait()
	return s.rows, nil, nil
}

// phase measures what do takes.
func (s *storm) phase(name string, count int, do func() error) error {
	s.progress.Show("%s: %d", name, count)
	began, used, own := time.Now(), s.allocator.Usage(), world.OwnCPU()
	err := do()
	now := s.allocator.Usage()
	s.rows = append(s.rows, Row{
		Phase: name, Count: count, Seconds: time.Since(began).Seconds(),
		AllocatorCPU: (now.CPU - used.CPU).Seconds(), LoadCPU: (world.OwnCPU() - own).Seconds(), RSS: now.RSS,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (s *storm) cold(ctx context.Context) error {
	return s.phase("agents registered from cold", s.o.Agents, func() error { return s.connect(ctx) })
}

func (s *storm) connect(ctx context.Context) error {
	if err := s.fleet.Connect(ctx, s.allocator.URL()); err != nil {
		return err
	}
	return s.fleet.WaitRegistered(ctx, s.o.Agents)
}

func (s *storm) subscribe(ctx context.Context) error {
	s.watchOffers()
	return s.phase("frameworks subscribed", s.o.Frameworks, func() error { return s.subscribeAll(ctx) })
}

func (s *storm) subscribeAll(ctx context.Context) (err error) {
	s.frameworks, err = world.Subscribe(ctx, s.allocator.URL(), world.FrameworksOptions{
		Count: s.o.Frameworks, Roles: s.o.Roles, Codec: codec.Protobuf, Return: s.frameworks,
		Events: world.Events{Offers: s.offers, Update: s.update},
	})
	return err
}

// firstOffer notes when the first offers since a moment came.
type firstOffer struct {
	once sync.Once
	came chan struct{}
	at   time.Time // set before came is closed
}

func (f *firstOffer) see() {
	f.once.Do(func() {
		f.at = time.Now()
		close(f.came)
	})
}

func (s *storm) watchOffers() { s.first = &firstOffer{came: make(chan struct{})} }

// perCall is how many tasks an ACCEPT of the launching phase holds at most.
const perCall = 100

// offers launches tasks while some are wanted and gives the rest back.
func (s *storm) offers(f *world.Framework, offers []*mesos.Offer) {
	s.first.see()
	s.calls.Go(func() {
		for _, o := range offers {
			n := s.claim()
			var err error
			if n > 0 {
				var took time.Duration
				if took, err = f.Accept(o, n); err == nil {
					s.accept.Record(took)
				}
			} else {
				return // kept: nobody needs it any more
			}
			if err != nil {
				s.wanted.Add(int64(n))
				s.frameworks.Fail(err)
				return
			}
		}
	})
}

// claim takes a share of the tasks that are wanted: even over all agents, as
// far as calls of a hundred go.
func (s *storm) claim() int {
	share := int64(min(perCall, max(1, s.o.Tasks/s.o.Agents)))
	left := s.wanted.Add(-share)
	if left >= 0 {
		return int(share)
	}
	s.wanted.Add(min(share, -left))
	return int(max(0, share+left))
}

func (s *storm) update(f *world.Framework, status *mesos.TaskStatus) {
	a, _ := s.acks.Load(f)
	if a == nil {
		a, _ = s.acks.LoadOrStore(f, world.NewAcknowledger(f, func(err error) { s.frameworks.Fail(err) }))
	}
	a.(*world.Acknowledger).Put(status)
}

// vanish cuts half of the links and lets them return.
func (s *storm) vanish(ctx context.Context) error {
	half := s.fleet.Links() / 2
	if half == 0 {
		return nil
	}
	s.fleet.Cut(half)
	s.fleet.Forgive()
	gone := s.o.Agents - s.fleet.Registered()
	return s.phase("agents back after their links broke", gone, func() error { return s.connect(ctx) })
}

// beat lets the fleet do nothing but answer pings, while its tasks run. Its row counts
// the pings, and shows what the allocator needs at rest.
func (s *storm) beat(ctx context.Context) error {
	if s.o.Heartbeats == 0 {
		return nil
	}
	before := s.fleet.Pings()
	end := time.NewTimer(s.o.Heartbeats)
	defer end.Stop()
	err := s.phase("heartbeats of the whole fleet", 0, func() error {
		return s.wait(ctx, func() bool {
			select {
			case <-end.C:
				return true
			default:
				return false
			}
		})
	})
	s.rows[len(s.rows)-1].Count = int(s.fleet.Pings() - before)
	return err
}

func (s *storm) launch(ctx context.Context) error {
	if s.o.Tasks == 0 {
		return nil
	}
	return s.phase("tasks launched and reported running", s.o.Tasks, func() error {
		s.wanted.Store(int64(s.o.Tasks))
		// Offers made so far were kept; give them back by coming back.
		s.frameworks.Close()
		s.calls.Wait()
		if err := s.subscribeAll(ctx); err != nil {
			return err
		}
		return s.allLaunched(ctx)
	})
}

// standstill is how long an allocator that is not ours may launch nothing of what is wanted.
const standstill = 30 * time.Second

// allLaunched waits until all tasks run on our agents. A cluster that has agents of its own
// gives tasks to those too, which nobody here sees start: it must not be waited for for ever.
func (s *storm) allLaunched(ctx context.Context) error {
	most, since := int64(0), time.Now()
	var stopped error
	err := s.wait(ctx, func() bool {
		n := s.fleet.Launched()
		if n > most {
			most, since = n, time.Now()
		}
		if !s.allocator.Ours() && time.Since(since) > standstill {
			stopped = fmt.Errorf("got %d of %d tasks on simulated agents and none for %v, want an allocator without other agents", n, s.o.Tasks, standstill)
		}
		return n >= int64(s.o.Tasks) || stopped != nil
	})
	return errors.Join(err, stopped)
}

func (s *storm) wait(ctx context.Context, done func() bool) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := errors.Join(s.fleet.Err(), s.frameworks.Err()); err != nil {
			return err
		}
		s.progress.Show("%d agents, %d tasks", s.fleet.Registered(), s.fleet.Launched())
	}
	return nil
}

// kill ends the allocator as a crash would, starts it again and brings everybody
// back.
func (s *storm) kill(ctx context.Context) error {
	if err := s.allocator.Kill(); err != nil {
		return err
	}
	s.frameworks.Close()
	s.calls.Wait()
	s.fleet.Cut(s.fleet.Links())
	s.fleet.Forgive()
	s.watchOffers()
	began, own := time.Now(), world.OwnCPU()
	done := func(phase string, count int, at time.Time) {
		u := s.allocator.Usage()
		s.rows = append(s.rows, Row{Phase: phase, Count: count, Seconds: at.Sub(began).Seconds(),
			AllocatorCPU: u.CPU.Seconds(), LoadCPU: (world.OwnCPU() - own).Seconds(), RSS: u.RSS})
	}
	s.progress.Show("restarting the allocator")
	if err := s.allocator.Restart(ctx); err != nil {
		return err
	}
	done("restart to listening", 1, time.Now())
	connected := make(chan error, 1)
	go func() { connected <- s.connect(ctx) }()
	if err := s.subscribeAll(ctx); err != nil {
		return err
	}
	subscribed := time.Now()
	select {
	case <-s.first.came:
		done("restart to first offer", 1, s.first.at)
	case <-ctx.Done():
		return fmt.Errorf("no offer after the restart: %w", ctx.Err())
	}
	done("restart to frameworks back", s.o.Frameworks, subscribed)
	err := <-connected
	done("restart to agents back", s.fleet.Registered(), time.Now())
	return err
}
