package core

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

func (c *Core) connected() {
	c.linkUp, c.registered = true, false
	c.arm(timer{kind: timerPing, at: c.now.Mono + c.pingTimeout})
	c.register()
}

// register announces the agent with everything it holds. While executors may
// still come back it waits, as the allocator would take absent tasks for lost.
func (c *Core) register() {
	if !c.linkUp || c.Recovering() || c.stopping != "" {
		return
	}
	c.exits = nil
	c.sendAnyway(&link.Up{Body: &link.Up_Register{Register: c.registration()}})
}

func (c *Core) registration() *link.Register {
	r := &link.Register{
		Agent:           c.AgentInfo(),
		Version:         &c.opts.Version,
		Total:           c.res.Total,
		AppliedSeq:      new(c.rec.GetAppliedSeq()),
		BootId:          &c.opts.BootID,
		Instance:        &c.opts.Instance,
		Address:         &mesos.Address{Hostname: &c.opts.Hostname, Ip: &c.opts.IP, Port: new(int32(c.opts.Port))},
		ResourceVersion: &mesos.UUID{Value: c.res.Version},
		DrainConfig:     c.rec.DrainConfig,
		ClusterId:       c.rec.ClusterId,
	}
	for _, t := range c.opts.Capabilities {
		r.Capabilities = append(r.Capabilities, &mesos.AgentInfo_Capability{Type: t.Enum()})
	}
	for _, o := range c.operations {
		r.Operations = append(r.Operations, o.rec.Operation)
	}
	for _, f := range c.order {
		r.Frameworks = append(r.Frameworks, f.rec.Info)
		for _, ct := range f.containers {
			if ct.kind() != record.Container_COMMAND && ct.state() != record.Container_TERMINATED {
				r.Executors = append(r.Executors, &link.Executor{
					FrameworkId: f.rec.Info.Id, Info: ct.rec.Executor,
				})
			}
		}
		for _, t := range f.order {
			if !t.settled() {
				r.Tasks = append(r.Tasks, c.taskMessage(t))
			}
		}
	}
	return r
}

// AgentInfo describes the agent as frameworks and executors see it.
func (c *Core) AgentInfo() *mesos.AgentInfo {
	info := &mesos.AgentInfo{
		Hostname:   &c.opts.Hostname,
		Port:       new(int32(c.opts.Port)),
		Resources:  c.opts.Resources,
		Attributes: c.opts.Attributes,
		Domain:     c.opts.Domain,
	}
	if id := c.AgentID(); id != "" {
		info.Id = &mesos.AgentID{Value: &id}
	}
	info.ProtoReflect().SetUnknown(checkpoints)
	return info
}

// checkpoints is AgentInfo.checkpoint, true: v1 does not know the field, but agents
// send it.
var checkpoints = protoreflect.RawFields{7 << 3, 1}

// frame takes one frame of the allocator, unless an allocator that was deposed
// since sent it.
func (c *Core) frame(d *link.Down) {
	term := d.GetTerm()
	if term < c.rec.GetTerm() {
		c.metrics.FencedFrames++
		return
	}
	if term > c.rec.GetTerm() {
		c.rec.Term = &term
		c.agentDirty = true
	}
	c.arm(timer{kind: timerPing, at: c.now.Mono + c.pingTimeout})
	if d.GetSeq() == 0 {
		c.bestEffort(d)
		return
	}
	c.outbox(d)
}

// outbox applies a numbered frame if it is the next.
func (c *Core) outbox(d *link.Down) {
	if !c.registered || c.stopping != "" {
		// It comes again, after Registered has said which agent we are; or it is
		// for an agent that is no more.
		return
	}
	applied := c.rec.GetAppliedSeq()
	switch seq := d.GetSeq(); {
	case seq <= applied:
		c.confirm = true
		return
	case seq > applied+1:
		c.registered = false
		c.emit(Reconnect{Why: fmt.Sprintf("allocator sent outbox frame %d, want %d", seq, applied+1)})
		return
	default:
		c.rec.AppliedSeq = &seq
		c.agentDirty, c.confirm = true, true
	}
	switch b := d.Body.(type) {
	case *link.Down_Launch:
		c.launch(b.Launch)
	case *link.Down_Kill:
		c.kill(b.Kill)
	case *link.Down_Acknowledge:
		c.acknowledge(b.Acknowledge)
	case *link.Down_ShutdownExecutor:
		c.shutdownExecutorByID(b.ShutdownExecutor.FrameworkId.GetValue(), b.ShutdownExecutor.ExecutorId.GetValue())
	case *link.Down_ShutdownFramework:
		c.shutdownFramework(b.ShutdownFramework.FrameworkId.GetValue())
	case *link.Down_UpdateFramework:
		c.updateFramework(b.UpdateFramework.Framework)
	case *link.Down_ApplyOperation:
		c.applyOperation(b.ApplyOperation)
	case *link.Down_AcknowledgeOperation:
		c.acknowledgeOperation(b.AcknowledgeOperation)
	case *link.Down_Drain:
		c.drain(b.Drain.GetConfig())
	default:
		c.bestEffort(d)
	}
}

