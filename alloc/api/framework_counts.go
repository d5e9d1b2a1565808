package api

import (
	"fmt"
	"net/url"
	"strings"
	"sync"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/alloc/view"
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/clock"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// frameworkCounts are the counters of one framework. frameworksCounts.mu guards
// them: calls of one framework come one or a few at a time.
type frameworkCounts struct {
	calls  [32]uint64 // by scheduler.Call_Type
	events [32]uint64 // by scheduler.Event_Type

	operations [32]uint64 // accepted, by mesos.Offer_Operation_Type
	ended      [32]uint64 // tasks, by mesos.TaskState

	offersSent, offersAccepted, offersDeclined, offersRescinded uint64

	memory offerMemory
}

// frameworksCounts holds the counters of every framework that is shown.
type frameworksCounts struct {
	clock clock.Clock

	mu struct {
		sync.Mutex
		byID    map[string]*frameworkCounts // guarded by mu
		streams map[core.StreamRef]string   // framework by open stream; guarded by mu
	}
}

// countLocked gives the counters of a framework that is known: calls in the name
// of others must not fill the memory.
func (n *frameworksCounts) countLocked(id string) *frameworkCounts { return n.mu.byID[id] }

// published keeps counters for frameworks as long as they are shown, completed
// ones included.
func (n *frameworksCounts) published(changed []core.Change) {
	for i := range changed {
		if c := &changed[i]; c.ID.Kind == record.KindFramework {
			n.know(c.ID.Parts[0], c.Entity != nil)
		}
	}
}

func (n *frameworksCounts) know(id string, shown bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !shown {
		delete(n.mu.byID, id)
		return
	}
	if n.mu.byID == nil {
		n.mu.byID, n.mu.streams = map[string]*frameworkCounts{}, map[core.StreamRef]string{}
	}
	if n.mu.byID[id] == nil {
		n.mu.byID[id] = &frameworkCounts{memory: offerMemory{known: n.clock.Now()}}
	}
}

func (n *frameworksCounts) opened(stream core.StreamRef, framework string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.countLocked(framework); c != nil {
		n.mu.streams[stream] = framework
		c.calls[scheduler.Call_SUBSCRIBE]++
	}
}

func (n *frameworksCounts) closed(stream core.StreamRef) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.mu.streams, stream)
}

func (n *frameworksCounts) call(call *scheduler.Call) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.countLocked(call.GetFrameworkId().GetValue())
	if c == nil || call.GetType() == scheduler.Call_SUBSCRIBE {
		return
	}
	c.calls[int(call.GetType())%len(c.calls)]++
	switch call.GetType() {
	case scheduler.Call_DECLINE:
		c.offersDeclined += uint64(len(call.GetDecline().GetOfferIds()))
	case scheduler.Call_ACCEPT:
		offers := uint64(len(call.GetAccept().GetOfferIds()))
		if len(call.GetAccept().GetOperations()) == 0 {
			c.offersDeclined += offers
			return
		}
		c.offersAccepted += offers
		for _, op := range call.GetAccept().GetOperations() {
			c.operations[int(op.GetType())%len(c.operations)]++
		}
	}
}

func (n *frameworksCounts) event(stream core.StreamRef, e *scheduler.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.countLocked(n.mu.streams[stream])
	if c == nil {
		return
	}
	c.events[int(e.GetType())%len(c.events)]++
	switch e.GetType() {
	case scheduler.Event_OFFERS:
		c.offersSent += uint64(len(e.GetOffers().GetOffers()))
		c.memory.offered = n.clock.Now()
	case scheduler.Event_RESCIND:
		c.offersRescinded++
	}
}

func (n *frameworksCounts) terminal(framework string, state mesos.TaskState) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.countLocked(framework); c != nil {
		c.ended[int(state)%len(c.ended)]++
	}
}

