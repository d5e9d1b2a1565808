package runner

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/isolation/probe"
)

// cgroupKernel is isolation.Host with its groups looked up by id.
type cgroupKernel struct {
	host *isolation.Host
	log  *slog.Logger
	// limited are the controllers that tasks are limited by, nil for all. The others
	// only account.
	limited   []string
	limitSwap bool
	// mostPids is how many processes and threads a container may have, half of what
	// the host can: no task needs that many, and none may take the last. 0: no bound.
	mostPids int64

	mu     sync.Mutex
	groups map[string]*isolation.Group // guarded by mu
}

func newCgroups(host *isolation.Host, log *slog.Logger) *cgroupKernel {
	return &cgroupKernel{host: host, log: log, groups: map[string]*isolation.Group{}, mostPids: mostPids()}
}

func (k *cgroupKernel) group(id string) (*isolation.Group, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if g := k.groups[id]; g != nil {
		return g, nil
	}
	g, err := k.host.Group(id)
	if err == nil {
		k.groups[id] = g
	}
	return g, err
}

func (k *cgroupKernel) toLimits(l core.Limits) isolation.Limits {
	var out isolation.Limits
	if k.limited == nil || slices.Contains(k.limited, "cpu") {
		out.CPUMilli, out.CPUQuotaMilli = l.CPUMilli, l.QuotaMilli
	}
	if k.limited == nil || slices.Contains(k.limited, "memory") {
		out.MemBytes, out.MemSoftBytes = l.MemBytes, l.MemSoftBytes
		out.LimitSwap = k.limitSwap
	}
	if k.limited == nil || slices.Contains(k.limited, "pids") {
		out.PidsMax = k.mostPids
	}
	return out
}

func (k *cgroupKernel) Start(id string, limits core.Limits, prog Program) (*isolation.Process, error) {
	done, err := k.share(&prog)
	if err != nil {
		return nil, err
	}
	defer done()
	g, err := k.host.Create(id, k.toLimits(limits))
	if err != nil {
		return nil, err
	}
	return k.startIn(id, g, prog.Spec)
}

// startIn starts a process in a group that was just made, which goes if that fails.
func (k *cgroupKernel) startIn(id string, g *isolation.Group, spec isolation.Spec) (*isolation.Process, error) {
	k.mu.Lock()
	k.groups[id] = g
	k.mu.Unlock()
	p, err := k.host.Start(g, spec)
	if err != nil {
		if derr := k.Destroy(id); derr != nil {
			k.log.Warn("container of a failed start is left over", "container", id, "err", derr)
		}
		return nil, err
	}
	return p, nil
}

func (k *cgroupKernel) Adopt(id string, pid int, startTicks uint64) (*isolation.Process, error) {
	return k.host.Adopt(id, pid, startTicks)
}

func (k *cgroupKernel) Find(id string) (int, uint64, bool) {
	g, err := k.group(id)
	if err != nil {
		return 0, 0, false
	}
	pids, err := g.Pids()
	if err != nil {
		k.log.Warn("processes of a container cannot be listed", "container", id, "err", err)
	}
	pid, ticks := eldest(pids)
	// What was launched may have ended and left children behind, or nothing.
	if gone, since, ok := k.host.FirstExit(g); ok && (pid == 0 || since < ticks || since == ticks && gone < pid) {
		pid, ticks = gone, since
	}
	if pid == 0 && g.Untouched() {
		// The agent died between the making of the container and the start of its
		// process. With the container gone the launch can be made again.
		if err := k.Destroy(id); err == nil {
			return 0, 0, false
		}
	}
	return pid, ticks, true
}

func (k *cgroupKernel) List() ([]string, error) {
	ids, err := k.host.List()
	if err != nil {
		return nil, err
	}
	for _, top := range slices.Clone(ids) {
		below, err := k.host.ListBelow(top)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // it ended meanwhile, or is in some hierarchies only
			return nil, err
		}
		ids = append(ids, below...)
	}
	return ids, nil
}

func (k *cgroupKernel) Resize(id string, limits core.Limits) error {
	g, err := k.group(id)
	if err != nil {
		return err
	}
	return g.Update(k.toLimits(limits))
}

func (k *cgroupKernel) Signal(id string, sig syscall.Signal) error {
	g, err := k.group(id)
	if err != nil {
		return err
	}
	return g.Signal(sig)
}

func (k *cgroupKernel) KillAll(id string) error {
	g, err := k.group(id)
	if err != nil {
		return err
	}
	return g.Kill()
}

func (k *cgroupKernel) Destroy(id string) error {
	g, err := k.group(id)
	if err != nil {
		// Nothing of that id exists.
		return nil
	}
	if err := g.Destroy(); err != nil {
		return err
	}
	k.mu.Lock()
	delete(k.groups, id)
	k.mu.Unlock()
	return nil
}

func (k *cgroupKernel) OOM(id string) <-chan struct{} {
	g, err := k.group(id)
	if err != nil {
		return nil
	}
	return g.OOM()
}

func (k *cgroupKernel) OOMKilled(id string) bool {
	g, err := k.group(id)
	if err != nil {
		return false
	}
	select {
	case <-g.OOM():
		return true
	default:
	}
	u, err := g.Usage()
	return err == nil && u.OOMKills > 0
}

func (k *cgroupKernel) Usage(id string) (isolation.Usage, error) {
	g, err := k.group(id)
	if err != nil {
		return isolation.Usage{}, err
	}
	return g.Usage()
}

func (k *cgroupKernel) Source() string      { return k.host.Source() }
func (k *cgroupKernel) BlockSource() string { return k.host.BlockSource() }
func (k *cgroupKernel) Close() error        { return k.host.Close() }
func (k *cgroupKernel) Remove() error       { return k.host.Remove() }

func mostPids() int64 {
	if !probe.Host().Cgroups.Has("pids") {
		return 0
	}
	b, err := os.ReadFile("/proc/sys/kernel/pid_max")
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	return n / 2
}
