package core

import (
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// convert executes an operation that changes resources. Results of RESERVE,
// UNRESERVE, CREATE and DESTROY may be used by later operations of the same call;
// those of resizing not; those of CREATE_DISK and DESTROY_DISK are known only when
// the resource provider has answered.
func (acc *acceptance) convert(op *mesos.Offer_Operation) {
	if err := acc.tryConvert(op); err != nil {
		acc.operationError(acc.f, acc.a, op, err.Error())
	}
}

func (acc *acceptance) tryConvert(op *mesos.Offer_Operation) error {
	op, err := acc.readOperation(op)
	if err != nil {
		return faultf("Operation attempted with invalid resources: %w", err)
	}
	if op.GetReserve() != nil && len(op.GetReserve().GetSource()) > 0 {
		return faultf("Reservation updates are for operators: 'source' must not be set in the scheduler API")
	}
	if err := acc.checkFeedback(op); err != nil {
		return err
	}
	v := operationValidator{caps: acc.a.caps, total: acc.a.cur.total, used: func() resource.Resources { return acc.usedResources(acc.a) },
		principal: acc.f.info().GetPrincipal(), f: acc.f}
	if err := v.validate(op); err != nil {
		return faultf("Invalid %v operation: %w; on agent %s", op.GetType(), err, acc.describeAgent(acc.a))
	}
	switch op.GetType() {
	case mesos.Offer_Operation_CREATE_DISK:
		return acc.convertLater(op, op.GetCreateDisk().GetSource())
	case mesos.Offer_Operation_DESTROY_DISK:
		return acc.convertLater(op, op.GetDestroyDisk().GetSource())
	case mesos.Offer_Operation_GROW_VOLUME, mesos.Offer_Operation_SHRINK_VOLUME:
		return acc.resize(op)
	}
	return acc.convertNow(op)
}

// readOperation upgrades the operation's resources and allocates them to the
// role of the offers.
func (acc *acceptance) readOperation(op *mesos.Offer_Operation) (*mesos.Offer_Operation, error) {
	return mapOperationResources(op, func(list []*mesos.Resource) ([]*mesos.Resource, error) {
		rs, err := acc.readResources(list)
		return rs.ToProto(resource.PostRefinement), err
	})
}

// checkFeedback: an operation with an id needs an agent that can report on it.
func (acc *acceptance) checkFeedback(op *mesos.Offer_Operation) error {
	if op.Id == nil {
		return nil
	}
	if !acc.a.caps.resourceProvider {
		return faultf("Operation requested feedback, but agent %s does not have the required RESOURCE_PROVIDER capability", acc.a.id())
	}
	if operationProvider(op) == "" && !acc.a.caps.operationFeedback {
		return faultf("Operation on agent default resources requested feedback, but agent %s does not have the required AGENT_OPERATION_FEEDBACK capability", acc.a.id())
	}
	return nil
}

func (acc *acceptance) convertNow(op *mesos.Offer_Operation) error {
	conversions, err := resource.OperationConversions(op)
	if err != nil {
		return err
	}
	if op.GetType() == mesos.Offer_Operation_DESTROY {
		acc.rescindDestroyed(conversions)
	}
	remaining, err := acc.remaining.Apply(conversions)
	if err != nil {
		return faultf("Invalid %v Operation: %w", op.GetType(), err)
	}
	if err := acc.applyToAgent(acc.f, acc.a, op, conversions); err != nil {
		return err
	}
	acc.remaining, acc.shared = remaining, remaining.Shared()
	acc.conversions = append(acc.conversions, conversions...)
	return nil
}

// rescindDestroyed takes back offers to others of a shared volume that is about
// to be destroyed.
func (c *acceptance) rescindDestroyed(conversions []resource.Conversion) {
	for _, o := range sortedOffers(c.a.offers) {
		offered := o.res.Unallocate()
		for _, conversion := range conversions {
			if offered.Contains(conversion.Unallocate().Consumed) {
				c.rescindOffer(o, noFilter)
				break
			}
		}
	}
}

func (acc *acceptance) resize(op *mesos.Offer_Operation) error {
	conversions, err := resource.OperationConversions(op)
	if err != nil {
		return err
	}
	conversion := conversions[0]
	if !acc.remaining.Contains(conversion.Consumed) {
		return faultf("Invalid %v Operation: %s does not contain %s", op.GetType(), acc.remaining, conversion.Consumed)
	}
	if err := acc.applyToAgent(acc.f, acc.a, op, conversions); err != nil {
		return err
	}
	acc.remaining = acc.remaining.Minus(conversion.Consumed)
	acc.resized = acc.resized.Plus(conversion.Converted)
	acc.conversions = append(acc.conversions, conversions...)
	return nil
}

// convertLater hands an operation to the agent's resource provider. What it
// consumes stays allocated until the result is known.
func (acc *acceptance) convertLater(op *mesos.Offer_Operation, source *mesos.Resource) error {
	consumed, err := resource.FromProto([]*mesos.Resource{source})
	if err != nil {
		return err
	}
	if !acc.remaining.Contains(consumed) {
		return faultf("Invalid %v Operation: %s does not contain %s", op.GetType(), acc.remaining, consumed)
	}
	acc.remaining = acc.remaining.Minus(consumed)
	acc.launched = acc.launched.Plus(consumed)
	acc.startOperation(acc.f, acc.a, op, consumed, acc.a.cur.Rec.GetTotal())
	return nil
}

// mapOperationResources is the operation with each of its lists of resources
// replaced by what read makes of it.
func mapOperationResources(op *mesos.Offer_Operation, read func([]*mesos.Resource) ([]*mesos.Resource, error)) (*mesos.Offer_Operation, error) {
	var err error
	list := func(rs []*mesos.Resource) []*mesos.Resource {
		if err != nil || rs == nil {
			return rs
		}
		var next []*mesos.Resource
		next, err = read(rs)
		return next
	}
	one := func(r *mesos.Resource) *mesos.Resource {
		if next := list([]*mesos.Resource{r}); len(next) == 1 {
			return next[0]
		}
		return r // nothing of it remains; validation refuses it
	}
	next := &mesos.Offer_Operation{Type: op.Type, Id: op.Id}
	switch op.GetType() {
	case mesos.Offer_Operation_RESERVE:
		next.Reserve = &mesos.Offer_Operation_Reserve{Source: list(op.GetReserve().GetSource()), Resources: list(op.GetReserve().GetResources())}
	case mesos.Offer_Operation_UNRESERVE:
		next.Unreserve = &mesos.Offer_Operation_Unreserve{Resources: list(op.GetUnreserve().GetResources())}
	case mesos.Offer_Operation_CREATE:
		next.Create = &mesos.Offer_Operation_Create{Volumes: list(op.GetCreate().GetVolumes())}
	case mesos.Offer_Operation_DESTROY:
		next.Destroy = &mesos.Offer_Operation_Destroy{Volumes: list(op.GetDestroy().GetVolumes())}
	case mesos.Offer_Operation_GROW_VOLUME:
		if op.GrowVolume == nil {
			return nil, faultf("expecting 'grow_volume' to be present")
		}
		next.GrowVolume = &mesos.Offer_Operation_GrowVolume{Volume: one(op.GrowVolume.Volume), Addition: one(op.GrowVolume.Addition)}
	case mesos.Offer_Operation_SHRINK_VOLUME:
		if op.ShrinkVolume == nil {
			return nil, faultf("expecting 'shrink_volume' to be present")
		}
		next.ShrinkVolume = &mesos.Offer_Operation_ShrinkVolume{Volume: one(op.ShrinkVolume.Volume), Subtract: op.ShrinkVolume.Subtract}
	case mesos.Offer_Operation_CREATE_DISK:
		if op.CreateDisk == nil {
			return nil, faultf("expecting 'create_disk' to be present")
		}
		next.CreateDisk = &mesos.Offer_Operation_CreateDisk{Source: one(op.CreateDisk.Source), TargetType: op.CreateDisk.TargetType, TargetProfile: op.CreateDisk.TargetProfile}
	case mesos.Offer_Operation_DESTROY_DISK:
		if op.DestroyDisk == nil {
			return nil, faultf("expecting 'destroy_disk' to be present")
		}
		next.DestroyDisk = &mesos.Offer_Operation_DestroyDisk{Source: one(op.DestroyDisk.Source)}
	}
	return next, err
}

// operationProvider is the resource provider an operation is for, empty if the
// agent itself.
func operationProvider(op *mesos.Offer_Operation) string {
	provider := ""
	mapOperationResources(op, func(rs []*mesos.Resource) ([]*mesos.Resource, error) {
		for _, r := range rs {
			if id := r.GetProviderId().GetValue(); id != "" {
				provider = id
			}
		}
		return rs, nil
	})
	return provider
}
