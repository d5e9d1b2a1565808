package core

import (
	"fmt"
	"slices"

	"github.com/caprock/caprock/agent/record"
)

const statusOK = 200

func (c *Core) answerLauncher(a *annex, status int, text string) {
	if a.launcher != 0 {
		c.emit(ContainerReply{Token: a.launcher, Status: status, Text: text, KernelID: a.proc.id})
		a.launcher = 0
	}
}

// annexStarted takes the news that the process of a runs.
func (c *Core) annexStarted(a *annex) {
	if a.proc.killing {
		c.killNow(a.proc)
	}
	c.answerLauncher(a, statusOK, "")
}

// annexLaunchFailed tells whoever launched it; then nothing is left of it, as if the
// launch had never been. If nobody waits any more it stays, as one that has ended.
func (c *Core) annexLaunchFailed(a *annex, message string) {
	if a.launcher != 0 {
		c.answerLauncher(a, statusBadRequest, "Failed to launch container: "+message)
		c.endAnnex(a, &record.Termination{})
		c.forgetAnnex(a)
		return
	}
	c.endAnnex(a, &record.Termination{Message: new("Failed to launch container: " + message)})
}

func (c *Core) annexExited(a *annex, e Exited) {
	c.answerLauncher(a, statusOK, "")
	end := terminationOf(e)
	if decided := a.rec.Ending; decided != nil {
		end.State, end.Reason = decided.State, decided.Reason
		end.Message, end.Limitation = decided.Message, decided.Limitation
	}
	c.endAnnex(a, end)
}

func terminationOf(e Exited) *record.Termination {
	if !e.Known {
		return &record.Termination{Message: new("Container ended while the agent could not watch it; its exit status is unknown")}
	}
	return &record.Termination{ExitStatus: new(int32(e.WaitStatus))}
}

// endAnnex draws the consequences of the end of a.
func (c *Core) endAnnex(a *annex, end *record.Termination) {
	a.rec.Termination = end
	a.proc.killAt = 0
	c.touchAnnex(a)
	c.containerEnded(a.id, end)
	if !a.isNested() {
		c.emit(Discard{ContainerID: a.key(), Directory: a.rec.GetDirectory(), EndedAt: c.now.Wall})
	}
}

// containerEnded answers those who wait for a container, whoever launched it, and
// ends what is nested in it.
func (c *Core) containerEnded(id ContainerID, end *record.Termination) {
	key := id.String()
	for _, token := range c.waiters[key] {
		c.emit(ContainerReply{Token: token, Status: statusOK, Termination: end})
	}
	delete(c.waiters, key)
	for _, a := range slices.Clone(c.annexOrder) {
		if a.live() && slices.Equal(a.id.parent(), id) {
			c.killAnnex(a)
		}
	}
}

// killAnnex ends a live one, whatever it is about.
func (c *Core) killAnnex(a *annex) {
	switch {
	case a.proc.killing:
	case a.proc.launching():
		a.proc.killing = true
		c.emit(CancelLaunch{ID: a.proc.id})
	default:
		c.killNow(a.proc)
	}
}

// processEnded is containerEnded for the process of a task or of an executor.
func (c *Core) processEnded(p *process, end *record.Termination) {
	id := ContainerID{p.ct.id()}
	if p.task != nil && p.task.rec.GetNestedId() != "" {
		id = append(id, p.task.rec.GetNestedId())
	}
	c.containerEnded(id, end)
}

// forgetAnnex drops all that is known of a and of what is nested in it. What still
// runs there is ended by its removal.
func (c *Core) forgetAnnex(a *annex) {
	for _, below := range slices.Clone(c.annexOrder) {
		if slices.Equal(below.id.parent(), a.id) {
			c.forgetAnnex(below)
		}
	}
	if a.gone {
		return
	}
	if a.live() {
		c.answerLauncher(a, statusBadRequest, "Container was destroyed")
		for _, token := range c.waiters[a.key()] {
			c.emit(ContainerReply{Token: token, Status: statusOK, Termination: &record.Termination{}})
		}
		delete(c.waiters, a.key())
		if a.proc.launching() {
			c.emit(CancelLaunch{ID: a.proc.id})
		}
		c.emit(Destroy{ID: a.proc.id})
	}
	a.gone, a.proc.killAt = true, 0
	c.touchAnnex(a)
	delete(c.annexes, a.key())
	c.annexOrder = remove(c.annexOrder, a)
	if c.processes[a.proc.id] == a.proc {
		delete(c.processes, a.proc.id)
	}
}

