package core

import (
	"fmt"
	"time"

	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/resource"
)

// applyToAgent makes an operation's conversions true of the agent's total at once
// and orders the agent to follow. f is nil for operators.
func (c *Core) applyToAgent(f *frameworkState, a *agentState, op *mesos.Offer_Operation, conversions []resource.Conversion) error {
	plain := make([]resource.Conversion, len(conversions))
	for i, conversion := range conversions {
		plain[i] = conversion.Unallocate()
	}
	own, err := resource.FromProto(a.cur.Rec.GetTotal())
	if err != nil {
		panic("BUG: " + err.Error())
	}
	total, err := own.Apply(plain)
	if err != nil {
		return faultf("agent's total: %w", err)
	}
	rec := cloneAgent(a.cur.Rec)
	rec.Total = total.ToProto(resource.PostRefinement)
	c.putAgent(rec)
	c.startOperation(f, a, op, nil, rec.Total)
	return nil
}

// startOperation writes an operation down as pending and orders it.
func (c *Core) startOperation(f *frameworkState, a *agentState, op *mesos.Offer_Operation, consumed resource.Resources, total []*mesos.Resource) {
	uuid := &mesos.UUID{Value: c.newUUID()}
	status := &mesos.OperationStatus{State: mesos.OperationState_OPERATION_PENDING.Enum(), OperationId: op.Id, AgentId: a.info().Id}
	info := &mesos.Operation{AgentId: a.info().Id, Info: op, LatestStatus: status, Uuid: uuid}
	if f != nil {
		info.FrameworkId = f.info().Id
	}
	c.putOperation(&record.Operation{Operation: info, Consumed: consumed.ToProto(resource.PostRefinement)}, consumed)
	c.order(a, &link.Down{Body: &link.Down_ApplyOperation{ApplyOperation: &link.ApplyOperation{
		FrameworkId: info.FrameworkId, OperationUuid: uuid, Info: op, Total: total}}})
}

// operationError answers for an operation that will never be applied, if its
// framework asked to be told by giving it an id.
func (c *Core) operationError(f *frameworkState, a *agentState, op *mesos.Offer_Operation, text string) {
	if op.Id == nil {
		return
	}
	status := &mesos.OperationStatus{OperationId: op.Id, State: mesos.OperationState_OPERATION_ERROR.Enum(), Message: &text}
	if a != nil {
		status.AgentId = a.info().Id
	}
	c.sendOperationStatus(f, status)
}

func (c *Core) sendOperationStatus(f *frameworkState, s *mesos.OperationStatus) {
	c.send(f, &scheduler.Event{Type: scheduler.Event_UPDATE_OPERATION_STATUS.Enum(),
		UpdateOperationStatus: &scheduler.Event_UpdateOperationStatus{Status: s}})
}

// terminalOperation reports whether an operation in this state is over.
func terminalOperation(s mesos.OperationState) bool {
	switch s {
	case mesos.OperationState_OPERATION_FINISHED, mesos.OperationState_OPERATION_FAILED,
		mesos.OperationState_OPERATION_ERROR, mesos.OperationState_OPERATION_DROPPED,
		mesos.OperationState_OPERATION_GONE_BY_OPERATOR:
		return true
	}
	return false
}

// operationUpdate takes an agent's report. It is forwarded to a framework that
// gave the operation an id, which then acknowledges it; others are acknowledged
// here.
func (c *Core) operationUpdate(a *agentState, u *link.OperationUpdate) {
	status := u.GetStatus()
	o := c.operations[string(u.GetOperationUuid().GetValue())]
	if o == nil || o.agent() != a.id() {
		c.acknowledgeToAgent(a, u.GetOperationUuid(), status.GetUuid())
		return
	}
	c.concludeOperation(a, o, status)
}

// concludeOperation records a status and sees to it that somebody acknowledges it.
func (c *Core) concludeOperation(a *agentState, o *Operation, status *mesos.OperationStatus) {
	f := c.frameworks[o.framework()]
	o = c.withOperationStatus(a, o, status)
	if status.OperationId != nil && f != nil {
		c.sendOperationStatus(f, status)
		if status.Uuid != nil {
			c.timers.arm(c.now.Mono+int64(operationRetryMin), timerOperation, o.UUID())
			return
		}
	}
	c.acknowledgeToAgent(a, o.Info().Uuid, status.GetUuid())
	if terminalOperation(status.GetState()) {
		c.endOperation(o)
	}
}

// A status of an operation that its framework has not acknowledged is repeated.
const (
	operationRetryMin = 10 * time.Second
	operationRetryMax = 10 * time.Minute
)

// repeatOperation sends the unacknowledged status of an operation again, less and
// less often.
func (c *Core) repeatOperation(t timer) {
	o := c.operations[t.id]
	if o == nil {
		return
	}
	f, status := c.frameworks[o.framework()], o.unacknowledged()
	if f == nil || status == nil {
		return
	}
	c.sendOperationStatus(f, status)
	wait := operationRetryMin << min(t.tries+1, 6)
	c.timers.armAgain(c.now.Mono+int64(min(wait, operationRetryMax)), t)
}

