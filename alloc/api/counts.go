package api

import (
	"strings"
	"sync"
	"sync/atomic"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/alloc/view"
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// counts are the counters behind Mesos' metrics: calls and frames as they come,
// task states as they are published.
type counts struct {
	calls  [32]atomic.Uint64 // scheduler calls by type
	frames [32]atomic.Uint64 // agents' frames by field number

	launches atomic.Uint64 // ACCEPTs with a LAUNCH that has tasks
	declines atomic.Uint64 // DECLINEs and ACCEPTs that launch nothing

	registered, reregistered, removed, unreachable, replaced atomic.Uint64 // agents

	states [32]atomic.Uint64 // tasks that reached a terminal state, by state

	frameworks frameworksCounts

	mu struct {
		sync.Mutex
		reasons map[string]uint64 // terminal and unreachable tasks by "task_failed/source_executor/reason_…"
	}
}

func (n *counts) schedulerCall(call *scheduler.Call) {
	n.frameworks.call(call)
	n.calls[int(call.GetType())%len(n.calls)].Add(1)
	switch call.GetType() {
	case scheduler.Call_DECLINE:
		n.declines.Add(1)
	case scheduler.Call_ACCEPT:
		for _, op := range call.GetAccept().GetOperations() {
			if op.GetType() == mesos.Offer_Operation_LAUNCH && len(op.GetLaunch().GetTaskInfos()) == 0 {
				n.declines.Add(1)
			} else if op.GetType() == mesos.Offer_Operation_LAUNCH {
				n.launches.Add(1)
			}
		}
	}
}

func (n *counts) call(t scheduler.Call_Type) float64 { return float64(n.calls[t].Load()) }

// Field numbers of link.Up's bodies.
const (
	upRegister        = 10
	upUnregister      = 11
	upStatusUpdate    = 14
	upExecutorExited  = 15
	upExecutorMessage = 16
	upResourcesUpdate = 17
	upOperationUpdate = 18
)

func (n *counts) frame(up *link.Up) {
	field := 0
	switch b := up.Body.(type) {
	case *link.Up_Register:
		field = upRegister
		if b.Register.GetAgent().GetId() != nil {
			n.reregistered.Add(1)
		} else {
			n.registered.Add(1)
		}
	case *link.Up_Unregister:
		field = upUnregister
	case *link.Up_StatusUpdate:
		field = upStatusUpdate
	case *link.Up_ExecutorExited:
		field = upExecutorExited
	case *link.Up_ExecutorMessage:
		field = upExecutorMessage
	case *link.Up_ResourcesUpdate:
		field = upResourcesUpdate
	case *link.Up_OperationUpdate:
		field = upOperationUpdate
	}
	n.frames[field].Add(1)
}

// published counts transitions, before the view is changed. The core's first
// output, after a restart, tells of everything that is; tasks that were
// terminal before are not counted again, as they come as completed ones.
func (n *counts) published(v *view.View, changed []core.Change) {
	n.frameworks.published(changed)
	for i := range changed {
		c := &changed[i]
		switch e := c.Entity.(type) {
		case *core.Task:
			if c.ID.Kind == record.KindTask {
				n.publishedTask(v.Task(c.ID.Parts[0], c.ID.Parts[1]), e, c.ID.Parts[0])
			}
		case *core.Agent:
			if old := v.Agent(c.ID.Parts[0]); old != nil && old.Registered() && !e.Registered() {
				n.removed.Add(1)
				if e.Rec.GetPhase() == record.Agent_UNREACHABLE {
					n.unreachable.Add(1)
				}
			}
		case nil:
			if c.ID.Kind != record.KindAgent {
				continue
			}
			if old := v.Agent(c.ID.Parts[0]); old != nil && old.Registered() {
				n.removed.Add(1)
			}
		}
	}
}

func (n *counts) publishedTask(old, t *core.Task, framework string) {
	switch state := t.State(); {
	case old == nil || core.IsTerminal(old.State()):
	case core.IsTerminal(state):
		n.terminal(t.LastStatus(), state)
		n.frameworks.terminal(framework, state)
	case t.Unreachable() && !old.Unreachable():
		n.reason(t.LastStatus(), mesos.TaskState_TASK_UNREACHABLE)
	}
}

// event counts launches that the core refused: those tasks never are entities.
func (n *counts) event(stream core.StreamRef, e *scheduler.Event) {
	n.frameworks.event(stream, e)
	s := e.GetUpdate().GetStatus()
	if s == nil || len(s.GetUuid()) > 0 || s.GetReason() == mesos.TaskStatus_REASON_RECONCILIATION {
		return
	}
	switch s.GetState() {
	case mesos.TaskState_TASK_ERROR, mesos.TaskState_TASK_DROPPED:
		n.terminal(s, s.GetState())
	}
}

func (n *counts) terminal(s *mesos.TaskStatus, state mesos.TaskState) {
	n.states[int(state)%len(n.states)].Add(1)
	n.reason(s, state)
}

// reason counts why tasks came into a state.
func (n *counts) reason(s *mesos.TaskStatus, state mesos.TaskState) {
	if s == nil || s.Source == nil || s.Reason == nil {
		return
	}
	key := strings.ToLower(state.String() + "/" + s.GetSource().String() + "/" + s.GetReason().String())
	key = strings.ReplaceAll(key, "_agent", "_slave") // metrics keep the old names
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.mu.reasons == nil {
		n.mu.reasons = map[string]uint64{}
	}
	n.mu.reasons[key]++
}
