package core

import (
	"fmt"

	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

// channelClosed: the agent is disconnected at once. Its tasks stay.
func (c *Core) channelClosed(channel ChannelRef) {
	a := c.agents[c.channels[channel]]
	delete(c.channels, channel)
	if a != nil && a.channel == channel {
		c.disconnectAgent(a)
	}
}

// disconnectAgent gives an agent the time of its pings to come back, as if they
// went on unanswered; one whose connection broke just after it answered has all
// of it. The deadline that is written down, AgentReregisterTimeout, is for the
// case that this process ends in between: then the next one cannot know when the
// agent was heard of.
func (c *Core) disconnectAgent(a *agentState) {
	delete(c.channels, a.channel)
	a.channel, a.probedAt = 0, 0
	a.lastHeard = min(c.now.Mono, a.lastHeard+int64(c.opts.PingInterval))
	c.touchAgent(a, func(e *Agent) { e.Connected, e.Active = false, false })
	c.engine.deactivateAgent(a.id())
	c.rescindAgentOffers(a)
	rec := cloneAgent(a.cur.Rec)
	rec.ReregisterDeadlineNanos = ptr(c.now.Wall + int64(c.opts.AgentReregisterTimeout))
	c.putAgent(rec)
	c.armWall(rec.GetReregisterDeadlineNanos(), timerAgentReregister, a.id())
	a.pingTimer = c.timers.arm(c.patienceEnds(a), timerPing, a.id())
	if c.opts.LoseUncheckpointed {
		c.loseUncheckpointed(a)
	}
}

// loseUncheckpointed ends the tasks of frameworks without checkpointing, as Mesos
// does because its executors would exit with their agent. Ours do not.
func (c *Core) loseUncheckpointed(a *agentState) {
	ended := map[string]*frameworkState{}
	for _, t := range a.sortedTasks() {
		f := c.frameworks[t.FrameworkID()]
		if f == nil || f.info().GetCheckpoint() || t.Unreachable() {
			continue
		}
		ended[f.id()] = f
		if !t.terminal() {
			s := c.masterStatus(t.ID(), a.id(), mesos.TaskState_TASK_LOST, mesos.TaskStatus_REASON_AGENT_DISCONNECTED,
				"Agent "+a.info().GetHostname()+" disconnected")
			s.ExecutorId = t.executorID()
			t = c.updateTask(t, s, mesos.TaskState_TASK_LOST, false)
			c.sendUpdate(f, s)
		}
		c.completeTask(f, t)
	}
	for _, f := range sortedStrings(ended) {
		for _, e := range a.sortedExecutors() {
			if e.framework() == f.id() {
				c.removeExecutor(a, e.key())
			}
		}
		c.shutdownFrameworkOn(a, f.info().Id)
	}
}

func (c *Core) agentReregisterTimeout(id string) {
	a := c.agents[id]
	if a == nil || a.cur.Connected || !a.registered() {
		return
	}
	if deadline := a.cur.Rec.GetReregisterDeadlineNanos(); deadline > c.now.Wall {
		c.armWall(deadline, timerAgentReregister, id)
		return
	}
	if again := c.resumedAt + c.pingTimeout(); c.resumedAt != 0 && again > c.now.Mono {
		c.timers.arm(again, timerAgentReregister, id)
		return
	}
	if a.cur.Recovered && c.tooManyMissing() {
		c.holdRemoval(a)
		return
	}
	c.markUnreachable(a, "agent did not reregister within "+c.opts.AgentReregisterTimeout.String())
}

// fewMissing agents may be missing after a restart whatever their share: in a small
// cluster that happens.
const fewMissing = 2

// tooManyMissing says whether so many of the agents of the last process have not
// come back that the cause is probably not theirs.
func (c *Core) tooManyMissing() bool {
	return c.expected > fewMissing && float64(c.expected)*100 > c.opts.RecoveryRemovalLimit*float64(c.recovered)
}

// holdRemoval keeps an agent whose time is over, looks again later and says so.
func (c *Core) holdRemoval(a *agentState) {
	c.timers.arm(c.now.Mono+c.pingTimeout(), timerAgentReregister, a.id())
	if !a.cur.Held {
		c.touchAgent(a, func(e *Agent) { e.Held = true })
	}
	if c.heldAt != 0 && c.now.Mono-c.heldAt < c.pingTimeout() {
		return
	}
	c.heldAt = c.now.Mono
	c.out.effect(&Warning{Text: fmt.Sprintf("%d of %d agents have not come back since the restart, more than %v %%: none of them is declared unreachable, "+
		"so their tasks are not replaced. Find out why they do not reach the allocator; those that are dead can be marked gone",
		c.expected, c.recovered, c.opts.RecoveryRemovalLimit)})
}

// pingTimeout is how long an agent may say nothing.
func (c *Core) pingTimeout() int64 { return int64(c.opts.PingInterval) * int64(c.opts.MaxPingTimeouts) }

// armPing arms the next ping, or the end of patience if that comes first.
func (c *Core) armPing(a *agentState) {
	at := min(c.now.Mono+int64(c.opts.PingInterval), c.patienceEnds(a))
	a.pingTimer = c.timers.arm(at, timerPing, a.id())
}

// patienceEnds is the Mono time at which an agent that says nothing more is
// unreachable. Time for which this process itself stood still does not count
// against agents: they may have answered all along.
func (c *Core) patienceEnds(a *agentState) int64 {
	return max(a.lastHeard, c.resumedAt) + c.pingTimeout()
}

// noticeStall finds out that this process stood still (it was stopped, its machine
// slept): the earliest timer is late by more than a ping.
func (c *Core) noticeStall() {
	if at, ok := c.timers.next(); ok && c.now.Mono-at >= int64(c.opts.PingInterval) {
		c.resumedAt = c.now.Mono
	}
}

func (c *Core) sendPing(a *agentState) {
	c.tell(a, &link.Down{Body: &link.Down_Ping{Ping: &link.Ping{Connected: ptr(true)}}})
}

// pingAgent sends the next ping. An agent that has said nothing for the time of
// five pings is unreachable, though its connection may look whole. One that is
// disconnected hears no pings, but they are counted.
func (c *Core) pingAgent(t timer) {
	a := c.agents[t.id]
	if a == nil || !a.registered() || a.pingTimer != t.seq {
		return
	}
	if c.now.Mono >= c.patienceEnds(a) {
		if a.cur.Connected {
			c.out.effect(&CloseChannel{Channel: a.channel})
		}
		c.markUnreachable(a, "health check timed out")
		return
	}
	if a.cur.Connected {
		c.sendPing(a)
	}
	c.armPing(a)
}

// unreachable reports whether the agent is remembered as unreachable.
func (a *agentState) unreachable() bool { return a.cur.Rec.GetPhase() == record.Agent_UNREACHABLE }

// detach ends the agent's channel: nothing reaches it any more.
func (c *Core) detach(a *agentState) {
	if a.cur.Recovered {
		c.expected--
	}
	delete(c.channels, a.channel)
	a.channel, a.leaving = 0, true
	c.touchAgent(a, func(e *Agent) {
		e.Connected, e.Active, e.Recovered, e.Held, e.LossDelayed = false, false, false, false, false
	})
}

// withdraw takes the agent's resources out of the cluster and tells everyone.
func (c *Core) withdraw(a *agentState) {
	c.withdrawResources(a)
	c.broadcastAgentFailure(a.id(), everyFramework)
}

func (c *Core) withdrawResources(a *agentState) {
	c.rescindAgentOffers(a)
	c.engine.removeAgent(a.id())
}

// markUnreachable: nobody knows what the agent's tasks do. They are remembered, and
// go on if it comes back.
func (c *Core) markUnreachable(a *agentState, why string) {
	c.detach(a)
	rec := cloneAgent(a.cur.Rec)
	rec.Phase, rec.SinceNanos, rec.ReregisterDeadlineNanos = record.Agent_UNREACHABLE.Enum(), ptr(c.now.Wall), nil
	c.putAgent(rec)
	waits := c.removalWaits(a)
	for _, t := range a.sortedTasks() {
		if !waits || t.terminal() || c.partitionAware(t) {
			c.loseTask(a, t, mesos.TaskState_TASK_UNREACHABLE, mesos.TaskStatus_REASON_AGENT_REMOVED, why)
		}
	}
	c.forgetWorkOf(a, mesos.OperationState_OPERATION_UNREACHABLE, "Agent became unreachable")
	c.withdrawResources(a)
	c.broadcastAgentFailure(a.id(), func(f *frameworkState) bool { return !waits || f.caps.partitionAware })
	if waits {
		c.queueRemoval(a)
	}
}

// loseTask ends a task with its agent, or remembers it as unreachable. Only
// PARTITION_AWARE frameworks know other words than TASK_LOST.
func (c *Core) loseTask(a *agentState, t *Task, state mesos.TaskState, reason mesos.TaskStatus_Reason, why string) {
	f := c.frameworks[t.FrameworkID()]
	if f == nil {
		return
	}
	if t.terminal() {
		// Its end will not be acknowledged any more.
		c.completeTask(f, t)
		return
	}
	if !f.caps.partitionAware {
		state = mesos.TaskState_TASK_LOST
		if reason == mesos.TaskStatus_REASON_AGENT_REMOVED_BY_OPERATOR {
			reason = mesos.TaskStatus_REASON_AGENT_REMOVED
		}
	}
	s := c.masterStatus(t.ID(), a.id(), state, reason, why)
	s.ExecutorId = t.executorID()
	if a.unreachable() {
		s.UnreachableTime = timeInfo(a.cur.Rec.GetSinceNanos())
		c.rememberUnreachable(f, t, s)
	} else {
		t = c.updateTask(t, s, state, false)
		c.completeTask(f, t)
	}
	c.sendUpdate(f, s)
}

// rememberUnreachable keeps a task for its agent's return, whatever its framework
// was told; the task that was unreachable for longest is forgotten beyond the
// limit.
func (c *Core) rememberUnreachable(f *frameworkState, t *Task, s *mesos.TaskStatus) {
	rec, _ := t.withStatus(s, s.GetState())
	rec.Unreachable = ptr(true)
	t = c.putTask(rec, t.list)
	c.taskUpdated(t, s)
	var oldest *Task
	count := 0
	for _, other := range f.tasks {
		if !other.Unreachable() {
			continue
		}
		count++
		if oldest == nil || unreachableBefore(other, oldest) {
			oldest = other
		}
	}
	if count > c.opts.MaxUnreachableTasks {
		c.dropTask(f.id(), oldest.ID())
	}
}

func unreachableBefore(a, b *Task) bool {
	at, bt := unreachableSince(a), unreachableSince(b)
	return at < bt || at == bt && a.ID() < b.ID()
}

func unreachableSince(t *Task) int64 {
	return t.last.message.GetUnreachableTime().GetNanoseconds()
}

// forgetWorkOf ends the executors and operations of an agent that left. Operations
// of unreachable agents may still be heard of.
func (c *Core) forgetWorkOf(a *agentState, state mesos.OperationState, text string) {
	for _, e := range a.sortedExecutors() {
		c.dropExecutor(e.key())
	}
	for _, o := range sortedStrings(a.operations) {
		if o.Info().GetInfo().GetId() != nil && !terminalOperation(o.Info().GetLatestStatus().GetState()) {
			if f := c.frameworks[o.framework()]; f != nil {
				c.sendOperationStatus(f, &mesos.OperationStatus{OperationId: o.Info().Info.Id, State: state.Enum(), Message: &text, AgentId: a.info().Id})
			}
		}
		c.dropOperation(o.UUID())
	}
}

// unregister: the agent leaves for good; its tasks are lost to everyone.
func (c *Core) unregister(a *agentState, message string) {
	if message == "" {
		message = "the agent unregistered"
	}
	c.out.effect(&CloseChannel{Channel: a.channel})
	c.removeAgent(a, "Agent "+a.info().GetHostname()+" removed: "+message)
}

// removeAgent forgets an agent altogether.
func (c *Core) removeAgent(a *agentState, why string) {
	c.detach(a)
	for _, t := range a.sortedTasks() {
		c.loseTask(a, t, mesos.TaskState_TASK_LOST, mesos.TaskStatus_REASON_AGENT_REMOVED, why)
	}
	c.forgetWorkOf(a, mesos.OperationState_OPERATION_DROPPED, "Agent removed")
	c.withdraw(a)
	c.clearOutbox(a)
	c.dropAgent(a.id())
	c.agentRemoved(a.id())
}

// pruneAgents forgets unreachable and gone agents that are old or too many, the
// oldest first.
func (c *Core) pruneAgents() {
	c.timers.arm(c.now.Mono+int64(c.opts.PruneInterval), timerPrune, "")
	var remembered []*agentState
	clear(c.addresses)
	for _, a := range sortedStrings(c.agents) {
		if a.registered() {
			c.noteAddress(a)
		} else {
			remembered = append(remembered, a)
		}
	}
	sortBySince(remembered)
	for i, a := range remembered {
		old := c.now.Wall-a.cur.Rec.GetSinceNanos() > int64(c.opts.RememberedAgentAge)
		if !old && len(remembered)-i <= c.opts.MaxRememberedAgents {
			return
		}
		c.forgetAgent(a)
	}
}

// forgetAgent drops a remembered agent with its unreachable tasks.
func (c *Core) forgetAgent(a *agentState) {
	c.declareLost(a)
	for _, t := range a.sortedTasks() {
		c.dropTask(t.FrameworkID(), t.ID())
	}
	c.clearOutbox(a)
	c.dropAgent(a.id())
}
