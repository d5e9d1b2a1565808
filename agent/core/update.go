package core

import (
	"bytes"
	"slices"

	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

// status is what the agent itself has to say about a task.
type status struct {
	state      mesos.TaskState
	source     mesos.TaskStatus_Source
	reason     *mesos.TaskStatus_Reason
	message    string
	limitation *mesos.TaskResourceLimitation
	healthy    *bool
	// check is a new result; without one the last stays.
	check *mesos.CheckStatusInfo
	// bare leaves container_status out: the container is gone or never was.
	bare bool
}

// update adds a status of the agent's own making to the stream of t.
func (c *Core) update(t *task, s status) {
	st := &mesos.TaskStatus{
		TaskId:     t.rec.Info.TaskId,
		State:      s.state.Enum(),
		Source:     s.source.Enum(),
		Reason:     s.reason,
		AgentId:    c.agentIDMessage(),
		Uuid:       c.uuid(),
		Limitation: s.limitation,
		Healthy:    s.healthy,
	}
	if st.CheckStatus = s.check; s.check == nil {
		st.CheckStatus = t.checkStatus()
	}
	if Terminal(s.state) && t.prog.GetUnhealthy() {
		st.Healthy = new(false)
	}
	if s.message != "" {
		st.Message = &s.message
	}
	if id := t.executorID(); id != "" {
		st.ExecutorId = &mesos.ExecutorID{Value: &id}
	}
	if !s.bare && t.ct != nil {
		st.ContainerStatus = c.containerStatus(t, s.state)
	}
	c.enqueue(t, st)
}

// executorID is what statuses name as the executor: for a command task its own id.
func (t *task) executorID() string {
	if t.ct != nil {
		return t.ct.executorID()
	}
	return t.rec.ExecutorId.GetValue()
}

// enqueue appends st to the stream of t and sends it if nothing is in flight.
func (c *Core) enqueue(t *task, st *mesos.TaskStatus) {
	if st.Timestamp == nil {
		st.Timestamp = new(float64(c.now.Wall) / 1e9)
	}
	c.markDraining(t, st)
	if Terminal(st.GetState()) {
		t.completeAt = 0
	}
	if !t.terminal() {
		t.prog.State = st.GetState().Enum()
	}
	t.prog.Statuses = appendStatus(t.prog.Statuses, st)
	c.metrics.count(st.GetState())

	n := t.prog.GetNextUpdate()
	t.prog.NextUpdate = new(n + 1)
	if len(t.pending) == 0 {
		t.firstUpdate = n
	}
	t.pending = append(t.pending, st)
	c.put(record.UpdateKey(t.fw.id, t.id(), n), &record.Update{Status: st})
	c.touchTask(t)
	if len(t.pending) == 1 {
		t.retryEvery = 0
		c.sendUpdate(t)
	}
}

// appendStatus adds st to a history: equal states in a row collapse to the latest. What a status
// carries for the scheduler goes there once and is not kept.
func appendStatus(history []*mesos.TaskStatus, st *mesos.TaskStatus) []*mesos.TaskStatus {
	if st.Data != nil {
		st = st.CloneVT()
		st.Data = nil
	}
	if n := len(history); n > 0 && history[n-1].GetState() == st.GetState() {
		history[n-1] = st
		return history
	}
	if len(history) >= maxStatuses {
		history = slices.Delete(history, 0, 1)
	}
	return append(history, st)
}

// sendUpdate sends the head of the stream of t and arms its retry.
func (c *Core) sendUpdate(t *task) {
	if !c.registered || t.fw.rec.GetTerminating() {
		return
	}
	t.retryEvery = min(max(2*t.retryEvery, retryMin), retryMax)
	c.arm(timer{kind: timerRetry, task: t, at: c.now.Mono + t.retryEvery})
	up := &link.StatusUpdate{
		FrameworkId: t.fw.rec.Info.Id,
		Status:      t.pending[0],
		LatestState: t.state().Enum(),
	}
	if t.ct == nil || t.ct.kind() != record.Container_COMMAND {
		if id := t.executorID(); id != "" {
			up.ExecutorId = &mesos.ExecutorID{Value: &id}
		}
	}
	c.send(&link.Up{Body: &link.Up_StatusUpdate{StatusUpdate: up}})
}

// resendUpdates sends the heads of the streams of f again, as if for the first time.
func (c *Core) resendUpdates(f *framework) {
	for _, t := range f.order {
		if len(t.pending) > 0 {
			t.retryEvery = 0
			c.sendUpdate(t)
		}
	}
}

func (c *Core) retryUpdate(t *task) {
	if len(t.pending) > 0 && !t.gone {
		c.sendUpdate(t)
	}
}

// acknowledge removes the update in flight if that is the one meant, and sends the
// next. The acknowledgement of a terminal update closes the stream.
func (c *Core) acknowledge(a *link.Acknowledge) {
	f := c.frameworks[a.FrameworkId.GetValue()]
	if f == nil {
		return
	}
	t := f.tasks[a.TaskId.GetValue()]
	if t == nil || len(t.pending) == 0 || !bytes.Equal(t.pending[0].Uuid, a.Uuid) {
		return
	}
	st := t.pending[0]
	c.dropHead(t)
	if Terminal(st.GetState()) {
		for len(t.pending) > 0 {
			c.dropHead(t)
		}
		t.prog.Closed = new(true)
		c.touchTask(t)
		c.settle(t)
		return
	}
	c.touchTask(t)
	if len(t.pending) > 0 {
		t.retryEvery = 0
		c.sendUpdate(t)
	}
}

func (c *Core) dropHead(t *task) {
	c.erase(record.UpdateKey(t.fw.id, t.id(), t.firstUpdate))
	t.pending = t.pending[1:]
	t.firstUpdate++
	t.retryAt = 0
}

// settle forgets what has ended and was acknowledged.
func (c *Core) settle(t *task) {
	if t.ct == nil {
		c.forgetTask(t)
		c.settleFramework(t.fw)
		return
	}
	if t.ct.state() != record.Container_TERMINATED && t.ct.kind() != record.Container_COMMAND {
		c.keepDone(t)
		c.leaveContainer(t)
		return
	}
	c.settleContainer(t.ct)
}

// leaveContainer forgets a task whose executor lives on.
func (c *Core) leaveContainer(t *task) {
	t.ct.tasks = remove(t.ct.tasks, t)
	if t.proc != nil {
		delete(c.processes, t.proc.id)
	}
	c.forgetTask(t)
}

func (c *Core) forgetTask(t *task) {
	t.gone = true
	delete(t.fw.tasks, t.id())
	t.fw.order = remove(t.fw.order, t)
	c.touchTask(t)
}

func remove[T comparable](s []T, v T) []T {
	if i := slices.Index(s, v); i >= 0 {
		return slices.Delete(s, i, i+1)
	}
	return s
}

// containerStatus describes where t runs. A member of a task group has only an id
// where its executor would tell of it before the container is, or after it was.
func (c *Core) containerStatus(t *task, state mesos.TaskState) *mesos.ContainerStatus {
	cs := &mesos.ContainerStatus{ContainerId: &mesos.ContainerID{Value: t.ct.rec.Id}}
	if id := t.rec.GetNestedId(); id != "" {
		cs.ContainerId = &mesos.ContainerID{Value: &id, Parent: &mesos.ContainerID{Value: t.ct.rec.Id}}
		if state == mesos.TaskState_TASK_STARTING || Terminal(state) {
			return cs
		}
	}
	p := t.proc
	if p == nil {
		p = t.ct.proc
	}
	if p != nil && p.rec.GetPid() > 0 {
		cs.ExecutorPid = new(uint32(p.rec.GetPid()))
	}
	if p != nil && p.rec.NetClass != nil {
		cs.CgroupInfo = &mesos.CgroupInfo{NetCls: &mesos.CgroupInfo_NetCls{Classid: p.rec.NetClass}}
	}
	cs.NetworkInfos = c.networkInfos()
	return cs
}

func (c *Core) networkInfos() []*mesos.NetworkInfo {
	return []*mesos.NetworkInfo{{IpAddresses: []*mesos.NetworkInfo_IPAddress{{
		IpAddress: &c.opts.IP,
	}}}}
}
