package core

import (
	"slices"

	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/mesos"
)

// framework is one framework with live containers or open streams here.
type framework struct {
	id         string
	rec        *record.Framework
	containers []*container
	tasks      map[string]*task
	// order lists the tasks as they came.
	order []*task
	dirty bool
	gone  bool
}

// container is one run of an executor; its Kind says who plays the executor.
type container struct {
	rec   *record.Container
	fw    *framework
	tasks []*task
	// done are the latest tasks that are over while their executor lives on.
	done []doneTask
	// proc is the custom executor's own process; nil for the other kinds.
	proc *process
	// stream is the open subscription of a custom executor; 0: none.
	stream Token
	// early is a SUBSCRIBE that came before its process was known to run.
	early *ExecutorCall
	// resubscribed is false from a restart until the executor is back.
	resubscribed bool
	// outgrown: its tasks have changed since its process was to be launched, which has
	// the limits of then.
	outgrown    bool
	registerAt  int64
	shutdownAt  int64
	heartbeatAt int64
	dirty       bool
	gone        bool
}

// task is a task from its Launch until its terminal update is acknowledged and
// its container is over.
type task struct {
	rec  *record.Task
	prog *record.Progress
	fw   *framework
	// ct is nil for a task that never reached a container.
	ct *container
	// proc is the process of a command task or group member; nil otherwise.
	proc *process
	// pending are the updates that wait for acknowledgement; the first is in
	// flight. firstUpdate is the number of its record.
	pending     []*mesos.TaskStatus
	firstUpdate uint64
	retryAt     int64
	retryEvery  int64
	completeAt  int64
	// checks are those of a task whose executor the agent plays, while it runs.
	checks []*checker
	dirty  bool
	fresh  bool
	gone   bool
}

// process is one process tree in a container of its own.
type process struct {
	id  string
	rec *record.Process
	ct  *container
	// task is nil for the process of a custom executor.
	task *task
	// annex is set, and ct and task are not, for one of the operator API.
	annex *annex
	// killAt is when SIGTERM was not enough; killing says that it was sent.
	killAt  int64
	killing bool
}

// dirtyEntity is an entity whose record must be written again.
type dirtyEntity interface {
	write(c *Core)
}

func (f *framework) write(c *Core) {
	f.dirty = false
	if f.gone {
		c.erase(record.FrameworkKey(f.id))
		return
	}
	c.put(record.FrameworkKey(f.id), f.rec)
}

func (ct *container) write(c *Core) {
	ct.dirty = false
	if ct.gone {
		c.erase(record.ContainerKey(ct.id()))
		return
	}
	c.put(record.ContainerKey(ct.id()), ct.rec)
}

func (t *task) write(c *Core) {
	t.dirty = false
	if t.gone {
		c.erase(record.TaskKey(t.fw.id, t.id()))
		c.erase(record.ProgressKey(t.fw.id, t.id()))
		return
	}
	if t.fresh {
		t.fresh = false
		c.put(record.TaskKey(t.fw.id, t.id()), t.rec)
	}
	c.put(record.ProgressKey(t.fw.id, t.id()), t.prog)
}

func (c *Core) touchFramework(f *framework) {
	if !f.dirty {
		f.dirty = true
		c.dirty = append(c.dirty, f)
	}
}

func (c *Core) touchContainer(ct *container) {
	if !ct.dirty {
		ct.dirty = true
		c.dirty = append(c.dirty, ct)
	}
}

func (c *Core) touchTask(t *task) {
	if !t.dirty {
		t.dirty = true
		c.dirty = append(c.dirty, t)
	}
}

// touchProcess marks the entity whose record holds p.
func (c *Core) touchProcess(p *process) {
	switch {
	case p.annex != nil:
		c.touchAnnex(p.annex)
	case p.task != nil:
		c.touchTask(p.task)
	default:
		c.touchContainer(p.ct)
	}
}

func (ct *container) id() string                  { return ct.rec.GetId() }
func (ct *container) executorID() string          { return ct.rec.Executor.ExecutorId.GetValue() }
func (ct *container) kind() record.Container_Kind { return ct.rec.GetKind() }
func (ct *container) state() record.Container_State {
	return ct.rec.GetState()
}

// over reports whether the container takes no more tasks.
func (ct *container) over() bool {
	s := ct.state()
	return s == record.Container_TERMINATING || s == record.Container_TERMINATED
}

func (ct *container) custom() bool { return ct.kind() == record.Container_CUSTOM }

// idle reports whether no task of ct is live.
func (ct *container) idle() bool {
	return !slices.ContainsFunc(ct.tasks, func(t *task) bool { return !t.terminal() })
}

func (t *task) id() string             { return t.rec.Info.TaskId.GetValue() }
func (t *task) state() mesos.TaskState { return t.prog.GetState() }
func (t *task) terminal() bool         { return Terminal(t.state()) }

// settled reports whether nothing is left to tell the scheduler about t.
func (t *task) settled() bool { return t.prog.GetClosed() && len(t.pending) == 0 }

func (f *framework) has(capability mesos.FrameworkInfo_Capability_Type) bool {
	return slices.ContainsFunc(f.rec.Info.Capabilities, func(c *mesos.FrameworkInfo_Capability) bool {
		return c.GetType() == capability
	})
}

// lost is the state for a loss that partition-aware frameworks see as aware, and
// others as TASK_LOST.
func (f *framework) lost(aware mesos.TaskState) mesos.TaskState {
	if f.has(mesos.FrameworkInfo_Capability_PARTITION_AWARE) {
		return aware
	}
	return mesos.TaskState_TASK_LOST
}

// executor returns the framework's container of that executor that is not over,
// or else the latest one that is, or nil.
func (f *framework) executor(id string) *container {
	var found *container
	for _, ct := range f.containers {
		if ct.executorID() == id && (found == nil || !ct.over()) {
			found = ct
		}
	}
	return found
}

// Terminal reports whether a task in state s is over.
func Terminal(s mesos.TaskState) bool {
	switch s {
	case mesos.TaskState_TASK_FINISHED, mesos.TaskState_TASK_FAILED, mesos.TaskState_TASK_KILLED,
		mesos.TaskState_TASK_ERROR, mesos.TaskState_TASK_LOST, mesos.TaskState_TASK_DROPPED,
		mesos.TaskState_TASK_GONE, mesos.TaskState_TASK_GONE_BY_OPERATOR:
		return true
	}
	return false
}
