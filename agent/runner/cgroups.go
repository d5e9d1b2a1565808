package runner

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
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
	// classes of traffic and sampler of events are nil unless they are asked for.
	classes *netClasses
	sampler *sampler

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

// limitsOf a container, with its class of traffic, which it is given now if it has none.
func (k *cgroupKernel) limitsOf(id string, l core.Limits) (isolation.Limits, error) {
	out := k.toLimits(l)
	if k.classes == nil {
		return out, nil
	}
	var err error
	out.NetClassID, err = k.classes.take(id)
	return out, err
}

func (k *cgroupKernel) toLimits(l core.Limits) isolation.Limits {
	var out isolation.Limits
	if k.limited == nil || slices.Contains(k.limited, "cpu") {
		out.CPUMilli, out.CPULow, out.CPUQuotaMilli = l.CPUMilli, l.CPULow, l.QuotaMilli
	}
	if k.limited == nil || slices.Contains(k.limited, "memory") {
		out.MemBytes, out.MemSoftBytes = l.MemBytes, l.MemSoftBytes
		out.LimitSwap = k.limitSwap
	}
	if k.limited == nil || slices.Contains(k.limited, "pids") {
		out.PidsMax = k.mostPids
	}
	for _, b := range l.Block {
		out.Block = append(out.Block, isolation.BlockLimit{Device: isolation.BlockDevice{Major: b.Major, Minor: b.Minor},
			ReadBytes: b.ReadBytes, WriteBytes: b.WriteBytes, ReadOps: b.ReadOps, WriteOps: b.WriteOps})
	}
	return out
}

func (k *cgroupKernel) Start(id string, limits core.Limits, prog Program) (*isolation.Process, error) {
	done, err := k.share(&prog)
	if err != nil {
		return nil, err
	}
	defer done()
	g, err := k.create(id, limits)
	if err != nil {
		return nil, err
	}
	return k.startIn(id, g, prog.Spec)
}

// create makes a group with its limits; after an error nothing is left of a new one.
func (k *cgroupKernel) create(id string, l core.Limits) (*isolation.Group, error) {
	limits, err := k.limitsOf(id, l)
	if err != nil {
		return nil, err
	}
	g, err := k.host.Create(id, limits)
	if err != nil && !errors.Is(err, fs.ErrExist) && k.classes != nil {
		k.classes.drop(id)
	}
	return g, err
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
	l, err := k.limitsOf(id, limits)
	if err != nil {
		return err
	}
	return g.Update(l)
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
	if k.classes != nil {
		k.classes.drop(id)
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
	u, err := g.Usage()
	u.Perf = k.sampler.of(id)
	return u, err
}

func (k *cgroupKernel) NetClass(id string) uint32 {
	if k.classes == nil {
		return 0
	}
	return k.classes.get(limitsOf(id))
}

// perfDirs are the directories of all containers with limits of their own, by which events
// are counted, and their ids.
func (k *cgroupKernel) perfDirs() map[string]string {
	ids, err := k.host.List()
	if err != nil {
		k.log.Warn("containers cannot be listed", "err", err)
	}
	dirs := make(map[string]string, len(ids))
	for _, id := range ids {
		dirs[filepath.Join(k.host.PerfDir(), id)] = id
	}
	return dirs
}

func (k *cgroupKernel) Source() string      { return k.host.Source() }
func (k *cgroupKernel) BlockSource() string { return k.host.BlockSource() }

func (k *cgroupKernel) Close() error {
	k.sampler.close()
	return k.host.Close()
}

func (k *cgroupKernel) Remove() error {
	k.sampler.close()
	return k.host.Remove()
}

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
