package caprock

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/bench/peers/work"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// Engine is work.Place with the allocator's core in process; ACCEPTs take at most perAccept
// tasks.
func Engine(perAccept int) work.Place {
	return func(ctx context.Context, w work.Work, watch *work.Watch) (work.Placement, error) {
		e, err := newEngine(w, perAccept)
		if err != nil {
			return nil, err
		}
		watch.Start()
		for _, f := range e.frameworks {
			e.call(f, &scheduler.Call{Type: scheduler.Call_REVIVE.Enum()})
		}
		for e.err == nil && len(e.on) < w.Tasks() {
			if err := ctx.Err(); err != nil {
				return nil, fmt.Errorf("the core has placed %d of %d tasks: %w", len(e.on), w.Tasks(), err)
			}
			e.cycle()
		}
		watch.Stop()
		return e.on, e.err
	}
}

// engine is a core with its frameworks and agents around it.
type engine struct {
	work       work.Work
	perAccept  int
	core       *core.Core
	now        core.Time
	out        core.Output
	frameworks []*framework
	on         work.Placement
	err        error // the first thing that should not happen
}

// framework is one application: a scheduler that wants to run so many tasks.
type framework struct {
	number   int
	id       *mesos.FrameworkID
	streamID string
	left     int // tasks without a node
	tasks    []*mesos.Resource
	offers   []*mesos.Offer
}

// Streams are numbered from 1 by framework, channels by node.
func streamOf(app int) core.StreamRef    { return core.StreamRef(app + 1) }
func channelOf(node int) core.ChannelRef { return core.ChannelRef(node + 1) }

func newEngine(w work.Work, perAccept int) (*engine, error) {
	id, ip, port := "bench", uint32(127|1<<24), uint32(5050)
	c, err := core.New(core.Options{MasterInfo: &mesos.MasterInfo{Id: &id, Ip: &ip, Port: &port},
		ClusterID: "bench", Allocator: "127.0.0.1:5050", Seed: 1})
	if err != nil {
		return nil, err
	}
	e := &engine{work: w, perAccept: perAccept, core: c, on: make(work.Placement, w.Tasks()),
		now: core.Time{Mono: int64(time.Hour), Wall: time.Now().UnixNano()}}
	e.core.Recovered(e.now, &e.out)
	e.learn()
	for a := range w.Apps {
		e.subscribe(a)
	}
	for n := range w.Nodes {
		e.step(&core.AgentFrame{Channel: channelOf(n), Up: &link.Up{Body: &link.Up_Register{Register: register(n)}}})
	}
	return e, e.err
}

func (e *engine) subscribe(app int) {
	f := &framework{number: app, streamID: fmt.Sprintf("stream-%d", app), left: e.work.TasksPerApp, tasks: taskResources(roleOf(app))}
	e.frameworks = append(e.frameworks, f)
	call := &scheduler.Call{Type: scheduler.Call_SUBSCRIBE.Enum(), Subscribe: &scheduler.Call_Subscribe{
		FrameworkInfo: frameworkInfo(app), SuppressedRoles: []string{roleOf(app)}}}
	if err := core.ValidateSchedulerCall(call, "", ""); err != nil {
		e.fail("framework %d is refused: %s", app, err.Text)
		return
	}
	e.step(&core.Subscribe{Stream: streamOf(app), StreamID: f.streamID, Call: call, Reply: 1})
	if f.id == nil {
		e.fail("framework %d is not subscribed", app)
	}
}

// call makes a call as the HTTP API does with one that it has decoded.
func (e *engine) call(f *framework, call *scheduler.Call) {
	call.FrameworkId = f.id
	if err := core.ValidateSchedulerCall(call, "", f.streamID); err != nil {
		e.fail("%v of framework %d is refused: %s", call.GetType(), f.number, err.Text)
		return
	}
	e.step(&core.SchedulerCall{StreamID: f.streamID, Call: call, Reply: 1})
}

func (e *engine) step(cmd core.Command) {
	e.out.Reset()
	e.core.Step(e.now, cmd, &e.out)
	e.learn()
}

// cycle makes offers, an allocation interval after the last ones, and has the frameworks
// answer them.
func (e *engine) cycle() {
	e.now.Mono += int64(core.DefaultAllocationInterval)
	e.now.Wall += int64(core.DefaultAllocationInterval)
	e.out.Reset()
	e.core.Cycle(e.now, &e.out)
	e.learn()
	for _, f := range e.frameworks {
		e.answer(f)
	}
}

// answer accepts offers while there are tasks, and gives the others back for good.
func (e *engine) answer(f *framework) {
	offers := f.offers
	f.offers = nil
	for i, o := range offers {
		n := min(f.left, e.perAccept, fit(o))
		if n == 0 {
			e.call(f, decline(offers[i:]))
			return
		}
		call := accept(o, f, e.work.TasksPerApp-f.left, n)
		if f.left -= n; f.left == 0 {
			// With the offer's rest nothing is to be done.
			e.call(f, &scheduler.Call{Type: scheduler.Call_SUPPRESS.Enum()})
		}
		e.call(f, call)
	}
}

// learn takes in what the core tells frameworks and agents.
func (e *engine) learn() {
	for _, effect := range e.out.Effects {
		switch effect := effect.(type) {
		case *core.OpenStream:
			id := effect.FrameworkID
			e.frameworks[effect.Stream-1].id = &mesos.FrameworkID{Value: &id}
		case *core.Event:
			e.event(e.frameworks[effect.Stream-1], effect.Event)
		case *core.Down:
			if l, ok := effect.Down.Body.(*link.Down_Launch); ok {
				for _, t := range l.Launch.Tasks {
					e.on[t.GetTaskId().GetValue()] = work.Node(int(effect.Channel - 1))
				}
			}
		case *core.Reply:
			if effect.Status >= 300 {
				e.fail("a call was answered with %d: %s", effect.Status, effect.Text)
			}
		case *core.CloseChannel:
			e.fail("node %d was refused", effect.Channel-1)
		}
	}
}

func (e *engine) event(f *framework, event *scheduler.Event) {
	switch event.GetType() {
	case scheduler.Event_OFFERS:
		f.offers = append(f.offers, event.GetOffers().GetOffers()...)
	case scheduler.Event_UPDATE:
		s := event.GetUpdate().GetStatus()
		e.fail("task %s: %v: %s", s.GetTaskId().GetValue(), s.GetState(), s.GetMessage())
	case scheduler.Event_RESCIND, scheduler.Event_ERROR:
		e.fail("framework %d was told %v", f.number, event)
	}
}

func (e *engine) fail(format string, args ...any) {
	if e.err == nil {
		e.err = fmt.Errorf(format, args...)
	}
}

// AsFit is the perAccept of frameworks that put on an offer what fits.
const AsFit = math.MaxInt
