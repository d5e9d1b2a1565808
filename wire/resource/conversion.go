package resource

import (
	"fmt"

	"github.com/caprock/caprock/wire/mesos"
)

// Conversion is the effect of an operation: some resources become others.
type Conversion struct {
	Consumed, Converted Resources
	// Gone must not be contained in the outcome: when a shared volume is destroyed, no other
	// copy of it may be around.
	Gone Resources
}

// Unallocate returns the conversion without allocation roles, as it applies to an agent's total.
func (c Conversion) Unallocate() Conversion {
	return Conversion{c.Consumed.Unallocate(), c.Converted.Unallocate(), c.Gone.Unallocate()}
}

// Apply applies conversions one after the other. It fails, leaving rs as it is, if one consumes
// what is not there or leaves a copy of a destroyed shared volume.
func (rs Resources) Apply(conversions []Conversion) (Resources, error) {
	for _, c := range conversions {
		if !rs.Contains(c.Consumed) {
			return nil, fmt.Errorf("%s does not contain %s", rs, c.Consumed)
		}
		rs = rs.Minus(c.Consumed).Plus(c.Converted)
		if !c.Gone.IsEmpty() && rs.Contains(c.Gone) {
			return nil, fmt.Errorf("persistent volume %s cannot be removed, there are more copies of it", c.Gone)
		}
	}
	return rs, nil
}

// OperationConversions returns what RESERVE, UNRESERVE, CREATE, DESTROY, GROW_VOLUME or SHRINK_VOLUME
// do to resources. Other operations are errors: launches convert nothing, and CREATE_DISK and
// DESTROY_DISK are known only when the resource provider has answered.
//
// It checks what it needs to be well defined; permissions, capabilities and the like are the
// allocator's to check.
func OperationConversions(op *mesos.Offer_Operation) ([]Conversion, error) {
	switch op.GetType() {
	case mesos.Offer_Operation_RESERVE:
		return reserveConversions(op.GetReserve())
	case mesos.Offer_Operation_UNRESERVE:
		return eachConversion(op.GetUnreserve().GetResources(), unreserveConversion)
	case mesos.Offer_Operation_CREATE:
		return eachConversion(op.GetCreate().GetVolumes(), createConversion)
	case mesos.Offer_Operation_DESTROY:
		return eachConversion(op.GetDestroy().GetVolumes(), destroyConversion)
	case mesos.Offer_Operation_GROW_VOLUME:
		return growConversions(op.GetGrowVolume())
	case mesos.Offer_Operation_SHRINK_VOLUME:
		return shrinkConversions(op.GetShrinkVolume())
	}
	return nil, fmt.Errorf("operation %v has no resource conversions", op.GetType())
}

// reserveConversions consumes the source if there is one (re-reservation by operators), else the
// resources without their innermost reservation.
func reserveConversions(reserve *mesos.Offer_Operation_Reserve) ([]Conversion, error) {
	reserved, err := FromProto(reserve.GetResources())
	if err != nil {
		return nil, err
	}
	var consumed Resources
	if len(reserve.GetSource()) > 0 {
		consumed, err = FromProto(reserve.GetSource())
	} else {
		consumed, err = reserved.PopReservation()
	}
	if err != nil {
		return nil, err
	}
	return []Conversion{{Consumed: consumed, Converted: reserved}}, nil
}

// eachConversion makes one conversion per message. Empty entries make none.
func eachConversion(
	messages []*mesos.Resource, convert func(Resource) (Conversion, error),
) ([]Conversion, error) {
	conversions := make([]Conversion, 0, len(messages))
	for _, message := range messages {
		r, err := EntryFromProto(message)
		if err != nil {
			return nil, err
		}
		c, err := convert(r)
		if err != nil {
			return nil, err
		}
		conversions = append(conversions, c)
	}
	return conversions, nil
}

func unreserveConversion(r Resource) (Conversion, error) {
	reserved := Of(r)
	popped, err := reserved.PopReservation()
	return Conversion{Consumed: reserved, Converted: popped}, err
}

func createConversion(volume Resource) (Conversion, error) {
	if err := volume.wantVolume(); err != nil {
		return Conversion{}, err
	}
	return Conversion{Consumed: Of(volume.withKind(volume.withoutVolume())), Converted: Of(volume)}, nil
}

func destroyConversion(volume Resource) (Conversion, error) {
	c, err := createConversion(volume)
	return Conversion{Consumed: c.Converted, Converted: c.Consumed, Gone: c.Converted}, err
}

func growConversions(grow *mesos.Offer_Operation_GrowVolume) ([]Conversion, error) {
	volume, err := resizableVolume(grow.GetVolume())
	if err != nil {
		return nil, err
	}
	addition, err := EntryFromProto(grow.GetAddition())
	if err != nil {
		return nil, err
	}
	if addition.Type() != mesos.Value_SCALAR {
		return nil, fmt.Errorf("addition %s is not a scalar", addition)
	}
	grown := volume.WithScalarMilli(addMilli(volume.milli, addition.milli))
	return []Conversion{{Consumed: Of(volume, addition), Converted: Of(grown)}}, nil
}

func shrinkConversions(shrink *mesos.Offer_Operation_ShrinkVolume) ([]Conversion, error) {
	volume, err := resizableVolume(shrink.GetVolume())
	if err != nil {
		return nil, err
	}
	cut, ok := milliFromFloat(shrink.GetSubtract().GetValue())
	if !ok || cut <= 0 || cut >= volume.milli {
		return nil, fmt.Errorf("cannot take %v off volume %s: must be above zero and below its size",
			shrink.GetSubtract().GetValue(), volume)
	}
	shrunk := volume.WithScalarMilli(volume.milli - cut)
	freed := volume.withKind(volume.withoutVolume()).WithScalarMilli(cut)
	return []Conversion{{Consumed: Of(volume), Converted: Of(shrunk, freed)}}, nil
}

func resizableVolume(message *mesos.Resource) (Resource, error) {
	volume, err := EntryFromProto(message)
	if err != nil {
		return Resource{}, err
	}
	if volume.HasProvider() {
		return Resource{}, fmt.Errorf("volume %s belongs to a resource provider and cannot be resized", volume)
	}
	return volume, volume.wantVolume()
}

func (r Resource) wantVolume() error {
	if !r.IsPersistentVolume() {
		return fmt.Errorf("%s is not a persistent volume", r)
	}
	return nil
}
