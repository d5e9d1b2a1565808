package core

import (
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

// removeFramework ends a framework for good: agents shut its executors down, its
// tasks count as killed, its id is refused from now on.
func (c *Core) removeFramework(f *frameworkState) {
	for _, a := range c.agentsOf(f) {
		c.shutdownFrameworkOn(a, f.info().Id)
	}
	if f.cur.Connected {
		c.out.effect(&CloseStream{Stream: f.stream})
		delete(c.streams, f.stream)
	}
	c.withdrawOffers(f)
	for _, t := range f.sortedTasks() {
		c.endTaskOfRemoved(f, t)
	}
	for _, e := range sortedValues(f.executors, compareExecutorKeys) {
		if a := c.agents[e.key().agent]; a != nil {
			c.removeExecutor(a, e.key())
		}
	}
	for _, o := range sortedStrings(f.operations) {
		c.orphanOperation(o)
	}
	c.dropAllKept(f.id())
	c.engine.removeFramework(f.id())
	rec := cloneFramework(f.cur.Rec)
	rec.UnregisteredNanos, rec.CompletedSerial, rec.FailoverDeadlineNanos = ptr(c.now.Wall), ptr(c.nextSerial()), nil
	c.putFramework(rec)
	f.stream, f.streamID = 0, ""
	c.touchFramework(f, func(e *Framework) { e.Connected, e.Active, e.Recovered, e.InverseOffers = false, false, false, nil })
	c.frameworkRemoved(f)
	c.trimCompleted()
}

// shutdownFrameworkOn orders the end of a framework's executors and tasks.
func (c *Core) shutdownFrameworkOn(a *agentState, id *mesos.FrameworkID) {
	c.order(a, &link.Down{Body: &link.Down_ShutdownFramework{ShutdownFramework: &link.ShutdownFramework{FrameworkId: id}}})
}

// endTaskOfRemoved: one that has ended keeps its state, and gets the status all the
// same, as in Mesos.
func (c *Core) endTaskOfRemoved(f *frameworkState, t *Task) {
	s := c.masterStatus(t.ID(), t.AgentID(), mesos.TaskState_TASK_KILLED,
		mesos.TaskStatus_REASON_FRAMEWORK_REMOVED, "Framework "+f.id()+" removed")
	c.completeTask(f, c.updateTask(t, s, mesos.TaskState_TASK_KILLED, false))
}

// orphanOperation: an operation without its framework is acknowledged here when
// the agent reports its end; until then it is only bookkeeping.
func (c *Core) orphanOperation(o *Operation) {
	if terminalOperation(o.Info().GetLatestStatus().GetState()) {
		if a := c.agents[o.agent()]; a != nil && a.registered() {
			c.acknowledgeToAgent(a, o.Info().Uuid, o.Info().LatestStatus.Uuid)
		}
		c.endOperation(o)
	}
}

// trimCompleted forgets the frameworks that completed first.
func (c *Core) trimCompleted() {
	for len(c.completed) > c.opts.MaxCompletedFrameworks {
		var oldest *frameworkState
		for _, f := range c.completed {
			if oldest == nil || f.cur.Rec.GetCompletedSerial() < oldest.cur.Rec.GetCompletedSerial() {
				oldest = f
			}
		}
		for len(oldest.done) > 0 {
			c.dropCompletedTask(oldest.id(), oldest.done[0].serial)
		}
		for _, o := range sortedStrings(oldest.operations) {
			c.endOperation(o)
		}
		c.dropFramework(oldest.id())
	}
}

// updateFramework answers UPDATE_FRAMEWORK: all of the description changes, or
// nothing.
func (c *Core) updateFramework(f *frameworkState, cmd *SchedulerCall) {
	call := cmd.Call.GetUpdateFramework()
	info := call.GetFrameworkInfo()
	err := c.validateFramework(info, call.GetSuppressedRoles(), call.GetOfferConstraints())
	if err == nil {
		err = validateFrameworkUpdate(f.info(), info)
	}
	if err != nil {
		c.reply(cmd.Reply, 400, "'UpdateFramework' call is not valid: "+err.Error())
		return
	}
	c.reply(cmd.Reply, 200, "")
	old := f.info()
	c.replaceFramework(f, cloneFramework(f.cur.Rec), info, call.GetSuppressedRoles(), call.GetOfferConstraints())
	c.rescindLeftRoles(f)
	c.engine.updateFramework(c.now.Mono, c.engineFramework(f))
	if !f.info().EqualVT(old) { // suppressed roles and constraints alone are no news
		c.frameworkUpdated(f)
	}
	c.sendFrameworkToAgents(f, old)
}

// rescindLeftRoles takes back offers for roles that the framework has left.
func (c *Core) rescindLeftRoles(f *frameworkState) {
	roles := frameworkRoles(f.info())
	for _, o := range sortedOffers(f.offers) {
		if !contains(roles, o.Role()) {
			c.rescindOffer(o, noFilter)
		}
	}
}

// adoptFramework makes a framework known that agents run tasks of and the journal
// has lost. It has no deadline: only its scheduler or an operator ends it; and as
// in Mesos it has not registered until its scheduler has.
func (c *Core) adoptFramework(info *mesos.FrameworkInfo) *frameworkState {
	f := c.putFramework(&record.Framework{Info: info})
	c.touchFramework(f, func(e *Framework) { e.Recovered = true })
	c.engine.addFramework(c.now.Mono, c.engineFramework(f))
	c.frameworkAdded(f)
	return f
}

// updateFrameworkOn orders an agent to use the framework's current description. One
// that is away is told when it returns with the old one.
func (c *Core) updateFrameworkOn(a *agentState, f *frameworkState) {
	if a.cur.Connected {
		c.order(a, &link.Down{Body: &link.Down_UpdateFramework{UpdateFramework: &link.UpdateFramework{Framework: f.info()}}})
	}
}
