package core

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// operation is one of the allocator's, from its arrival until its end was reported
// and, if somebody asked to hear of it, acknowledged.
type operation struct {
	rec        *record.Operation
	retryAt    int64
	retryEvery int64
	dirty      bool
	gone       bool
}

func (o *operation) key() string                    { return record.OperationKey(o.uuid()) }
func (o *operation) uuid() []byte                   { return o.rec.Operation.Uuid.GetValue() }
func (o *operation) status() *mesos.OperationStatus { return o.rec.Operation.LatestStatus }
func (o *operation) over() bool {
	return o.status().GetState() != mesos.OperationState_OPERATION_PENDING
}

func (o *operation) write(c *Core) {
	o.dirty = false
	if o.gone {
		c.erase(o.key())
		return
	}
	c.put(o.key(), o.rec)
}

func (c *Core) touchOperation(o *operation) {
	if !o.dirty {
		o.dirty = true
		c.dirty = append(c.dirty, o)
	}
}

// applyOperation makes an operation true of what this agent has. It is computed
// from the agent's own total, since the allocator may not have known of the latest
// when it decided. Directories of volumes follow, and the operation is not over
// before.
func (c *Core) applyOperation(op *link.ApplyOperation) {
	c.ordinal++
	o := &operation{rec: &record.Operation{
		Ordinal: new(c.ordinal),
		Operation: &mesos.Operation{
			FrameworkId: op.FrameworkId, AgentId: c.agentIDMessage(), Info: op.Info, Uuid: op.OperationUuid,
			LatestStatus: &mesos.OperationStatus{
				State: mesos.OperationState_OPERATION_PENDING.Enum(), OperationId: op.Info.GetId(), AgentId: c.agentIDMessage(),
			},
		},
	}}
	c.operations = append(c.operations, o)
	c.touchOperation(o)
	if err := c.convert(o); err != nil {
		c.concludeOperation(o, mesos.OperationState_OPERATION_DROPPED, err.Error())
	} else if !c.waitsForVolume(o) {
		c.concludeOperation(o, mesos.OperationState_OPERATION_FINISHED, "")
	}
	c.send(&link.Up{Body: &link.Up_ResourcesUpdate{ResourcesUpdate: &link.ResourcesUpdate{
		Total: c.res.Total, ResourceVersion: &mesos.UUID{Value: c.res.Version},
	}}})
}

// convert changes the total by o, or nothing at all.
func (c *Core) convert(o *operation) error {
	conversions, err := resource.OperationConversions(o.rec.Operation.Info)
	if err != nil {
		return err
	}
	total, err := resource.FromProto(c.res.Total)
	if err != nil {
		return fmt.Errorf("resources of the agent: %w", err)
	}
	for i := range conversions {
		conversions[i] = conversions[i].Unallocate()
	}
	if total, err = total.Apply(conversions); err != nil {
		return fmt.Errorf("resources of the agent: %w", err)
	}
	changes, err := c.volumeChanges(o)
	if err != nil {
		return err
	}
	c.setTotal(total)
	for _, change := range changes {
		c.changeVolume(change)
	}
	return nil
}

// concludeOperation ends o. One with an id is reported until it is acknowledged;
// nobody waits for the others, and the next registration tells of them by what
// resources it lists.
func (c *Core) concludeOperation(o *operation, state mesos.OperationState, message string) {
	st := &mesos.OperationStatus{State: state.Enum(), OperationId: o.rec.Operation.Info.GetId(), AgentId: c.agentIDMessage()}
	if message != "" {
		st.Message = &message
	}
	if st.OperationId != nil {
		st.Uuid = &mesos.UUID{Value: c.uuid()}
		o.rec.Operation.Statuses = append(o.rec.Operation.Statuses, st)
	}
	o.rec.Operation.LatestStatus = st
	c.touchOperation(o)
	c.sendOperation(o)
	if st.Uuid == nil {
		c.forgetOperation(o)
	}
}

// sendOperation reports the end of o and, if that is to be acknowledged, arms its
// retry.
func (c *Core) sendOperation(o *operation) {
	if o.gone || !o.over() || !c.registered {
		return
	}
	if o.status().Uuid != nil {
		o.retryEvery = min(max(2*o.retryEvery, retryMin), retryMax)
		c.arm(timer{kind: timerOperation, op: o, at: c.now.Mono + o.retryEvery})
	}
	c.send(&link.Up{Body: &link.Up_OperationUpdate{OperationUpdate: &link.OperationUpdate{
		FrameworkId: o.rec.Operation.FrameworkId, OperationUuid: o.rec.Operation.Uuid, Status: o.status(),
	}}})
}

// acknowledgeOperation forgets an operation whose end was heard of.
func (c *Core) acknowledgeOperation(a *link.AcknowledgeOperation) {
	for _, o := range c.operations {
		if bytes.Equal(o.uuid(), a.OperationUuid.GetValue()) && o.over() &&
			bytes.Equal(o.status().Uuid.GetValue(), a.StatusUuid.GetValue()) {
			c.forgetOperation(o)
			return
		}
	}
}

func (c *Core) forgetOperation(o *operation) {
	o.gone, o.retryAt = true, 0
	c.operations = remove(c.operations, o)
	c.touchOperation(o)
	c.checkEmpty()
}

// dropOperations forgets all: the agent's id is spent, and with it their addressee.
func (c *Core) dropOperations() {
	for _, o := range c.operations {
		o.gone, o.retryAt = true, 0
		c.touchOperation(o)
	}
	c.operations = nil
}

func (c *Core) assembleOperations(records map[string]*record.Operation) {
	for _, key := range sortedKeys(records) {
		o := &operation{rec: records[key]}
		info := o.rec.GetOperation()
		if info.GetInfo() == nil || info.LatestStatus == nil || hex.EncodeToString(info.Uuid.GetValue()) != key {
			c.damaged(record.OperationKeyOf(key))
			continue
		}
		c.ordinal = max(c.ordinal, o.rec.GetOrdinal())
		c.operations = append(c.operations, o)
	}
	slices.SortStableFunc(c.operations, func(a, b *operation) int { return cmp.Compare(a.rec.GetOrdinal(), b.rec.GetOrdinal()) })
}
