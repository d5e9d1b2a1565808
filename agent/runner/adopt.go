package runner

import (
	"slices"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/isolation/launch"
)

// Facts asks the kernel what became of the processes of an earlier agent, and
// watches those that live.
func (r *Runner) Facts(refs []core.ProcessRef) map[string]core.Fact {
	facts := make(map[string]core.Fact, len(refs))
	for _, ref := range refs {
		if ref.Launching {
			facts[ref.ID] = r.launched(ref)
		} else {
			facts[ref.ID] = r.adopt(ref)
		}
	}
	return facts
}

func (r *Runner) adopt(ref core.ProcessRef) core.Fact {
	p, err := r.opts.Kernel.Adopt(ref.ID, ref.Pid, ref.StartTicks)
	if err != nil {
		r.opts.Logger.Warn("process cannot be adopted", "container", ref.ID, "pid", ref.Pid, "err", err)
		return core.Fact{}
	}
	fact := r.factOf(ref.ID, p)
	if fact.Alive && ref.Directory != "" {
		r.resume(ref, fact.Pid, fact.StartTicks)
	}
	return fact
}

func (r *Runner) factOf(id string, p *isolation.Process) core.Fact {
	f := core.Fact{Pid: p.Pid(), StartTicks: p.StartTicks()}
	if st, over := p.Status(); over {
		f.Known, f.WaitStatus = st.Known, st.WaitStatus
		return f
	}
	f.Alive = true
	go r.watch(id, p)
	return f
}

// launched finds out about a launch whose outcome was not recorded. The container
// exists only if the launch had got as far as starting the process.
func (r *Runner) launched(ref core.ProcessRef) core.Fact {
	pid, ticks, exists := r.opts.Kernel.Find(ref.ID)
	if !exists {
		return core.Fact{Absent: true}
	}
	if pid == 0 {
		return core.Fact{}
	}
	return r.adopt(core.ProcessRef{ID: ref.ID, Pid: pid, StartTicks: ticks, Directory: ref.Directory})
}

// eldest is the process that started first, the init of a namespace apart; pid is 0
// if none of them lives.
func eldest(pids []int) (pid int, startTicks uint64) {
	slices.Sort(pids)
	for _, p := range pids {
		if t, err := launch.StartTicks(p); err == nil && (pid == 0 || t < startTicks) && !launch.IsInit(p) {
			pid, startTicks = p, t
		}
	}
	return pid, startTicks
}

// DestroyOthers removes every container but those of the given ids: what an
// earlier agent left behind and nobody answers for.
func (r *Runner) DestroyOthers(known []string) error {
	existing, err := r.opts.Kernel.List()
	if err != nil {
		return err
	}
	for _, id := range existing {
		if !slices.Contains(known, id) {
			r.opts.Logger.Warn("removing a container that nobody knows", "container", id)
			r.background(r.removals, "destroy", id, func() error { return r.opts.Kernel.Destroy(id) })
		}
	}
	return nil
}
