package isolation

import (
	"errors"
	"time"

	"github.com/caprock/caprock/isolation/cgroup"
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
	// At is when it was read.
	At time.Time
}

// Usage reads everything there is; some ten files, so not for every second.
func (g *Group) Usage() (Usage, error) {
	u, err := g.Group.Usage()
	full := Usage{Usage: u, Source: SourceCgroup, At: time.Now()}
	if cpu, ok := g.cpuByBPF(); ok {
		full.CPU, full.Source = cpu, SourceBPF
	}
	return full, err
}

func (g *Group) cpuByBPF() (time.Duration, bool) {
	if !g.viaBPF {
		return 0, false
	}
	return g.host.bpf.CPU(g.V2ID())
}

// UsageAll samples CPU time and memory of many groups, the cheap way: one memory
// read and one kept-open file per group. dst[i] belongs to groups[i]; it is
// reused if it is large enough. A group that is gone has a zero entry.
func (h *Host) UsageAll(groups []*Group, dst []Usage) []Usage {
	dst = append(dst[:0], make([]Usage, len(groups))...)
	now := time.Now()
	for i, g := range groups {
		cpu, ok := g.cpuByBPF()
		fromFile, mem, err := g.Sample(ok)
		if err != nil {
			continue
		}
		dst[i].At, dst[i].MemBytes, dst[i].CPU, dst[i].Source = now, mem, fromFile, SourceCgroup
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
		return errors.Join(err, g.host.bpf.Unregister(g.V2ID()))
	}
	return err
}
