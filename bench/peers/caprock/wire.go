package caprock

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/caprock/caprock/bench/peers/work"
	"github.com/caprock/caprock/bench/world"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/mesos"
)

// Wire is work.Place with an allocator process of the given program, with its state in a new
// directory in dir; ACCEPTs take at most perAccept tasks.
func Wire(program, dir string, perAccept int) work.Place {
	return func(ctx context.Context, w work.Work, watch *work.Watch) (on work.Placement, err error) {
		// A framework that accepts has the offer's rest again at the next cycle.
		allocator, err := world.StartAllocator(ctx, world.AllocatorOptions{Binary: program, Dir: dir,
			Flags: []string{"--allocation-interval=20ms"}})
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, allocator.Stop()) }()
		a := newApps(w, perAccept)
		if err := a.connect(ctx, allocator.URL()); err != nil {
			return nil, err
		}
		defer a.close()

		before := allocator.Usage().CPU
		watch.Start()
		if err := a.run(ctx); err != nil {
			return nil, err
		}
		used := allocator.Usage()
		used.CPU -= before
		watch.StopWith(used)
		return a.placement(), a.arrived(ctx)
	}
}

// apps are the frameworks with their tasks, and the agents.
type apps struct {
	work       work.Work
	perAccept  int
	all        []*app
	frameworks *world.Frameworks
	fleet      *world.Fleet
}

// app is one framework: its stream puts offers, its own goroutine answers them.
type app struct {
	left   int
	placed []string // nodes, one for each task

	mu     sync.Mutex
	offers []*mesos.Offer
	more   chan struct{} // says that there are offers
}

func newApps(w work.Work, perAccept int) *apps {
	a := &apps{work: w, perAccept: perAccept}
	for range w.Apps {
		a.all = append(a.all, &app{left: w.TasksPerApp, more: make(chan struct{}, 1)})
	}
	return a
}

// connect brings the frameworks on, suppressed, and the agents.
func (a *apps) connect(ctx context.Context, url string) (err error) {
	shape, err := world.ShapeNamed("plain") // whose agents are as large as the work's nodes
	if err != nil {
		return err
	}
	a.frameworks, err = world.Subscribe(ctx, url, world.FrameworksOptions{
		Count: a.work.Apps, Roles: roles, Codec: codec.Protobuf, Task: world.Task{CPUs: work.TaskCPUs, MemMiB: work.TaskMemMiB},
		Events: world.Events{
			Offers: func(f *world.Framework, offers []*mesos.Offer) { a.all[f.Number].put(offers) },
			Update: func(f *world.Framework, s *mesos.TaskStatus) {
				a.frameworks.Fail(fmt.Errorf("task %s: %v: %s", s.GetTaskId().GetValue(), s.GetState(), s.GetMessage()))
			},
		},
	})
	if err != nil {
		return err
	}
	for _, f := range a.frameworks.All {
		if _, err := f.Suppress(); err != nil {
			a.frameworks.Close()
			return fmt.Errorf("framework %d: SUPPRESS: %w", f.Number, err)
		}
	}
	a.fleet = world.NewFleet(world.FleetOptions{Agents: a.work.Nodes, Shape: shape, Behaviour: world.Silent})
	if err = a.fleet.Connect(ctx, url); err == nil {
		err = a.fleet.WaitRegistered(ctx, a.work.Nodes)
	}
	if err != nil {
		a.close()
	}
	return err
}

func (a *apps) close() {
	a.frameworks.Close()
	a.fleet.Close()
}

// run lets all frameworks launch their tasks.
func (a *apps) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make(chan error, len(a.all))
	for i, it := range a.all {
		go func() { errs <- it.launch(ctx, a.frameworks.All[i], a.perAccept) }()
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for waiting := len(a.all); waiting > 0; {
		var err error
		select {
		case err = <-errs:
			waiting--
		case <-tick.C:
			err = errors.Join(a.frameworks.Err(), a.fleet.Err())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *app) put(offers []*mesos.Offer) {
	a.mu.Lock()
	a.offers = append(a.offers, offers...)
	a.mu.Unlock()
	select {
	case a.more <- struct{}{}:
	default:
	}
}

func (a *app) take(ctx context.Context) ([]*mesos.Offer, error) {
	select {
	case <-a.more:
	case <-ctx.Done():
		return nil, fmt.Errorf("%d tasks have no node: %w", a.left, ctx.Err())
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	offers := a.offers
	a.offers = nil
	return offers, nil
}

// launch revives, accepts offers until every task has a node, and suppresses.
func (a *app) launch(ctx context.Context, f *world.Framework, perAccept int) error {
	if _, err := f.Revive(); err != nil {
		return fmt.Errorf("framework %d: REVIVE: %w", f.Number, err)
	}
	for a.left > 0 {
		offers, err := a.take(ctx)
		if err != nil {
			return fmt.Errorf("framework %d: %w", f.Number, err)
		}
		for i, o := range offers {
			if a.left == 0 {
				return a.giveBack(f, offers[i:])
			}
			n := min(a.left, perAccept, fit(o))
			if n == 0 {
				if _, err := f.Decline(o); err != nil {
					return fmt.Errorf("framework %d: DECLINE: %w", f.Number, err)
				}
				continue
			}
			if a.left == n {
				if _, err := f.Suppress(); err != nil {
					return fmt.Errorf("framework %d: SUPPRESS: %w", f.Number, err)
				}
			}
			if _, err := f.Accept(o, n); err != nil {
				return fmt.Errorf("framework %d: ACCEPT of %d tasks: %w", f.Number, n, err)
			}
			a.left -= n
			for range n {
				a.placed = append(a.placed, nodeOf(o))
			}
		}
	}
	return nil
}

// giveBack declines what a framework needs no more.
func (a *app) giveBack(f *world.Framework, offers []*mesos.Offer) error {
	for _, o := range offers {
		if _, err := f.Decline(o); err != nil {
			return fmt.Errorf("framework %d: DECLINE: %w", f.Number, err)
		}
	}
	return nil
}

// nodeOf is the name of the node that world calls host-000000 and so on.
func nodeOf(o *mesos.Offer) string {
	n, err := strconv.Atoi(strings.TrimPrefix(o.GetHostname(), "host-"))
	if err != nil {
		return o.GetHostname() // which Check finds strange
	}
	return work.Node(n)
}

func (a *apps) placement() work.Placement {
	on := make(work.Placement, a.work.Tasks())
	for i, it := range a.all {
		for t, node := range it.placed {
			on[work.Task(i, t)] = node
		}
	}
	return on
}

// arrived waits until the agents have heard of every task.
func (a *apps) arrived(ctx context.Context) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for a.fleet.Launched() < int64(a.work.Tasks()) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d tasks arrived at their agents: %w", a.fleet.Launched(), a.work.Tasks(), ctx.Err())
		}
		if err := errors.Join(a.frameworks.Err(), a.fleet.Err()); err != nil {
			return err
		}
	}
	return nil
}
