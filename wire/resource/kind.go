//lint:file-ignore SA1019 The old reservation format is deprecated in the messages, and still has to be served.

package resource

import (
	"fmt"

	"github.com/caprock/caprock/wire/mesos"
)

// Kind is the metadata of a resource: everything but its amount. Kinds are interned and
// immutable, so equal pointers mean equal metadata; the messages they hand out are shared by
// everyone and must not be written to.
type Kind struct {
	key         string
	class       *Kind // of all kinds that compare equal, the one with the least detail; may be itself
	unallocated *Kind // the same without allocation role; may be itself

	name       string
	valueType  mesos.Value_Type
	allocation string // role, empty if not allocated

	// meta is the message without value, upgraded to a stack of reservations. Its parts are
	// shared with every message made from this kind.
	meta *mesos.Resource
	// preRole and preReservation are the role and reservation fields of the old format; nil
	// for refined reservations, which that format cannot express.
	preRole        *string
	preReservation *mesos.Resource_ReservationInfo

	reservedFor string // top role of the stack, empty if unreserved
	dynamic     bool   // the top of the stack is a dynamic reservation
	exclusive   bool
}

// keyBufferBytes is enough for the keys of all but the most heavily labelled resources, which
// then cost an allocation per lookup.
const keyBufferBytes = 256

// internKind returns the kind of r's metadata, ignoring its value. r must have passed checkFormat.
// The error says what is wrong with the metadata.
func internKind(r *mesos.Resource) (*Kind, error) {
	var buffer [keyBufferBytes]byte
	key := appendKey(buffer[:0], r)
	if kind := kinds.lookup(key); kind != nil {
		return kind, nil
	}
	return buildKind(string(key), r)
}

// mustIntern is internKind for metadata derived from a valid kind.
func mustIntern(r *mesos.Resource) *Kind {
	kind, err := internKind(r)
	if err != nil {
		panic(fmt.Sprintf("BUG: metadata derived from a valid resource is invalid: %v", err))
	}
	return kind
}

// buildKind validates, copies and publishes metadata seen for the first time.
func buildKind(key string, r *mesos.Resource) (*Kind, error) {
	meta, err := upgradedMetadata(r)
	if err != nil {
		return nil, err
	}
	if err := validateMetadata(meta); err != nil {
		return nil, err
	}
	kind := &Kind{key: key, name: meta.GetName(), valueType: meta.GetType(), meta: meta}
	kind.allocation = meta.AllocationInfo.GetRole()
	kind.describe()
	if kind.class, err = kind.findClass(); err != nil {
		return nil, err
	}
	kind.unallocated = kind
	if kind.allocation != "" {
		free := shallowMetadata(meta)
		free.AllocationInfo = nil
		if kind.unallocated, err = internKind(free); err != nil {
			return nil, err
		}
	}
	return kinds.insert(kind), nil
}

// upgradedMetadata returns a deep copy of r without value, in the format with a stack of
// reservations. Going through bytes makes sure that nothing of a request's buffers stays
// alive, and finds missing required fields.
func upgradedMetadata(r *mesos.Resource) (*mesos.Resource, error) {
	meta := shallowMetadata(r)
	if len(meta.Reservations) == 0 && r.Role != nil && *r.Role != DefaultRole {
		info := &mesos.Resource_ReservationInfo{
			Type:      preRefinementType(r).Enum(),
			Role:      r.Role,
			Principal: nil,
		}
		if r.Reservation != nil {
			info.Principal, info.Labels = r.Reservation.Principal, r.Reservation.Labels
		}
		meta.Reservations = []*mesos.Resource_ReservationInfo{info}
	}
	if meta.AllocationInfo.GetRole() == "" {
		meta.AllocationInfo = nil
	}
	encoded, err := meta.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("incomplete resource: %w", err)
	}
	copied := &mesos.Resource{}
	if err := copied.UnmarshalVT(encoded); err != nil {
		return nil, fmt.Errorf("incomplete resource: %w", err)
	}
	return copied, nil
}

// shallowMetadata returns a new message that shares r's metadata and leaves out its value and
// the fields of the old reservation format.
func shallowMetadata(r *mesos.Resource) *mesos.Resource {
	return &mesos.Resource{
		ProviderId:     r.ProviderId,
		Name:           r.Name,
		Type:           r.Type,
		AllocationInfo: r.AllocationInfo,
		Reservations:   r.Reservations,
		Disk:           r.Disk,
		Revocable:      r.Revocable,
		Shared:         r.Shared,
	}
}

// describe fills what is derived from meta.
func (k *Kind) describe() {
	stack := k.meta.Reservations
	if n := len(stack); n > 0 {
		top := stack[n-1]
		k.reservedFor = top.GetRole()
		k.dynamic = top.GetType() == mesos.Resource_ReservationInfo_DYNAMIC
	}
	k.exclusive = isExclusive(k.meta.Disk)
	k.describeOldFormat()
}

// describeOldFormat prepares the fields that the formats for old clients need.
func (k *Kind) describeOldFormat() {
	switch stack := k.meta.Reservations; len(stack) {
	case 0:
		k.preRole = &defaultRole
	case 1:
		k.preRole = stack[0].Role
		if k.dynamic {
			k.preReservation = &mesos.Resource_ReservationInfo{
				Principal: stack[0].Principal,
				Labels:    stack[0].Labels,
			}
		}
	}
}