// unacknowledged is the last status if its framework must acknowledge it.
func (o *Operation) unacknowledged() *mesos.OperationStatus {
	all := o.Info().GetStatuses()
	if len(all) == 0 || all[len(all)-1].Uuid == nil || all[len(all)-1].OperationId == nil {
		return nil
	}
	return all[len(all)-1]
}

func (c *Core) acknowledgeToAgent(a *agentState, operation, status *mesos.UUID) {
	if operation == nil || status == nil {
		return
	}
	c.order(a, &link.Down{Body: &link.Down_AcknowledgeOperation{AcknowledgeOperation: &link.AcknowledgeOperation{
		OperationUuid: operation, StatusUuid: status}}})
}

// withOperationStatus records a status. When an operation whose result was
// awaited ends, what it consumed becomes what it made, or free again.
func (c *Core) withOperationStatus(a *agentState, o *Operation, s *mesos.OperationStatus) *Operation {
	old := o.Info()
	info := &mesos.Operation{FrameworkId: old.FrameworkId, AgentId: old.AgentId, Info: old.Info, Uuid: old.Uuid,
		LatestStatus: old.LatestStatus, Statuses: append(old.Statuses[:len(old.Statuses):len(old.Statuses)], s)}
	if !terminalOperation(old.LatestStatus.GetState()) {
		info.LatestStatus = s
	}
	rec, consumed := &record.Operation{Operation: info, Consumed: o.Rec.Consumed}, o.consumed
	if terminalOperation(s.GetState()) && !consumed.IsEmpty() {
		c.finishAwaited(a, o, s)
		rec.Consumed, consumed = nil, nil
	}
	return c.putOperation(rec, consumed)
}

func (c *Core) finishAwaited(a *agentState, o *Operation, s *mesos.OperationStatus) {
	if c.frameworks[o.framework()] == nil {
		return // its resources went with it
	}
	made := o.consumed
	if s.GetState() == mesos.OperationState_OPERATION_FINISHED {
		converted, err := resource.FromProto(s.GetConvertedResources())
		if err == nil {
			roles := o.consumed.AllocationRoles()
			if len(roles) == 1 {
				converted = allocateMissing(converted, roles[0])
			}
			conversion := resource.Conversion{Consumed: o.consumed, Converted: converted}
			if c.convertTotal(a, conversion.Unallocate()) {
				c.engine.convert(o.framework(), a.id(), o.consumed, []resource.Conversion{conversion})
				made = converted
			}
		}
	}
	c.engine.recover(c.now.Mono, o.framework(), a.id(), made, noFilter, true)
}

// convertTotal reports whether the agent's total could be converted.
func (c *Core) convertTotal(a *agentState, conversion resource.Conversion) bool {
	own, err := resource.FromProto(a.cur.Rec.GetTotal())
	if err != nil {
		return false
	}
	total, err := own.Apply([]resource.Conversion{conversion})
	if err != nil {
		return false
	}
	rec := cloneAgent(a.cur.Rec)
	rec.Total = total.ToProto(resource.PostRefinement)
	c.putAgent(rec)
	return true
}

// endOperation forgets an operation that is over and acknowledged.
func (c *Core) endOperation(o *Operation) {
	agent := o.agent()
	c.dropOperation(o.UUID())
	c.checkDrained(agent)
}

// acknowledgeOperation passes a framework's acknowledgement on.
func (c *Core) acknowledgeOperation(f *frameworkState, call *scheduler.Call_AcknowledgeOperationStatus) {
	o := c.operations[f.operationIDs[call.GetOperationId().GetValue()]]
	a := c.agents[call.GetAgentId().GetValue()]
	if o == nil || a == nil || !a.registered() || !a.cur.Connected || o.agent() != a.id() {
		return
	}
	status := statusOf(o, call.GetUuid())
	if status == nil {
		return
	}
	c.acknowledgeToAgent(a, o.Info().Uuid, status.Uuid)
	if terminalOperation(status.GetState()) {
		c.endOperation(o)
	}
}

// statusOf is the status with this uuid, nil if the operation never had it.
func statusOf(o *Operation, uuid []byte) *mesos.OperationStatus {
	for _, s := range o.Info().GetStatuses() {
		if s.Uuid != nil && string(s.Uuid.GetValue()) == string(uuid) {
			return s
		}
	}
	return nil
}

// usedResources is everything used on an agent, without allocation roles.
func (c *Core) usedResources(a *agentState) resource.Resources {
	var used resource.Resources
	byFramework := c.usedOnAgent(a)
	for _, id := range sortedKeys(byFramework) {
		used = used.Plus(byFramework[id].Unallocate())
	}
	return used
}

func (c *Core) describeAgent(a *agentState) string {
	return fmt.Sprintf("%s at %s (%s)", a.id(), agentPID(a.cur.Rec), a.info().GetHostname())
}
