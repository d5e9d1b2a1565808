package core

import (
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/link"
)

// order puts a frame into an agent's outbox, from where it reaches the agent
// exactly once in effect: it is sent now if the agent is connected, again after
// every reconnect, and deleted when the agent has applied it.
func (c *Core) order(a *agentState, d *link.Down) {
	d.Seq = ptr(a.nextSeq)
	c.putOutbox(a.id(), d)
	if !a.catchingUp {
		c.tell(a, d)
	}
}

// applied deletes what the agent has applied.
func (c *Core) applied(a *agentState, seq uint64) {
	deleted := false
	for len(a.outbox) > 0 && a.outbox[0].GetSeq() <= seq {
		d := a.outbox[0]
		if kill, ok := d.Body.(*link.Down_Kill); ok {
			delete(a.pendingKills, taskKey{kill.Kill.GetFrameworkId().GetValue(), kill.Kill.GetTaskId().GetValue()})
		}
		c.dropOutbox(a.id(), d.GetSeq())
		deleted = true
	}
	if deleted && len(a.outbox) == 0 {
		c.putOutboxHead(a.id(), a.nextSeq)
	}
}

// resend sends what a returning agent has not applied.
func (c *Core) resend(a *agentState) {
	a.catchingUp = false
	for _, d := range a.outbox {
		c.tell(a, d)
	}
}

// clearOutbox deletes everything: the agent will never come back.
func (c *Core) clearOutbox(a *agentState) {
	for len(a.outbox) > 0 {
		c.dropOutbox(a.id(), a.outbox[0].GetSeq())
	}
	if a.head != nil {
		c.dropOutboxHead(a.id())
	}
}

// pendingLaunches are the tasks whose launch the agent has not confirmed.
func (a *agentState) pendingLaunches() map[taskKey]uint64 {
	pending := map[taskKey]uint64{}
	for _, d := range a.outbox {
		if l, ok := d.Body.(*link.Down_Launch); ok {
			for _, t := range l.Launch.GetTasks() {
				pending[taskKey{l.Launch.GetFramework().GetId().GetValue(), t.GetTaskId().GetValue()}] = d.GetSeq()
			}
		}
	}
	return pending
}

// cloneAgent is a copy of the record that shares what it points to.
func cloneAgent(r *record.Agent) *record.Agent {
	return &record.Agent{
		Info: r.Info, Phase: r.Phase, Version: r.Version, Capabilities: r.Capabilities, Total: r.Total,
		Oversubscribed: r.Oversubscribed, ResourceVersion: r.ResourceVersion, Address: r.Address, BootId: r.BootId,
		Instance: r.Instance, RegisteredNanos: r.RegisteredNanos, ReregisteredNanos: r.ReregisteredNanos,
		SinceNanos: r.SinceNanos, ReregisterDeadlineNanos: r.ReregisterDeadlineNanos,
		Deactivated: r.Deactivated, Drain: r.Drain, DrainStartNanos: r.DrainStartNanos,
	}
}

func cloneFramework(r *record.Framework) *record.Framework {
	return &record.Framework{
		Info: r.Info, SuppressedRoles: r.SuppressedRoles, OfferConstraints: r.OfferConstraints,
		RegisteredNanos: r.RegisteredNanos, ReregisteredNanos: r.ReregisteredNanos, UnregisteredNanos: r.UnregisteredNanos,
		FailoverDeadlineNanos: r.FailoverDeadlineNanos, CompletedSerial: r.CompletedSerial,
	}
}