var defaultRole = DefaultRole

// isExclusive tells whether a disk can only be used as a whole.
func isExclusive(d *mesos.Resource_DiskInfo) bool {
	if d == nil {
		return false
	}
	if d.Persistence != nil {
		return true
	}
	switch d.Source.GetType() {
	case mesos.Resource_DiskInfo_Source_MOUNT, mesos.Resource_DiskInfo_Source_BLOCK:
		return true
	case mesos.Resource_DiskInfo_Source_RAW:
		return d.Source.Id != nil
	}
	return false
}

// findClass returns the kind that stands for all that compare equal to k.
func (k *Kind) findClass() (*Kind, error) {
	bare := comparedMetadata(k.meta)
	if string(appendKey(nil, bare)) == k.key {
		return k, nil
	}
	return internKind(bare)
}

// allocatedTo returns the kind with another allocation role; the empty role means none.
func (k *Kind) allocatedTo(role string) *Kind {
	if k.allocation == role {
		return k
	}
	free := k.unallocated
	if role == "" {
		return free
	}
	var buffer [keyBufferBytes]byte
	key := append(buffer[:0], free.key[:len(free.key)-1]...)
	key = appendAllocation(key, role)
	if kind := kinds.lookup(key); kind != nil {
		return kind
	}
	return free.firstAllocatedTo(role)
}

// firstAllocatedTo is apart so that the role of the hot path stays off the heap.
func (k *Kind) firstAllocatedTo(role string) *Kind {
	meta := shallowMetadata(k.meta)
	meta.AllocationInfo = &mesos.Resource_AllocationInfo{Role: &role}
	return mustIntern(meta)
}

// withStack returns the kind with another stack of reservations.
func (k *Kind) withStack(stack []*mesos.Resource_ReservationInfo) (*Kind, error) {
	meta := shallowMetadata(k.meta)
	meta.Reservations = stack
	return internKind(meta)
}

// withoutVolume returns the kind that a persistent volume is made from: no persistence, no
// volume, not shared.
func (k *Kind) withoutVolume() *Kind {
	meta := shallowMetadata(k.meta)
	meta.Shared = nil
	if meta.Disk != nil {
		var disk *mesos.Resource_DiskInfo
		if meta.Disk.Source != nil {
			disk = &mesos.Resource_DiskInfo{Source: meta.Disk.Source}
		}
		meta.Disk = disk
	}
	return mustIntern(meta)
}

// Name returns the name of the resource: "cpus", "mem", "disk", "ports", "gpus" or any other.
func (k *Kind) Name() string { return k.name }

// Type returns SCALAR, RANGES or SET.
func (k *Kind) Type() mesos.Value_Type { return k.valueType }

// Reservations returns the stack of reservations, outermost first; empty if unreserved.
// Read only.
func (k *Kind) Reservations() []*mesos.Resource_ReservationInfo { return k.meta.Reservations }

// ReservationRole returns the role of the innermost reservation, empty if unreserved.
func (k *Kind) ReservationRole() string { return k.reservedFor }

// AllocationRole returns the role to which the resource is allocated or offered, empty if to none.
func (k *Kind) AllocationRole() string { return k.allocation }

// Disk returns source, persistence and volume of a disk; nil if it is a plain one. Read only.
func (k *Kind) Disk() *mesos.Resource_DiskInfo { return k.meta.Disk }

// ProviderID returns the resource provider, empty if the agent itself provides the resource.
func (k *Kind) ProviderID() string { return k.meta.ProviderId.GetValue() }

// HasProvider tells whether a resource provider, not the agent itself, provides the resource.
func (k *Kind) HasProvider() bool { return k.meta.ProviderId != nil }

// IsReserved tells whether there is any reservation.
func (k *Kind) IsReserved() bool { return k.reservedFor != "" }

// IsDynamicallyReserved tells whether the innermost reservation was made by a RESERVE operation.
func (k *Kind) IsDynamicallyReserved() bool { return k.dynamic }

// HasRefinedReservations tells whether the stack holds more than one reservation.
func (k *Kind) HasRefinedReservations() bool { return len(k.meta.Reservations) > 1 }

// IsRevocable tells whether the resource may be taken back at any time.
func (k *Kind) IsRevocable() bool { return k.meta.Revocable != nil }

// IsShared tells whether several tasks may use the resource at once.
func (k *Kind) IsShared() bool { return k.meta.Shared != nil }

// IsPersistentVolume tells whether the resource is a volume made by CREATE.
func (k *Kind) IsPersistentVolume() bool {
	return k.meta.Disk != nil && k.meta.Disk.Persistence != nil
}

// IsExclusive tells whether the resource cannot be divided or merged: a MOUNT or BLOCK disk,
// a RAW disk with an id, a persistent volume.
func (k *Kind) IsExclusive() bool { return k.exclusive }

// IsAllocatableTo tells whether a framework in role may get the resource: it is unreserved,
// or reserved for role or one of its ancestors.
func (k *Kind) IsAllocatableTo(role string) bool {
	return k.reservedFor == "" || IsInSubtree(role, k.reservedFor)
}

// persistenceID returns the id of a persistent volume, empty if it is none.
func (k *Kind) persistenceID() string { return k.meta.Disk.GetPersistence().GetId() }
