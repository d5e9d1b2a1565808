package core

import (
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/resource"
)

// acceptance is an ACCEPT being worked through. Operations are applied in their
// order against what remains of the offers; one that fails is reported and
// skipped.
type acceptance struct {
	*Core
	f    *frameworkState
	a    *agentState
	role string

	offered   resource.Resources // all offers together
	remaining resource.Resources // what no operation has used yet
	shared    resource.Resources // shared volumes stay usable by further tasks
	resized   resource.Resources // results that the same call may not use
	launched  resource.Resources // what tasks and executors took

	conversions []resource.Conversion
}

// accept answers offers with operations. There are none of agents that are away:
// those are withdrawn with the connection.
func (c *Core) accept(f *frameworkState, call *scheduler.Call_Accept) {
	offers, err := c.offersToAccept(f, call.GetOfferIds())
	if err != nil {
		c.refuseAccept(f, call, err)
		return
	}
	acc := acceptance{Core: c, f: f, a: c.agents[offers[0].AgentID()], role: offers[0].Role()}
	for _, o := range offers {
		acc.offered = acc.offered.Plus(o.res)
		c.dropOffer(o)
	}
	acc.remaining, acc.shared = acc.offered, acc.offered.Shared()
	for _, op := range call.GetOperations() {
		acc.operate(op)
	}
	acc.settle(refuseSeconds(call.GetFilters()))
}

// offersToAccept finds the offers, which must all be the framework's and of one
// agent and role.
func (c *Core) offersToAccept(f *frameworkState, ids []*mesos.OfferID) ([]*Offer, error) {
	if len(ids) == 0 {
		return nil, faultf("No offers specified")
	}
	seen := make(map[string]bool, len(ids))
	offers := make([]*Offer, 0, len(ids))
	for _, id := range ids {
		if seen[id.GetValue()] {
			return nil, faultf("Duplicate offer %s in offer list", id.GetValue())
		}
		seen[id.GetValue()] = true
		o := c.offer(id.GetValue())
		if o == nil {
			return nil, faultf("Offer %s is no longer valid", id.GetValue())
		}
		offers = append(offers, o)
	}
	first := offers[0]
	for _, o := range offers {
		switch {
		case o.FrameworkID() != f.id():
			return nil, faultf("Offer %s has invalid framework %s while framework %s is expected", o.ID(), o.FrameworkID(), f.id())
		case o.Role() != first.Role():
			return nil, faultf("Aggregating offers for different roles %q and %q is not allowed", first.Role(), o.Role())
		case o.AgentID() != first.AgentID():
			return nil, faultf("Aggregating offers of different agents %s and %s is not allowed", first.AgentID(), o.AgentID())
		}
	}
	return offers, nil
}

// refuseAccept consumes the framework's offers in a faulty list and answers for
// every operation.
func (c *Core) refuseAccept(f *frameworkState, call *scheduler.Call_Accept, fault error) {
	for _, id := range call.GetOfferIds() {
		if o := c.offerTo(f, id.GetValue()); o != nil {
			c.discardOffer(o, noFilter)
		}
	}
	for _, op := range call.GetOperations() {
		if tasks, launch := launchedTasks(op); launch {
			for _, t := range tasks {
				c.sendUpdate(f, c.masterStatus(t.GetTaskId().GetValue(), t.GetAgentId().GetValue(), droppedState(f),
					mesos.TaskStatus_REASON_INVALID_OFFERS, "Task launched with invalid offers: "+fault.Error()))
			}
			continue
		}
		c.operationError(f, nil, op, "Operation attempted with invalid offers: "+fault.Error())
	}
}

// launchedTasks are the tasks of a LAUNCH or LAUNCH_GROUP.
func launchedTasks(op *mesos.Offer_Operation) (tasks []*mesos.TaskInfo, launch bool) {
	switch op.GetType() {
	case mesos.Offer_Operation_LAUNCH:
		return op.GetLaunch().GetTaskInfos(), true
	case mesos.Offer_Operation_LAUNCH_GROUP:
		return op.GetLaunchGroup().GetTaskGroup().GetTasks(), true
	}
	return nil, false
}

// droppedState is what a launch that never happened is called: only
// PARTITION_AWARE frameworks know TASK_DROPPED.
func droppedState(f *frameworkState) mesos.TaskState {
	if f.caps.partitionAware {
		return mesos.TaskState_TASK_DROPPED
	}
	return mesos.TaskState_TASK_LOST
}

// operate executes one operation.
func (acc *acceptance) operate(op *mesos.Offer_Operation) {
	switch op.GetType() {
	case mesos.Offer_Operation_LAUNCH:
		acc.launch(op)
	case mesos.Offer_Operation_LAUNCH_GROUP:
		acc.launchGroup(op)
	case mesos.Offer_Operation_RESERVE, mesos.Offer_Operation_UNRESERVE, mesos.Offer_Operation_CREATE,
		mesos.Offer_Operation_DESTROY, mesos.Offer_Operation_GROW_VOLUME, mesos.Offer_Operation_SHRINK_VOLUME,
		mesos.Offer_Operation_CREATE_DISK, mesos.Offer_Operation_DESTROY_DISK:
		acc.convert(op)
	}
}

// settle tells the engine what became of the offers. What operations made and
// nobody used comes back unfiltered, what was not touched with the filter.
func (acc *acceptance) settle(refuse float64) {
	f, a := acc.f.id(), acc.a.id()
	if len(acc.conversions) > 0 {
		acc.engine.convert(f, a, acc.offered, acc.conversions)
	}
	converted := acc.remaining.Plus(acc.resized).Minus(acc.offered)
	untouched := acc.remaining.Minus(converted)
	if !converted.IsEmpty() {
		acc.engine.recover(acc.now.Mono, f, a, converted, noFilter, false)
	}
	if !untouched.IsEmpty() {
		acc.engine.recover(acc.now.Mono, f, a, untouched, refuse, false)
	}
	if !acc.launched.IsEmpty() {
		acc.engine.launch(f, a, acc.launched)
	}
}
