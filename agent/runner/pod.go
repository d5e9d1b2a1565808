package runner

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/sandbox"
	"github.com/caprock/caprock/agent/volume"
	"github.com/caprock/caprock/isolation"
)

// A pod is the container of a DEFAULT executor: it has no process of its own, but
// bounds what those of its members use together.

// nest makes the sandbox and the container of a pod, or brings the limits of one
// that is there up to date.
func (r *Runner) nest(n core.Nest) (err error) {
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if delete(r.failedPods, n.ID); err != nil {
			r.failedPods[n.ID] = err
		}
	}()
	owner, err := sandbox.LookupOwner(n.User)
	if err != nil {
		return err
	}
	box, err := r.opts.Tree.Make(n.Directory, owner)
	if err != nil {
		return err
	}
	defer box.Close()
	if err := volume.Link(box, n.Volumes, owner); err != nil {
		return err
	}
	if err := r.opts.Tree.Link(n.Latest, n.Directory); err != nil {
		return err
	}
	if err := r.hold(n.Disk); err != nil {
		return err
	}
	r.setLimits(n.ID, n.Limits, n.Disk)
	if err := r.opts.Kernel.Hold(n.ID, n.Limits, Program{Container: n.Container}); err != nil {
		return err
	}
	r.watchPod(n.ID)
	return nil
}

// watchPod reports when a pod runs out of memory, whichever of its members the
// kernel picked.
func (r *Runner) watchPod(id string) {
	oom := r.opts.Kernel.OOM(id)
	if oom == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pods[id] != nil {
		return
	}
	gone := make(chan struct{})
	r.pods[id] = gone
	go func() {
		select {
		case <-oom:
			r.opts.Report(r.limited(id))
		case <-gone:
		case <-r.stop:
		}
	}()
}

// forget drops what is kept of a container that is about to be destroyed.
func (r *Runner) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.limits, id)
	delete(r.disks, id)
	delete(r.failedPods, id)
	if r.opts.Quotas != nil {
		r.opts.Quotas.Forget(id)
	}
	if gone := r.pods[id]; gone != nil {
		close(gone)
		delete(r.pods, id)
	}
}

// setLimits notes what a container is to be limited to. Changes run beside each
// other; each brings what is wanted by then, so the last one wins.
func (r *Runner) setLimits(id string, limits core.Limits, disk *core.DiskBox) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.limits[id], r.disks[id] = limits, disk
}

func (r *Runner) resize(e core.Resize) {
	r.setLimits(e.ID, e.Limits, e.Disk)
	r.resizeDisk(e.ID)
	r.background(r.kills, "resize", e.ID, func() error {
		r.mu.Lock()
		limits, ok := r.limits[e.ID]
		r.mu.Unlock()
		if !ok {
			limits = e.Limits // it has ended meanwhile
		}
		err := r.opts.Kernel.Resize(e.ID, limits)
		if e.Token != 0 {
			r.opts.Report(core.Resized{Token: e.Token, Message: refusal(err)})
			return nil
		}
		if errors.Is(err, syscall.EBUSY) {
			return nil // more is in use than it is to have; the limit stays where it is
		}
		return err
	})
}

// refusal says why limits could not be changed; "" for no error.
func refusal(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, syscall.EBUSY):
		return "more memory is in use than it is to have: " + err.Error()
	case errors.Is(err, isolation.ErrNoController):
		return "the agent does not limit that, its isolators lack the controller: " + err.Error()
	}
	return err.Error()
}

// limitsOf is the container whose limits hold for container id.
func limitsOf(id string) string {
	top, _, _ := strings.Cut(id, "/")
	return top
}

func (k *cgroupKernel) Hold(id string, limits core.Limits, p Program) error {
	g, err := k.create(id, limits)
	switch {
	case err == nil:
		k.mu.Lock()
		k.groups[id] = g
		k.mu.Unlock()
	case !errors.Is(err, fs.ErrExist):
		return err
	default:
		if g, err = k.group(id); err != nil {
			return err
		}
		if err := k.Resize(id, limits); err != nil && !errors.Is(err, syscall.EBUSY) {
			return err
		}
	}
	n := p.Namespaces
	if !n.PID && !n.IPC && !n.UTS {
		return nil
	}
	// One is there if the pod is not new.
	pids, err := g.OwnPids()
	if err != nil || len(pids) > 0 {
		return err
	}
	return k.host.Hold(g, &p.Spec)
}

// Hold makes nothing: there is nothing to hold processes by.
func (k *posixKernel) Hold(_ string, _ core.Limits, p Program) error {
	if n := p.Namespaces; n.PID || n.IPC || n.UTS {
		return errors.New("the task group asks for namespaces of its own, which needs an agent that uses cgroups")
	}
	return nil
}

// Hold gives a pod the namespaces that its executor's container asks for.
func (c *confined) Hold(id string, limits core.Limits, p Program) error {
	if err := c.separate(&p); err != nil {
		return err
	}
	return c.Kernel.Hold(id, limits, p)
}

// share has spec start in the namespaces of the container above, where it has none of its
// own: those of the process that was started there, or that holds them.
func (k *cgroupKernel) share(p *Program) (done func(), err error) {
	if p.Above == "" || p.Beside {
		return func() {}, nil
	}
	g, err := k.group(p.Above)
	if err != nil {
		return nil, err
	}
	pids, err := g.OwnPids()
	if err != nil {
		return nil, err
	}
	pid, _ := eldest(pids)
	if pid == 0 && len(pids) > 0 {
		pid = pids[0]
	}
	if pid == 0 {
		return func() {}, nil
	}
	return isolation.InSpace(pid, &p.Spec)
}
