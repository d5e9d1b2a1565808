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
// directory in dir; ACCEPTs take at most perAccept tasks, and a framework sends up to inFlight of
// them before it waits for the answer to the first, which comes when it is on disk.
func Wire(program, dir string, perAccept, inFlight int) work.Place {
	return func(ctx context.Context, w work.Work, watch *work.Watch) (on work.Placement, err error) {
		// A framework that accepts has the offer's rest again at the next cycle.
		allocator, err := world.StartAllocator(ctx, world.AllocatorOptions{Binary: program, Dir: dir,
			Flags: []string{"--allocation-interval=20ms"}})
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, allocator.Stop()) }()
		a := newApps(w, perAccept, inFlight)
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
	inFlight   int
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

func newApps(w work.Work, perAccept, inFlight int) *apps {
	a := &apps{work: w, perAccept: perAccept, inFlight: inFlight}
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
		go func() { errs <- it.launch(ctx, a.frameworks.All[i], a.perAccept, a.inFlight) }()
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
func (a *app) launch(ctx context.Context, f *world.Framework, perAccept, inFlight int) error {
	if _, err := f.Revive(); err != nil {
		return fmt.Errorf("framework %d: REVIVE: %w", f.Number, err)
	}
	for a.left > 0 {
		offers, err := a.take(ctx)
		if err != nil {
			return fmt.Errorf("framework %d: %w", f.Number, err)
		}
		for len(offers) > 0 {
			some := offers[:min(inFlight, len(offers))]
			offers = offers[len(some):]
			if err := a.accept(f, some, perAccept); err != nil {
				return fmt.Errorf("framework %d: %w", f.Number, err)
			}
		}
	}
	return nil
}

// accept puts tasks on offers with calls that are sent at once, and gives back those that it
// has none for.
func (a *app) accept(f *world.Framework, offers []*mesos.Offer, perAccept int) error {
	var taken, rest []*mesos.Offer
	var tasks []int
	had := a.left
	for _, o := range offers {
		n := min(a.left, perAccept, fit(o))
		if n == 0 {
			rest = append(rest, o)
			continue
		}
		taken, tasks = append(taken, o), append(tasks, n)
		a.left -= n
		for range n {
			a.placed = append(a.placed, nodeOf(o))
		}
	}
	if a.left == 0 && had > 0 {
		// With the offers' rest nothing is to be done.
		if _, err := f.Suppress(); err != nil {
			return fmt.Errorf("SUPPRESS: %w", err)
		}
	}
	if err := f.AcceptAll(taken, tasks); err != nil {
		return fmt.Errorf("%d ACCEPTs: %w", len(taken), err)
	}
	return a.giveBack(f, rest)
}

// giveBack declines what a framework needs no more.
func (a *app) giveBack(f *world.Framework, offers []*mesos.Offer) error {
	for _, o := range offers {
		if _, err := f.Decline(o); err != nil {
			return fmt.Errorf("DECLINE: %w", err)
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
