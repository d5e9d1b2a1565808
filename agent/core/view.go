package core

import (
	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/mesos"
)

// View is the state as readers of the agent's HTTP API want it. It shares memory
// with the Core: use it before the next Step and change nothing.
type View struct {
	AgentID      string
	Info         *mesos.AgentInfo
	Capabilities []mesos.AgentInfo_Capability_Type
	Total        []*mesos.Resource
	Registered   bool
	Allocator    string
	DrainConfig  *mesos.DrainConfig
	// DrainSince is when the allocator asked for it, in nanoseconds; 0 without a drain.
	DrainSince int64
	Operations []*mesos.Operation
	// Frameworks with live containers come first in the order they came; Completed
	// ones, of which only ended runs are left, follow in Ended.
	Frameworks []FrameworkView
	Ended      []FrameworkView
}

// FrameworkView is a framework with its runs.
type FrameworkView struct {
	Info      *mesos.FrameworkInfo
	Executors []ExecutorView
	Completed []ExecutorView
}

// ExecutorView is a run of an executor.
type ExecutorView struct {
	Info        *mesos.ExecutorInfo
	ContainerID string
	Directory   string
	Kind        record.Container_Kind
	State       record.Container_State
	Pid         int
	// Resources of the executor and its live tasks.
	Resources []*mesos.Resource
	// Queued tasks wait for the executor to subscribe; Launched are with it;
	// Terminated wait for acknowledgement; Completed are over.
	Queued     []*mesos.TaskInfo
	Launched   []*mesos.Task
	Terminated []*mesos.Task
	Completed  []*mesos.Task
	Limits     Limits
	// Nested are the containers of the members of task groups.
	Nested []NestedView
}

// NestedView is a container below that of a DEFAULT executor.
type NestedView struct {
	ContainerID string
	// KernelID is what the kernel's side calls it. Shared says that it has no limits
	// but those of the executor's container, in which its use is counted.
	KernelID string
	Shared   bool
	Pid      int
	Limits   Limits
}

// View returns the present state.
func (c *Core) View() *View {
	v := &View{
		AgentID: c.AgentID(), Info: c.AgentInfo(), Capabilities: c.opts.Capabilities, Total: c.res.Total,
		Registered: c.registered, Allocator: c.allocator, DrainConfig: c.rec.DrainConfig,
		DrainSince: c.rec.GetDrainStartNanos(),
	}
	for _, o := range c.operations {
		v.Operations = append(v.Operations, o.rec.Operation)
	}
	index := map[string]int{}
	for _, f := range c.order {
		fv := FrameworkView{Info: f.rec.Info}
		for _, ct := range f.containers {
			if ct.rec.GetNeverMade() {
				continue
			}
			fv.Executors = append(fv.Executors, c.viewContainer(ct))
		}
		index[f.id] = len(v.Frameworks)
		v.Frameworks = append(v.Frameworks, fv)
	}
	ended := map[string]int{}
	for _, done := range c.completed {
		id := done.Framework.Id.GetValue()
		ev := viewCompleted(done)
		if i, ok := index[id]; ok {
			v.Frameworks[i].Completed = append(v.Frameworks[i].Completed, ev)
			continue
		}
		i, ok := ended[id]
		if !ok {
			i = len(v.Ended)
			ended[id] = i
			v.Ended = append(v.Ended, FrameworkView{})
		}
		v.Ended[i].Info = done.Framework
		v.Ended[i].Completed = append(v.Ended[i].Completed, ev)
	}
	return v
}

func (c *Core) viewContainer(ct *container) ExecutorView {
	ev := ExecutorView{
		Info: ct.rec.Executor, ContainerID: ct.id(), Directory: ct.rec.GetDirectory(),
		Kind: ct.kind(), State: ct.state(), Limits: c.limits(ct), Completed: ct.doneTasks(),
	}
	if ct.proc != nil {
		ev.Pid = int(ct.proc.rec.GetPid())
	}
	ev.Resources = append(ev.Resources, ct.rec.Executor.Resources...)
	for _, t := range ct.tasks {
		if t.proc != nil && !t.proc.exited() {
			if n := t.rec.GetNestedId(); n != "" {
				ev.Nested = append(ev.Nested, NestedView{
					ContainerID: n, KernelID: t.proc.id, Shared: isBelow(t.proc.id), Pid: int(t.proc.rec.GetPid()),
					Limits: shownLimits(t),
				})
			} else {
				ev.Pid = int(t.proc.rec.GetPid())
			}
		}
		if !t.terminal() {
			ev.Resources = append(ev.Resources, t.rec.Info.Resources...)
		}
		switch {
		case t.settled():
			ev.Completed = append(ev.Completed[:len(ev.Completed):len(ev.Completed)], c.taskMessage(t))
		case t.terminal():
			ev.Terminated = append(ev.Terminated, c.taskMessage(t))
		case ct.custom() && !t.prog.GetDelivered(), t.proc != nil && t.proc.launching():
			ev.Queued = append(ev.Queued, t.rec.Info)
		default:
			ev.Launched = append(ev.Launched, c.taskMessage(t))
		}
	}
	return ev
}

func viewCompleted(done *record.Completed) ExecutorView {
	return ExecutorView{
		Info: done.Container.Executor, ContainerID: done.Container.GetId(),
		Directory: done.Container.GetDirectory(), Kind: done.Container.GetKind(),
		State: record.Container_TERMINATED, Resources: done.Container.Executor.Resources, Completed: done.Tasks,
	}
}

// taskMessage is t as Mesos shows tasks.
func (c *Core) taskMessage(t *task) *mesos.Task {
	info := t.rec.Info
	m := &mesos.Task{
		Name: info.Name, TaskId: info.TaskId, FrameworkId: t.fw.rec.Info.Id, AgentId: info.AgentId,
		State: t.state().Enum(), Resources: info.Resources, Statuses: t.prog.Statuses, Labels: info.Labels,
		Discovery: info.Discovery, Container: info.Container, HealthCheck: info.HealthCheck,
		KillPolicy: info.KillPolicy, Limits: t.limits(),
	}
	if u := info.GetCommand().GetUser(); u != "" {
		m.User = &u
	}
	if t.ct == nil || t.ct.kind() != record.Container_COMMAND {
		if id := t.executorID(); id != "" {
			m.ExecutorId = &mesos.ExecutorID{Value: &id}
		}
	}
	// What the scheduler was last told: the update in flight, or else the latest.
	if last := t.lastForwarded(); last != nil {
		m.StatusUpdateState, m.StatusUpdateUuid = last.State, last.Uuid
	}
	return m
}

func (t *task) lastForwarded() *mesos.TaskStatus {
	if len(t.pending) > 0 {
		return t.pending[0]
	}
	if n := len(t.prog.Statuses); n > 0 {
		return t.prog.Statuses[n-1]
	}
	return nil
}

// Launching lists the containers that are asked for and do not run yet, eldest first.
func (c *Core) Launching() (ids []ContainerID) {
	add := func(p *process, id ContainerID) {
		if p != nil && p.launching() {
			ids = append(ids, id)
		}
	}
	for _, f := range c.order {
		for _, ct := range f.containers {
			add(ct.proc, ContainerID{ct.id()})
			for _, t := range ct.tasks {
				if id := (ContainerID{ct.id()}); t.rec.GetNestedId() == "" {
					add(t.proc, id)
				} else {
					add(t.proc, append(id, t.rec.GetNestedId()))
				}
			}
		}
	}
	for _, a := range c.annexOrder {
		add(a.proc, a.id)
	}
	return ids
}
