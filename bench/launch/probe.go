package launch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/caprock/caprock/bench/world"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/mesos"
)

// prober is the framework that launches one task at a time.
type prober struct {
	frameworks   *world.Frameworks // of one
	desks        *world.Desks
	task         world.Task
	offers       chan arrived[*mesos.Offer]
	updates      chan arrived[mesos.TaskState]
	delivered    chan arrived[struct{}]
	launch, wait world.Latencies
	parts        parts
}

// arrived is what came, and when.
type arrived[T any] struct {
	what T
	at   time.Time
}

// newProber limits the role to one task and subscribes, suppressed.
func newProber(ctx context.Context, a *world.Allocator) (*prober, error) {
	limit := fmt.Sprintf(`{"type":"UPDATE_QUOTA","update_quota":{"force":true,"quota_configs":[{"role":%q,"limits":{"cpus":{"value":%d},"mem":{"value":%d}}}]}}`,
		probeRole, taskCPUs, taskMemMiB)
	if err := world.Operate(ctx, a.URL(), limit); err != nil {
		return nil, err
	}
	p := &prober{
		task:      world.Task{CPUs: taskCPUs, MemMiB: taskMemMiB, IDPrefix: probePrefix},
		offers:    make(chan arrived[*mesos.Offer], 1),
		updates:   make(chan arrived[mesos.TaskState], 4), // a task has two
		delivered: make(chan arrived[struct{}], 1),
	}
	p.desks = world.NewDesks(p.take)
	var err error
	p.frameworks, err = world.Subscribe(ctx, a.URL(), world.FrameworksOptions{
		Count: 1, Role: probeRole, Codec: codec.Protobuf, Task: p.task,
		Events: world.Events{Offers: p.desks.Offers, Update: func(f *world.Framework, s *mesos.TaskStatus) {
			at := time.Now()
			p.desks.Update(f, s)
			p.updates <- arrived[mesos.TaskState]{s.GetState(), at}
		}},
	})
	if err != nil {
		return nil, err
	}
	if _, err = p.framework().Suppress(); err != nil {
		p.close()
	}
	return p, err
}

// probePrefix begins the ids of probes.
const probePrefix = "probe-"

// arrived notes when a probe is at its agent.
func (p *prober) arrived(t *mesos.TaskInfo) {
	if strings.HasPrefix(t.GetTaskId().GetValue(), probePrefix) {
		select {
		case p.delivered <- arrived[struct{}]{at: time.Now()}:
		default: // sent again
		}
	}
}

func (p *prober) framework() *world.Framework { return p.frameworks.All[0] }

// take keeps an offer that fits if none is kept, and gives back the rest.
func (p *prober) take(f *world.Framework, o *mesos.Offer) error {
	if p.task.ThatFit(o, 1) == 1 {
		select {
		case p.offers <- arrived[*mesos.Offer]{o, time.Now()}:
			return nil
		default:
		}
	}
	_, err := f.Decline(o)
	return err
}

func (p *prober) err() error { return errors.Join(p.frameworks.Err(), p.desks.Err()) }

func (p *prober) close() {
	p.desks.Close()
	p.frameworks.Close()
}

// once asks for an offer, launches a task and waits for its end.
func (p *prober) once(ctx context.Context, failed func() error) error {
	offer, err := p.ask(ctx, failed)
	if err != nil {
		return err
	}
	return p.start(ctx, offer, failed)
}

// ask revives and waits for an offer.
func (p *prober) ask(ctx context.Context, failed func() error) (*mesos.Offer, error) {
	asked := time.Now()
	took, err := p.framework().Revive()
	if err != nil {
		return nil, err
	}
	offer, err := next(ctx, p.offers, failed, "an offer for the probe")
	if err != nil {
		return nil, err
	}
	p.wait.Record(offer.at.Sub(asked))
	p.parts.revived.Record(took)
	p.parts.offered.Record(offer.at.Sub(asked) - took)
	return offer.what, nil
}

// start launches a task, asks for no more, and waits for the task's end.
func (p *prober) start(ctx context.Context, offer *mesos.Offer, failed func() error) error {
	f := p.framework()
	sent := time.Now()
	took, err := f.Accept(offer, 1)
	if err != nil {
		return err
	}
	p.parts.accepted.Record(took)
	if _, err := f.Suppress(); err != nil {
		return err
	}
	delivered, err := next(ctx, p.delivered, failed, "the probe at its agent")
	if err != nil {
		return err
	}
	for _, want := range []mesos.TaskState{mesos.TaskState_TASK_RUNNING, mesos.TaskState_TASK_FINISHED} {
		got, err := next(ctx, p.updates, failed, want.String()+" of the probe")
		switch {
		case err != nil:
			return err
		case got.what != want:
			return fmt.Errorf("the probe's task became %v, want %v", got.what, want)
		}
		if want == mesos.TaskState_TASK_RUNNING {
			p.launch.Record(got.at.Sub(sent))
			p.parts.delivered.Record(delivered.at.Sub(sent))
			p.parts.reported.Record(got.at.Sub(delivered.at))
		}
	}
	return nil
}

// patience is how long an offer or update may take before the run is given up.
const patience = time.Minute

// next waits for what comes.
func next[T any](ctx context.Context, from <-chan arrived[T], failed func() error, what string) (arrived[T], error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		select {
		case got := <-from:
			return got, nil
		case <-tick.C:
			if err := failed(); err != nil {
				return arrived[T]{}, err
			}
		case <-late.C:
			return arrived[T]{}, fmt.Errorf("%s did not come within %v", what, patience)
		case <-ctx.Done():
			return arrived[T]{}, ctx.Err()
		}
	}
}
