package paper

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sync/atomic"
	"time"

	"github.com/caprock/caprock/bench/world"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/mesos"
)

// RecoveryOptions say what is killed how often.
type RecoveryOptions struct {
	Agents, Links, Frameworks, Roles int
	// Kills of the allocator.
	Kills int
	// PerAgent tasks run on each agent, of TaskTime ± half.
	PerAgent int
	TaskTime time.Duration
	// WarmUp is the time between a full fleet and the first kill: before the tasks of the
	// start end there is nothing to offer.
	WarmUp time.Duration
	// Settle is how long everything runs between full recovery and the next kill.
	Settle    time.Duration
	Allocator world.AllocatorOptions
}

// Kill is one recovery; seconds count from the signal.
type Kill struct {
	// Running tasks when the signal was sent.
	Running int64 `json:"running"`
	// Listening is until the new process serves, Offer until the first offer, Agents and
	// Frameworks until the last of them is back, All the later of these two.
	Listening  float64 `json:"listening_s"`
	Offer      float64 `json:"offer_s"`
	Agents     float64 `json:"agents_s"`
	Frameworks float64 `json:"frameworks_s"`
	All        float64 `json:"all_s"`
	RSS        int64   `json:"allocator_rss_bytes"`
}

// Measure is what one of the times came to over all kills.
type Measure struct {
	What string    `json:"what"`
	Mean float64   `json:"mean_s"`
	Min  float64   `json:"min_s"`
	Max  float64   `json:"max_s"`
	Runs []float64 `json:"runs_s"`
}

// Recovered is what a run found.
type Recovered struct {
	Kills []Kill
	// Lost tasks: those that were reported ended without having finished.
	Lost     uint64
	Timeline *world.Timeline
}

// Measures are the times, of each its mean, least and most.
func (r *Recovered) Measures() (all []Measure) {
	for _, m := range []struct {
		what string
		of   func(*Kill) float64
	}{
		{"allocator serves", func(k *Kill) float64 { return k.Listening }},
		{"first offer", func(k *Kill) float64 { return k.Offer }},
		{"all frameworks back", func(k *Kill) float64 { return k.Frameworks }},
		{"all agents back", func(k *Kill) float64 { return k.Agents }},
		{"all back", func(k *Kill) float64 { return k.All }},
	} {
		x := Measure{What: m.what}
		for i := range r.Kills {
			x.Runs = append(x.Runs, m.of(&r.Kills[i]))
			x.Mean += x.Runs[i] / float64(len(r.Kills))
		}
		if len(x.Runs) > 0 {
			x.Min, x.Max = slices.Min(x.Runs), slices.Max(x.Runs)
		}
		all = append(all, x)
	}
	return all
}

// recovery is a run under way.
type recovery struct {
	o          RecoveryOptions
	task       world.Task
	allocator  *world.Allocator
	fleet      *world.Fleet
	frameworks *world.Frameworks
	desks      *world.Desks
	progress   *world.Progress
	lost       atomic.Uint64
	firstOffer *atomic.Int64 // since the frameworks came on; nanoseconds since the epoch, 0: none
	result     Recovered
}

// Recover runs the experiment.
func Recover(ctx context.Context, o RecoveryOptions, progress *world.Progress) (result *Recovered, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute+o.WarmUp+time.Duration(o.Kills)*(time.Minute+o.Settle))
	defer cancel()
	shape, err := world.ShapeNamed("plain")
	if err != nil {
		return nil, err
	}
	total := shape.Total(1)
	r := &recovery{o: o, progress: progress, task: world.Task{
		CPUs: total.CPUs / float64(o.PerAgent), MemMiB: total.MemMiB / float64(o.PerAgent), Sleep: o.TaskTime, Spread: .5}}
	if r.allocator, err = world.StartAllocator(ctx, o.Allocator); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.allocator.Stop()) }()
	r.fleet = world.NewFleet(world.FleetOptions{Agents: o.Agents, Links: o.Links, Shape: shape, Behaviour: world.Sleeping})
	defer r.fleet.Close()
	if err := r.subscribe(ctx, r.allocator.URL()); err != nil {
		return nil, err
	}
	defer func() {
		r.desks.Close()
		r.frameworks.Close()
	}()
	if err := r.fleet.Connect(ctx, r.allocator.URL()); err != nil {
		return nil, err
	}
	sampler := world.NewSampler(time.Second/4, r.allocator)
	sampler.Gauge("agents", "registered", func() float64 { return float64(r.fleet.Registered()) })
	sampler.Gauge("tasks", "running", func() float64 { return float64(r.running()) })
	sampler.Start()
	err = r.kills(ctx)
	r.result.Timeline, r.result.Lost = sampler.Stop(), r.lost.Load()
	return &r.result, err
}

func (r *recovery) running() int64 { return r.fleet.Launched() - r.fleet.Finished() }

