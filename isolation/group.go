package isolation

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/caprock/caprock/isolation/bpf"
	"github.com/caprock/caprock/isolation/cgroup"
	"github.com/caprock/caprock/isolation/perf"
)

// Where a Usage comes from.
const (
	SourceBPF    = "bpf"
	SourceCgroup = "cgroup"
)

// Group is a container's group: limits (Update), Signal, Freeze, Thaw, Kill, OOM,
// Pids, WaitEmpty come from cgroup.Group.
type Group struct {
	*cgroup.Group
	host   *Host
	viaBPF bool
}

// Usage is what a group has used and uses now.
type Usage struct {
	cgroup.Usage
	// Source of the CPU time: SourceBPF or SourceCgroup.
	Source string
	// BlockSource is that of Block; "" if nothing counts it.
	BlockSource string
	// Scheduling and traffic, with SourceBPF only.
	Scheduling Scheduling
	Network    Network
	// Pressure is nil where the kernel counts none.
	Pressure *Pressures
	// Perf is nil if no events are counted, or not yet.
	Perf *perf.Count
}

// Scheduling is what the kernel's scheduler did for a group since it was made.
type Scheduling struct {
	Switches uint64        // times switched out
	Waits    uint64        // times switched in after waiting for a CPU
	Wait     time.Duration // waited in all
	// WaitHist gives percentiles of those waits.
	WaitHist     WaitHistogram
	Forks, Exits uint64 // processes and threads started, processes ended
}

// Pressures is a group's pressure stall information.
type Pressures = cgroup.Pressures

// MemoryEvents count how often a group was short of memory.
type MemoryEvents = cgroup.MemoryEvents

// LimitEvents count how often a group met its limits of memory on v2.
type LimitEvents = cgroup.LimitEvents

// Pressure is that for one resource, a Stall one line of it.
type (
	Pressure = cgroup.Pressure
	Stall    = cgroup.Stall
)

// WaitHistogram counts waits for a CPU by length.
type WaitHistogram = bpf.WaitHistogram

// Network counts the IP packets of a group's sockets, headers included.
type Network struct{ RxPackets, RxBytes, TxPackets, TxBytes uint64 }

// Usage reads everything there is; some ten files, so not for every second.
func (g *Group) Usage() (Usage, error) {
	u, err := g.Group.Usage()
	full := Usage{Usage: u, Source: SourceCgroup}
	if p, ok := g.Pressures(); ok {
		full.Pressure = &p
	}
	if u.Block != nil {
		full.BlockSource = SourceCgroup
	}
	if !g.viaBPF {
		return full, err
	}
	if list, ok := g.host.bpf.Blocks(g.V2ID()); ok {
		full.Block, full.BlockSource = list, SourceBPF
	}
	if a, ok := g.host.bpf.Read(g.V2ID()); ok {
		// BPF counts by the innermost group, files count those below too.
		full.CPU, full.Source = max(full.CPU, a.CPU), SourceBPF
		full.OOMKills = max(full.OOMKills, a.OOMKills)
		full.Scheduling = Scheduling{Switches: a.Switches, Waits: a.Waits, Wait: a.Wait, WaitHist: a.WaitHist, Forks: a.Forks, Exits: a.Exits}
		full.Network = Network{RxPackets: a.RxPackets, RxBytes: a.RxBytes, TxPackets: a.TxPackets, TxBytes: a.TxBytes}
	}
	return full, err
}

// ProgramRuns tells how often each BPF program ran and for how long, while the kernel
// is told to measure that; nil without BPF.
func (h *Host) ProgramRuns() (map[string]bpf.Runs, error) {
	if h.bpf == nil {
		return nil, nil
	}
	return h.bpf.ProgramRuns()
}

func (g *Group) cpuByBPF(now bpf.Instant) (time.Duration, bool) {
	if !g.viaBPF {
		return 0, false
	}
	return g.host.bpf.CPUAt(g.V2ID(), now)
}

// Untouched reports whether no process has been in the group since it was made. It is
// false where that cannot be known.
func (g *Group) Untouched() bool {
	if fresh, _ := g.Fresh(); fresh {
		pids, err := g.Pids()
		return err == nil && len(pids) == 0
	}
	// One was going to be there, and whether it came other things tell.
	if strings.Contains(g.ID(), "/") {
		return g.untouchedBelow() // BPF counts what is in it as the group's above
	}
	if g.host.tree.V2Dir() != "" && g.V2ID() == 0 {
		return true // it is not where processes are started, after a crash in the middle of Create
	}
	if !g.viaBPF || len(g.host.bpf.Missing()) > 0 {
		return false
	}
	if pids, err := g.Pids(); err != nil || len(pids) > 0 {
		return false
	}
	a, ok := g.host.bpf.Read(g.V2ID())
	return ok && a.Switches == 0 && a.Forks == 0 && a.Exits == 0
}

// untouchedBelow tells by the CPU time that the unified hierarchy counts for each of
// its groups: no program runs in less than a microsecond.
func (g *Group) untouchedBelow() bool {
	dir := g.host.tree.V2Dir()
	if pids, err := g.Pids(); dir == "" || err != nil || len(pids) > 0 {
		return false
	}
	stat, err := os.ReadFile(filepath.Join(dir, g.ID(), "cpu.stat"))
	return err == nil && strings.HasPrefix(string(stat), "usage_usec 0\n")
}

// UsageAll samples CPU time and memory of many groups, the cheap way: with BPF a
// memory load for the one and a read of a kept-open file for the other. dst[i]
// belongs to groups[i]; dst is reused if it is large enough. A group that is
// gone has a zero entry.
func (h *Host) UsageAll(groups []*Group, dst []Usage) []Usage {
	dst = slices.Grow(dst[:0], len(groups))[:len(groups)]
	now := bpf.Now()
	for i, g := range groups {
		dst[i] = Usage{}
		cpu, ok := g.cpuByBPF(now)
		fromFile, mem, err := g.Sample(ok)
		if err != nil {
			continue
		}
		dst[i].MemBytes, dst[i].CPU, dst[i].Source = mem, fromFile, SourceCgroup
		if ok {
			dst[i].CPU, dst[i].Source = cpu, SourceBPF
		}
	}
	return dst
}

// Destroy kills what is left in the group and removes it; repeatable. It waits
// for dying processes, at most Options.RemoveTimeout.
func (g *Group) Destroy() error {
	err := g.Group.Destroy()
	if err == nil && g.viaBPF {
		g.host.step("account no more for " + g.ID())
		return errors.Join(err, g.host.bpf.Unregister(g.V2ID()))
	}
	return err
}
