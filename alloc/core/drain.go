package core

import (
	"google.golang.org/protobuf/proto"

	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/master"
)

// deactivated reports whether an operator keeps the agent from being offered.
func (a *agentState) deactivated() bool { return a.cur.Rec.GetDeactivated() || a.cur.Rec.Drain != nil }

func (a *agentState) draining() bool {
	return a.cur.Rec.GetDrain().GetState() == mesos.DrainState_DRAINING
}

// knownAgent is an agent that operators may speak of: registered or unreachable.
func (c *Core) knownAgent(id string) *agentState {
	a := c.agents[id]
	if a == nil || a.cur.Rec.GetPhase() == record.Agent_GONE {
		return nil
	}
	return a
}

// drainAgent kills what runs on an agent and offers nothing more of it.
func (c *Core) drainAgent(call *master.Call_DrainAgent) *CallError {
	a := c.knownAgent(call.GetAgentId().GetValue())
	switch {
	case a == nil:
		return &CallError{Status: 400, Text: "Unknown agent"}
	case c.unavailabilityOf(a) != nil:
		return &CallError{Status: 400, Text: "Agent is part of a maintenance schedule under control of an operator"}
	case a.registered() && !a.caps.draining:
		return &CallError{Status: 400, Text: "Agent is not capable of draining: it lacks AGENT_DRAINING"}
	}
	config := &mesos.DrainConfig{MarkGone: ptr(call.GetMarkGone())}
	if d := call.MaxGracePeriod; d != nil {
		config.MaxGracePeriod = &mesos.DurationInfo{Nanoseconds: ptr(int64(d.AsDuration()))}
	}
	rec := cloneAgent(a.cur.Rec)
	rec.Deactivated = ptr(true)
	rec.Drain = &mesos.DrainInfo{State: mesos.DrainState_DRAINING.Enum(), Config: config}
	rec.DrainStartNanos = ptr(c.now.Wall)
	c.putAgent(rec)
	c.stopOffers(a)
	if a.registered() {
		c.orderDrain(a)
	}
	c.checkDrained(a.id())
	return nil
}

func (c *Core) orderDrain(a *agentState) {
	c.order(a, &link.Down{Body: &link.Down_Drain{Drain: &link.Drain{Config: a.cur.Rec.GetDrain().GetConfig()}}})
}

func (c *Core) stopOffers(a *agentState) {
	if a.cur.Active {
		c.touchAgent(a, func(e *Agent) { e.Active = false })
		c.engine.deactivateAgent(a.id())
	}
	c.rescindAgentOffers(a)
}

// resumeDrain reminds an agent that has returned without its drain configuration.
func (c *Core) resumeDrain(a *agentState, reported *mesos.DrainConfig) {
	if !a.draining() {
		return
	}
	for _, d := range a.outbox {
		if _, ok := d.Body.(*link.Down_Drain); ok {
			return
		}
	}
	if !proto.Equal(reported, a.cur.Rec.GetDrain().GetConfig()) {
		c.orderDrain(a)
	}
	c.checkDrained(a.id())
}

// checkDrained ends the draining of an agent on which nothing is left, not even an
// unacknowledged end.
func (c *Core) checkDrained(id string) {
	a := c.agents[id]
	if a == nil || a.leaving || !a.registered() || !a.draining() || len(a.tasks) > 0 || len(a.operations) > 0 {
		return
	}
	if a.cur.Rec.GetDrain().GetConfig().GetMarkGone() {
		c.markGone(a)
		return
	}
	rec := cloneAgent(a.cur.Rec)
	rec.Drain = &mesos.DrainInfo{State: mesos.DrainState_DRAINED.Enum(), Config: rec.Drain.Config}
	c.putAgent(rec)
}

func (c *Core) deactivateAgentCall(id string) *CallError {
	a := c.knownAgent(id)
	if a == nil {
		return &CallError{Status: 400, Text: "Unknown agent"}
	}
	rec := cloneAgent(a.cur.Rec)
	rec.Deactivated = ptr(true)
	c.putAgent(rec)
	c.stopOffers(a)
	return nil
}

// reactivateAgentCall undoes both deactivation and draining.
func (c *Core) reactivateAgentCall(id string) *CallError {
	a := c.knownAgent(id)
	switch {
	case a == nil || !a.deactivated():
		return &CallError{Status: 400, Text: "Agent is not deactivated"}
	case a.draining():
		return &CallError{Status: 400, Text: "Agent is still in the DRAINING state"}
	}
	rec := cloneAgent(a.cur.Rec)
	rec.Deactivated, rec.Drain, rec.DrainStartNanos = nil, nil, nil
	c.putAgent(rec)
	if !a.registered() || !a.cur.Connected {
		return &CallError{Status: 409, Text: "Agent is not currently registered; its deactivation was cleared"}
	}
	c.touchAgent(a, func(e *Agent) { e.Active = true })
	c.engine.activateAgent(a.id())
	return nil
}

func (c *Core) markAgentGoneCall(id string) *CallError {
	a := c.agents[id]
	if a == nil {
		return &CallError{Status: 404, Text: "Agent '" + id + "' not found"}
	}
	if a.cur.Rec.GetPhase() != record.Agent_GONE {
		c.markGone(a)
	}
	return nil
}

// markGone ends an agent for good, on an operator's word that nothing runs on it
// any more.
func (c *Core) markGone(a *agentState) {
	const why = "Agent has been marked gone"
	c.shutdownAgent(a, why)
	inEngine := a.registered()
	c.detach(a)
	rec := cloneAgent(a.cur.Rec)
	rec.Phase, rec.SinceNanos, rec.ReregisterDeadlineNanos = record.Agent_GONE.Enum(), ptr(c.now.Wall), nil
	c.putAgent(rec)
	for _, t := range a.sortedTasks() {
		c.loseTask(a, t, mesos.TaskState_TASK_GONE_BY_OPERATOR, mesos.TaskStatus_REASON_AGENT_REMOVED_BY_OPERATOR, why)
	}
	c.forgetWorkOf(a, mesos.OperationState_OPERATION_GONE_BY_OPERATOR, why)
	if inEngine {
		c.withdraw(a)
	}
	c.clearOutbox(a)
}
