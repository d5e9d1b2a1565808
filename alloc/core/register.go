package core

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// probeTimeout is how long an agent whose id another process claims may take to
// show that it is alive.
const probeTimeout = 2 * time.Second

// agentFrame takes a frame. A channel that has not registered may only register.
func (c *Core) agentFrame(cmd *AgentFrame) {
	if r, ok := cmd.Up.Body.(*link.Up_Register); ok {
		c.register(cmd.Channel, r.Register)
		return
	}
	a := c.agents[c.channels[cmd.Channel]]
	if a == nil {
		c.out.effect(&Down{Channel: cmd.Channel, Down: &link.Down{Body: &link.Down_Ping{Ping: &link.Ping{Connected: ptr(false)}}}})
		return
	}
	a.lastHeard = c.now.Mono
	switch body := cmd.Up.Body.(type) {
	case *link.Up_Unregister:
		c.unregister(a, body.Unregister.GetMessage())
	case *link.Up_Applied:
		c.applied(a, body.Applied.GetSeq())
	case *link.Up_StatusUpdate:
		c.statusUpdate(a, body.StatusUpdate)
	case *link.Up_ExecutorExited:
		c.executorExited(a, body.ExecutorExited)
	case *link.Up_ExecutorMessage:
		c.executorMessage(a, body.ExecutorMessage)
	case *link.Up_ResourcesUpdate:
		c.resourcesUpdate(a, body.ResourcesUpdate)
	case *link.Up_OperationUpdate:
		c.operationUpdate(a, body.OperationUpdate)
	}
}

// refusal is why an agent may not register, and whether it should stop for good.
type refusal struct {
	text     string
	shutdown bool
}

func (c *Core) refuse(channel ChannelRef, r refusal) {
	c.out.effect(&Down{Channel: channel, Down: &link.Down{Body: &link.Down_Refused{Refused: &link.Refused{
		Message: &r.text, Shutdown: &r.shutdown}}}})
	c.out.effect(&CloseChannel{Channel: channel})
	delete(c.channels, channel)
}

// register opens a channel for a new agent or one that returns.
func (c *Core) register(channel ChannelRef, r *link.Register) {
	held, refused := c.readRegister(r)
	if refused == nil {
		refused = c.checkRegister(r)
	}
	if refused != nil {
		c.refuse(channel, *refused)
		return
	}
	if old := c.agents[c.channels[channel]]; old != nil && old.id() != r.GetAgent().GetId().GetValue() {
		c.disconnectAgent(old)
	}
	id := r.GetAgent().GetId().GetValue()
	a := c.agents[id]
	switch {
	case a == nil:
		c.registerNew(channel, r, held)
	case a.cur.Connected && a.cur.Rec.GetInstance() != r.GetInstance():
		c.contestAgent(a, channel, r, held)
	default:
		c.registerReturning(a, channel, r, held)
	}
}

// registration is what a Register says, parsed.
type registration struct {
	total *sharedList
}

func (c *Core) readRegister(r *link.Register) (registration, *refusal) {
	var held registration
	if r.Agent == nil {
		return held, &refusal{text: "Register without agent info"}
	}
	if err := proto.CheckInitialized(r); err != nil {
		return held, &refusal{text: fmt.Sprintf("incomplete Register: %v", err)}
	}
	if id := r.Agent.GetId().GetValue(); r.Agent.Id != nil {
		if err := resource.ValidateID(id); err != nil {
			return held, &refusal{text: fmt.Sprintf("agent id: %v", err)}
		}
	}
	if _, err := c.lists.read(r.Agent.GetResources(), ""); err != nil {
		return held, &refusal{text: fmt.Sprintf("agent resources: %v", err)}
	}
	total := r.Total
	if len(total) == 0 {
		total = r.Agent.GetResources()
	}
	var err error
	if held.total, err = c.lists.read(total, ""); err != nil {
		return held, &refusal{text: fmt.Sprintf("total resources: %v", err)}
	}
	return held, validateReported(r)
}

