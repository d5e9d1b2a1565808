package resource

import (
	"slices"

	"github.com/caprock/caprock/wire/mesos"
)

// Filter returns the entries for which keep is true. The result is rs itself if that is all.
func (rs Resources) Filter(keep func(Resource) bool) Resources {
	count := 0
	for i := range rs {
		if keep(rs[i]) {
			count++
		}
	}
	if count == len(rs) {
		return rs
	}
	if count == 0 {
		return nil
	}
	kept := make(Resources, 0, count)
	for i := range rs {
		if keep(rs[i]) {
			kept = append(kept, rs[i])
		}
	}
	return kept
}

// Named returns the entries of a name.
func (rs Resources) Named(name string) Resources {
	return rs.Filter(func(r Resource) bool { return r.name == name })
}

// Unreserved returns the entries without reservation.
func (rs Resources) Unreserved() Resources {
	return rs.Filter(func(r Resource) bool { return r.reservedFor == "" })
}

// Reserved returns the entries with a reservation.
func (rs Resources) Reserved() Resources {
	return rs.Filter(func(r Resource) bool { return r.reservedFor != "" })
}

// ReservedTo returns the entries whose innermost reservation is for exactly this role.
func (rs Resources) ReservedTo(role string) Resources {
	return rs.Filter(func(r Resource) bool { return r.reservedFor != "" && r.reservedFor == role })
}

// ReservedToSubtree returns the entries reserved for role or a role below it.
func (rs Resources) ReservedToSubtree(role string) Resources {
	return rs.Filter(func(r Resource) bool {
		return r.reservedFor != "" && IsInSubtree(r.reservedFor, role)
	})
}

// AllocatableTo returns what a framework in role may be offered: unreserved entries and those
// reserved for role or one of its ancestors.
func (rs Resources) AllocatableTo(role string) Resources {
	return rs.Filter(func(r Resource) bool { return r.IsAllocatableTo(role) })
}

// Revocable returns the revocable entries.
func (rs Resources) Revocable() Resources {
	return rs.Filter(func(r Resource) bool { return r.IsRevocable() })
}

// NonRevocable returns the entries that are not revocable.
func (rs Resources) NonRevocable() Resources {
	return rs.Filter(func(r Resource) bool { return !r.IsRevocable() })
}

// Shared returns the shared volumes.
func (rs Resources) Shared() Resources {
	return rs.Filter(func(r Resource) bool { return r.IsShared() })
}

// NonShared returns everything but shared volumes.
func (rs Resources) NonShared() Resources {
	return rs.Filter(func(r Resource) bool { return !r.IsShared() })
}

// Scalars returns the SCALAR entries.
func (rs Resources) Scalars() Resources {
	return rs.Filter(func(r Resource) bool { return r.valueType == mesos.Value_SCALAR })
}

// PersistentVolumes returns the volumes made by CREATE.
func (rs Resources) PersistentVolumes() Resources {
	return rs.Filter(func(r Resource) bool { return r.IsPersistentVolume() })
}

// AllocatedTo returns the entries allocated to exactly this role; the empty role means to none.
func (rs Resources) AllocatedTo(role string) Resources {
	return rs.Filter(func(r Resource) bool { return r.allocation == role })
}

// HasRefinedReservations reports whether some entry holds more than one reservation. Such
// resources cannot be written in the pre-refinement format.
func (rs Resources) HasRefinedReservations() bool {
	for i := range rs {
		if rs[i].HasRefinedReservations() {
			return true
		}
	}
	return false
}

// AllocationRoles returns the roles to which entries are allocated, sorted; entries that are not
// allocated do not count.
func (rs Resources) AllocationRoles() []string { return rs.roles((*Kind).AllocationRole) }

// ReservationRoles returns the roles of the innermost reservations, sorted.
func (rs Resources) ReservationRoles() []string { return rs.roles((*Kind).ReservationRole) }

func (rs Resources) roles(of func(*Kind) string) []string {
	var roles []string
	for i := range rs {
		if role := of(rs[i].Kind); role != "" {
			roles = append(roles, role)
		}
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}
