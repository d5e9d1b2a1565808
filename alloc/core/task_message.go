package core

import (
	"slices"

	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/mesos"
)

// Numbers that messages point to: a piece of memory for each of them in each message would be
// a third of what a message costs. Nobody modifies messages that core makes.
var (
	stateNumbers  = numbersOf[mesos.TaskState]()
	sourceNumbers = numbersOf[mesos.TaskStatus_Source]()
	reasonNumbers = numbersOf[mesos.TaskStatus_Reason]()
	truths        = [2]bool{false, true}
)

func numbersOf[E ~int32]() (all [64]E) {
	for i := range all {
		all[i] = E(i)
	}
	return all
}

// pointer is a number as messages have it.
func pointer[E ~int32](s smallEnum, shared *[64]E) *E {
	switch {
	case s == noEnum:
		return nil
	case s >= 0 && int(s) < len(shared):
		return &shared[s]
	}
	return ptr(E(s))
}

// TaskMessage is memory for the messages of one task. The zero value is ready; see Task.InfoIn.
type TaskMessage struct {
	rec   record.Task
	task  mesos.Task
	id    mesos.TaskID
	two   [2]*mesos.TaskStatus // statuses, which are seldom more
	list  []*mesos.TaskStatus  // if they are
	parts []mesos.TaskStatus
}

// Info is the task as endpoints show it. It is made at each call.
func (t *Task) Info() *mesos.Task { return t.InfoIn(new(TaskMessage)) }

// InfoIn is Info in memory that is used again: the message is valid until the next one is made in it.
func (t *Task) InfoIn(m *TaskMessage) *mesos.Task {
	t.fill(m)
	m.task.Statuses = m.statuses(t, &t.last, nil)
	return &m.task
}

// record is what the journal keeps of the task.
func (t *Task) record() *record.Task {
	m := new(TaskMessage)
	t.InfoIn(m)
	m.rec.Task = &m.task
	if t.isUnreachable {
		m.rec.Unreachable = &truths[1]
	}
	if t.hasSerial {
		m.rec.CompletedSerial = ptr(t.serial)
	}
	return &m.rec
}

// fill makes the message but for the statuses.
func (t *Task) fill(m *TaskMessage) {
	m.id = mesos.TaskID{Value: &t.id}
	m.rec = record.Task{}
	m.task = mesos.Task{
		Name: t.name, TaskId: &m.id, FrameworkId: t.frameworkShown, AgentId: t.agentShown,
		State: pointer(t.current, &stateNumbers), StatusUpdateState: pointer(t.forwardedState, &stateNumbers),
	}
	if t.list != nil {
		m.task.Resources = t.list.wire
	}
	if t.forwardedLast {
		m.task.StatusUpdateUuid = t.last.uuid[:]
	}
	if t.more == nil {
		return
	}
	m.task.ExecutorId, m.task.Labels, m.task.Discovery, m.task.Container = t.more.executor, t.more.labels, t.more.discovery, t.more.container
	m.task.HealthCheck, m.task.KillPolicy, m.task.User, m.task.Limits = t.more.healthCheck, t.more.killPolicy, t.more.user, t.more.limits
	if t.more.forwardedUUID != nil {
		m.task.StatusUpdateUuid = t.more.forwardedUUID
	}
	if t.current == oddEnum {
		m.task.State = t.more.current
	}
	if t.forwardedState == oddEnum {
		m.task.StatusUpdateState = t.more.forwarded
	}
}

// statuses makes the messages of a status and those before it. If next is not nil it follows them.
func (m *TaskMessage) statuses(t *Task, last *taskStatus, next *mesos.TaskStatus) []*mesos.TaskStatus {
	made, all := 0, 0
	for s := last; s != nil && s.has&aStatus != 0; s = s.before {
		all++
		if s.message == nil {
			made++
		}
	}
	at := all
	if next != nil {
		all++
	}
	list := m.two[:min(all, len(m.two))]
	if all > len(list) {
		m.list = slices.Grow(m.list[:0], all)
		list = m.list[:all]
	}
	if next != nil {
		list[at] = next
	}
	if cap(m.parts) < made {
		m.parts = make([]mesos.TaskStatus, made)
	}
	m.parts = m.parts[:made]
	for s := last; at > 0; s = s.before {
		at--
		if list[at] = s.message; s.message == nil {
			made--
			m.makeStatus(&m.parts[made], t, s)
			list[at] = &m.parts[made]
		}
	}
	if all == 0 {
		return nil
	}
	return list
}

// makeStatus makes the message of a status, for whose task m.id is made.
func (m *TaskMessage) makeStatus(into *mesos.TaskStatus, t *Task, s *taskStatus) {
	*into = mesos.TaskStatus{
		TaskId: &m.id, State: pointer(s.state, &stateNumbers), Source: pointer(s.source, &sourceNumbers), Reason: pointer(s.reason, &reasonNumbers),
	}
	if s.has&hasAgent != 0 {
		into.AgentId = t.agentShown
	}
	if s.has&hasTimestamp != 0 {
		into.Timestamp = &s.timestamp
	}
	if s.has&hasUUID != 0 {
		into.Uuid = s.uuid[:]
	}
	if s.has&hasHealthy != 0 {
		into.Healthy = &truths[s.has&isHealthy/isHealthy]
	}
}

// LastStatus is the task's last status, nil if it has none. It is made at each call.
func (t *Task) LastStatus() *mesos.TaskStatus {
	if t.last.has&aStatus == 0 || t.last.message != nil {
		return t.last.message
	}
	m := &TaskMessage{parts: make([]mesos.TaskStatus, 1)}
	m.id = mesos.TaskID{Value: &t.id}
	m.makeStatus(&m.parts[0], t, &t.last)
	return &m.parts[0]
}

// withStatus is the task after an update, as a record whose parts may be changed: the state, unless
// it was terminal already, and the status in the list, where it replaces one of the same
// state. The second result says whether the state in the list changed.
func (t *Task) withStatus(status *mesos.TaskStatus, latest mesos.TaskState) (*record.Task, bool) {
	m := new(TaskMessage)
	t.fill(m)
	m.rec.Task = &m.task
	if t.isUnreachable {
		m.rec.Unreachable = &truths[1]
	}
	if !IsTerminal(t.State()) {
		m.task.State = pointer(small(&latest), &stateNumbers)
	}
	kept, changed := &t.last, true
	if kept.has&aStatus != 0 && kept.currentState() == status.GetState() {
		kept, changed = kept.before, false
	}
	m.task.Statuses = m.statuses(t, kept, withoutData(status))
	return &m.rec, changed
}

func (s *taskStatus) currentState() mesos.TaskState {
	if s.message != nil {
		return s.message.GetState()
	}
	if s.state == noEnum {
		return unsetState
	}
	return mesos.TaskState(s.state)
}
