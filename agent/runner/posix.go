package runner

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"syscall"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/isolation/launch"
)

// posixKernel keeps processes apart by session only: a process that leaves its
// group escapes signals, and nothing is limited. CPU time and memory are read
// from /proc.
type posixKernel struct {
	table processTable
	exits func(pid int, startTicks uint64) (waitStatus int, ok bool)
	mu    sync.Mutex
	procs map[string]*isolation.Process // guarded by mu
}

func newPosix(o *KernelOptions) *posixKernel {
	return &posixKernel{exits: o.Exits, procs: map[string]*isolation.Process{}}
}

func (k *posixKernel) Start(id string, _ core.Limits, prog Program) (*isolation.Process, error) {
	if prog.Namespaces.PID {
		return nil, errors.New("the container asks for a pid namespace, which needs an agent that uses cgroups")
	}
	if above := k.get(prog.Above); above != nil && !prog.Beside {
		done, err := isolation.InSpace(above.Pid(), &prog.Spec)
		if err != nil {
			return nil, err
		}
		defer done()
	}
	p, err := launch.Start(&prog.Spec, launch.Groups{})
	if err != nil {
		return nil, err
	}
	k.set(id, p)
	return p, nil
}

func (k *posixKernel) set(id string, p *isolation.Process) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.procs[id] = p
}

func (k *posixKernel) get(id string) *isolation.Process {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.procs[id]
}

func (k *posixKernel) Adopt(id string, pid int, startTicks uint64) (*isolation.Process, error) {
	p, err := launch.Adopt(pid, startTicks, k.exits)
	if err == nil {
		k.set(id, p)
	}
	return p, err
}

// Find knows nothing of earlier agents: without cgroups a process whose pid was
// not recorded cannot be found, and counts as not to be started again.
func (k *posixKernel) Find(id string) (pid int, startTicks uint64, exists bool) {
	if p := k.get(id); p != nil {
		return p.Pid(), p.StartTicks(), true
	}
	return 0, 0, true
}

func (k *posixKernel) List() ([]string, error)          { return nil, nil }
func (k *posixKernel) Resize(string, core.Limits) error { return nil }
func (k *posixKernel) OOM(string) <-chan struct{}       { return nil }
func (k *posixKernel) OOMKilled(string) bool            { return false }
func (k *posixKernel) NetClass(string) uint32           { return 0 }
func (k *posixKernel) Source() string                   { return "" }
func (k *posixKernel) BlockSource() string              { return "" }
func (k *posixKernel) Close() error                     { return nil }
func (k *posixKernel) Remove() error                    { return nil }
func (k *posixKernel) KillAll(id string) error          { return k.Signal(id, syscall.SIGKILL) }

// Signal goes to the process group, which has the pid of the session leader. The kernel gives that number to
// nobody else as long as somebody is in the group; whether it has is seen by the start time of who has it now.
func (k *posixKernel) Signal(id string, sig syscall.Signal) error {
	p := k.get(id)
	if p == nil {
		return os.ErrProcessDone
	}
	if ticks, err := launch.StartTicks(p.Pid()); err == nil && ticks != p.StartTicks() {
		return os.ErrProcessDone
	}
	if err := syscall.Kill(-p.Pid(), sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

func (k *posixKernel) Destroy(id string) error {
	err := k.KillAll(id)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.procs, id)
	return err
}

// Usage is what the session of the container's first process uses.
func (k *posixKernel) Usage(id string) (isolation.Usage, error) {
	p := k.get(id)
	if p == nil {
		return isolation.Usage{}, fs.ErrNotExist
	}
	if _, over := p.Status(); over {
		return isolation.Usage{}, fs.ErrNotExist
	}
	return k.table.usage(p.Pid())
}
