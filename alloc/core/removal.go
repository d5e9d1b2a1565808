package core

import (
	"slices"

	"github.com/caprock/caprock/wire/mesos"
)

// Frameworks that are not PARTITION_AWARE cannot tell an unreachable task from a
// lost one, and start another. If a whole rack is cut off they would replace all of
// it at once; RemovalInterval spreads that. What waits is which tasks are declared
// lost to those frameworks, never that an agent is unreachable, and an agent that
// returns meanwhile has lost them nothing.
//
// Nothing is written down for it: the tasks that wait are those of an unreachable
// agent that are not unreachable themselves.

// removals are the agents whose tasks wait to be declared lost.
type removals struct {
	queue []string // agent ids, in the order in which they became unreachable
	next  int64    // Mono time from which the next one may be declared lost
	armed bool     // a timer is
}

// removalWaits says whether declaring the agent's tasks lost has to wait.
func (c *Core) removalWaits(a *agentState) bool {
	if c.opts.RemovalInterval == 0 || !c.losesTasks(a) {
		return false
	}
	if len(c.removals.queue) == 0 && c.removals.next <= c.now.Mono {
		c.removals.next = c.now.Mono + int64(c.opts.RemovalInterval)
		return false
	}
	return true
}

// losesTasks says whether tasks of frameworks that are not PARTITION_AWARE run on the
// agent, as far as they know.
func (c *Core) losesTasks(a *agentState) bool {
	for _, t := range a.tasks {
		if t.holdsResources() && !c.partitionAware(t) {
			return true
		}
	}
	return false
}

func (c *Core) partitionAware(t *Task) bool {
	f := c.frameworks[t.FrameworkID()]
	return f == nil || f.caps.partitionAware
}

func (c *Core) queueRemoval(a *agentState) {
	c.removals.queue = append(c.removals.queue, a.id())
	c.touchAgent(a, func(e *Agent) { e.LossDelayed = true })
	c.armRemoval()
}

// cancelRemoval: the agent is back. If it leaves again it has to queue again.
func (c *Core) cancelRemoval(a *agentState) {
	if at := slices.Index(c.removals.queue, a.id()); a.cur.LossDelayed && at >= 0 {
		c.removals.queue = slices.Delete(c.removals.queue, at, at+1)
	}
}

func (c *Core) armRemoval() {
	if !c.removals.armed && len(c.removals.queue) > 0 {
		c.removals.armed = true
		c.timers.arm(max(c.removals.next, c.now.Mono), timerRemoval, "")
	}
}

// nextRemoval declares the tasks of the next agent lost. One that was
// marked gone has none that wait.
func (c *Core) nextRemoval() {
	c.removals.armed = false
	for len(c.removals.queue) > 0 && c.removals.next <= c.now.Mono {
		a := c.agents[c.removals.queue[0]]
		c.removals.queue = c.removals.queue[1:]
		if a != nil && c.declareLost(a) {
			c.removals.next = c.now.Mono + int64(c.opts.RemovalInterval)
		}
	}
	c.armRemoval()
}

// declareLost tells frameworks that are not PARTITION_AWARE of an agent that has been
// unreachable. It reports whether there was anything to tell.
func (c *Core) declareLost(a *agentState) bool {
	if !a.unreachable() || !c.losesTasks(a) {
		return false
	}
	for _, t := range a.sortedTasks() {
		if t.holdsResources() {
			c.loseTask(a, t, mesos.TaskState_TASK_UNREACHABLE, mesos.TaskStatus_REASON_AGENT_REMOVED, "agent is unreachable")
		}
	}
	c.broadcastAgentFailure(a.id(), func(f *frameworkState) bool { return !f.caps.partitionAware })
	c.touchAgent(a, func(e *Agent) { e.LossDelayed = false })
	return true
}

// recoverRemovals finds the agents that waited when the last process ended. When it
// last declared one lost is not known.
func (c *Core) recoverRemovals() {
	var waiting []*agentState
	for _, a := range sortedStrings(c.agents) {
		if a.unreachable() && c.losesTasks(a) {
			waiting = append(waiting, a)
		}
	}
	sortBySince(waiting)
	if len(waiting) > 0 {
		c.removals.next = c.now.Mono + int64(c.opts.RemovalInterval)
	}
	for _, a := range waiting {
		c.queueRemoval(a)
	}
}
