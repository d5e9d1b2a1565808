package core

import (
	"slices"

	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/executor"
)

func (c *Core) shutdownExecutorByID(frameworkID, executorID string) {
	if f := c.frameworks[frameworkID]; f != nil {
		if ct := f.executor(executorID); ct != nil {
			c.shutdownExecutor(ct)
		}
	}
}

// shutdownExecutor asks an executor to end. The ones that the agent plays end by
// killing their tasks.
func (c *Core) shutdownExecutor(ct *container) {
	if ct.over() {
		return
	}
	if !ct.custom() {
		if ct.kind() == record.Container_DEFAULT {
			c.setState(ct, record.Container_TERMINATING)
		}
		for _, t := range slices.Clone(ct.tasks) {
			if !t.terminal() {
				c.killTask(t, graceOf(t, nil))
			}
		}
		return
	}
	c.setState(ct, record.Container_TERMINATING)
	ct.registerAt = 0
	if ct.proc.launching() {
		c.emit(CancelLaunch{ID: ct.proc.id})
	}
	if ct.stream != 0 {
		c.event(ct, &executor.Event{Type: executor.Event_SHUTDOWN.Enum()})
	}
	c.arm(timer{kind: timerShutdown, ct: ct, at: c.now.Mono + c.shutdownGrace(ct)})
}

func (c *Core) setState(ct *container, s record.Container_State) {
	ct.rec.State = s.Enum()
	c.touchContainer(ct)
}

func (c *Core) shutdownGrace(ct *container) int64 {
	if g := ct.rec.Executor.GetShutdownGracePeriod(); g != nil {
		return g.GetNanoseconds()
	}
	return c.opts.ShutdownGrace
}

func (c *Core) shutdownTimedOut(ct *container) {
	if ct.proc != nil && !ct.proc.exited() {
		c.killNow(ct.proc)
	}
}

// shutdownFramework ends everything of a framework that was removed. Nobody waits
// for the updates any more.
func (c *Core) shutdownFramework(id string) {
	f := c.frameworks[id]
	if f == nil {
		return
	}
	f.rec.Terminating = new(true)
	c.touchFramework(f)
	for _, t := range slices.Clone(f.order) {
		if t.ct == nil {
			c.dropUpdates(t)
			c.forgetTask(t)
		}
	}
	for _, ct := range slices.Clone(f.containers) {
		c.shutdownExecutor(ct)
		c.settleContainer(ct)
	}
	c.settleFramework(f)
}

func (c *Core) dropUpdates(t *task) {
	for len(t.pending) > 0 {
		c.dropHead(t)
	}
}

func (c *Core) updateFramework(info *mesos.FrameworkInfo) {
	if f := c.frameworks[info.GetId().GetValue()]; f != nil {
		if !f.rec.Info.EqualVT(info) {
			f.rec.Info = info
			c.touchFramework(f)
		}
		// It has come back: what it may have missed is said again now.
		c.resendUpdates(f)
	}
}

// settleContainer files a container away whose executor is gone and of whose tasks
// everything was said and heard.
func (c *Core) settleContainer(ct *container) {
	if ct.gone || ct.state() != record.Container_TERMINATED {
		return
	}
	for _, t := range ct.tasks {
		if !t.settled() && !ct.fw.rec.GetTerminating() {
			return
		}
	}
	done := &record.Completed{
		Container: ct.rec, Framework: ct.fw.rec.Info, EndedAtNanos: new(c.now.Wall), Tasks: ct.doneTasks(),
	}
	c.forgetDone(ct)
	for _, t := range slices.Clone(ct.tasks) {
		c.dropUpdates(t)
		done.Tasks = append(done.Tasks, c.taskMessage(t))
		c.forgetTask(t)
		if t.proc != nil {
			delete(c.processes, t.proc.id)
		}
	}
	if ct.proc != nil {
		delete(c.processes, ct.proc.id)
	}
	ct.gone = true
	c.forgetAnnexesBelow(ct.id())
	delete(c.containers, ct.id())
	ct.fw.containers = remove(ct.fw.containers, ct)
	c.touchContainer(ct)
	if !ct.rec.GetNeverMade() {
		c.complete(done)
		c.emit(Discard{ContainerID: ct.id(), Directory: ct.rec.GetDirectory(), EndedAt: c.now.Wall})
	}
	c.settleFramework(ct.fw)
}