// forgetAnnexesBelow drops what is nested anywhere below a root that is gone.
func (c *Core) forgetAnnexesBelow(root string) {
	for _, a := range slices.Clone(c.annexOrder) {
		if a.isNested() && a.id[0] == root {
			c.forgetAnnex(a)
		}
	}
}

// endStandalone ends every standalone container: the agent leaves for good.
func (c *Core) endStandalone() {
	for _, a := range slices.Clone(c.annexOrder) {
		if !a.isNested() {
			c.forgetAnnex(a)
		}
	}
}

// limitAnnex is limited for the process of a.
func (c *Core) limitAnnex(a *annex, l Limited) {
	if a.proc.exited() {
		return
	}
	if a.rec.Ending == nil {
		a.rec.Ending = memoryEnding(c.annexLimits(a), l)
		if l.Disk != nil {
			a.rec.Ending = diskEnding(l.Disk)
		}
	}
	c.touchAnnex(a)
	c.killNow(a.proc)
}

func (c *Core) waitContainer(w WaitContainer) {
	b, known := c.find(w.ID)
	switch {
	case known && b.live():
		key := w.ID.String()
		c.waiters[key] = append(c.waiters[key], w.Token)
	case known && b.annex != nil:
		c.emit(ContainerReply{Token: w.Token, Status: statusOK, Termination: b.annex.rec.Termination})
	default:
		c.emit(ContainerReply{Token: w.Token, Status: statusNotFound, Text: fmt.Sprintf("Container %s cannot be found", w.ID)})
	}
}

func (c *Core) forgetWait(token Token) {
	for key, tokens := range c.waiters {
		if i := slices.Index(tokens, token); i >= 0 {
			if c.waiters[key] = slices.Delete(tokens, i, i+1); len(c.waiters[key]) == 0 {
				delete(c.waiters, key)
			}
			return
		}
	}
}

// maxSignal is the last of Linux' signals.
const maxSignal = 64

func (c *Core) killContainer(k KillContainer) {
	b, known := c.find(k.ID)
	if !known || !b.live() {
		c.emit(ContainerReply{Token: k.Token, Status: statusNotFound,
			Text: fmt.Sprintf("Container '%s' cannot be found (or is already killed)", k.ID)})
		return
	}
	if k.Signal < 0 || k.Signal > maxSignal {
		c.emit(ContainerReply{Token: k.Token, Status: statusInternal, Text: "Unable to send signal to container: Invalid argument"})
		return
	}
	switch p := b.proc; {
	case p == nil:
		// The executor is the agent; without it there is nothing but its tasks.
		c.shutdownExecutor(b.ct)
	case b.annex != nil && (p.launching() || k.Signal == sigKill):
		c.killAnnex(b.annex)
	case p.launching():
		c.emit(CancelLaunch{ID: p.id})
	case k.Signal == sigKill:
		c.killNow(p)
	default:
		c.emit(SignalProcess{ID: p.id, Pid: int(p.rec.GetPid()), StartTicks: p.rec.GetStartTicks(), Signal: k.Signal})
	}
	c.emit(ContainerReply{Token: k.Token, Status: statusOK})
}

func (c *Core) removeContainer(r RemoveContainer) {
	reply := func(status int, text string) {
		c.emit(ContainerReply{Token: r.Token, Status: status, Text: text})
	}
	b, known := c.find(r.ID)
	root, rootKnown := c.find(r.ID[:1])
	switch {
	case len(r.ID) == 1 && (!known || b.annex == nil):
		// A Mesos agent aborts on this one.
		reply(statusBadRequest, fmt.Sprintf("Container %s is neither nested nor a standalone one that has ended", r.ID))
		return
	case known && b.live() && len(r.ID) == 1:
		reply(statusInternal, "Standalone container has not terminated yet")
		return
	case known && b.live():
		reply(statusInternal, "Nested container has not terminated yet")
		return
	case len(r.ID) > 1 && (!rootKnown || !root.live()):
		reply(statusInternal, "Unknown root container")
		return
	case known && b.annex != nil:
		c.emit(RemoveSandbox{Directory: b.annex.rec.GetDirectory()})
		c.forgetAnnex(b.annex)
	}
	reply(statusOK, "")
}

// endSession ends a session whose connection is gone.
func (c *Core) endSession(id ContainerID) {
	if a := c.annexes[id.String()]; a != nil && a.live() && a.rec.GetSession() {
		c.killAnnex(a)
	}
}
