package runner

import (
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/sandbox"
	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/isolation/launch"
)

// connect gives a process that people talk to its line; others have the files of
// their sandbox already. connected must be called with what came of the start.
func (r *Runner) connect(spec *isolation.Spec, l core.Launch, owner sandbox.Owner, box *os.Root) (connected func(error), err error) {
	if l.WorkDir != "" {
		spec.Dir = l.WorkDir
	}
	if l.IO == nil {
		return func(error) {}, nil
	}
	stdout, err := output(box, "stdout", owner)
	if err != nil {
		return nil, err
	}
	stderr, err := output(box, "stderr", owner)
	if err != nil {
		stdout.Close()
		return nil, err
	}
	uid := -1
	if owner.Other {
		uid = int(owner.UID)
	}
	plug, err := r.opts.Lines.Open(l.ID, l.IO, uid, stdout, stderr)
	if err != nil {
		return nil, err
	}
	spec.Stdin, spec.Stdout, spec.Stderr = plug.Stdin, plug.Stdout, plug.Stderr
	spec.Terminal, spec.Keep = plug.Terminal, plug.Keep
	return func(failed error) {
		plug.Close()
		if failed != nil {
			r.opts.Lines.Drop(l.ID)
		} else {
			r.opts.Lines.Start(l.ID)
		}
	}, nil
}

// resume takes up the line of a process on a terminal that an earlier agent started.
func (r *Runner) resume(ref core.ProcessRef, pid int, startTicks uint64) {
	stdout, err := r.reopen(ref.Directory)
	if err == nil {
		err = r.opts.Lines.Resume(ref.ID, pid, startTicks, stdout)
	}
	if err != nil {
		r.opts.Logger.Warn("terminal of a process is lost", "container", ref.ID, "err", err)
	}
}

// reopen opens the stdout of a sandbox to continue it. Whoever runs there may have
// put something else in its place, which must not hold the agent up.
func (r *Runner) reopen(directory string) (*os.File, error) {
	box, err := r.opts.Tree.OpenRoot(directory)
	if err != nil {
		return nil, err
	}
	defer box.Close()
	f, err := box.OpenFile("stdout", os.O_WRONLY|os.O_APPEND|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("stdout in %s is no file any more", directory)
	}
	return f, nil
}

// begin starts the process of l in the kernel.
func (r *Runner) begin(l core.Launch, p Program) (*isolation.Process, error) {
	if l.Shared {
		return r.opts.Kernel.StartBelow(l.ID, p)
	}
	return r.opts.Kernel.Start(l.ID, l.Limits, p)
}

func (k *cgroupKernel) StartBelow(id string, p Program) (*isolation.Process, error) {
	i := strings.LastIndexByte(id, '/')
	done, err := k.share(&p)
	if err != nil {
		return nil, err
	}
	defer done()
	if p.Beside {
		// Before the new group is there, which would be among those asked.
		above, err := k.group(id[:i])
		if err != nil {
			return nil, err
		}
		done, err := inSpaceOf(above, &p.Spec)
		if err != nil {
			return nil, err
		}
		defer done()
	}
	g, err := k.host.CreateBelow(id[:i], id[i+1:])
	if err != nil {
		return nil, err
	}
	return k.startIn(id, g, p.Spec)
}

// inSpaceOf has spec start in the namespaces of the eldest process of a group, if
// there is one.
func inSpaceOf(g *isolation.Group, spec *isolation.Spec) (done func(), err error) {
	pids, err := g.Pids()
	if err != nil {
		return nil, err
	}
	if pid, _ := eldest(pids); pid > 0 {
		return isolation.InSpace(pid, spec)
	}
	return func() {}, nil
}

// StartBelow knows of no limits; the process is nested by its namespaces only.
func (k *posixKernel) StartBelow(id string, p Program) (*isolation.Process, error) {
	above := k.get(id[:strings.LastIndexByte(id, '/')])
	if p.Beside && above != nil {
		done, err := isolation.InSpace(above.Pid(), &p.Spec)
		if err != nil {
			return nil, err
		}
		defer done()
	}
	return k.Start(id, core.Limits{}, p)
}

// StartBelow gives a nested process the rights of any other.
func (c *confined) StartBelow(id string, p Program) (*isolation.Process, error) {
	if err := c.restrict(&p); err != nil {
		return nil, err
	}
	if !p.Beside {
		if err := c.separate(&p); err != nil {
			return nil, err
		}
	}
	return c.Kernel.StartBelow(id, p)
}

// signalProcess sends a signal to exactly the process that e names.
func signalProcess(e core.SignalProcess) error {
	fd, err := unix.PidfdOpen(e.Pid, 0)
	if err != nil {
		return os.ErrProcessDone
	}
	defer unix.Close(fd)
	if now, err := launch.StartTicks(e.Pid); err != nil || now != e.StartTicks {
		return os.ErrProcessDone
	}
	err = unix.PidfdSendSignal(fd, syscall.Signal(e.Signal), nil, 0)
	if err == unix.ESRCH {
		return os.ErrProcessDone
	}
	return err
}
