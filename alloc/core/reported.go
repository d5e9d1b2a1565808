package core

import (
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// adoptReported compares what an agent holds with what is known of it. Whatever
// runs and is not known is taken in, never killed for being unknown; tasks of
// completed frameworks are the exception, which finishRegister has shut down.
// Tasks that have ended are taken in from an agent that enters (one that was not
// registered here until now). It reports whether what is used on the agent changed.
func (c *Core) adoptReported(a *agentState, r *link.Register, enters bool) (adopted bool) {
	infos := map[string]*mesos.FrameworkInfo{}
	for _, f := range r.GetFrameworks() {
		infos[f.GetId().GetValue()] = f
	}
	ending := a.pendingShutdowns()
	framework := func(id string) *frameworkState {
		if ending[id] {
			return nil
		}
		if f := c.frameworks[id]; f != nil {
			return f
		}
		if c.completed[id] != nil || infos[id] == nil {
			return nil
		}
		return c.adoptFramework(infos[id])
	}
	for _, e := range r.GetExecutors() {
		if f := framework(e.GetFrameworkId().GetValue()); f != nil {
			adopted = c.adoptExecutor(a, f, e.GetInfo()) || adopted
		}
	}
	for _, t := range r.GetTasks() {
		if f := framework(t.GetFrameworkId().GetValue()); f != nil {
			adopted = c.adoptTask(a, f, t, enters) || adopted
		}
	}
	return adopted
}

// pendingShutdowns are the frameworks that the agent is about to be told to end.
func (a *agentState) pendingShutdowns() map[string]bool {
	ending := map[string]bool{}
	for _, d := range a.outbox {
		if s, ok := d.Body.(*link.Down_ShutdownFramework); ok {
			ending[s.ShutdownFramework.GetFrameworkId().GetValue()] = true
		}
	}
	return ending
}

func (c *Core) adoptExecutor(a *agentState, f *frameworkState, info *mesos.ExecutorInfo) bool {
	key := executorKey{agent: a.id(), framework: f.id(), executor: info.GetExecutorId().GetValue()}
	res, err := resource.FromProto(info.GetResources())
	if a.executors[key] != nil || err != nil { // validateReported has seen err
		return false
	}
	c.putExecutor(&record.Executor{FrameworkId: ptr(f.id()), AgentId: ptr(a.id()), Info: info}, res)
	return true
}

// adoptTask: a task that was unreachable, or is not known, goes on as the agent
// says; of a known one the agent's updates will tell. One that has ended is the
// framework's until the end is acknowledged, as in Mesos, but holds nothing. Only
// an agent that enters brings such tasks: if it was registered here, what is
// not known of it has been acknowledged and the agent has yet to hear of that.
func (c *Core) adoptTask(a *agentState, f *frameworkState, reported *mesos.Task, enters bool) bool {
	known := f.tasks[reported.GetTaskId().GetValue()]
	if known != nil && known.AgentID() != a.id() {
		return false // an id that is in use elsewhere; the agent's copy ends with its framework
	}
	if known != nil && !known.Unreachable() || known == nil && IsTerminal(reported.GetState()) && !enters {
		return false
	}
	info, why := cloneTask(reported), "the agent brought a task that was not known"
	if known != nil {
		info, why = returnedTask(known.Info(), reported), "the agent is back"
	}
	list, err := c.lists.resources(info.GetResources())
	if err != nil {
		return false // validateReported has seen it
	}
	if known == nil {
		c.forgetEnd(a, f, reported.GetTaskId().GetValue())
	}
	t := c.putTask(&record.Task{Task: info}, list)
	s := c.masterStatus(t.ID(), a.id(), t.State(), mesos.TaskStatus_REASON_AGENT_REREGISTERED, why)
	c.sendUpdate(f, latestStatus(s, t))
	c.taskAdded(t)
	return t.holdsResources()
}

// forgetEnd drops a task of the agent from the completed ones: its end was declared
// without the agent, which brings it back.
func (c *Core) forgetEnd(a *agentState, f *frameworkState, id string) {
	for i := len(f.done) - 1; i >= 0; i-- {
		if t := f.done[i]; t.ID() == id && t.AgentID() == a.id() {
			c.dropCompletedTask(f.id(), t.serial)
			return
		}
	}
}

// returnedTask is a task that was unreachable with the state its agent reports.
func returnedTask(known, reported *mesos.Task) *mesos.Task {
	info := cloneTask(known)
	info.State, info.Statuses = reported.State, reported.Statuses
	info.StatusUpdateState, info.StatusUpdateUuid = reported.StatusUpdateState, reported.StatusUpdateUuid
	return info
}

// missingTasks are those that are known, were not reported, and whose launch is
// not on its way: the agent is asked to answer for them.
func (c *Core) missingTasks(a *agentState, r *link.Register) []*Task {
	reported := map[taskKey]bool{}
	for _, t := range r.GetTasks() {
		reported[taskKey{t.GetFrameworkId().GetValue(), t.GetTaskId().GetValue()}] = true
	}
	pending := a.pendingLaunches()
	var missing []*Task
	for _, t := range a.sortedTasks() {
		if _, launching := pending[t.key()]; launching || reported[t.key()] {
			continue
		}
		f := c.frameworks[t.FrameworkID()]
		if f == nil {
			continue
		}
		if t.terminal() {
			// The agent has seen its end acknowledged.
			c.completeTask(f, t)
			continue
		}
		missing = append(missing, t)
	}
	return missing
}

func (c *Core) tellMissing(a *agentState, missing []*Task) {
	if len(missing) == 0 {
		return
	}
	ask := &link.ReconcileTasks{}
	for _, t := range missing {
		ask.Tasks = append(ask.Tasks, &link.ReconcileTasks_Task{
			Framework: c.frameworks[t.FrameworkID()].info(), TaskId: &mesos.TaskID{Value: &t.id}, ExecutorId: t.executorID()})
	}
	c.tell(a, &link.Down{Body: &link.Down_ReconcileTasks{ReconcileTasks: ask}})
}

// removeMissingExecutors frees what executors held that the agent has no more,
// unless their launch is on its way.
func (c *Core) removeMissingExecutors(a *agentState, r *link.Register) {
	alive := map[executorKey]bool{}
	for _, e := range r.GetExecutors() {
		alive[executorKey{a.id(), e.GetFrameworkId().GetValue(), e.GetInfo().GetExecutorId().GetValue()}] = true
	}
	for _, d := range a.outbox {
		if l, ok := d.Body.(*link.Down_Launch); ok && l.Launch.GetLaunchExecutor() {
			alive[executorKey{a.id(), l.Launch.GetFramework().GetId().GetValue(), l.Launch.GetExecutor().GetExecutorId().GetValue()}] = true
		}
	}
	for _, e := range a.sortedExecutors() {
		if !alive[e.key()] {
			c.removeExecutor(a, e.key())
		}
	}
}

// removeMissingOperations ends operations that the agent does not report and that
// are not on their way to it. If nothing but the agent's total was to change, the
// agent has done it; a resource provider's may be lost.
func (c *Core) removeMissingOperations(a *agentState, r *link.Register) {
	known := map[string]bool{}
	for _, o := range r.GetOperations() {
		known[string(o.GetUuid().GetValue())] = true
	}
	for _, d := range a.outbox {
		if op, ok := d.Body.(*link.Down_ApplyOperation); ok {
			known[string(op.ApplyOperation.GetOperationUuid().GetValue())] = true
		}
	}
	for _, o := range sortedStrings(a.operations) {
		if known[o.UUID()] || terminalOperation(o.Info().GetLatestStatus().GetState()) {
			continue
		}
		status := &mesos.OperationStatus{OperationId: o.Info().GetInfo().GetId(), AgentId: a.info().Id,
			State: mesos.OperationState_OPERATION_FINISHED.Enum()}
		if !o.consumed.IsEmpty() {
			status.State, status.Message = mesos.OperationState_OPERATION_DROPPED.Enum(), ptr("The agent does not know the operation")
		}
		c.concludeOperation(a, o, status)
	}
}

// cancelStaleLaunches empties launches that never reached an agent before it
// became unreachable: their tasks were reported as lost, so they must not start
// now. The numbers stay, since agents count on them.
func (c *Core) cancelStaleLaunches(a *agentState) {
	for _, d := range a.outbox {
		if _, ok := d.Body.(*link.Down_Launch); !ok {
			continue
		}
		c.putOutbox(a.id(), &link.Down{Seq: d.Seq, Body: &link.Down_Ping{Ping: &link.Ping{Connected: ptr(true)}}})
	}
}