// validateReported refuses reports that contradict themselves.
func validateReported(r *link.Register) *refusal {
	frameworks := map[string]bool{}
	for _, f := range r.GetFrameworks() {
		id := f.GetId().GetValue()
		if frameworks[id] || id == "" {
			return &refusal{text: fmt.Sprintf("framework %q is reported twice or has no id", id)}
		}
		frameworks[id] = true
	}
	executors := map[[2]string]bool{}
	for _, e := range r.GetExecutors() {
		key := [2]string{e.GetFrameworkId().GetValue(), e.GetInfo().GetExecutorId().GetValue()}
		if executors[key] {
			return &refusal{text: fmt.Sprintf("executor %q of framework %q is reported twice", key[1], key[0])}
		}
		if !frameworks[key[0]] {
			return &refusal{text: fmt.Sprintf("executor %q is of framework %q, which is not reported", key[1], key[0])}
		}
		if _, err := resource.FromProto(e.GetInfo().GetResources()); err != nil {
			return &refusal{text: fmt.Sprintf("executor %q: %v", key[1], err)}
		}
		executors[key] = true
	}
	for _, t := range r.GetTasks() {
		id, framework := t.GetTaskId().GetValue(), t.GetFrameworkId().GetValue()
		if !frameworks[framework] {
			return &refusal{text: fmt.Sprintf("task %q is of framework %q, which is not reported", id, framework)}
		}
		if t.GetAgentId().GetValue() != r.GetAgent().GetId().GetValue() {
			return &refusal{text: fmt.Sprintf("task %q is of agent %q, not of the one that reports it", id, t.GetAgentId().GetValue())}
		}
		if t.ExecutorId != nil && !IsTerminal(t.GetState()) && !executors[[2]string{framework, t.GetExecutorId().GetValue()}] {
			return &refusal{text: fmt.Sprintf("task %q runs on executor %q, which is not reported", id, t.GetExecutorId().GetValue())}
		}
		if _, err := resource.FromProto(t.GetResources()); err != nil {
			return &refusal{text: fmt.Sprintf("task %q: %v", id, err)}
		}
	}
	return nil
}

// checkRegister applies the rules for who may join.
func (c *Core) checkRegister(r *link.Register) *refusal {
	if theirs, ours := r.GetClusterId(), c.meta.GetClusterId(); theirs != "" && theirs != ours {
		return &refusal{text: fmt.Sprintf("agent %s is of cluster %s, this allocator is of cluster %s: is it the one that the agent was meant to join? "+
			"An agent changes clusters with a fresh work directory", r.GetAgent().GetId().GetValue(), theirs, ours)}
	}
	if !versionAtLeast1(r.GetVersion()) {
		return &refusal{text: fmt.Sprintf("agent version is %q, must be at least 1.0.0", r.GetVersion())}
	}
	domain := r.GetAgent().GetDomain()
	if domain.GetFaultDomain() != nil && c.opts.MasterInfo.GetDomain().GetFaultDomain() == nil {
		return &refusal{text: "agent has a fault domain and the allocator has none"}
	}
	if c.opts.RequireAgentDomain && domain.GetFaultDomain() == nil {
		return &refusal{text: "agent has no fault domain and the allocator requires one"}
	}
	if c.machineDown(machineOf(r.GetAgent().GetHostname(), r.GetAddress().GetIp())) {
		return &refusal{text: "the agent's machine is down for maintenance", shutdown: true}
	}
	a := c.agents[r.GetAgent().GetId().GetValue()]
	if a == nil {
		return nil
	}
	if a.cur.Rec.GetPhase() == record.Agent_GONE {
		return &refusal{text: "the agent was marked gone by an operator", shutdown: true}
	}
	if !a.registered() {
		return nil
	}
	if r.GetAgent().GetHostname() != a.info().GetHostname() || r.GetAddress().GetIp() != a.cur.Rec.GetAddress().GetIp() {
		return &refusal{shutdown: true, text: fmt.Sprintf("agent %s was at %s (%s), now it claims to be at %s (%s)", a.id(),
			a.info().GetHostname(), a.cur.Rec.GetAddress().GetIp(), r.GetAgent().GetHostname(), r.GetAddress().GetIp())}
	}
	return nil
}

