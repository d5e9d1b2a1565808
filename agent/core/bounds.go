package core

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/mesos"
)

// ResizeTask changes the bounds of a running task, which what it was offered does not
// follow: a bound is never below that. It is answered when the kernel has the new
// bounds; if the kernel refuses them, the old ones hold.
type ResizeTask struct {
	Token           Token
	Framework, Task string
	// Limits to change, cpus and mem (in MiB): a value, +Inf for no bound, nil for as
	// much as was offered.
	Limits map[string]*mesos.Value_Scalar
	// Block bounds transfers of the task if SetBlock is set: nothing in it, no bounds.
	Block    []*record.BlockLimit
	SetBlock bool
}

// Resized is what became of a Resize with a token; "" is success.
type Resized struct {
	Token   Token
	Message string
}

func (ResizeTask) command() {}
func (Resized) command()    {}

// resizing is a change that the kernel has not answered.
type resizing struct {
	task     *task
	old, new *record.Bounds
}

// limits of a task itself, as they are now.
func (t *task) limits() map[string]*mesos.Value_Scalar {
	if b := t.prog.GetBounds(); b != nil {
		return b.Limits
	}
	return t.rec.Info.Limits
}

func (c *Core) resizeTask(cmd ResizeTask) {
	reply := func(status int, format string, a ...any) {
		c.emit(ContainerReply{Token: cmd.Token, Status: status, Text: fmt.Sprintf(format, a...)})
	}
	var t *task
	if f := c.frameworks[cmd.Framework]; f != nil {
		t = f.tasks[cmd.Task]
	}
	const notFound, conflict, bad = 404, 409, 400
	switch {
	case t == nil:
		reply(notFound, "task %s of framework %s is not known here", cmd.Task, cmd.Framework)
		return
	case t.terminal() || t.ct == nil || t.ct.over() || t.ct.proc == nil && t.proc == nil,
		t.proc != nil && !t.proc.running(), t.ct.proc != nil && !t.ct.proc.running():
		reply(conflict, "task %s does not run", cmd.Task)
		return
	case c.limitless:
		reply(conflict, "limits need an agent with cgroups")
		return
	}
	b := &record.Bounds{Limits: maps.Clone(t.limits()), Block: t.prog.GetBounds().GetBlock()}
	for _, name := range slices.Sorted(maps.Keys(cmd.Limits)) {
		if why := checkBound(t, name, cmd.Limits[name]); why != "" {
			reply(bad, "%s", why)
			return
		}
		if b.Limits == nil {
			b.Limits = map[string]*mesos.Value_Scalar{}
		}
		if b.Limits[name] = cmd.Limits[name]; cmd.Limits[name] == nil {
			delete(b.Limits, name)
		}
	}
	if cmd.SetBlock {
		b.Block = cmd.Block
	}
	c.resizings[cmd.Token] = &resizing{t, t.prog.Bounds, b}
	t.prog.Bounds = b
	c.touchTask(t)
	c.applyBounds(t, cmd.Token)
}

// checkBound says what is wrong with a limit, by the rules of TaskInfo.limits.
func checkBound(t *task, name string, v *mesos.Value_Scalar) string {
	if name != "cpus" && name != "mem" {
		return fmt.Sprintf("limit of %q: got it, want cpus or mem", name)
	}
	offered := float64(sumScalar(t.rec.Info.Resources, name)) / 1000
	if v != nil && (math.IsNaN(v.GetValue()) || v.GetValue() < offered) {
		return fmt.Sprintf("limit of %s: got %g, want at least the %g that the task was given", name, v.GetValue(), offered)
	}
	return ""
}

// applyBounds brings the kernel's limits of a task in line with its bounds.
func (c *Core) applyBounds(t *task, token Token) {
	if t.rec.NestedId != nil && !isBelow(t.proc.id) {
		c.emit(Resize{ID: t.proc.id, Limits: c.ownLimits(t), Token: token})
		return
	}
	c.emit(Resize{ID: t.ct.id(), Limits: c.limits(t.ct), Disk: c.diskBox(t.ct), Token: token})
}

// resized answers whoever asked, and takes back what the kernel has refused.
func (c *Core) resized(cmd Resized) {
	r := c.resizings[cmd.Token]
	if r == nil {
		return
	}
	delete(c.resizings, cmd.Token)
	if cmd.Message == "" {
		c.emit(ContainerReply{Token: cmd.Token, Status: statusOK})
		return
	}
	if r.task.prog.Bounds == r.new {
		r.task.prog.Bounds = r.old
		c.touchTask(r.task)
		c.applyBounds(r.task, 0)
	}
	c.emit(ContainerReply{Token: cmd.Token, Status: 409, Text: cmd.Message})
}

// BlockLimit bounds transfers from and to one device, each second; 0 is no bound.
type BlockLimit struct {
	Major, Minor                             uint32
	ReadBytes, WriteBytes, ReadOps, WriteOps int64
}

// blockBudget adds up the bounds of tasks that share a container: what one of them may do
// without a bound, all may.
func blockBudget(tasks []*task) []BlockLimit {
	var out []BlockLimit
	for i, t := range tasks {
		list := t.prog.GetBounds().GetBlock()
		if i == 0 {
			for _, b := range list {
				out = append(out, BlockLimit{Major: b.GetMajor(), Minor: b.GetMinor()})
			}
		}
		out = slices.DeleteFunc(out, func(sum BlockLimit) bool {
			return !slices.ContainsFunc(list, func(b *record.BlockLimit) bool { return b.GetMajor() == sum.Major && b.GetMinor() == sum.Minor })
		})
	}
	for i := range out {
		for _, f := range []struct {
			sum  *int64
			part func(*record.BlockLimit) int64
		}{{&out[i].ReadBytes, (*record.BlockLimit).GetReadBytes}, {&out[i].WriteBytes, (*record.BlockLimit).GetWriteBytes},
			{&out[i].ReadOps, (*record.BlockLimit).GetReadOps}, {&out[i].WriteOps, (*record.BlockLimit).GetWriteOps}} {
			*f.sum = sumBlock(tasks, &out[i], f.part)
		}
	}
	return out
}

func sumBlock(tasks []*task, of *BlockLimit, part func(*record.BlockLimit) int64) int64 {
	var sum int64
	for _, t := range tasks {
		for _, b := range t.prog.GetBounds().GetBlock() {
			if b.GetMajor() != of.Major || b.GetMinor() != of.Minor {
				continue
			}
			one := part(b)
			if one == 0 {
				return 0
			}
			sum += one
		}
	}
	return sum
}
