package core

import (
	"bytes"
	"slices"

	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/executor"
)

const (
	statusAccepted       = 202
	statusBadRequest     = 400
	statusForbidden      = 403
	statusNotImplemented = 501
	statusNotFound       = 404
	statusInternal       = 500
	statusNotReady       = 503
)

// executorCall takes a call of a custom executor.
func (c *Core) executorCall(e ExecutorCall) {
	call := e.Call
	if call.GetType() == executor.Call_HEARTBEAT {
		c.emit(Reply{Token: e.Token, Status: statusAccepted})
		return
	}
	f := c.frameworks[call.FrameworkId.GetValue()]
	if f == nil {
		c.emit(Reply{Token: e.Token, Status: statusBadRequest, Text: "Framework cannot be found"})
		return
	}
	ct := f.executor(call.ExecutorId.GetValue())
	if ct == nil || !ct.custom() {
		c.emit(Reply{Token: e.Token, Status: statusBadRequest, Text: "Executor cannot be found"})
		return
	}
	if call.GetType() == executor.Call_SUBSCRIBE {
		if ct.proc.launching() && !ct.over() {
			// Quicker than the news of its own start, which is on the way.
			c.refuseEarly(ct)
			ct.early = &e
			return
		}
		c.subscribe(ct, e.Token, call.Subscribe)
		return
	}
	switch {
	case c.Recovering() && !ct.resubscribed:
		c.emit(Reply{Token: e.Token, Status: statusNotReady, Text: "Agent has not finished recovery"})
		return
	case ct.state() == record.Container_REGISTERING || !ct.resubscribed:
		c.emit(Reply{Token: e.Token, Status: statusForbidden, Text: "Executor is not subscribed"})
		return
	}
	switch call.GetType() {
	case executor.Call_UNKNOWN:
		c.emit(Reply{Token: e.Token, Status: statusNotImplemented, Text: "Received 'UNKNOWN' call"})
		return
	case executor.Call_UPDATE:
		c.executorUpdate(ct, call.Update.GetStatus())
	case executor.Call_MESSAGE:
		c.send(&link.Up{Body: &link.Up_ExecutorMessage{ExecutorMessage: &link.ExecutorMessage{
			FrameworkId: f.rec.Info.Id, ExecutorId: ct.rec.Executor.ExecutorId, Data: call.Message.GetData(),
		}}})
	}
	c.emit(Reply{Token: e.Token, Status: statusAccepted})
}

// refuseEarly answers a subscription that waits for a start which does not come, or
// which another one replaces.
func (c *Core) refuseEarly(ct *container) {
	if ct.early != nil {
		c.emit(Reply{Token: ct.early.Token, Status: statusNotReady, Text: "Executor is not running"})
		ct.early = nil
	}
}

// subscribe opens the stream of an executor, the first time or again. The newest
// stream is the one that counts.
func (c *Core) subscribe(ct *container, token Token, sub *executor.Call_Subscribe) {
	c.emit(OpenStream{Token: token})
	if ct.over() || ct.fw.rec.GetTerminating() || c.stopping != "" || c.nothingLeftFor(ct) {
		c.emit(Event{Token: token, Event: &executor.Event{Type: executor.Event_SHUTDOWN.Enum()}})
		c.emit(CloseStream{Token: token})
		if !ct.over() {
			c.shutdownExecutor(ct)
		}
		return
	}
	if ct.stream != 0 {
		c.emit(CloseStream{Token: ct.stream})
	}
	ct.stream, ct.registerAt = token, 0
	if ct.state() == record.Container_REGISTERING {
		c.setState(ct, record.Container_RUNNING)
	}
	c.event(ct, &executor.Event{
		Type: executor.Event_SUBSCRIBED.Enum(),
		Subscribed: &executor.Event_Subscribed{
			ExecutorInfo:  ct.rec.Executor,
			FrameworkInfo: ct.fw.rec.Info,
			AgentInfo:     c.AgentInfo(),
			ContainerId:   &mesos.ContainerID{Value: ct.rec.Id},
		},
	})
	c.arm(timer{kind: timerHeartbeat, ct: ct, at: c.now.Mono + heartbeatEvery})
	for _, u := range sub.GetUnacknowledgedUpdates() {
		c.executorUpdate(ct, u.GetStatus())
	}
	c.dropUndelivered(ct, sub.GetUnacknowledgedTasks())
	ct.resubscribed = true
	c.deliver(ct)
	for _, t := range ct.tasks {
		if t.prog.GetKillRequested() && t.prog.GetDelivered() {
			c.sendKill(t)
		}
	}
	c.checkRecovered()
}