// bestEffort takes a frame that does no harm when it is lost or repeated.
func (c *Core) bestEffort(d *link.Down) {
	switch b := d.Body.(type) {
	case *link.Down_Registered:
		c.registeredAs(b.Registered)
	case *link.Down_Refused:
		c.refused(b.Refused)
	case *link.Down_Ping:
		c.send(&link.Up{Body: &link.Up_Pong{Pong: &link.Pong{}}})
		if b.Ping.Connected != nil && !b.Ping.GetConnected() {
			c.registered = false
			c.register()
		}
	case *link.Down_ExecutorMessage:
		c.messageToExecutor(b.ExecutorMessage)
	case *link.Down_Acknowledge:
		c.acknowledge(b.Acknowledge)
	case *link.Down_UpdateFramework:
		c.updateFramework(b.UpdateFramework.Framework)
	case *link.Down_ReconcileTasks:
		c.reconcile(b.ReconcileTasks)
	case *link.Down_Shutdown:
		c.shutdown(b.Shutdown.GetMessage())
	}
}

func (c *Core) registeredAs(r *link.Registered) {
	id, cluster := r.AgentId.GetValue(), r.GetClusterId()
	if mine := c.AgentID(); mine != "" && mine != id {
		c.emit(Reconnect{Why: fmt.Sprintf("allocator registered this agent as %s, want %s", id, mine)})
		return
	}
	if mine := c.rec.GetClusterId(); mine != "" && cluster != mine {
		c.emit(Reconnect{Why: fmt.Sprintf("allocator is of cluster %s, want %s", cluster, mine)})
		return
	}
	if c.AgentID() == "" || c.rec.GetClusterId() != cluster {
		c.rec.AgentId, c.rec.ClusterId = &id, &cluster
		c.agentDirty = true
	}
	if ns := r.PingTimeout.GetNanoseconds(); ns > 0 {
		c.pingTimeout = ns
		c.arm(timer{kind: timerPing, at: c.now.Mono + ns})
	}
	c.allocator = r.GetAllocator()
	c.registered = true
	for _, up := range c.exits {
		c.send(up)
	}
	c.exits = nil
	for _, f := range c.order {
		c.resendUpdates(f)
	}
	for _, o := range c.operations {
		o.retryEvery = 0
		c.sendOperation(o)
	}
}

func (c *Core) refused(r *link.Refused) {
	c.registered = false
	if r.GetShutdown() {
		c.shutdown("the allocator refused this agent: " + r.GetMessage())
		return
	}
	c.emit(Reconnect{Why: "the allocator refused the registration: " + r.GetMessage()})
}

// reconcile answers for tasks that the allocator holds and this agent does not:
// whatever became of them, they will never run here.
func (c *Core) reconcile(r *link.ReconcileTasks) {
	for _, want := range r.Tasks {
		f := c.frameworks[want.Framework.GetId().GetValue()]
		if f != nil && f.tasks[want.TaskId.GetValue()] != nil {
			continue
		}
		f = c.ensureFramework(want.Framework)
		t := c.addTask(f, nil, &record.Task{
			FrameworkId: want.Framework.GetId(),
			ExecutorId:  want.ExecutorId,
			Info: &mesos.TaskInfo{
				Name: new(""), TaskId: want.TaskId, AgentId: c.agentIDMessage(),
			},
		})
		c.update(t, status{
			state:   f.lost(mesos.TaskState_TASK_DROPPED),
			source:  mesos.TaskStatus_SOURCE_AGENT,
			reason:  mesos.TaskStatus_REASON_RECONCILIATION.Enum(),
			message: "Reconciliation: task unknown to the agent",
		})
	}
}

func (c *Core) agentIDMessage() *mesos.AgentID {
	id := c.AgentID()
	return &mesos.AgentID{Value: &id}
}
