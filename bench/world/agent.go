package world

import (
	"encoding/binary"
	"strconv"
	"strings"
	"time"

	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

// Behaviour is what simulated agents do with tasks.
type Behaviour uint8

// Behaviours.
const (
	// Silent agents apply launches and report nothing: tasks stay TASK_STAGING.
	Silent Behaviour = iota
	// Running agents report TASK_RUNNING and leave it at that.
	Running
	// Finishing agents report TASK_RUNNING, and when that is acknowledged
	// TASK_FINISHED: a task that takes no time.
	Finishing
	// Sleeping agents do what the command "sleep SECONDS" would: TASK_RUNNING, and
	// TASK_FINISHED that much later. Tasks with other commands run on.
	Sleeping
)

// Agent is one simulated agent: a state machine without I/O. Frames go in by
// Handle, and what it answers is appended to an outbox that the caller sends. It
// belongs to one goroutine.
type Agent struct {
	channel    uint32
	number     int
	shape      *Shape
	behaviour  Behaviour
	id         string
	registered bool
	refused    string // why registration was refused for good
	applied    uint64
	answered   uint64  // Applied that was sent
	term       *uint64 // made anew when it changes: frames on their way hold the old one
	updates    uint64  // numbers uuids
	tasks      map[string]*heldTask
	frameworks map[string]*mesos.FrameworkInfo // of tasks held
	slept      []sleep                         // begun and not yet taken by the fleet, which has the clock
}

// sleep is a task of a Sleeping agent that will end by itself.
type sleep struct {
	task string
	time time.Duration
}

// heldTask is a task that the agent holds until its last update is acknowledged.
type heldTask struct {
	task  *mesos.Task
	state mesos.TaskState // last reported
	uuid  []byte          // of the update that waits for an acknowledgement; nil if none
	ended bool            // TASK_FINISHED is to follow that acknowledgement
}

// Register appends the frame that opens the agent's channel.
func (a *Agent) Register(out []*link.Up) []*link.Up {
	r := a.shape.register(a.number, a.id)
	applied := a.applied
	r.AppliedSeq = &applied
	for _, t := range a.tasks {
		r.Tasks = append(r.Tasks, t.task)
	}
	for _, f := range a.frameworks {
		r.Frameworks = append(r.Frameworks, f)
	}
	a.registered, a.answered = false, a.applied
	return append(out, a.up(&link.Up{Body: &link.Up_Register{Register: r}}))
}

func (a *Agent) up(u *link.Up) *link.Up {
	u.Channel, u.Term = &a.channel, a.term
	return u
}

// Handle takes a frame and appends what the agent answers. An Applied is not
// among that: see Apply.
func (a *Agent) Handle(d *link.Down, out []*link.Up) []*link.Up {
	switch term := d.GetTerm(); {
	case a.term == nil || term > *a.term:
		a.term = &term
	case term < *a.term:
		return out // of an allocator that was replaced
	}
	if seq := d.GetSeq(); seq > 0 {
		if seq <= a.applied {
			return out // seen before
		}
		a.applied = seq
	}
	switch body := d.Body.(type) {
	case *link.Down_Registered:
		a.id, a.registered = body.Registered.GetAgentId().GetValue(), true
	case *link.Down_Refused:
		if body.Refused.GetShutdown() {
			a.refused = body.Refused.GetMessage()
			return out
		}
		return a.Register(out)
	case *link.Down_Ping:
		if body.Ping.Connected != nil && !body.Ping.GetConnected() {
			if !a.registered {
				return out // a Register is on its way
			}
			return a.Register(out)
		}
		return append(out, a.up(&link.Up{Body: &link.Up_Pong{Pong: &link.Pong{}}}))
	case *link.Down_Launch:
		return a.launch(body.Launch, out)
	case *link.Down_Acknowledge:
		return a.acknowledged(body.Acknowledge, out)
	case *link.Down_Kill:
		return a.kill(body.Kill.GetTaskId().GetValue(), out)
	}
	return out
}

// Apply appends the acknowledgement of every outbox frame handled since the
// last one, if there are any.
func (a *Agent) Apply(out []*link.Up) []*link.Up {
	if a.applied == a.answered || !a.registered {
		return out
	}
	a.answered = a.applied
	seq := a.applied
	return append(out, a.up(&link.Up{Body: &link.Up_Applied{Applied: &link.Applied{Seq: &seq}}}))
}

func (a *Agent) launch(l *link.Launch, out []*link.Up) []*link.Up {
	if a.tasks == nil {
		a.tasks = map[string]*heldTask{}
		a.frameworks = map[string]*mesos.FrameworkInfo{}
	}
	id := l.GetFramework().GetId()
	if a.frameworks[id.GetValue()] == nil {
		a.frameworks[id.GetValue()] = l.GetFramework()
	}
	for _, t := range l.GetTasks() {
		h := &heldTask{state: mesos.TaskState_TASK_STAGING, task: &mesos.Task{
			Name: t.Name, TaskId: t.TaskId, FrameworkId: a.frameworks[id.GetValue()].Id, AgentId: t.AgentId,
			State: mesos.TaskState_TASK_STAGING.Enum(), Resources: t.Resources,
		}}
		a.tasks[t.GetTaskId().GetValue()] = h
		if a.behaviour != Silent {
			out = a.report(h, mesos.TaskState_TASK_RUNNING, out)
		}
		if d, ok := sleepTime(t.GetCommand().GetValue()); ok && a.behaviour == Sleeping {
			a.slept = append(a.slept, sleep{t.GetTaskId().GetValue(), d})
		}
	}
	return out
}

// sleepTime reads the command "sleep SECONDS".
func sleepTime(command string) (time.Duration, bool) {
	text, ok := strings.CutPrefix(command, "sleep ")
	if !ok {
		return 0, false
	}
	s, err := strconv.ParseFloat(text, 64)
	return time.Duration(s * float64(time.Second)), err == nil && s >= 0 && s < 1e6
}

// End finishes a task whose time is over. An update that still waits for its
// acknowledgement goes first, as in every stream of updates.
func (a *Agent) End(task string, out []*link.Up) []*link.Up {
	h := a.tasks[task]
	switch {
	case h == nil || h.state != mesos.TaskState_TASK_RUNNING:
		return out // killed meanwhile
	case h.uuid != nil:
		h.ended = true
		return out
	}
	return a.report(h, mesos.TaskState_TASK_FINISHED, out)
}

// report appends a status update.
func (a *Agent) report(h *heldTask, state mesos.TaskState, out []*link.Up) []*link.Up {
	h.state, h.task.State = state, state.Enum()
	a.updates++
	h.uuid = make([]byte, 16)
	binary.LittleEndian.PutUint64(h.uuid, uint64(a.number)+1)
	binary.LittleEndian.PutUint64(h.uuid[8:], a.updates)
	timestamp := float64(a.updates)
	return append(out, a.up(&link.Up{Body: &link.Up_StatusUpdate{StatusUpdate: &link.StatusUpdate{
		FrameworkId: h.task.FrameworkId, LatestState: h.task.State,
		Status: &mesos.TaskStatus{
			TaskId: h.task.TaskId, AgentId: h.task.AgentId, State: h.task.State,
			Source: mesos.TaskStatus_SOURCE_EXECUTOR.Enum(), Timestamp: &timestamp, Uuid: h.uuid,
		},
	}}}))
}

func (a *Agent) acknowledged(k *link.Acknowledge, out []*link.Up) []*link.Up {
	id := k.GetTaskId().GetValue()
	h := a.tasks[id]
	if h == nil || string(h.uuid) != string(k.GetUuid()) {
		return out
	}
	h.uuid = nil
	if h.state != mesos.TaskState_TASK_RUNNING {
		delete(a.tasks, id)
		return out
	}
	if a.behaviour == Finishing || h.ended {
		return a.report(h, mesos.TaskState_TASK_FINISHED, out)
	}
	return out
}

func (a *Agent) kill(id string, out []*link.Up) []*link.Up {
	if h := a.tasks[id]; h != nil && h.state != mesos.TaskState_TASK_KILLED && h.state != mesos.TaskState_TASK_FINISHED {
		return a.report(h, mesos.TaskState_TASK_KILLED, out)
	}
	return out
}

// Report makes the agent report TASK_RUNNING for what it holds in silence.
func (a *Agent) Report(out []*link.Up) []*link.Up {
	for _, h := range a.tasks {
		if h.state == mesos.TaskState_TASK_STAGING {
			out = a.report(h, mesos.TaskState_TASK_RUNNING, out)
		}
	}
	return out
}

// Tasks returns how many tasks the agent holds.
func (a *Agent) Tasks() int { return len(a.tasks) }

func instanceOf(number int) string { return "sim-" + strconv.Itoa(number) }
