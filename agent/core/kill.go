package core

import (
	"slices"

	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/executor"
)

// kill takes a KILL of the scheduler. A task that is not here was never launched
// here or has ended: the allocator learns that from the registration.
func (c *Core) kill(k *link.Kill) {
	f := c.frameworks[k.FrameworkId.GetValue()]
	if f == nil {
		return
	}
	t := f.tasks[k.TaskId.GetValue()]
	if t == nil || t.terminal() || t.ct == nil {
		return
	}
	if t.ct.custom() {
		c.killCustom(t, k.KillPolicy)
		return
	}
	c.killTask(t, graceOf(t, k.KillPolicy))
}

// graceOf is the time between SIGTERM and SIGKILL: what the KILL says, else what
// the task says, else 3 s.
func graceOf(t *task, policy *mesos.KillPolicy) int64 {
	for _, p := range []*mesos.KillPolicy{policy, t.rec.Info.KillPolicy} {
		if p.GetGracePeriod() != nil {
			return max(p.GracePeriod.GetNanoseconds(), 0)
		}
	}
	return DefaultKillGrace
}

// killTask kills a task whose executor the agent plays. A repeated kill may
// shorten the grace that is running, never lengthen it.
func (c *Core) killTask(t *task, grace int64) {
	if c.rec.DrainConfig.GetMaxGracePeriod() != nil {
		grace = min(grace, c.rec.DrainConfig.MaxGracePeriod.GetNanoseconds())
	}
	again := t.prog.GetKillRequested()
	t.prog.KillRequested = new(true)
	t.prog.KillPolicy = &mesos.KillPolicy{GracePeriod: &mesos.DurationInfo{Nanoseconds: &grace}}
	c.touchTask(t)
	switch p := t.proc; {
	case p.launching():
		if !again {
			c.emit(CancelLaunch{ID: p.id})
		}
	case p.running():
		if !p.killing && t.fw.has(mesos.FrameworkInfo_Capability_TASK_KILLING_STATE) {
			c.update(t, status{state: mesos.TaskState_TASK_KILLING, source: mesos.TaskStatus_SOURCE_EXECUTOR})
		}
		c.terminateProcess(p, grace)
	}
}

// terminateProcess sends SIGTERM to everything in the container of p, and SIGKILL
// after the grace.
func (c *Core) terminateProcess(p *process, grace int64) {
	at := c.now.Mono + grace
	if p.killing {
		if p.killAt == 0 || at < p.killAt {
			c.arm(timer{kind: timerKill, proc: p, at: at})
		}
		return
	}
	p.killing = true
	c.stopChecks(p)
	c.emit(Signal{ID: p.id, Signal: sigTerm})
	c.arm(timer{kind: timerKill, proc: p, at: at})
}

func (c *Core) killNow(p *process) {
	if p.exited() {
		return
	}
	p.killing = true
	c.stopChecks(p)
	c.emit(KillAll{ID: p.id})
	c.arm(timer{kind: timerKill, proc: p, at: c.now.Mono + killAgainAfter})
}

// completionGrace lets SIGTERM take effect before SIGKILL when a task has run out
// of time: it decides which of the two signals the status names.
const completionGrace = second / 20

func (c *Core) armCompletion(t *task) {
	limit := t.rec.Info.GetMaxCompletionTime()
	if limit == nil || t.terminal() {
		return
	}
	left := t.prog.GetStartedAtNanos() + limit.GetNanoseconds() - c.now.Wall
	c.arm(timer{kind: timerCompletion, task: t, at: c.now.Mono + max(left, 0)})
}

func (c *Core) completionTimeReached(t *task) {
	if t.terminal() || t.prog.GetKillRequested() || !t.proc.running() {
		return
	}
	t.prog.Ending = &record.Ending{
		State:  mesos.TaskState_TASK_FAILED.Enum(),
		Reason: mesos.TaskStatus_REASON_MAX_COMPLETION_TIME_REACHED.Enum(),
	}
	c.touchTask(t)
	c.terminateProcess(t.proc, completionGrace)
}

// killCustom kills a task of a custom executor: by an event if it was delivered,
// else here and now, with its whole group.
func (c *Core) killCustom(t *task, policy *mesos.KillPolicy) {
	t.prog.KillRequested, t.prog.KillPolicy = new(true), policy
	c.touchTask(t)
	if t.prog.GetDelivered() {
		c.sendKill(t)
		return
	}
	for _, m := range slices.Clone(t.ct.tasks) {
		sameGroup := t.rec.GetGroup() != 0 && m.rec.GetGroup() == t.rec.GetGroup()
		if (m == t || sameGroup) && !m.terminal() {
			c.endWith(m, killedDuringLaunch())
		}
	}
	c.resize(t.ct)
	c.settleContainer(t.ct)
}

// sendKill passes a kill on; without a stream it waits for the executor's return.
func (c *Core) sendKill(t *task) {
	if t.ct.stream == 0 || t.terminal() {
		return
	}
	c.event(t.ct, &executor.Event{
		Type: executor.Event_KILL.Enum(),
		Kill: &executor.Event_Kill{TaskId: t.rec.Info.TaskId, KillPolicy: t.prog.KillPolicy},
	})
}
