//lint:file-ignore SA1019 The old reservation format is deprecated in the messages, and still has to be served.

package resource

import (
	"encoding/binary"

	"github.com/caprock/caprock/wire/mesos"
)

// Keys identify kinds in the intern table. A key is an injective encoding of the metadata of a
// resource, after upgrading it to the format with a stack of reservations. It ends with the
// allocation role, so that the key of an allocated kind is that of the free one with another end.

// Bits of the second byte of a key.
const (
	keyRevocable = 1 << iota
	keyShared
	keyProvider
	keyDisk
	keySource
	keyPersistence
	keyVolume
)

// The last part of a key says whether the resources are allocated, and to which role.
const (
	keyFree      = 0
	keyAllocated = 1
)

// appendKey appends the key of r's metadata. It does not check r; metadata that validation
// refuses gets a key that no valid metadata has, as long as checkFormat accepts r.
func appendKey(b []byte, r *mesos.Resource) []byte {
	b = append(b, byte(r.GetType()), keyFlags(r))
	b = appendString(b, r.GetName())
	if r.ProviderId != nil {
		b = appendString(b, r.ProviderId.GetValue())
	}
	b = appendStack(b, r)
	if r.Disk != nil {
		b = appendDisk(b, r.Disk)
	}
	return appendAllocation(b, r.AllocationInfo.GetRole())
}

func keyFlags(r *mesos.Resource) byte {
	var flags byte
	if r.Revocable != nil {
		flags |= keyRevocable
	}
	if r.Shared != nil {
		flags |= keyShared
	}
	if r.ProviderId != nil {
		flags |= keyProvider
	}
	if d := r.Disk; d != nil {
		flags |= keyDisk
		if d.Source != nil {
			flags |= keySource
		}
		if d.Persistence != nil {
			flags |= keyPersistence
		}
		if d.Volume != nil {
			flags |= keyVolume
		}
	}
	return flags
}

// appendAllocation appends the end of a key. An empty role is the same as none.
func appendAllocation(b []byte, role string) []byte {
	if role == "" {
		return append(b, keyFree)
	}
	return append(append(b, keyAllocated), role...)
}

// appendStack appends the reservations, whichever format r uses.
func appendStack(b []byte, r *mesos.Resource) []byte {
	if len(r.Reservations) > 0 {
		b = binary.AppendUvarint(b, uint64(len(r.Reservations)))
		for _, info := range r.Reservations {
			b = appendReservation(b, info.GetType(), info.GetRole(), info)
		}
		return b
	}
	if r.Role == nil || *r.Role == DefaultRole {
		return append(b, 0)
	}
	b = append(b, 1)
	return appendReservation(b, preRefinementType(r), *r.Role, r.Reservation)
}

// preRefinementType tells how the role field of the old format is reserved.
func preRefinementType(r *mesos.Resource) mesos.Resource_ReservationInfo_Type {
	if r.Reservation != nil {
		return mesos.Resource_ReservationInfo_DYNAMIC
	}
	return mesos.Resource_ReservationInfo_STATIC
}

// appendReservation appends one level of the stack; principal and labels are those of info,
// which may be nil.
func appendReservation(
	b []byte, kind mesos.Resource_ReservationInfo_Type, role string,
	info *mesos.Resource_ReservationInfo,
) []byte {
	b = binary.AppendUvarint(b, uint64(kind))
	b = appendString(b, role)
	if info == nil {
		return append(b, 0, 0)
	}
	b = appendOptional(b, info.Principal)
	return appendLabels(b, info.Labels)
}

func appendDisk(b []byte, d *mesos.Resource_DiskInfo) []byte {
	if s := d.Source; s != nil {
		b = appendSource(b, s)
	}
	if p := d.Persistence; p != nil {
		b = appendString(b, p.GetId())
		b = appendOptional(b, p.Principal)
	}
	if d.Volume != nil {
		b = appendVolume(b, d.Volume)
	}
	return b
}

// appendVolume appends how a persistent volume is mounted.
func appendVolume(b []byte, v *mesos.Volume) []byte {
	b = binary.AppendUvarint(b, uint64(v.GetMode()))
	b = appendOptional(b, v.ContainerPath)
	b = appendOptional(b, v.HostPath)
	if v.Image == nil && v.Source == nil {
		return append(b, 0)
	}
	// Images and sources make no sense here and are rare. A volume that cannot be encoded lacks
	// a required field and is refused when the kind is built. Maps inside may be encoded
	// in any order: at worst, one volume has two kinds of the same class.
	encoded, err := v.MarshalVT()
	if err != nil {
		return append(b, 1)
	}
	return appendString(append(b, 2), string(encoded))
}

func appendSource(b []byte, s *mesos.Resource_DiskInfo_Source) []byte {
	b = binary.AppendUvarint(b, uint64(s.GetType()))
	if s.Path == nil {
		b = append(b, 0)
	} else {
		b = appendOptional(append(b, 1), s.Path.Root)
	}
	if s.Mount == nil {
		b = append(b, 0)
	} else {
		b = appendOptional(append(b, 1), s.Mount.Root)
	}
	b = appendOptional(b, s.Vendor)
	b = appendOptional(b, s.Id)
	b = appendOptional(b, s.Profile)
	return appendLabels(b, s.Metadata)
}

// appendLabels appends labels: absent, or a count and the labels.
func appendLabels(b []byte, labels *mesos.Labels) []byte {
	if labels == nil {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(labels.Labels))+1)
	for _, label := range labels.Labels {
		b = appendString(b, label.GetKey())
		b = appendOptional(b, label.Value)
	}
	return b
}

// appendString appends a string so that it can be told from what follows.
func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// appendOptional appends a string that may be absent.
func appendOptional(b []byte, s *string) []byte {
	if s == nil {
		return append(b, 0)
	}
	return appendString(append(b, 1), *s)
}
