package core

import (
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// Task is a live task, an unreachable one, or a completed one. There may be millions, so it
// holds what nearly all have in a few words, and messages are made for those who ask
// (task_message.go): those of a running task take five times the memory.
type Task struct {
	id             string
	name           *string            // one for all of the name
	frameworkShown *mesos.FrameworkID // one for all of the framework
	agentShown     *mesos.AgentID     // one for all of the agent
	list           *sharedList        // nil if it has no resources
	more           *taskMore          // nil for most
	last           taskStatus
	serial         uint64 // of a completed task

	current, forwardedState  smallEnum
	forwardedLast            bool // last.uuid is that of the update last forwarded
	isUnreachable, hasSerial bool
}

// taskMore is what few tasks have. It is never modified.
type taskMore struct {
	executor           *mesos.ExecutorID
	labels             *mesos.Labels
	discovery          *mesos.DiscoveryInfo
	container          *mesos.ContainerInfo
	healthCheck        *mesos.HealthCheck
	killPolicy         *mesos.KillPolicy
	user               *string
	limits             map[string]*mesos.Value_Scalar
	forwardedUUID      []byte           // if it is not last.uuid
	current, forwarded *mesos.TaskState // of numbers that are oddEnum
}

func (m *taskMore) empty() bool {
	return m.executor == nil && m.labels == nil && m.discovery == nil && m.container == nil && m.healthCheck == nil &&
		m.killPolicy == nil && m.user == nil && m.limits == nil && m.forwardedUUID == nil && m.current == nil && m.forwarded == nil
}

// taskStatus is a status of a task.
type taskStatus struct {
	uuid                  [16]byte
	timestamp             float64
	message               *mesos.TaskStatus // the whole status, if it has more than the fields here
	before                *taskStatus       // the last one of another state; never modified
	state, source, reason smallEnum
	has                   statusParts
}

// statusParts says which optional parts of a status are there.
type statusParts uint16

const (
	aStatus statusParts = 1 << iota // there is a status at all
	hasUUID
	hasTimestamp
	hasHealthy
	isHealthy
	hasAgent
)

// smallEnum is a number of an enumeration, noEnum where there is none, oddEnum where it is too
// large and stands elsewhere.
type smallEnum int16

const (
	noEnum  = -1
	oddEnum = -2
	mostInt = 1<<15 - 1
)

func small[E ~int32](p *E) smallEnum {
	switch {
	case p == nil:
		return noEnum
	case *p < 0 || *p > mostInt:
		return oddEnum
	}
	return smallEnum(*p)
}

// compactTask makes the small form of a task whose resources are a list.
func compactTask(v *record.Task, list *sharedList) *Task {
	m := v.GetTask()
	t := &Task{
		id: m.GetTaskId().GetValue(), name: m.Name, frameworkShown: m.FrameworkId, agentShown: m.AgentId, list: list,
		serial: v.GetCompletedSerial(), hasSerial: v.CompletedSerial != nil, isUnreachable: v.GetUnreachable(),
		current: small(m.State), forwardedState: small(m.StatusUpdateState),
	}
	for i, s := range m.Statuses {
		var before *taskStatus
		if i > 0 {
			earlier := t.last
			before = &earlier
		}
		t.last = compactStatus(s, t.id, t.agentShown)
		t.last.before = before
	}
	more := taskMore{
		executor: m.ExecutorId, labels: m.Labels, discovery: m.Discovery, container: m.Container, healthCheck: m.HealthCheck,
		killPolicy: m.KillPolicy, user: m.User, limits: m.Limits,
	}
	if uuid := m.StatusUpdateUuid; uuid != nil {
		if t.forwardedLast = t.last.has&hasUUID != 0 && string(uuid) == string(t.last.uuid[:]); !t.forwardedLast {
			more.forwardedUUID = uuid
		}
	}
	if t.current == oddEnum {
		more.current = m.State
	}
	if t.forwardedState == oddEnum {
		more.forwarded = m.StatusUpdateState
	}
	if !more.empty() {
		kept := more // more itself stays on the stack
		t.more = &kept
	}
	return t
}

// compactStatus makes the small form of a status.
func compactStatus(s *mesos.TaskStatus, id string, agent *mesos.AgentID) taskStatus {
	c := taskStatus{state: small(s.State), source: small(s.Source), reason: small(s.Reason), has: aStatus}
	if s.Uuid != nil && len(s.Uuid) == len(c.uuid) {
		c.has |= hasUUID
		copy(c.uuid[:], s.Uuid)
	}
	if !c.holds(s, id, agent) {
		c.message = s
		return c
	}
	if s.Timestamp != nil {
		c.has, c.timestamp = c.has|hasTimestamp, *s.Timestamp
	}
	if s.AgentId != nil {
		c.has |= hasAgent
	}
	if s.Healthy != nil {
		c.has |= hasHealthy
	}
	if s.GetHealthy() {
		c.has |= isHealthy
	}
	return c
}

// holds reports whether a status has nothing but what the small form can hold.
func (c *taskStatus) holds(s *mesos.TaskStatus, id string, agent *mesos.AgentID) bool {
	return s.Message == nil && s.Data == nil && s.ExecutorId == nil && s.CheckStatus == nil && s.Labels == nil &&
		s.ContainerStatus == nil && s.UnreachableTime == nil && s.Limitation == nil &&
		(s.Uuid == nil || c.has&hasUUID != 0) && c.state != oddEnum && c.source != oddEnum && c.reason != oddEnum &&
		s.TaskId != nil && s.TaskId.GetValue() == id &&
		(s.AgentId == nil || s.AgentId == agent || agent != nil && s.AgentId.GetValue() == agent.GetValue()) &&
		len(s.ProtoReflect().GetUnknown()) == 0
}

// ID is the task's id.
func (t *Task) ID() string { return t.id }

// Name is the task's name, which need not be its own.
func (t *Task) Name() string {
	if t.name == nil {
		return ""
	}
	return *t.name
}

// FrameworkID is the id of the framework that launched it.
func (t *Task) FrameworkID() string { return t.frameworkShown.GetValue() }

// AgentID is the id of the agent that runs it, or ran it last.
func (t *Task) AgentID() string { return t.agentShown.GetValue() }

// unsetState is what a message without a state says.
var unsetState = (*mesos.Task)(nil).GetState()

// State is what its agent said last, or what the allocator had to conclude.
func (t *Task) State() mesos.TaskState {
	switch t.current {
	case noEnum:
		return unsetState
	case oddEnum:
		return *t.more.current
	}
	return mesos.TaskState(t.current)
}

// Unreachable reports whether its agent is unreachable; the task may come back.
func (t *Task) Unreachable() bool { return t.isUnreachable }

// Container is the container that it asked for, nil if none.
func (t *Task) Container() *mesos.ContainerInfo {
	if t.more == nil {
		return nil
	}
	return t.more.container
}

// Discovery is how it wants to be found, nil if it does not say.
func (t *Task) Discovery() *mesos.DiscoveryInfo {
	if t.more == nil {
		return nil
	}
	return t.more.discovery
}

// Resources are what the task uses while it lives, allocated to its role.
func (t *Task) Resources() resource.Resources {
	if t.list == nil {
		return nil
	}
	return t.list.res
}

// FirstTimestamp is when its first status that is kept was made, in seconds since the Unix epoch; 0 if there
// is none.
func (t *Task) FirstTimestamp() float64 {
	first := &t.last
	for first.before != nil {
		first = first.before
	}
	if first.message != nil {
		return first.message.GetTimestamp()
	}
	return first.timestamp
}

func (t *Task) executorID() *mesos.ExecutorID {
	if t.more == nil {
		return nil
	}
	return t.more.executor
}

// forwardedUUID is that of the update last forwarded, nil if there was none.
func (t *Task) forwardedUUID() []byte {
	switch {
	case t.forwardedLast:
		return t.last.uuid[:]
	case t.more != nil:
		return t.more.forwardedUUID
	}
	return nil
}