// nothingLeftFor reports whether ct never got a task and all that were meant for it
// were killed.
func (c *Core) nothingLeftFor(ct *container) bool {
	return !ct.rec.GetHadTask() && ct.idle()
}

// dropUndelivered ends the tasks whose LAUNCH was released but which the executor
// has not seen: an event that was under way when the agent or the stream died.
func (c *Core) dropUndelivered(ct *container, seen []*mesos.TaskInfo) {
	for _, t := range slices.Clone(ct.tasks) {
		known := slices.ContainsFunc(seen, func(i *mesos.TaskInfo) bool { return i.TaskId.GetValue() == t.id() })
		if !t.prog.GetDelivered() || t.state() != mesos.TaskState_TASK_STAGING || known {
			continue
		}
		c.update(t, status{
			state: t.fw.lost(mesos.TaskState_TASK_DROPPED), source: mesos.TaskStatus_SOURCE_AGENT,
			reason:  mesos.TaskStatus_REASON_AGENT_RESTARTED.Enum(),
			message: "Task launched during agent restart", bare: true,
		})
		c.taskEnded(t)
	}
}

// deliver hands the waiting tasks to a subscribed executor, groups as groups.
func (c *Core) deliver(ct *container) {
	groups := map[uint64]*mesos.TaskGroupInfo{}
	for _, t := range ct.tasks {
		if t.prog.GetDelivered() || t.terminal() {
			continue
		}
		t.prog.Delivered = new(true)
		c.touchTask(t)
		c.attach(t)
		if n := t.rec.GetGroup(); n != 0 {
			if groups[n] == nil {
				groups[n] = &mesos.TaskGroupInfo{}
				c.event(ct, &executor.Event{
					Type:        executor.Event_LAUNCH_GROUP.Enum(),
					LaunchGroup: &executor.Event_LaunchGroup{TaskGroup: groups[n]},
				})
			}
			groups[n].Tasks = append(groups[n].Tasks, t.rec.Info)
			continue
		}
		c.event(ct, &executor.Event{
			Type: executor.Event_LAUNCH.Enum(), Launch: &executor.Event_Launch{Task: t.rec.Info},
		})
	}
	if !ct.rec.GetHadTask() && slices.ContainsFunc(ct.tasks, func(t *task) bool { return t.prog.GetDelivered() }) {
		ct.rec.HadTask = new(true)
		c.touchContainer(ct)
	}
}

func (c *Core) event(ct *container, e *executor.Event) {
	if ct.stream != 0 {
		c.emit(Event{Token: ct.stream, Event: e})
	}
}

func (c *Core) heartbeat(ct *container) {
	if ct.stream == 0 {
		return
	}
	c.event(ct, &executor.Event{Type: executor.Event_HEARTBEAT.Enum()})
	c.arm(timer{kind: timerHeartbeat, ct: ct, at: c.now.Mono + heartbeatEvery})
}

// executorUpdate takes a status update of a custom executor. Once it is in the
// records the executor gets ACKNOWLEDGED, also for one that is of no use any more.
func (c *Core) executorUpdate(ct *container, st *mesos.TaskStatus) {
	defer c.event(ct, &executor.Event{
		Type:         executor.Event_ACKNOWLEDGED.Enum(),
		Acknowledged: &executor.Event_Acknowledged{TaskId: st.TaskId, Uuid: st.Uuid},
	})
	t := ct.fw.tasks[st.TaskId.GetValue()]
	switch {
	case t == nil || t.ct != ct || t.terminal():
		c.metrics.InvalidUpdates++
		return
	case slices.ContainsFunc(t.prog.RecentUuids, func(u []byte) bool { return bytes.Equal(u, st.Uuid) }):
		return
	}
	c.metrics.ValidUpdates++
	t.prog.RecentUuids = append(t.prog.RecentUuids, st.Uuid)
	if n := len(t.prog.RecentUuids) - maxRecentUUIDs; n > 0 {
		t.prog.RecentUuids = slices.Delete(t.prog.RecentUuids, 0, n)
	}
	st.AgentId = c.agentIDMessage()
	c.fillContainerStatus(t, st)
	c.enqueue(t, st)
	if t.terminal() {
		c.taskEnded(t)
	}
}

