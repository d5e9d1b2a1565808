package core

import (
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// reconcile answers a framework's question about tasks: about all live ones, or
// about those it names. Answers carry no uuid and are not acknowledged.
func (c *Core) reconcile(f *frameworkState, call *scheduler.Call_Reconcile) {
	if len(call.GetTasks()) > 0 {
		for _, t := range call.GetTasks() {
			c.reconcileTask(f, t)
		}
		return
	}
	for _, t := range f.sortedTasks() {
		if !t.Unreachable() {
			c.sendUpdate(f, c.knownTaskStatus(t))
		}
	}
}

func (c *Core) knownTaskStatus(t *Task) *mesos.TaskStatus {
	return latestStatus(c.masterStatus(t.ID(), t.AgentID(), t.reportedState(),
		mesos.TaskStatus_REASON_RECONCILIATION, "Reconciliation: Latest task state"), t)
}

// reconcileTask answers about one task; while agents are expected back, what is
// not known is not answered.
func (c *Core) reconcileTask(f *frameworkState, asked *scheduler.Call_Reconcile_Task) {
	id, agent := asked.GetTaskId().GetValue(), asked.GetAgentId().GetValue()
	if t := f.liveTask(id); t != nil {
		c.sendUpdate(f, c.knownTaskStatus(t))
		return
	}
	if c.agentExpected(asked.AgentId) {
		return
	}
	state, text := mesos.TaskState_TASK_UNKNOWN, "Reconciliation: Task is unknown"
	var since *mesos.TimeInfo
	if a := c.agents[agent]; asked.AgentId != nil && a != nil {
		switch {
		case a.registered():
			state, text = mesos.TaskState_TASK_GONE, "Reconciliation: Task is unknown to the agent"
		case a.unreachable():
			state, text = mesos.TaskState_TASK_UNREACHABLE, "Reconciliation: Task is unreachable"
			since = timeInfo(a.cur.Rec.GetSinceNanos())
		default:
			state, text = mesos.TaskState_TASK_GONE_BY_OPERATOR, "Reconciliation: Task is gone"
		}
	}
	if !f.caps.partitionAware {
		state = mesos.TaskState_TASK_LOST
	}
	s := c.masterStatus(id, agent, state, mesos.TaskStatus_REASON_RECONCILIATION, text)
	s.UnreachableTime = since
	c.sendUpdate(f, s)
}

// agentExpected reports whether the agent, or any agent if none is named, was
// registered before this process started and is not back yet.
func (c *Core) agentExpected(id *mesos.AgentID) bool {
	if id != nil {
		a := c.agents[id.GetValue()]
		return a != nil && a.cur.Recovered
	}
	return c.expected > 0
}

// reconcileOperations answers a framework's question about operations.
func (c *Core) reconcileOperations(f *frameworkState, call *scheduler.Call_ReconcileOperations) {
	if len(call.GetOperations()) == 0 {
		for _, o := range sortedStrings(f.operations) {
			if o.Info().GetInfo().GetId() != nil {
				c.sendOperationStatus(f, withoutUUID(o.Info().LatestStatus))
			}
		}
		return
	}
	for _, asked := range call.GetOperations() {
		c.sendOperationStatus(f, c.operationStatus(f, asked))
	}
}

func (c *Core) operationStatus(f *frameworkState, asked *scheduler.Call_ReconcileOperations_Operation) *mesos.OperationStatus {
	if o := c.operations[f.operationIDs[asked.GetOperationId().GetValue()]]; o != nil {
		return withoutUUID(o.Info().LatestStatus)
	}
	state, text := mesos.OperationState_OPERATION_UNKNOWN, "Reconciliation: Operation is unknown"
	if a := c.agents[asked.GetAgentId().GetValue()]; asked.AgentId != nil && a != nil {
		switch {
		case a.cur.Recovered:
			state, text = mesos.OperationState_OPERATION_RECOVERING, "Reconciliation: Agent is recovered but has not re-registered"
		case a.registered():
			text = "Reconciliation: Operation is unknown to the agent"
		case a.unreachable():
			state, text = mesos.OperationState_OPERATION_UNREACHABLE, "Reconciliation: Agent is unreachable"
		default:
			state, text = mesos.OperationState_OPERATION_GONE_BY_OPERATOR, "Reconciliation: Agent marked gone by operator"
		}
	}
	return &mesos.OperationStatus{OperationId: asked.OperationId, State: state.Enum(), Message: &text,
		AgentId: asked.AgentId, ResourceProviderId: asked.ResourceProviderId}
}

func withoutUUID(s *mesos.OperationStatus) *mesos.OperationStatus {
	return &mesos.OperationStatus{OperationId: s.OperationId, State: s.State, Message: s.Message,
		ConvertedResources: s.ConvertedResources, AgentId: s.AgentId, ResourceProviderId: s.ResourceProviderId}
}
