package core

import (
	"slices"

	"github.com/caprock/caprock/agent/record"
)

// assembleAnnexes enters those whose root and parents are there; what is nested in
// something that is gone is gone too.
func (c *Core) assembleAnnexes(loaded map[string]*record.Annex) (refs []ProcessRef) {
	for _, rec := range byOrdinal(loaded) {
		id := ContainerID(rec.Path)
		whole := len(id) > 0 && rec.Process != nil && rec.GetKernelId() != "" && c.annexes[id.String()] == nil &&
			c.processes[rec.GetKernelId()] == nil
		if whole && len(id) > 1 {
			_, whole = c.find(id.parent())
		}
		if !whole {
			c.damaged(record.AnnexKey(id.String()))
			continue
		}
		a := &annex{id: id, rec: rec}
		c.addAnnex(a)
		c.ordinal = max(c.ordinal, rec.GetOrdinal())
		if a.live() {
			refs = appendRef(refs, a.proc)
		}
	}
	return refs
}

// recoverAnnexes takes up what runs. Sessions end with the agent that held their
// connection. A launch that nobody waits for any more is not made again.
func (c *Core) recoverAnnexes(facts map[string]Fact, rebooted bool) {
	for _, a := range slices.Clone(c.annexOrder) {
		if a.gone || !a.live() {
			continue
		}
		fact := facts[a.proc.id]
		switch p := a.proc; {
		case p.launching() && fact.Alive:
			c.started(Started{ID: p.id, Pid: fact.Pid, StartTicks: fact.StartTicks})
		case p.launching() && fact.Known && !rebooted:
			c.started(Started{ID: p.id, Pid: fact.Pid, StartTicks: fact.StartTicks})
			c.exited(Exited{ID: p.id, WaitStatus: fact.WaitStatus, Known: true})
		case p.launching():
			c.launchFailed(LaunchFailed{ID: p.id, Message: "the agent restarted while the container was being launched"})
		case !fact.Alive:
			c.exited(Exited{ID: p.id, WaitStatus: fact.WaitStatus, Known: fact.Known && !rebooted})
		}
		if a.live() && (a.rec.GetSession() || a.rec.Ending != nil || c.orphaned(a)) {
			c.killAnnex(a)
		}
	}
}

// orphaned reports whether what a is nested in has ended.
func (c *Core) orphaned(a *annex) bool {
	if !a.isNested() {
		return false
	}
	parent, known := c.find(a.id.parent())
	return !known || !parent.live()
}

// endedStandalone lists the sandboxes of standalone containers that had ended
// before, in the order of their launches.
func (c *Core) endedStandalone() []Discard {
	var out []Discard
	for _, a := range c.annexOrder {
		if !a.isNested() && !a.live() {
			out = append(out, Discard{ContainerID: a.key(), Directory: a.rec.GetDirectory()})
		}
	}
	return out
}

// collectedAnnex forgets an ended standalone container with its sandbox.
func (c *Core) collectedAnnex(id string) {
	if a := c.annexes[id]; a != nil && !a.live() {
		c.forgetAnnex(a)
	}
}

// AnnexView is a live container that the operator API launched.
type AnnexView struct {
	ID ContainerID
	// KernelID is what the runner knows it by.
	KernelID string
	Pid      int
	Limits   Limits
}

// Annexes lists them in the order of their launches.
func (c *Core) Annexes() []AnnexView {
	var out []AnnexView
	for _, a := range c.annexOrder {
		if a.live() {
			out = append(out, AnnexView{
				ID: a.id, KernelID: a.proc.id, Pid: int(a.proc.rec.GetPid()), Limits: c.annexLimits(a),
			})
		}
	}
	return out
}

// Attachable returns what the runner knows a live container by, for those who want
// to talk to its process; "" if it has none. executor says whether it is that of an
// executor or nested in one, known whether it is there.
func (c *Core) Attachable(id ContainerID) (kernelID string, executor, known bool) {
	root := c.containers[id[0]]
	b, ok := c.find(id)
	if !ok || !b.live() {
		return "", root != nil, false
	}
	if b.proc == nil {
		return "", root != nil, true
	}
	return b.proc.id, root != nil, true
}
