//lint:file-ignore SA1019 The old reservation format is deprecated in the messages, and still has to be served.

package resource

import "github.com/caprock/caprock/wire/mesos"

// Format is one of the ways to write reservations into a message. Reading accepts all of them.
type Format uint8

const (
	// PostRefinement writes the stack into "reservations" and never "role": for agents,
	// records, and frameworks with the capability RESERVATION_REFINEMENT.
	PostRefinement Format = iota
	// PreRefinement writes "role", and "reservation" if it is dynamic: for frameworks
	// without that capability. Refined reservations have no such form; entries with them are
	// written as PostRefinement. Ask HasRefinedReservations first.
	PreRefinement
	// Endpoint writes both, except for refined reservations: for what operators read.
	Endpoint
)

// formatWithoutAllocation is the bit that WithoutAllocation sets.
const formatWithoutAllocation Format = 1 << 7

// WithoutAllocation returns the format that also leaves out allocation_info: for frameworks
// without the capability MULTI_ROLE.
func (f Format) WithoutAllocation() Format { return f | formatWithoutAllocation }

// protoEntry is the message of one entry with the value that most entries have, so that both are
// one part of one allocation for the whole list.
type protoEntry struct {
	message mesos.Resource
	scalar  mesos.Value_Scalar
	value   float64
}

// ToProto returns the messages of rs. Parts of them (names, disks, reservations …) are shared by
// all messages of the same kind: fields of a message may be set, but what they point to must not
// be written to. A shared volume is one message, however many copies there are, as in Mesos.
func (rs Resources) ToProto(f Format) []*mesos.Resource {
	if len(rs) == 0 {
		return nil
	}
	entries := make([]protoEntry, len(rs))
	messages := make([]*mesos.Resource, len(rs))
	for i := range rs {
		e := &entries[i]
		rs[i].fillMetadata(&e.message, f)
		rs[i].fillValue(e)
		messages[i] = &e.message
	}
	return messages
}

// ToProto returns the message of one entry; see Resources.ToProto.
func (r Resource) ToProto(f Format) *mesos.Resource {
	return Resources{r}.ToProto(f)[0]
}

func (k *Kind) fillMetadata(m *mesos.Resource, f Format) {
	meta := k.meta
	m.ProviderId = meta.ProviderId
	m.Name = meta.Name
	m.Type = meta.Type
	m.Disk = meta.Disk
	m.Revocable = meta.Revocable
	m.Shared = meta.Shared
	if f&formatWithoutAllocation == 0 {
		m.AllocationInfo = meta.AllocationInfo
	}
	style := f &^ formatWithoutAllocation
	if style != PostRefinement {
		m.Role, m.Reservation = k.preRole, k.preReservation
	}
	if style != PreRefinement || k.preRole == nil {
		m.Reservations = meta.Reservations
	}
}

func (r Resource) fillValue(e *protoEntry) {
	switch r.valueType {
	case mesos.Value_SCALAR:
		e.value = FloatFromMilli(r.milli)
		e.scalar.Value = &e.value
		e.message.Scalar = &e.scalar
	case mesos.Value_RANGES:
		e.message.Ranges = r.ranges.toProto()
	default:
		e.message.Set = &mesos.Value_Set{Item: r.set.list()}
	}
}

// toProto writes ranges with one allocation for all intervals and their numbers.
func (r Ranges) toProto() *mesos.Value_Ranges {
	type interval struct {
		message mesos.Value_Range
		bounds  Range
	}
	intervals := make([]interval, len(r))
	out := &mesos.Value_Ranges{Range: make([]*mesos.Value_Range, len(r))}
	for i := range r {
		iv := &intervals[i]
		iv.bounds = r[i]
		iv.message.Begin, iv.message.End = &iv.bounds.Begin, &iv.bounds.End
		out.Range[i] = &iv.message
	}
	return out
}
