package resource

import (
	"fmt"
	"slices"

	"github.com/caprock/caprock/wire/mesos"
)

// Allocate returns rs allocated to a role, whatever it was allocated to before.
func (rs Resources) Allocate(role string) Resources {
	changed := make(Resources, len(rs))
	for i, r := range rs {
		r.Kind = r.allocatedTo(role)
		changed[i] = r
	}
	return changed.merge()
}

// Unallocate returns rs without allocation roles.
func (rs Resources) Unallocate() Resources {
	if !slices.ContainsFunc(rs, func(r Resource) bool { return r.allocation != "" }) {
		return rs
	}
	return rs.Allocate("")
}

// PushReservation returns rs with one more reservation on each entry. It fails if that is not
// allowed: a role that does not refine the present one, a static refinement, the role "*".
func (rs Resources) PushReservation(info *mesos.Resource_ReservationInfo) (Resources, error) {
	return rs.mapStacks(func(stack []*mesos.Resource_ReservationInfo) ([]*mesos.Resource_ReservationInfo, error) {
		return append(slices.Clip(stack), info), nil
	})
}

// PopReservation returns rs with the innermost reservation taken off each entry. It fails if an
// entry is not reserved.
func (rs Resources) PopReservation() (Resources, error) {
	return rs.mapStacks(func(stack []*mesos.Resource_ReservationInfo) ([]*mesos.Resource_ReservationInfo, error) {
		if len(stack) == 0 {
			return nil, fmt.Errorf("not reserved, so there is no reservation to take off")
		}
		return stack[:len(stack)-1], nil
	})
}

// ToUnreserved returns rs without any reservations.
func (rs Resources) ToUnreserved() Resources {
	if !slices.ContainsFunc(rs, func(r Resource) bool { return r.IsReserved() }) {
		return rs
	}
	free, err := rs.mapStacks(func([]*mesos.Resource_ReservationInfo) ([]*mesos.Resource_ReservationInfo, error) {
		return nil, nil
	})
	if err != nil {
		panic(fmt.Sprintf("BUG: resources without reservations are invalid: %v", err))
	}
	return free
}

// mapStacks replaces the stack of each entry.
func (rs Resources) mapStacks(
	change func([]*mesos.Resource_ReservationInfo) ([]*mesos.Resource_ReservationInfo, error),
) (Resources, error) {
	changed := make(Resources, len(rs))
	for i, r := range rs {
		stack, err := change(r.Reservations())
		if err != nil {
			return nil, fmt.Errorf("resource %s: %w", r, err)
		}
		kind, err := r.withStack(stack)
		if err != nil {
			return nil, fmt.Errorf("resource %s: %w", r, err)
		}
		changed[i] = r.withKind(kind)
	}
	return changed.merge(), nil
}