func versionAtLeast1(v string) bool {
	major, _, _ := strings.Cut(v, ".")
	n, err := strconv.ParseUint(major, 10, 31)
	return err == nil && n >= 1
}

// contestAgent: another process claims the id of a connected agent. Either the
// agent restarted and its old link is not known to be dead yet, or its work
// directory was copied. The old channel is asked; if it answers, the newcomer is
// refused, however often it tries.
func (c *Core) contestAgent(a *agentState, channel ChannelRef, r *link.Register, held registration) {
	asked := a.probedAt != 0 && c.now.Mono-a.probedAt < 2*int64(c.opts.PingInterval)
	switch {
	case asked && a.lastHeard >= a.probedAt:
		a.probedAt = 0
		c.refuse(channel, refusal{text: fmt.Sprintf("agent id %s is in use by another process that is alive: was its work directory copied?", a.id())})
	case asked && c.now.Mono-a.probedAt >= int64(probeTimeout):
		c.out.effect(&CloseChannel{Channel: a.channel})
		c.disconnectAgent(a)
		c.registerReturning(a, channel, r, held)
	default:
		if !asked {
			a.probedAt = c.now.Mono
			c.sendPing(a)
		}
		c.refuse(channel, refusal{text: fmt.Sprintf("agent id %s is connected; try again while it is asked whether it lives", a.id())})
	}
}

// registerNew admits an agent that is not known: a fresh one, or one that was
// removed or forgotten and keeps its id and its tasks.
func (c *Core) registerNew(channel ChannelRef, r *link.Register, held registration) {
	info := c.agentInfoOf(r.GetAgent())
	rec := &record.Agent{RegisteredNanos: ptr(c.now.Wall)}
	if info.GetId().GetValue() == "" {
		c.replaceAgentAt(addressOf(info.GetHostname(), r.GetAddress()))
		info.Id = &mesos.AgentID{Value: ptr(c.newAgentID())}
	} else {
		rec.ReregisteredNanos = rec.RegisteredNanos
	}
	a := c.putAgent(c.agentRecord(rec, info, r, held))
	c.numberAfter(a, r.GetAppliedSeq())
	c.enter(a, channel, r)
	c.adoptReported(a, r, true)
	c.admit(a)
	c.agentAdded(a)
	c.finishRegister(a, r)
	c.resend(a)
}

// numberAfter goes on numbering where the agent is: it may have applied more than
// is known here if it was forgotten, or if an old snapshot was restored.
func (c *Core) numberAfter(a *agentState, applied uint64) {
	if applied >= a.nextSeq {
		c.putOutboxHead(a.id(), applied+1)
	}
}

// agentRecord is what a Register says, on top of what is kept of the agent.
func (c *Core) agentRecord(rec *record.Agent, info *mesos.AgentInfo, r *link.Register, held registration) *record.Agent {
	rec.Info, rec.Phase = info, record.Agent_REGISTERED.Enum()
	rec.Version, rec.Capabilities = c.lists.name(ptr(r.GetVersion())), c.lists.capabilitiesOf(r.Capabilities)
	rec.Total = held.total.wire
	rec.Oversubscribed = nil
	rec.ResourceVersion, rec.Address = r.ResourceVersion, r.Address
	rec.BootId, rec.Instance = r.BootId, r.Instance
	rec.SinceNanos, rec.ReregisterDeadlineNanos = nil, nil
	return rec
}

