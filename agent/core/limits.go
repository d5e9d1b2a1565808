package core

import (
	"math"
	"slices"

	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/mesos"
)

// DisableLimits says that processes cannot be limited here, so that tasks with limits
// of their own are refused. It must be called before the first Step.
func (c *Core) DisableLimits() { c.limitless = true }

// limits of a container: what its executor and its live tasks were given. With an
// explicit limit on any of them the bound is the sum of limits, where a part
// without one counts with its request and an infinite one lifts the bound.
func (c *Core) limits(ct *container) Limits {
	var l Limits
	cpu, mem := budget{}, budget{}
	if ct.kind() != record.Container_COMMAND {
		cpu.add(cpuMilli(ct.rec.Executor.Resources), nil)
		mem.add(memBytes(ct.rec.Executor.Resources), nil)
	}
	var live []*task
	for _, t := range ct.tasks {
		if t.terminal() {
			continue
		}
		live = append(live, t)
		info, limits := t.rec.Info, t.limits()
		cpu.add(cpuMilli(info.Resources), scaledLimit(limits["cpus"], 1000))
		mem.add(memBytes(info.Resources), scaledLimit(limits["mem"], 1<<20))
	}
	l.Block, l.CPULow = blockBudget(live), c.lowPriority(ct, live)
	l.CPUMilli = max(cpu.request, minCPUShareMilli)
	if cpu.limited || c.opts.EnableCFS {
		l.QuotaMilli = cpu.limit()
	}
	l.MemSoftBytes = max(mem.request, minMemBytes)
	l.MemBytes = mem.limit()
	if l.MemBytes > 0 {
		l.MemBytes = max(l.MemBytes, minMemBytes)
	}
	return l
}

// memberLimits bounds one member of a task group that does not share those of its
// pod; what the executor was given on top is for whichever member needs it.
func memberLimits(t *task) Limits {
	info, limits, executor := t.rec.Info, t.limits(), t.ct.rec.Executor
	cpu, mem := budget{}, budget{}
	cpu.add(cpuMilli(info.Resources), scaledLimit(limits["cpus"], 1000))
	mem.add(memBytes(info.Resources), scaledLimit(limits["mem"], 1<<20))
	l := Limits{CPUMilli: max(cpu.request, minCPUShareMilli), MemSoftBytes: max(mem.request, minMemBytes), Block: blockBudget([]*task{t})}
	if cpu.limited {
		l.QuotaMilli = cpu.limit()
	}
	if bound := mem.limit(); bound > 0 {
		l.MemBytes = max(bound+memBytes(executor.Resources), minMemBytes)
	}
	return l
}

// ownLimits is memberLimits as the kernel is to have them.
func (c *Core) ownLimits(t *task) Limits {
	l := memberLimits(t)
	l.CPULow = !c.opts.EqualRevocable && hasRevocable(t.rec.Info.Resources)
	return l
}

// shownLimits is what a member of a task group was given itself, which is what
// Mesos shows of it.
func shownLimits(t *task) Limits {
	l := memberLimits(t)
	if l.MemBytes > 0 {
		l.MemBytes = max(l.MemBytes-memBytes(t.ct.rec.Executor.Resources), minMemBytes)
	}
	return l
}

type budget struct {
	request, sum      int64
	limited, infinite bool
}

// add counts one part; limit is nil if the part has none of its own.
func (b *budget) add(request int64, limit *int64) {
	b.request += request
	if limit == nil {
		b.sum += request
		return
	}
	b.limited = true
	if *limit < 0 {
		b.infinite = true
		return
	}
	b.sum += *limit
}

func (b *budget) limit() int64 {
	if b.infinite {
		return 0
	}
	return b.sum
}

// scaledLimit is v times unit, -1 for infinity, nil for none.
func scaledLimit(v *mesos.Value_Scalar, unit float64) *int64 {
	if v == nil {
		return nil
	}
	if math.IsInf(v.GetValue(), 1) {
		return new(int64(-1))
	}
	return new(int64(math.Round(v.GetValue() * unit)))
}

func cpuMilli(resources []*mesos.Resource) int64 {
	return sumScalar(resources, "cpus")
}

// memBytes converts thousandths of a MiB.
func memBytes(resources []*mesos.Resource) int64 {
	return sumScalar(resources, "mem") * (1 << 20) / 1000
}

// sumScalar adds up the scalars of a name, in thousandths, rounded as Mesos does.
func sumScalar(resources []*mesos.Resource, name string) int64 {
	var sum int64
	for _, r := range resources {
		if r.GetName() == name && r.GetScalar() != nil {
			sum += int64(math.Round(r.GetScalar().GetValue() * 1000))
		}
	}
	return sum
}

// resize brings the limits of an executor in line with its tasks, of one that is being
// launched as soon as it runs.
func (c *Core) resize(ct *container) {
	if ct.kind() == record.Container_COMMAND || ct.over() {
		return
	}
	if ct.proc != nil && !ct.proc.running() {
		ct.outgrown = true
		return
	}
	c.emit(Resize{ID: ct.id(), Limits: c.limits(ct), Disk: c.diskBox(ct)})
}

// lowPriority reports whether a container has revocable CPU, which is to disturb nobody
// who has other.
func (c *Core) lowPriority(ct *container, live []*task) bool {
	if c.opts.EqualRevocable {
		return false
	}
	if ct.kind() != record.Container_COMMAND && hasRevocable(ct.rec.Executor.Resources) {
		return true
	}
	return slices.ContainsFunc(live, func(t *task) bool { return hasRevocable(t.rec.Info.Resources) })
}

func hasRevocable(resources []*mesos.Resource) bool {
	return slices.ContainsFunc(resources, func(r *mesos.Resource) bool {
		return r.GetName() == "cpus" && r.Revocable != nil && r.GetScalar().GetValue() > 0
	})
}
