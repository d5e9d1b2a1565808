package core

import (
	"bytes"

	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/mesos"
)

func (t *Task) executor() string      { return t.executorID().GetValue() }
func (t *Task) key() taskKey          { return taskKey{framework: t.FrameworkID(), task: t.ID()} }
func (t *Task) terminal() bool        { return IsTerminal(t.State()) }
func (t *Task) holdsResources() bool  { return !t.terminal() && !t.Unreachable() }
func (e *Executor) framework() string { return e.Rec.GetFrameworkId() }
func (e *Executor) key() executorKey {
	return executorKey{agent: e.Rec.GetAgentId(), framework: e.Rec.GetFrameworkId(), executor: e.ID()}
}

// ID is the executor's id.
func (e *Executor) ID() string { return e.Rec.GetInfo().GetExecutorId().GetValue() }

func (o *Operation) framework() string { return o.Info().GetFrameworkId().GetValue() }
func (o *Operation) agent() string     { return o.Info().GetAgentId().GetValue() }

// IsTerminal reports whether a task in this state will never run again.
func IsTerminal(s mesos.TaskState) bool {
	switch s {
	case mesos.TaskState_TASK_FINISHED, mesos.TaskState_TASK_FAILED, mesos.TaskState_TASK_KILLED,
		mesos.TaskState_TASK_ERROR, mesos.TaskState_TASK_LOST, mesos.TaskState_TASK_DROPPED,
		mesos.TaskState_TASK_GONE, mesos.TaskState_TASK_GONE_BY_OPERATOR:
		return true
	}
	return false
}

// reportedState is what reconciliation answers: the state last forwarded to the
// framework, which may trail what the agent knows.
func (t *Task) reportedState() mesos.TaskState {
	switch t.forwardedState {
	case noEnum:
		return t.State()
	case oddEnum:
		return *t.more.forwarded
	}
	return mesos.TaskState(t.forwardedState)
}

// forwarded reports whether the uuid is that of the update last forwarded.
func (t *Task) forwarded(uuid []byte) bool {
	known := t.forwardedUUID()
	return known != nil && bytes.Equal(known, uuid)
}

// newTask is the record of a task that was accepted but not heard of yet. The
// resources are those of info, upgraded and allocated. Ids are shared among all tasks
// of the framework or agent.
func newTask(framework *mesos.FrameworkID, agent *mesos.AgentID, info *mesos.TaskInfo) *mesos.Task {
	t := &mesos.Task{
		Name: info.Name, TaskId: info.TaskId, FrameworkId: framework, AgentId: agent,
		State: mesos.TaskState_TASK_STAGING.Enum(), Resources: info.Resources, Labels: info.Labels,
		Discovery: info.Discovery, Container: info.Container, HealthCheck: info.HealthCheck,
		KillPolicy: info.KillPolicy, Limits: info.Limits,
	}
	if info.Executor != nil {
		t.ExecutorId = info.Executor.ExecutorId
	}
	switch {
	case info.GetCommand().GetUser() != "":
		t.User = info.Command.User
	case info.GetExecutor().GetCommand().GetUser() != "":
		t.User = info.Executor.Command.User
	}
	return t
}

// cloneTask is a copy of the message that shares what it points to.
func cloneTask(t *mesos.Task) *mesos.Task {
	return &mesos.Task{
		Name: t.Name, TaskId: t.TaskId, FrameworkId: t.FrameworkId, ExecutorId: t.ExecutorId, AgentId: t.AgentId,
		State: t.State, Resources: t.Resources, Statuses: t.Statuses, StatusUpdateState: t.StatusUpdateState,
		StatusUpdateUuid: t.StatusUpdateUuid, Labels: t.Labels, Discovery: t.Discovery, Container: t.Container,
		HealthCheck: t.HealthCheck, KillPolicy: t.KillPolicy, User: t.User, Limits: t.Limits,
	}
}

// withoutData is the status as it is kept: data may be large and is the
// scheduler's alone.
func withoutData(s *mesos.TaskStatus) *mesos.TaskStatus {
	if s.Data == nil {
		return s
	}
	next := cloneStatus(s)
	next.Data = nil
	return next
}

func cloneStatus(s *mesos.TaskStatus) *mesos.TaskStatus {
	return &mesos.TaskStatus{
		TaskId: s.TaskId, State: s.State, Message: s.Message, Source: s.Source, Reason: s.Reason, Data: s.Data,
		AgentId: s.AgentId, ExecutorId: s.ExecutorId, Timestamp: s.Timestamp, Uuid: s.Uuid, Healthy: s.Healthy,
		CheckStatus: s.CheckStatus, Labels: s.Labels, ContainerStatus: s.ContainerStatus,
		UnreachableTime: s.UnreachableTime, Limitation: s.Limitation,
	}
}

// masterStatus is an update that the allocator makes itself: without uuid, so
// that nobody acknowledges it.
func (c *Core) masterStatus(task, agent string, state mesos.TaskState, reason mesos.TaskStatus_Reason, message string) *mesos.TaskStatus {
	s := &mesos.TaskStatus{
		TaskId:    &mesos.TaskID{Value: &task},
		State:     state.Enum(),
		Source:    mesos.TaskStatus_SOURCE_MASTER.Enum(),
		Reason:    reason.Enum(),
		Timestamp: ptr(c.now.Seconds()),
	}
	if message != "" {
		s.Message = &message
	}
	if agent != "" {
		s.AgentId = &mesos.AgentID{Value: &agent}
	}
	return s
}

// latestStatus copies what reconciliation repeats of a task's last status.
func latestStatus(s *mesos.TaskStatus, t *Task) *mesos.TaskStatus {
	s.ExecutorId = t.executorID()
	if last := t.LastStatus(); last != nil {
		s.Healthy, s.CheckStatus, s.ContainerStatus = last.Healthy, last.CheckStatus, last.ContainerStatus
	}
	return s
}

// completeTask moves a live or unreachable task to the completed ones and drops
// the oldest of those beyond the limit.
func (c *Core) completeTask(f *frameworkState, t *Task) {
	c.dropTask(f.id(), t.ID())
	c.putCompletedTask(&record.Task{Task: t.Info(), CompletedSerial: ptr(c.nextSerial())}, t.list)
	for len(f.done) > c.opts.MaxCompletedTasks {
		c.dropCompletedTask(f.id(), f.done[0].serial)
	}
	c.checkDrained(t.AgentID())
}
