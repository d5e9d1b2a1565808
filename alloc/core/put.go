package core

import (
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/resource"
)

// The put and drop functions decide nothing: they apply a record to the state and
// add it to the output, together with the entity as readers see it from now on.

func (c *Core) emit(key []byte, v record.Value) {
	c.out.Records = append(c.out.Records, record.Record{Key: key, Value: v})
}

func (c *Core) publish(id record.ID, e Entity) {
	c.out.Changed = append(c.out.Changed, Change{ID: id, Entity: e})
}

func (c *Core) putMeta(v *record.Meta) {
	c.meta = v
	c.emit(record.MetaKey(), v)
}

func (c *Core) putMaintenance(v *record.Maintenance) {
	c.maintenance = &Maintenance{Rec: v}
	c.emit(record.MaintenanceKey(), v)
	c.publish(record.ID{Kind: record.KindMaintenance}, c.maintenance)
}

// putRole sets or, if nothing is set for the role any more, removes its record.
func (c *Core) putRole(v *record.Role) {
	name := v.GetName()
	id := record.ID{Kind: record.KindRole, Parts: [3]string{name}}
	if v.Weight == nil && v.Quota == nil {
		c.forget(id)
		c.emit(record.RoleKey(name), nil)
		c.publish(id, nil)
		return
	}
	c.roles[name] = &Role{Rec: v}
	c.emit(record.RoleKey(name), v)
	c.publish(id, c.roles[name])
}

func (c *Core) putFramework(v *record.Framework) *frameworkState {
	id := v.GetInfo().GetId().GetValue()
	e := c.applyFramework(v)
	c.emit(record.FrameworkKey(id), v)
	c.publish(frameworkID(id), e)
	return c.framework(id)
}

// touchFramework publishes a change that dies with the process.
func (c *Core) touchFramework(f *frameworkState, change func(*Framework)) {
	next := *f.cur
	change(&next)
	f.cur = &next
	c.publish(frameworkID(f.id()), f.cur)
}

func (c *Core) dropFramework(id string) {
	rid := frameworkID(id)
	c.forget(rid)
	c.emit(record.FrameworkKey(id), nil)
	c.publish(rid, nil)
}

// putAgent panics on resources that do not parse: they were checked on entry.
func (c *Core) putAgent(v *record.Agent) *agentState {
	id := v.GetInfo().GetId().GetValue()
	e, err := c.applyAgent(v)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	c.emit(record.AgentKey(id), v)
	c.publish(agentID(id), e)
	return c.agents[id]
}

func (c *Core) touchAgent(a *agentState, change func(*Agent)) {
	next := *a.cur
	change(&next)
	a.setCur(&next)
	c.publish(agentID(a.id()), a.cur)
}

func (c *Core) dropAgent(id string) {
	rid := agentID(id)
	c.forget(rid)
	c.emit(record.AgentKey(id), nil)
	c.publish(rid, nil)
}

func (c *Core) putExecutor(v *record.Executor, res resource.Resources) *Executor {
	e := c.applyExecutor(v, res)
	k := e.key()
	c.emit(record.ExecutorKey(k.agent, k.framework, k.executor), v)
	c.publish(executorID(k), e)
	return e
}

func (c *Core) dropExecutor(k executorKey) {
	c.forgetExecutor(k)
	c.emit(record.ExecutorKey(k.agent, k.framework, k.executor), nil)
	c.publish(executorID(k), nil)
}

func (c *Core) putTask(v *record.Task, list *sharedList) *Task {
	framework, id := v.GetTask().GetFrameworkId().GetValue(), v.GetTask().GetTaskId().GetValue()
	rid := record.ID{Kind: record.KindTask, Parts: [3]string{framework, id}}
	t := c.applyTask(rid, v, list)
	c.emit(record.TaskKey(framework, id), v)
	c.publish(rid, t)
	return t
}

func (c *Core) dropTask(framework, id string) {
	rid := record.ID{Kind: record.KindTask, Parts: [3]string{framework, id}}
	c.forgetTask(framework, id)
	c.emit(record.TaskKey(framework, id), nil)
	c.publish(rid, nil)
}

func (c *Core) putCompletedTask(v *record.Task, list *sharedList) {
	framework, serial := v.GetTask().GetFrameworkId().GetValue(), v.GetCompletedSerial()
	rid := record.ID{Kind: record.KindCompletedTask, Parts: [3]string{framework}, Number: serial}
	t := c.applyTask(rid, v, list)
	c.emit(record.CompletedTaskKey(framework, serial), v)
	c.publish(rid, t)
}

func (c *Core) dropCompletedTask(framework string, serial uint64) {
	rid := record.ID{Kind: record.KindCompletedTask, Parts: [3]string{framework}, Number: serial}
	c.forget(rid)
	c.emit(record.CompletedTaskKey(framework, serial), nil)
	c.publish(rid, nil)
}

func (c *Core) putOperation(v *record.Operation, consumed resource.Resources) *Operation {
	o := c.applyOperation(v, consumed)
	rid := record.ID{Kind: record.KindOperation, Parts: [3]string{o.UUID()}}
	c.emit(record.OperationKey(o.UUID()), v)
	c.publish(rid, o)
	return o
}

func (c *Core) dropOperation(uuid string) {
	rid := record.ID{Kind: record.KindOperation, Parts: [3]string{uuid}}
	c.forgetOperation(uuid)
	c.emit(record.OperationKey(uuid), nil)
	c.publish(rid, nil)
}

// putOfferBatch writes down offers that are about to be added.
func (c *Core) putOfferBatch(v *record.OfferBatch, offers int) *offerBatch {
	b := &offerBatch{rec: v, live: offers}
	c.batches[v.GetFirst()] = b
	c.emit(record.OfferBatchKey(v.GetFirst()), v)
	return b
}

func (c *Core) dropOfferBatch(first uint64) {
	delete(c.batches, first)
	c.emit(record.OfferBatchKey(first), nil)
}

func (c *Core) dropOldOffer(id string) {
	delete(c.oldOffers, id)
	c.emit(record.OfferKey(id), nil)
}

func (c *Core) putOutbox(agent string, down *link.Down) {
	v := &record.Outbox{AgentId: &agent, Down: down}
	c.applyOutbox(v)
	c.emit(record.OutboxKey(agent, down.GetSeq()), v)
}

func (c *Core) putOutboxHead(agent string, next uint64) {
	v := &record.OutboxHead{AgentId: &agent, NextSeq: &next}
	c.applyOutboxHead(v)
	c.emit(record.OutboxHeadKey(agent), v)
}

func (c *Core) dropOutboxHead(agent string) {
	c.forget(record.ID{Kind: record.KindOutboxHead, Parts: [3]string{agent}})
	c.emit(record.OutboxHeadKey(agent), nil)
}

func (c *Core) dropOutbox(agent string, seq uint64) {
	c.forget(record.ID{Kind: record.KindOutbox, Parts: [3]string{agent}, Number: seq})
	c.emit(record.OutboxKey(agent, seq), nil)
}

func frameworkID(id string) record.ID {
	return record.ID{Kind: record.KindFramework, Parts: [3]string{id}}
}

func agentID(id string) record.ID {
	return record.ID{Kind: record.KindAgent, Parts: [3]string{id}}
}

func executorID(k executorKey) record.ID {
	return record.ID{Kind: record.KindExecutor, Parts: [3]string{k.agent, k.framework, k.executor}}
}

func offerID(id string) record.ID {
	return record.ID{Kind: record.KindOffer, Parts: [3]string{id}}
}