// complete keeps an ended run for readers, within bounds.
func (c *Core) complete(done *record.Completed) {
	c.put(record.CompletedKey(done.Container.GetId()), done)
	c.completed = append(c.completed, done)
	same := 0
	for _, d := range c.completed {
		if d.Framework.Id.GetValue() == done.Framework.Id.GetValue() {
			same++
		}
	}
	drop := -1
	if same > c.opts.MaxCompleted {
		drop = slices.IndexFunc(c.completed, func(d *record.Completed) bool {
			return d.Framework.Id.GetValue() == done.Framework.Id.GetValue()
		})
	} else if len(c.completed) > maxCompletedInMemory {
		drop = 0
	}
	if drop >= 0 {
		c.erase(record.CompletedKey(c.completed[drop].Container.GetId()))
		c.completed = slices.Delete(c.completed, drop, drop+1)
	}
}

// collected forgets an ended run with its sandbox.
func (c *Core) collected(containerID string) {
	c.collectedAnnex(containerID)
	c.collectedMember(containerID)
	i := slices.IndexFunc(c.completed, func(d *record.Completed) bool { return d.Container.GetId() == containerID })
	if i >= 0 {
		c.erase(record.CompletedKey(containerID))
		c.completed = slices.Delete(c.completed, i, i+1)
	}
}

// settleFramework forgets a framework with nothing left here.
func (c *Core) settleFramework(f *framework) {
	if f.gone || len(f.containers) > 0 || len(f.tasks) > 0 {
		return
	}
	f.gone = true
	delete(c.frameworks, f.id)
	c.order = remove(c.order, f)
	c.touchFramework(f)
	c.checkEmpty()
}

// checkEmpty draws the consequences when nothing is left on the agent.
func (c *Core) checkEmpty() {
	if len(c.order) > 0 || len(c.operations) > 0 {
		return
	}
	if c.rec.DrainConfig != nil {
		c.rec.DrainConfig, c.rec.DrainStartNanos = nil, nil
		c.agentDirty = true
	}
	if c.stopping != "" {
		c.emit(Exit{Message: c.stopping})
	}
}

// shutdown ends everything and then the agent, because the allocator wants it so. The
// next start is a new agent: this one's id is spent.
func (c *Core) shutdown(message string) {
	if c.stopping != "" {
		return
	}
	c.spent = true
	c.rec = &record.Agent{Term: c.rec.Term, AgentId: c.rec.AgentId}
	c.erase(record.AgentKey)
	c.stop(message)
}

// stop ends everything and then the agent.
func (c *Core) stop(message string) {
	c.stopping = message
	c.dropOperations()
	c.endStandalone()
	for _, f := range slices.Clone(c.order) {
		c.shutdownFramework(f.id)
	}
	c.checkEmpty()
}

// leave unregisters the agent and ends everything. As in Mesos the next start is the
// same agent again.
func (c *Core) leave(message string) {
	if c.stopping != "" {
		return
	}
	c.sendAnyway(&link.Up{Body: &link.Up_Unregister{Unregister: &link.Unregister{Message: &message}}})
	c.stop(message)
}

// drain kills every task and lets none in until the agent is empty.
func (c *Core) drain(config *mesos.DrainConfig) {
	if config == nil {
		config = &mesos.DrainConfig{}
	}
	c.rec.DrainConfig, c.rec.DrainStartNanos = config, new(c.now.Wall)
	c.agentDirty = true
	for _, f := range slices.Clone(c.order) {
		for _, t := range slices.Clone(f.order) {
			if t.terminal() || t.ct == nil {
				continue
			}
			if t.ct.custom() {
				c.killCustom(t, drainPolicy(t, config))
			} else {
				c.killTask(t, graceOf(t, nil))
			}
		}
	}
	c.checkEmpty()
}

// drainPolicy shortens the task's own grace to what the drain allows.
func drainPolicy(t *task, config *mesos.DrainConfig) *mesos.KillPolicy {
	longest := config.GetMaxGracePeriod()
	own := t.rec.Info.GetKillPolicy()
	if longest == nil || (own.GetGracePeriod() != nil && own.GracePeriod.GetNanoseconds() <= longest.GetNanoseconds()) {
		return own
	}
	return &mesos.KillPolicy{GracePeriod: longest}
}

// markDraining gives the statuses of tasks that a drain kills their reason, and
// with mark_gone the state that says they will not come back.
func (c *Core) markDraining(t *task, st *mesos.TaskStatus) {
	if c.rec.DrainConfig == nil {
		return
	}
	switch st.GetState() {
	case mesos.TaskState_TASK_KILLING, mesos.TaskState_TASK_KILLED:
		st.Reason = mesos.TaskStatus_REASON_AGENT_DRAINING.Enum()
	}
	aware := t.fw.has(mesos.FrameworkInfo_Capability_PARTITION_AWARE)
	if st.GetState() == mesos.TaskState_TASK_KILLED && c.rec.DrainConfig.GetMarkGone() && aware {
		st.State = mesos.TaskState_TASK_GONE_BY_OPERATOR.Enum()
	}
}