// registerReturning welcomes an agent back: after a broken link, after a restart
// of either side, or after having been unreachable.
func (c *Core) registerReturning(a *agentState, channel ChannelRef, r *link.Register, held registration) {
	if a.cur.Connected && a.channel != channel {
		c.out.effect(&CloseChannel{Channel: a.channel})
		delete(c.channels, a.channel)
	}
	wasUnreachable, wasRecovered := a.unreachable(), a.cur.Recovered
	c.applied(a, r.GetAppliedSeq())
	c.numberAfter(a, r.GetAppliedSeq())
	if next := pendingTotal(held.total.res, a.outbox); !sameSlice(next, held.total.res) {
		held.total = &sharedList{next, next.ToProto(resource.PostRefinement)}
	}
	info := c.agentInfoOf(r.GetAgent())
	info.Id = a.info().Id
	rec := c.agentRecord(cloneAgent(a.cur.Rec), info, r, held)
	rec.ReregisteredNanos = ptr(c.now.Wall)
	c.putAgent(rec)
	c.enter(a, channel, r)
	if wasUnreachable {
		c.cancelStaleLaunches(a)
	}
	adopted := c.adoptReported(a, r, wasUnreachable)
	missing := c.missingTasks(a, r)
	c.removeMissingExecutors(a, r)
	c.removeMissingOperations(a, r)
	switch {
	case !c.engine.admitted[a.id()]:
		c.admit(a)
	case adopted: // the engine knows less than is used
		c.engine.removeAgent(a.id())
		c.admit(a)
	default:
		c.engine.updateAgent(c.now.Mono, engineAgentOf(a))
	}
	if wasUnreachable || wasRecovered {
		c.agentAdded(a)
	}
	c.finishRegister(a, r)
	c.resend(a)
	c.tellMissing(a, missing)
}

// pendingTotal is the total that will hold when the agent has applied the
// operations still in its outbox. One that does not fit will fail there.
func pendingTotal(total resource.Resources, outbox []*link.Down) resource.Resources {
	for _, d := range outbox {
		op, ok := d.Body.(*link.Down_ApplyOperation)
		if !ok {
			continue
		}
		conversions, err := resource.OperationConversions(op.ApplyOperation.GetInfo())
		if err != nil {
			continue
		}
		for i := range conversions {
			conversions[i] = conversions[i].Unallocate()
		}
		if next, err := total.Apply(conversions); err == nil {
			total = next
		}
	}
	return total
}

// enter binds a channel to the agent and answers Register.
func (c *Core) enter(a *agentState, channel ChannelRef, r *link.Register) {
	a.channel, a.lastHeard, a.probedAt = channel, c.now.Mono, 0
	a.leaving, a.catchingUp = false, true
	c.channels[channel] = a.id()
	c.noteAddress(a)
	if a.cur.Recovered {
		c.expected--
	}
	c.cancelRemoval(a)
	c.touchAgent(a, func(e *Agent) {
		e.Connected, e.Recovered, e.Held, e.LossDelayed = true, false, false, false
		e.Active = !a.deactivated()
		e.Unavailability = c.unavailabilityOf(a)
	})
	c.tell(a, &link.Down{Body: &link.Down_Registered{Registered: &link.Registered{
		AgentId:     a.info().Id,
		PingTimeout: &mesos.DurationInfo{Nanoseconds: ptr(c.pingTimeout())},
		ClusterId:   c.meta.ClusterId,
		Allocator:   ptr(c.opts.Allocator),
	}}})
	c.sendPing(a)
	c.armPing(a)
}

// admit gives the engine the agent with what is used on it.
func (c *Core) admit(a *agentState) {
	c.engine.addAgent(c.now.Mono, a, engineAgentOf(a), c.usedOnAgent(a))
}

// finishRegister makes the agent's resources available, unless it is deactivated.
func (c *Core) finishRegister(a *agentState, r *link.Register) {
	if a.cur.Active {
		c.engine.activateAgent(a.id())
	} else {
		c.engine.deactivateAgent(a.id())
	}
	for _, reported := range r.GetFrameworks() {
		id := reported.GetId().GetValue()
		switch f := c.frameworks[id]; {
		case c.completed[id] != nil:
			c.shutdownFrameworkOn(a, reported.Id)
		case f != nil && !f.info().EqualVT(reported):
			c.updateFrameworkOn(a, f)
		}
	}
	c.resumeDrain(a, r.GetDrainConfig())
}

// agentInfoOf is a copy that shares what agents of one kind have in common.
func (c *Core) agentInfoOf(i *mesos.AgentInfo) *mesos.AgentInfo {
	return &mesos.AgentInfo{Hostname: i.Hostname, Port: i.Port, Resources: c.lists.given(i.Resources), Attributes: i.Attributes, Id: i.Id, Checkpoint: i.Checkpoint, Domain: i.Domain}
}
