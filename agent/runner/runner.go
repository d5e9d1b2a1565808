package runner

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"syscall"

	"github.com/caprock/caprock/agent/attach"
	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/fetch"
	"github.com/caprock/caprock/agent/sandbox"
	"github.com/caprock/caprock/isolation"
)

// Options of a Runner.
type Options struct {
	Kernel  Kernel
	Tree    *sandbox.Tree
	Fetcher *fetch.Fetcher
	// HostPathParents are directories below which a HOST_PATH volume may name a
	// directory that does not exist: it is made.
	HostPathParents []string
	// Quotas bound the disk space of containers; nil where nothing does.
	Quotas DiskQuotas
	// Lines connect processes that people talk to.
	Lines *attach.Switchboard
	// Report takes what happens; it may block, and is called from many
	// goroutines.
	Report func(core.Command)
	Logger *slog.Logger
}

// DiskQuotas bound what containers write to disk.
type DiskQuotas interface {
	// Hold bounds a container, whose sandbox and volumes are there, or changes its bounds.
	Hold(*core.DiskBox) error
	// Forget says that a container has ended.
	Forget(id string)
}

// Runner runs containers.
type Runner struct {
	opts Options
	// starts bounds how many processes are being started at one time.
	starts chan struct{}
	// kills and removals bound signals and removals, apart from each other: a
	// container that cannot be removed must not keep others alive.
	kills, removals chan struct{}
	// working counts background operations.
	working sync.WaitGroup
	// stuckVolumes are paths whose removal failed; only Do's caller touches them.
	stuckVolumes []string

	mu        sync.Mutex
	launching map[string]context.CancelFunc // guarded by mu
	pods      map[string]chan struct{}      // guarded by mu; closed when the pod is destroyed
	limits    map[string]core.Limits        // guarded by mu; what was asked for last
	disks     map[string]*core.DiskBox      // guarded by mu; likewise
	// failedPods says why containers of pods could not be made.
	failedPods map[string]error // guarded by mu
	stopped    bool             // guarded by mu
	// stop is closed by Stop.
	stop chan struct{}
}

// The kernel makes those who change cgroups wait, not work, so more than one per
// CPU are worth having.
const (
	maxStarts   = 16
	maxKills    = 8
	maxRemovals = 8
)

// New returns a Runner.
func New(opts Options) *Runner {
	return &Runner{
		opts:       opts,
		starts:     make(chan struct{}, maxStarts),
		kills:      make(chan struct{}, maxKills),
		removals:   make(chan struct{}, maxRemovals),
		launching:  map[string]context.CancelFunc{},
		pods:       map[string]chan struct{}{},
		limits:     map[string]core.Limits{},
		disks:      map[string]*core.DiskBox{},
		failedPods: map[string]error{},
		stop:       make(chan struct{}),
	}
}

// Do carries out one effect and reports whether it was one of the runner's.
func (r *Runner) Do(e core.Effect) bool {
	switch e := e.(type) {
	case core.Launch:
		r.launch(e)
	case core.CancelLaunch:
		r.cancel(e.ID)
	case core.Nest:
		if err := r.nest(e); err != nil {
			// The launches that follow fail on it and say so to the scheduler.
			r.opts.Logger.Error("sandbox of a task group", "container", e.ID, "err", err)
		}
	case core.ChangeVolume:
		r.changeVolume(e)
	case core.SweepVolumes:
		r.sweepVolumes(e)
	case core.Attach:
		r.attach(e)
	case core.Detach:
		r.detach(e)
	case core.Resize:
		r.resize(e)
	case core.Signal:
		r.background(r.kills, "signal", e.ID, func() error { return r.opts.Kernel.Signal(e.ID, syscall.Signal(e.Signal)) })
	case core.SignalProcess:
		r.background(r.kills, "signal process", e.ID, func() error { return signalProcess(e) })
	case core.RemoveSandbox:
		r.background(r.removals, "remove sandbox", e.Directory, func() error { return r.opts.Tree.Remove(e.Directory) })
	case core.KillAll:
		r.background(r.kills, "kill", e.ID, func() error { return r.opts.Kernel.KillAll(e.ID) })
	case core.Destroy:
		r.forget(e.ID)
		r.background(r.removals, "destroy", e.ID, func() error { return r.opts.Kernel.Destroy(e.ID) })
	default:
		return false
	}
	return true
}

// background runs fn when turns has room: each may hold a thread in the kernel for
// long, and threads are never given back.
func (r *Runner) background(turns chan struct{}, what, id string, fn func() error) {
	r.working.Go(func() {
		turns <- struct{}{}
		defer func() { <-turns }()
		// A container that is gone meanwhile needs nothing more.
		if err := fn(); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, os.ErrProcessDone) {
			r.opts.Logger.Warn("container operation failed", "operation", what, "container", id, "err", err)
		}
	})
}

// Wait returns when every operation begun by Do is over, launches apart.
func (r *Runner) Wait() { r.working.Wait() }

func (r *Runner) cancel(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if cancel := r.launching[id]; cancel != nil {
		cancel()
	}
}

// Stop gives up on every launch under way and watches no process any more; they
// run on, for the next agent to take up.
func (r *Runner) Stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return
	}
	r.stopped = true
	close(r.stop)
	for _, cancel := range r.launching {
		cancel()
	}
}

// Usage is what a container uses.
func (r *Runner) Usage(id string) (isolation.Usage, error) { return r.opts.Kernel.Usage(id) }

// watch waits for the end of p and reports it, an end for want of memory first.
func (r *Runner) watch(id string, p *isolation.Process) {
	oom := r.opts.Kernel.OOM(id)
	limited := false
	for {
		select {
		case <-oom:
			oom, limited = nil, true
			r.opts.Report(r.limited(limitsOf(id)))
		case st := <-p.Exited():
			if !limited && st.Known && st.WaitStatus != 0 && r.opts.Kernel.OOMKilled(limitsOf(id)) {
				r.opts.Report(r.limited(limitsOf(id)))
			}
			r.opts.Lines.Ended(id)
			r.opts.Report(core.Exited{ID: id, WaitStatus: st.WaitStatus, Known: st.Known})
			return
		case <-r.stop:
			_ = p.Close()
			return
		}
	}
}

func (r *Runner) limited(id string) core.Limited {
	l := core.Limited{ID: id}
	if u, err := r.opts.Kernel.Usage(id); err == nil {
		l.UsedBytes = int64(u.MemPeakBytes)
	}
	return l
}
