package core

import (
	"fmt"

	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/mesos"
)

// limited notes that a container took more than it was given. Like Mesos the agent
// then ends the whole container, whichever process the kernel picked.
func (c *Core) limited(l Limited) {
	if p := c.processes[l.ID]; p != nil && p.annex != nil {
		c.limitAnnex(p.annex, l)
		return
	}
	ct, procs := c.processesIn(l.ID)
	if ct == nil {
		return
	}
	limits := c.limits(ct)
	if p := c.processes[l.ID]; p != nil && p.task != nil && p.task.rec.NestedId != nil {
		limits = memberLimits(p.task)
	}
	ending := memoryEnding(limits, l)
	if l.Disk != nil {
		ending = diskEnding(l.Disk)
	}
	for _, p := range procs {
		if p.exited() {
			continue
		}
		if p.task != nil && p.task.prog.Ending == nil {
			p.task.prog.Ending = ending
		}
		if p.task == nil {
			p.ct.rec.Ending = ending
		}
		c.touchProcess(p)
		c.killNow(p)
	}
}

// processesIn returns the processes that a limit on container id covers.
func (c *Core) processesIn(id string) (*container, []*process) {
	if p := c.processes[id]; p != nil {
		return p.ct, []*process{p}
	}
	ct := c.containers[id]
	if ct == nil {
		return nil, nil
	}
	var procs []*process
	for _, t := range ct.tasks {
		if t.proc != nil {
			procs = append(procs, t.proc)
		}
	}
	return ct, procs
}

// memoryEnding is what a container ends with that ran out of memory.
func memoryEnding(limits Limits, l Limited) *record.Ending {
	used := max(l.UsedBytes, limits.MemBytes)
	return &record.Ending{
		State:  mesos.TaskState_TASK_FAILED.Enum(),
		Reason: mesos.TaskStatus_REASON_CONTAINER_LIMITATION_MEMORY.Enum(),
		Message: new(fmt.Sprintf("Memory limit exceeded: Requested: %dMB Maximum Used: %dMB",
			limits.MemBytes>>20, used>>20)),
		Limitation: limitation("mem", used),
	}
}

func diskEnding(d *DiskExcess) *record.Ending {
	return &record.Ending{
		State:   mesos.TaskState_TASK_FAILED.Enum(),
		Reason:  mesos.TaskStatus_REASON_CONTAINER_LIMITATION_DISK.Enum(),
		Message: &d.Message, Limitation: limitation("disk", d.QuotaBytes),
	}
}

func limitation(name string, bytes int64) *mesos.TaskResourceLimitation {
	return &mesos.TaskResourceLimitation{Resources: []*mesos.Resource{{
		Name: &name, Type: mesos.Value_SCALAR.Enum(),
		Scalar: &mesos.Value_Scalar{Value: new(float64(bytes >> 20))},
		Role:   new("*"),
	}}}
}
