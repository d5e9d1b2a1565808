package core

import (
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// statusUpdate takes an agent's report on a task. It is forwarded as it is, even if
// the task is not known here; the agent repeats it until the framework
// acknowledges, so nothing is lost while the framework is away.
func (c *Core) statusUpdate(a *agentState, u *link.StatusUpdate) {
	status := u.GetStatus()
	if !a.registered() || len(status.GetUuid()) != 16 {
		return
	}
	f := c.frameworks[u.GetFrameworkId().GetValue()]
	if f == nil {
		return
	}
	t := f.tasks[status.GetTaskId().GetValue()]
	if t != nil && t.AgentID() != a.id() {
		t = nil
	}
	if t != nil {
		status.AgentId = t.agentShown // nobody has seen the status yet
	}
	forwarded := f.cur.Connected
	if forwarded {
		c.sendUpdate(f, status)
	}
	if t == nil {
		return
	}
	latest := status.GetState()
	if u.LatestState != nil {
		latest = u.GetLatestState()
	}
	c.updateTask(t, status, latest, forwarded)
}

// updateTask records a status. A task that reaches its end gives its resources
// back at once, though it stays known until the end is acknowledged.
func (c *Core) updateTask(t *Task, status *mesos.TaskStatus, latest mesos.TaskState, forwarded bool) *Task {
	rec, changed := t.withStatus(status, latest)
	if forwarded {
		rec.Task.StatusUpdateState, rec.Task.StatusUpdateUuid = status.State, status.Uuid
	}
	held := t.holdsResources()
	t = c.putTask(rec, t.list)
	if changed || isCheckUpdate(status) {
		c.taskUpdated(t, status)
	}
	if held && !t.holdsResources() {
		c.engine.recover(c.now.Mono, t.FrameworkID(), t.AgentID(), t.Resources(), noFilter, true)
	}
	return t
}

// isCheckUpdate: results of checks are news to operators even without a new state.
func isCheckUpdate(s *mesos.TaskStatus) bool {
	return s.Reason != nil && (s.GetReason() == mesos.TaskStatus_REASON_TASK_CHECK_STATUS_UPDATED ||
		s.GetReason() == mesos.TaskStatus_REASON_TASK_HEALTH_CHECK_STATUS_UPDATED)
}

// acknowledge passes an acknowledgement on to the agent, outside of its outbox: if it
// is lost, or the agent is away, the agent repeats the update and the framework its
// acknowledgement. It is dropped if nothing was ever forwarded for the task. The
// acknowledged end of a task completes it.
func (c *Core) acknowledge(f *frameworkState, call *scheduler.Call_Acknowledge) {
	a := c.agents[call.GetAgentId().GetValue()]
	if a == nil || !a.registered() || !a.cur.Connected {
		return
	}
	t := f.tasks[call.GetTaskId().GetValue()]
	if t != nil && t.AgentID() == a.id() {
		if t.forwardedUUID() == nil {
			return
		}
		if t.forwarded(call.GetUuid()) && t.forwardedState != noEnum && IsTerminal(t.reportedState()) {
			c.completeTask(f, t)
		}
	}
	c.tell(a, &link.Down{Body: &link.Down_Acknowledge{Acknowledge: &link.Acknowledge{
		FrameworkId: f.info().Id, TaskId: call.TaskId, Uuid: call.Uuid}}})
}

// executorExited frees an executor's resources and tells the framework, once.
func (c *Core) executorExited(a *agentState, x *link.ExecutorExited) {
	key := executorKey{agent: a.id(), framework: x.GetFrameworkId().GetValue(), executor: x.GetExecutorId().GetValue()}
	if a.executors[key] == nil {
		return
	}
	c.removeExecutor(a, key)
	status := x.GetStatus()
	c.send(c.frameworks[key.framework], &scheduler.Event{Type: scheduler.Event_FAILURE.Enum(),
		Failure: &scheduler.Event_Failure{AgentId: a.info().Id, ExecutorId: x.ExecutorId, Status: &status}})
}

func (c *Core) removeExecutor(a *agentState, key executorKey) {
	e := a.executors[key]
	if !e.res.IsEmpty() && a.registered() {
		c.engine.recover(c.now.Mono, key.framework, a.id(), e.res, noFilter, true)
	}
	c.dropExecutor(key)
}

func (c *Core) executorMessage(a *agentState, m *link.ExecutorMessage) {
	c.send(c.frameworks[m.GetFrameworkId().GetValue()], &scheduler.Event{Type: scheduler.Event_MESSAGE.Enum(),
		Message: &scheduler.Event_Message{AgentId: a.info().Id, ExecutorId: m.ExecutorId, Data: m.Data}})
}
