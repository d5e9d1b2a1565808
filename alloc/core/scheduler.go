package core

import (
	"fmt"

	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/resource"
)

// schedulerCall checks who calls and hands the call to its rule. 202 says that the
// call was taken, not that it had an effect.
func (c *Core) schedulerCall(cmd *SchedulerCall) {
	f, status, text := c.caller(cmd)
	if status != 0 {
		c.reply(cmd.Reply, status, text)
		return
	}
	switch cmd.Call.GetType() {
	case scheduler.Call_UPDATE_FRAMEWORK:
		c.updateFramework(f, cmd)
		return
	case scheduler.Call_UNKNOWN:
		c.reply(cmd.Reply, 501, "501 Not Implemented.")
		return
	}
	c.reply(cmd.Reply, 202, "")
	switch call := cmd.Call; call.GetType() {
	case scheduler.Call_TEARDOWN:
		c.removeFramework(f)
	case scheduler.Call_ACCEPT:
		c.accept(f, call.GetAccept())
	case scheduler.Call_DECLINE:
		c.decline(f, call.GetDecline())
	case scheduler.Call_ACCEPT_INVERSE_OFFERS:
		c.answerInverseOffers(f, call.GetAcceptInverseOffers().GetInverseOfferIds(), true, call.GetAcceptInverseOffers().GetFilters())
	case scheduler.Call_DECLINE_INVERSE_OFFERS:
		c.answerInverseOffers(f, call.GetDeclineInverseOffers().GetInverseOfferIds(), false, call.GetDeclineInverseOffers().GetFilters())
	case scheduler.Call_REVIVE:
		c.revive(f, call.GetRevive().GetRoles())
	case scheduler.Call_SUPPRESS:
		c.suppress(f, call.GetSuppress().GetRoles())
	case scheduler.Call_KILL:
		c.kill(f, call.GetKill())
	case scheduler.Call_SHUTDOWN:
		c.shutdownExecutor(f, call.GetShutdown())
	case scheduler.Call_ACKNOWLEDGE:
		c.acknowledge(f, call.GetAcknowledge())
	case scheduler.Call_ACKNOWLEDGE_OPERATION_STATUS:
		c.acknowledgeOperation(f, call.GetAcknowledgeOperationStatus())
	case scheduler.Call_RECONCILE:
		c.reconcile(f, call.GetReconcile())
	case scheduler.Call_RECONCILE_OPERATIONS:
		c.reconcileOperations(f, call.GetReconcileOperations())
	case scheduler.Call_MESSAGE:
		c.messageToExecutor(f, call.GetMessage())
	case scheduler.Call_REQUEST:
		c.request(f, call.GetRequest())
	}
}

// caller finds the framework that calls, or the status that refuses it.
func (c *Core) caller(cmd *SchedulerCall) (f *frameworkState, status int, text string) {
	id := cmd.Call.GetFrameworkId().GetValue()
	f = c.frameworks[id]
	switch {
	case f == nil:
		return nil, 400, "Framework cannot be found"
	case cmd.Principal != "" && cmd.Principal != f.info().GetPrincipal():
		return nil, 400, fmt.Sprintf("Authenticated principal '%s' does not match principal '%s' set in 'FrameworkInfo'",
			cmd.Principal, f.info().GetPrincipal())
	case !f.cur.Connected:
		return nil, 403, "Framework is not subscribed"
	case cmd.StreamID == "":
		return nil, 400, "All non-subscribe calls should include the 'Mesos-Stream-Id' header"
	case cmd.StreamID != f.streamID:
		return nil, 400, fmt.Sprintf("The stream ID '%s' included in this request didn't match the stream ID currently associated with framework ID %s",
			cmd.StreamID, id)
	}
	return f, 0, ""
}

// decline gives offers back; those that are unknown or another's are ignored.
func (c *Core) decline(f *frameworkState, call *scheduler.Call_Decline) {
	refuse := refuseSeconds(call.GetFilters())
	for _, id := range call.GetOfferIds() {
		if o := c.offerTo(f, id.GetValue()); o != nil {
			c.discardOffer(o, refuse)
		}
	}
}

// refuseSeconds is the filter of an answer to an offer: 5 seconds by default, also
// for negative numbers and those that are none, and never more than a year.
func refuseSeconds(filters *mesos.Filters) float64 {
	const year = 365 * 24 * 60 * 60
	seconds := filters.GetRefuseSeconds()
	switch {
	case !(seconds >= 0): // catches NaN
		return DefaultRefuseSeconds
	case seconds > year:
		return year
	}
	return seconds
}