// fillContainerStatus adds what the executor left out about its container.
func (c *Core) fillContainerStatus(t *task, st *mesos.TaskStatus) {
	ours := c.containerStatus(t, st.GetState())
	if st.ContainerStatus == nil {
		st.ContainerStatus = ours
		return
	}
	cs := st.ContainerStatus
	if cs.ContainerId == nil {
		cs.ContainerId = ours.ContainerId
	}
	if cs.ExecutorPid == nil {
		cs.ExecutorPid = ours.ExecutorPid
	}
	if len(cs.NetworkInfos) == 0 {
		cs.NetworkInfos = ours.NetworkInfos
	}
	for _, n := range cs.NetworkInfos {
		if len(n.IpAddresses) == 0 {
			n.IpAddresses = ours.NetworkInfos[0].IpAddresses
		}
	}
}

// executorGone forgets a stream. An executor without one keeps running: only the
// end of its process ends it.
func (c *Core) executorGone(token Token) {
	for _, ct := range c.containers {
		if ct.stream == token {
			ct.stream, ct.heartbeatAt = 0, 0
		}
	}
}

func (c *Core) messageToExecutor(m *link.ExecutorMessage) {
	f := c.frameworks[m.FrameworkId.GetValue()]
	if f == nil {
		return
	}
	if ct := f.executor(m.ExecutorId.GetValue()); ct != nil {
		c.event(ct, &executor.Event{
			Type: executor.Event_MESSAGE.Enum(), Message: &executor.Event_Message{Data: m.Data},
		})
		c.metrics.FrameworkMessages++
	}
}

// registrationTimedOut ends an executor that never subscribed, or did not come back
// after the agent restarted.
func (c *Core) registrationTimedOut(ct *container) {
	if ct.over() || ct.stream != 0 {
		return
	}
	if ct.state() == record.Container_REGISTERING {
		ct.rec.Ending = &record.Ending{
			State:   mesos.TaskState_TASK_FAILED.Enum(),
			Reason:  mesos.TaskStatus_REASON_EXECUTOR_REGISTRATION_TIMEOUT.Enum(),
			Message: new("Executor did not register within " + durationText(c.opts.RegistrationTimeout)),
		}
	} else {
		ct.rec.Ending = &record.Ending{
			State:   ct.fw.lost(mesos.TaskState_TASK_GONE).Enum(),
			Reason:  mesos.TaskStatus_REASON_EXECUTOR_REREGISTRATION_TIMEOUT.Enum(),
			Message: new("Executor did not reregister within " + durationText(c.opts.ReregistrationTimeout)),
		}
	}
	c.setState(ct, record.Container_TERMINATING)
	if ct.proc.launching() {
		c.emit(CancelLaunch{ID: ct.proc.id})
		return
	}
	c.killNow(ct.proc)
}

// executorEnded draws the consequences of the end of a custom executor's process.
func (c *Core) executorEnded(ct *container, raw int32) {
	ending := ct.rec.Ending
	if ending == nil {
		ending = &record.Ending{
			State:   mesos.TaskState_TASK_FAILED.Enum(),
			Reason:  mesos.TaskStatus_REASON_EXECUTOR_TERMINATED.Enum(),
			Message: new("Executor terminated"),
		}
	}
	for _, t := range slices.Clone(ct.tasks) {
		if !t.terminal() {
			c.endWith(t, ending)
		}
	}
	c.refuseEarly(ct)
	if ct.stream != 0 {
		c.emit(CloseStream{Token: ct.stream})
		ct.stream = 0
	}
	c.sendExit(ct.fw, ct.rec.Executor.ExecutorId, raw)
	c.terminate(ct)
	c.settleContainer(ct)
	c.checkRecovered()
}
