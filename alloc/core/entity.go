package core

import (
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/allocator"
	"github.com/caprock/caprock/wire/mesos/maintenance"
	"github.com/caprock/caprock/wire/mesos/master"
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/resource"
)

// Role is what operators have set for a role.
type Role struct {
	Rec *record.Role
}

// Maintenance is the schedule and what the machines in it are doing.
type Maintenance struct {
	Rec *record.Maintenance
}

// Schedule is the current schedule, never nil.
func (m *Maintenance) Schedule() *maintenance.Schedule {
	if m == nil || m.Rec.GetSchedule() == nil {
		return &maintenance.Schedule{}
	}
	return m.Rec.Schedule
}

// Framework is a framework, connected, disconnected or completed.
type Framework struct {
	Rec *record.Framework
	// Connected: an event stream is open. Active: offers are made to it.
	// Recovered: known, but not subscribed since this process started.
	Connected, Active, Recovered bool
	InverseOffers                []*mesos.InverseOffer
}

// ID is the framework's id.
func (f *Framework) ID() string { return f.Rec.GetInfo().GetId().GetValue() }

// Info is the framework's description as last accepted.
func (f *Framework) Info() *mesos.FrameworkInfo { return f.Rec.GetInfo() }

// Completed reports whether the framework was removed.
func (f *Framework) Completed() bool { return f.Rec.CompletedSerial != nil }

// Constraints are the framework's offer constraints, nil if none.
func (f *Framework) Constraints() *scheduler.OfferConstraints { return f.Rec.GetOfferConstraints() }

// Agent is an agent: registered, unreachable or gone.
type Agent struct {
	Rec *record.Agent
	// Connected: its channel is open. Active: its resources are offered.
	// Recovered: registered before this process started and not yet back.
	// Held: still registered though its time to come back is over, because too
	// many others are missing as well. LossDelayed: unreachable, which frameworks
	// that are not PARTITION_AWARE are not told yet (Options.RemovalInterval).
	Connected, Active, Recovered, Held, LossDelayed bool
	Unavailability                                  *mesos.Unavailability
	// InverseAnswers are frameworks' last answers to inverse offers, for the
	// maintenance status.
	InverseAnswers []*allocator.InverseOfferStatus

	total resource.Resources // with oversubscribed ones
	url   *mesos.URL
}

// Total is what the agent has, oversubscribed resources included.
func (a *Agent) Total() resource.Resources { return a.total }

// ID is the agent's id.
func (a *Agent) ID() string { return a.Rec.GetInfo().GetId().GetValue() }

// Info is the agent's description; resources are those its operator gave it.
func (a *Agent) Info() *mesos.AgentInfo { return a.Rec.GetInfo() }

// Registered reports whether the agent is in the cluster: neither unreachable
// nor gone. It may be disconnected.
func (a *Agent) Registered() bool { return a.Rec.GetPhase() == record.Agent_REGISTERED }

// Executor is a live executor on an agent. Command tasks have none.
type Executor struct {
	Rec *record.Executor

	res resource.Resources
}

// Resources are what the executor itself uses, allocated to its role.
func (e *Executor) Resources() resource.Resources { return e.res }

// Operation is an offer operation that has not been forgotten.
type Operation struct {
	Rec *record.Operation

	consumed resource.Resources
}

// UUID is the operation's identity, 16 raw bytes.
func (o *Operation) UUID() string { return string(o.Rec.GetOperation().GetUuid().GetValue()) }

// Info is the operation as endpoints show it.
func (o *Operation) Info() *mesos.Operation { return o.Rec.GetOperation() }

// Offer is an outstanding offer. It is gone when the process ends; what is written
// down of it is its batch.
type Offer struct {
	// Wire is the offer as the framework was sent it, in its format.
	Wire *mesos.Offer

	role   string
	res    resource.Resources
	batch  *offerBatch
	number uint64
	at     int // where it is among its framework's offers
}

// Resources are what is offered, allocated to the offer's role.
func (o *Offer) Resources() resource.Resources { return o.res }

// ID is the offer's id.
func (o *Offer) ID() string { return o.Wire.GetId().GetValue() }

// FrameworkID is the framework that may accept it.
func (o *Offer) FrameworkID() string { return o.Wire.GetFrameworkId().GetValue() }

// AgentID is the agent whose resources are offered.
func (o *Offer) AgentID() string { return o.Wire.GetAgentId().GetValue() }

// Role is the role that the resources are allocated to.
func (o *Offer) Role() string { return o.role }

// MadeNanos is when it was made, in nanoseconds since the Unix epoch.
func (o *Offer) MadeNanos() int64 { return o.batch.rec.GetMadeNanos() }

// FrameworkView is the framework as GET_FRAMEWORKS and FRAMEWORK_ADDED show it,
// without offers and resource sums, which are the reader's to add.
func FrameworkView(f *Framework) *master.Response_GetFrameworks_Framework {
	v := &master.Response_GetFrameworks_Framework{
		FrameworkInfo:    f.Info(),
		Active:           ptr(f.Active),
		Connected:        ptr(f.Connected),
		Recovered:        ptr(f.Recovered),
		InverseOffers:    f.InverseOffers,
		OfferConstraints: f.Constraints(),
	}
	v.RegisteredTime = timeInfo(f.Rec.GetRegisteredNanos())
	v.ReregisteredTime = timeInfo(f.Rec.GetReregisteredNanos())
	v.UnregisteredTime = timeInfo(f.Rec.GetUnregisteredNanos())
	return v
}

// AgentView is the agent as GET_AGENTS and AGENT_ADDED show it, without the
// sums of allocated and offered resources, which are the reader's to add. total is
// a.Total as endpoints show it, which many agents may share.
func AgentView(a *Agent, total []*mesos.Resource) *master.Response_GetAgents_Agent {
	v := &master.Response_GetAgents_Agent{
		AgentInfo:        a.Info(),
		Active:           ptr(a.Active),
		Deactivated:      ptr(a.Rec.GetDeactivated()),
		Version:          ptr(a.Rec.GetVersion()),
		Pid:              ptr(agentPID(a.Rec)),
		RegisteredTime:   timeInfo(a.Rec.GetRegisteredNanos()),
		ReregisteredTime: timeInfo(a.Rec.GetReregisteredNanos()),
		TotalResources:   total,
		Capabilities:     a.Rec.GetCapabilities(),
		DrainInfo:        a.Rec.GetDrain(),
	}
	v.EstimatedDrainStartTime = timeInfo(a.Rec.GetDrainStartNanos())
	return v
}

func ptr[T any](v T) *T { return &v }

// timeInfo leaves unset times out, as Mesos does with zero times.
func timeInfo(nanos int64) *mesos.TimeInfo {
	if nanos == 0 {
		return nil
	}
	return &mesos.TimeInfo{Nanoseconds: &nanos}
}
