package core

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/master"
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/resource"
)

// send puts an event on a framework's stream; without a stream it is lost, which
// is what Mesos does: whoever made it retries or is asked again.
func (c *Core) send(f *frameworkState, e *scheduler.Event) {
	if f != nil && f.cur.Connected {
		c.out.effect(&Event{Stream: f.stream, Event: e})
	}
}

func (c *Core) sendUpdate(f *frameworkState, s *mesos.TaskStatus) {
	c.send(f, &scheduler.Event{Type: scheduler.Event_UPDATE.Enum(), Update: &scheduler.Event_Update{Status: s}})
}

func (c *Core) sendRescind(f *frameworkState, offer string) {
	c.send(f, &scheduler.Event{Type: scheduler.Event_RESCIND.Enum(),
		Rescind: &scheduler.Event_Rescind{OfferId: &mesos.OfferID{Value: &offer}}})
}

func errorEvent(message string) *scheduler.Event {
	return &scheduler.Event{Type: scheduler.Event_ERROR.Enum(), Error: &scheduler.Event_Error{Message: &message}}
}

func heartbeatEvent() *scheduler.Event {
	return &scheduler.Event{Type: scheduler.Event_HEARTBEAT.Enum()}
}

func everyFramework(*frameworkState) bool { return true }

// broadcastAgentFailure tells connected frameworks that an agent is lost: those
// that tell says.
func (c *Core) broadcastAgentFailure(agent string, tell func(*frameworkState) bool) {
	e := &scheduler.Event{Type: scheduler.Event_FAILURE.Enum(),
		Failure: &scheduler.Event_Failure{AgentId: &mesos.AgentID{Value: &agent}}}
	for _, f := range sortedStrings(c.frameworks) {
		if tell(f) {
			c.send(f, e)
		}
	}
}

// operatorEvent goes to operators' streams; with none open it is not built.
func (c *Core) operatorEvent(e *master.Event) {
	if len(c.operators) > 0 {
		c.out.effect(&OperatorEvent{Event: e})
	}
}

func (c *Core) taskAdded(t *Task) {
	if len(c.operators) > 0 {
		c.operatorEvent(&master.Event{Type: master.Event_TASK_ADDED.Enum(), TaskAdded: &master.Event_TaskAdded{Task: t.Info()}})
	}
}

func (c *Core) taskUpdated(t *Task, s *mesos.TaskStatus) {
	c.operatorEvent(&master.Event{Type: master.Event_TASK_UPDATED.Enum(), TaskUpdated: &master.Event_TaskUpdated{
		FrameworkId: t.frameworkShown, Status: s, State: t.State().Enum()}})
}

func (c *Core) agentAdded(a *agentState) {
	if len(c.operators) > 0 {
		c.operatorEvent(&master.Event{Type: master.Event_AGENT_ADDED.Enum(),
			AgentAdded: &master.Event_AgentAdded{Agent: c.agentViewWithUse(a)}})
	}
}

// checkpointUnknown is AgentInfo.checkpoint, true, as a field nobody knows.
var checkpointUnknown = protoreflect.RawFields{7 << 3, 1}

func (c *Core) agentViewWithUse(a *agentState) *master.Response_GetAgents_Agent {
	v := AgentView(a.cur, a.cur.total.ToProto(resource.Endpoint))
	if v.AgentInfo.Checkpoint != nil {
		// Unlike answers to reads, events are of v1, which does not know the field.
		v.AgentInfo = v.AgentInfo.CloneVT()
		v.AgentInfo.Checkpoint = nil
		v.AgentInfo.ProtoReflect().SetUnknown(checkpointUnknown)
	}
	used := c.usedOnAgent(a)
	for _, id := range sortedKeys(used) {
		v.AllocatedResources = append(v.AllocatedResources, used[id].ToProto(resource.Endpoint)...)
	}
	return v
}

// frameworkEventView is the framework as its events show it: unlike answers to
// reads they always hold unregistered_time and never offer constraints.
func frameworkEventView(f *frameworkState) *master.Response_GetFrameworks_Framework {
	v := FrameworkView(f.cur)
	v.OfferConstraints = nil
	if v.UnregisteredTime == nil {
		v.UnregisteredTime = &mesos.TimeInfo{Nanoseconds: ptr(int64(0))}
	}
	return v
}

func (c *Core) agentRemoved(id string) {
	c.operatorEvent(&master.Event{Type: master.Event_AGENT_REMOVED.Enum(),
		AgentRemoved: &master.Event_AgentRemoved{AgentId: &mesos.AgentID{Value: &id}}})
}

func (c *Core) frameworkAdded(f *frameworkState) {
	c.operatorEvent(&master.Event{Type: master.Event_FRAMEWORK_ADDED.Enum(),
		FrameworkAdded: &master.Event_FrameworkAdded{Framework: frameworkEventView(f)}})
}

func (c *Core) frameworkUpdated(f *frameworkState) {
	c.operatorEvent(&master.Event{Type: master.Event_FRAMEWORK_UPDATED.Enum(),
		FrameworkUpdated: &master.Event_FrameworkUpdated{Framework: frameworkEventView(f)}})
}

func (c *Core) frameworkRemoved(f *frameworkState) {
	c.operatorEvent(&master.Event{Type: master.Event_FRAMEWORK_REMOVED.Enum(),
		FrameworkRemoved: &master.Event_FrameworkRemoved{FrameworkInfo: f.info()}})
}

func (c *Core) reply(t Token, status int, text string) {
	if t != 0 {
		c.out.effect(&Reply{Token: t, Status: status, Text: text})
	}
}

// tell sends a frame that is not kept; a disconnected agent never gets it.
func (c *Core) tell(a *agentState, d *link.Down) {
	if a.cur.Connected {
		c.out.effect(&Down{Channel: a.channel, Down: d})
	}
}