// rolesOfCall are the roles that REVIVE or SUPPRESS name. One that is invalid or
// not subscribed drops the whole call.
func rolesOfCall(f *frameworkState, roles []string) ([]string, bool) {
	for _, role := range roles {
		if resource.ValidateRole(role) != nil || !f.subscribed(role) {
			return nil, false
		}
	}
	if len(roles) == 0 {
		return frameworkRoles(f.info()), true
	}
	return roles, true
}

func (c *Core) revive(f *frameworkState, named []string) {
	roles, ok := rolesOfCall(f, named)
	if !ok {
		return
	}
	c.setSuppressed(f, func(role string) bool { return !contains(roles, role) })
	c.engine.revive(c.now.Mono, f.id(), roles)
}

func (c *Core) suppress(f *frameworkState, named []string) {
	roles, ok := rolesOfCall(f, named)
	if !ok {
		return
	}
	rec := cloneFramework(f.cur.Rec)
	rec.SuppressedRoles = f.cur.Rec.GetSuppressedRoles()
	changed := false
	for _, role := range roles {
		if !contains(rec.SuppressedRoles, role) {
			rec.SuppressedRoles = append(rec.SuppressedRoles[:len(rec.SuppressedRoles):len(rec.SuppressedRoles)], role)
			changed = true
		}
	}
	if changed {
		c.putFramework(rec)
	}
	c.engine.suppress(f.id(), roles)
}

// setSuppressed keeps the suppressed roles that keep says, and writes the rest off.
func (c *Core) setSuppressed(f *frameworkState, keep func(string) bool) {
	var kept []string
	for _, role := range f.cur.Rec.GetSuppressedRoles() {
		if keep(role) {
			kept = append(kept, role)
		}
	}
	if len(kept) == len(f.cur.Rec.GetSuppressedRoles()) {
		return
	}
	rec := cloneFramework(f.cur.Rec)
	rec.SuppressedRoles = kept
	c.putFramework(rec)
}

// kill orders a task's death. An unknown task is answered as if it had been asked
// for. The order is kept while the agent is away.
func (c *Core) kill(f *frameworkState, call *scheduler.Call_Kill) {
	t := f.liveTask(call.GetTaskId().GetValue())
	if t == nil {
		c.reconcileTask(f, &scheduler.Call_Reconcile_Task{TaskId: call.TaskId, AgentId: call.AgentId})
		return
	}
	if call.AgentId != nil && call.AgentId.GetValue() != t.AgentID() {
		return
	}
	a := c.agents[t.AgentID()]
	if a == nil || !a.cur.Connected && a.pendingKills[t.key()] {
		return
	}
	c.orderKill(a, t, call.GetKillPolicy())
}

func (c *Core) orderKill(a *agentState, t *Task, policy *mesos.KillPolicy) {
	put(&a.pendingKills, t.key(), true)
	c.order(a, &link.Down{Body: &link.Down_Kill{Kill: &link.Kill{
		FrameworkId: t.frameworkShown, TaskId: &mesos.TaskID{Value: &t.id}, KillPolicy: policy}}})
}

// notePendingKill remembers, after a restart, which kills are on their way.
func (a *agentState) notePendingKill(d *link.Down) {
	if k, ok := d.Body.(*link.Down_Kill); ok {
		put(&a.pendingKills, taskKey{k.Kill.GetFrameworkId().GetValue(), k.Kill.GetTaskId().GetValue()}, true)
	}
}

// shutdownExecutor orders an executor's end, if the framework has it there.
func (c *Core) shutdownExecutor(f *frameworkState, call *scheduler.Call_Shutdown) {
	a := c.agents[call.GetAgentId().GetValue()]
	key := executorKey{agent: call.GetAgentId().GetValue(), framework: f.id(), executor: call.GetExecutorId().GetValue()}
	if a == nil || !a.registered() || f.executors[key] == nil {
		return
	}
	c.order(a, &link.Down{Body: &link.Down_ShutdownExecutor{ShutdownExecutor: &link.ShutdownExecutor{
		FrameworkId: f.info().Id, ExecutorId: call.ExecutorId}}})
}

// messageToExecutor is best effort: nothing is kept.
func (c *Core) messageToExecutor(f *frameworkState, call *scheduler.Call_Message) {
	a := c.agents[call.GetAgentId().GetValue()]
	if a == nil || !a.registered() {
		return
	}
	c.tell(a, &link.Down{Body: &link.Down_ExecutorMessage{ExecutorMessage: &link.ExecutorMessage{
		FrameworkId: f.info().Id, ExecutorId: call.ExecutorId, Data: call.Data}}})
}