// put shows the counters, and the gauges of a snapshot, under the framework's
// name and id.
func (n *frameworksCounts) put(snap *view.Snapshot, put func(string, float64)) {
	active := map[string]*[32]float64{}
	for t := range snap.Tasks.All() {
		id := t.Info().GetFrameworkId().GetValue()
		if active[id] == nil {
			active[id] = &[32]float64{}
		}
		if !core.IsTerminal(t.Info().GetState()) {
			active[id][int(t.Info().GetState())%32]++
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for f := range snap.Frameworks.All() {
		c := n.countLocked(f.ID())
		if c == nil {
			continue
		}
		prefix := fmt.Sprintf("master/frameworks/%s/%s/", url.PathEscape(f.Info().GetName()), f.ID())
		c.put(func(name string, v float64) { put(prefix+name, v) })
		if principal := f.Info().GetPrincipal(); principal != "" {
			// Mesos counts what drivers of v0 send. Here is no such thing.
			put("frameworks/"+principal+"/messages_received", 0)
			put("frameworks/"+principal+"/messages_processed", 0)
		}
		subscribed := 0.0
		if f.Connected {
			subscribed = 1
		}
		put(prefix+"subscribed", subscribed)
		if now := n.clock.Now(); waits(f) {
			put(prefix+"offers/seconds_since_last", c.memory.sinceOffer(now).Seconds())
			put(prefix+"offers/seconds_since_used", c.memory.sinceUsed(now).Seconds())
		} else {
			put(prefix+"offers/seconds_since_last", 0)
			put(prefix+"offers/seconds_since_used", 0)
		}
		for _, state := range activeStates {
			v := 0.0
			if a := active[f.ID()]; a != nil {
				v = a[state]
			}
			put(prefix+"tasks/active/"+strings.ToLower(state.String()), v)
		}
		suppressed := map[string]bool{}
		for _, role := range f.Rec.GetSuppressedRoles() {
			suppressed[role] = true
		}
		for _, role := range frameworkRoles(f.Info()) {
			v := 0.0
			if suppressed[role] {
				v = 1
			}
			put(prefix+"roles/"+role+"/suppressed", v)
		}
	}
}

var activeStates = []mesos.TaskState{
	mesos.TaskState_TASK_STAGING, mesos.TaskState_TASK_STARTING, mesos.TaskState_TASK_RUNNING,
	mesos.TaskState_TASK_KILLING, mesos.TaskState_TASK_UNREACHABLE, mesos.TaskState_TASK_UNKNOWN,
}

func (c *frameworkCounts) put(put func(string, float64)) {
	byType := func(name string, counts *[32]uint64, names map[int32]string, trim string) {
		total := uint64(0)
		for i, v := range counts {
			if text, ok := names[int32(i)]; ok && text != "UNKNOWN" {
				put(name+"/"+strings.ToLower(strings.TrimPrefix(text, trim)), float64(v))
				total += v
			}
		}
		put(name, float64(total))
	}
	byType("calls", &c.calls, scheduler.Call_Type_name, "")
	byType("events", &c.events, scheduler.Event_Type_name, "")
	byType("operations", &c.operations, mesos.Offer_Operation_Type_name, "")
	for _, state := range endStates {
		put("tasks/terminal/"+strings.ToLower(state.String()), float64(c.ended[state]))
	}
	put("offers/sent", float64(c.offersSent))
	put("offers/accepted", float64(c.offersAccepted))
	put("offers/declined", float64(c.offersDeclined))
	put("offers/rescinded", float64(c.offersRescinded))
}

var endStates = []mesos.TaskState{
	mesos.TaskState_TASK_FINISHED, mesos.TaskState_TASK_FAILED, mesos.TaskState_TASK_KILLED, mesos.TaskState_TASK_LOST,
	mesos.TaskState_TASK_ERROR, mesos.TaskState_TASK_DROPPED, mesos.TaskState_TASK_GONE, mesos.TaskState_TASK_GONE_BY_OPERATOR,
}
