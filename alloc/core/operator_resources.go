package core

import (
	"fmt"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// operateForOperator changes the reservations and volumes of an agent. What is
// offered is taken back as needed; what is used stays, and the call fails.
func (c *Core) operateForOperator(agent string, op *mesos.Offer_Operation, principal string) *CallError {
	a := c.agents[agent]
	if a == nil || !a.registered() {
		return &CallError{Status: 400, Text: "No agent found with specified ID"}
	}
	op, err := mapOperationResources(op, func(list []*mesos.Resource) ([]*mesos.Resource, error) {
		rs, err := resource.FromProto(list)
		return rs.ToProto(resource.PostRefinement), err
	})
	if err != nil {
		return &CallError{Status: 400, Text: err.Error()}
	}
	v := operationValidator{caps: a.caps, total: a.cur.total, used: func() resource.Resources { return c.usedResources(a) }, principal: principal}
	if err := v.validate(op); err != nil {
		if op.GetType() == mesos.Offer_Operation_DESTROY {
			return &CallError{Status: 400, Text: fmt.Sprintf("Invalid %v operation: %v", op.GetType(), err)}
		}
		return &CallError{Status: 400, Text: fmt.Sprintf("Invalid %v operation on agent %s: %v", op.GetType(), c.describeAgent(a), err)}
	}
	conversions, err := resource.OperationConversions(op)
	if err != nil {
		return &CallError{Status: 400, Text: fmt.Sprintf("Invalid %v operation on agent %s: %v", op.GetType(), c.describeAgent(a), err)}
	}
	if _, err := a.cur.total.Apply(conversions); err != nil {
		return &CallError{Status: 409, Text: err.Error()}
	}
	if err := c.convertFree(a, conversions); err != nil {
		return &CallError{Status: 409, Text: err.Error()}
	}
	if err := c.applyToAgent(nil, a, op, conversions); err != nil {
		panic("BUG: an operation fits the engine's total and not the agent's: " + err.Error())
	}
	return nil
}

// convertFree rescinds offers until nobody holds what the conversions consume. The
// framework is not offered the same again for the default filter's time, so that
// the operator wins the race.
func (c *Core) convertFree(a *agentState, conversions []resource.Conversion) error {
	err := c.engine.convertAvailable(a.id(), conversions)
	if err == nil {
		return nil
	}
	var needed resource.Resources
	for _, conversion := range conversions {
		needed = needed.Plus(conversion.Consumed)
	}
	for _, o := range sortedOffers(a.offers) {
		if needed.Minus(o.res.Unallocate()).Equal(needed) {
			continue // it would not help
		}
		c.rescindOffer(o, DefaultRefuseSeconds)
		if err = c.engine.convertAvailable(a.id(), conversions); err == nil {
			return nil
		}
	}
	return err
}