func (r *recovery) err() error {
	return errors.Join(r.fleet.Err(), r.frameworks.Err(), r.desks.Err())
}

// subscribe brings the frameworks on, or back.
func (r *recovery) subscribe(ctx context.Context, url string) error {
	desks, first := world.NewDesks(r.take), &atomic.Int64{}
	frameworks, err := world.Subscribe(ctx, url, world.FrameworksOptions{
		Count: r.o.Frameworks, Roles: r.o.Roles, Codec: codec.Protobuf, Task: r.task, Return: r.frameworks,
		Events: world.Events{Offers: func(f *world.Framework, offers []*mesos.Offer) {
			first.CompareAndSwap(0, time.Now().UnixNano())
			desks.Offers(f, offers)
		}, Update: func(f *world.Framework, s *mesos.TaskStatus) {
			switch s.GetState() {
			case mesos.TaskState_TASK_RUNNING, mesos.TaskState_TASK_FINISHED:
			default:
				r.lost.Add(1)
			}
			desks.Update(f, s)
		}},
	})
	if err == nil {
		r.desks, r.frameworks, r.firstOffer = desks, frameworks, first
	}
	return err
}

func (r *recovery) take(f *world.Framework, o *mesos.Offer) (err error) {
	if n := r.task.ThatFit(o, r.o.PerAgent); n > 0 {
		_, err = f.Accept(o, n)
	} else {
		_, err = f.Decline(o)
	}
	return err
}

// fullPart of the room for tasks is in use before the first kill.
const fullPart = .9

func (r *recovery) kills(ctx context.Context) error {
	full := int64(fullPart * float64(r.o.Agents*r.o.PerAgent))
	if err := r.watch(ctx, func() bool { return r.running() >= full }, "filling"); err != nil {
		return err
	}
	for i := range r.o.Kills {
		pause := r.o.Settle
		if i == 0 {
			pause = r.o.WarmUp
		}
		settled := time.Now().Add(pause)
		if err := r.watch(ctx, func() bool { return time.Now().After(settled) }, "settling"); err != nil {
			return err
		}
		k, err := r.kill(ctx)
		if err != nil {
			return fmt.Errorf("kill %d: %w", i+1, err)
		}
		r.result.Kills = append(r.result.Kills, k)
	}
	return nil
}

func (r *recovery) watch(ctx context.Context, done func() bool, doing string) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", doing, ctx.Err())
		}
		if err := r.err(); err != nil {
			return err
		}
		r.progress.ShowPart(r.part(), "%s: %d agents, %d tasks run, %d kills so far", doing, r.fleet.Registered(), r.running(), len(r.result.Kills))
	}
	return nil
}

// part of the kills that are done.
func (r *recovery) part() float64 { return float64(len(r.result.Kills)) / float64(r.o.Kills) }

// retryEvery is how often those who lost the allocator try to reach it again.
const retryEvery = 20 * time.Millisecond

// retry calls do until it succeeds or ctx ends.
func retry(ctx context.Context, do func() error) error {
	for {
		err := do()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(retryEvery):
		}
	}
}

// kill kills the allocator and measures until all are back. The process is started again
// at once, as a supervisor would; agents and frameworks try by themselves, from the moment
// they lose it.
func (r *recovery) kill(ctx context.Context) (k Kill, err error) {
	// The restart writes the URL, which stays the same.
	k.Running = r.running()
	url := r.allocator.URL()
	r.progress.ShowPart(r.part(), "kill %d of %d", len(r.result.Kills)+1, r.o.Kills)
	r.desks.Close()
	began := time.Now()
	since := func() float64 { return time.Since(began).Seconds() }
	if err := r.allocator.Kill(); err != nil {
		return k, err
	}
	life := ctx // streams outlive the kill
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	errs := make(chan error, 3)
	go func() {
		err := r.allocator.Restart(ctx)
		k.Listening = since()
		errs <- err
	}()
	go func() {
		r.fleet.Cut(r.fleet.Links())
		r.fleet.Forgive()
		err := retry(ctx, func() error { return r.fleet.Connect(ctx, url) })
		if err == nil {
			r.fleet.Forgive()
			err = r.fleet.WaitRegistered(ctx, r.o.Agents)
		}
		k.Agents = since()
		errs <- err
	}()
	go func() {
		r.frameworks.Close()
		err := retry(ctx, func() error { return r.subscribe(life, url) })
		k.Frameworks = since()
		errs <- err
	}()
	for range 3 {
		err = errors.Join(err, <-errs)
	}
	if err != nil {
		return k, err
	}
	k.All, k.RSS = max(k.Agents, k.Frameworks), r.allocator.Usage().RSS
	err = r.watch(ctx, func() bool { return r.firstOffer.Load() != 0 }, "waiting for an offer")
	k.Offer = float64(r.firstOffer.Load()-began.UnixNano()) / 1e9
	return k, err
}
