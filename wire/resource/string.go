package resource

import (
	"github.com/caprock/caprock/wire/mesos"
)

// String returns the form in which Mesos prints resources, such as
// "cpus(allocated: r)(reservations: [(DYNAMIC,r,principal)]):2; mem:512", or "{}".
func (rs Resources) String() string {
	if len(rs) == 0 {
		return "{}"
	}
	var b []byte
	for i, r := range rs {
		if i > 0 {
			b = append(b, "; "...)
		}
		b = r.appendTo(b)
	}
	return string(b)
}

// String returns the form in which Mesos prints one entry.
func (r Resource) String() string { return string(r.appendTo(nil)) }

func (r Resource) appendTo(b []byte) []byte {
	if r.Kind == nil {
		return append(b, "{}"...)
	}
	b = r.Kind.appendTo(b)
	b = append(b, ':')
	switch r.valueType {
	case mesos.Value_SCALAR:
		b = appendMilli(b, r.milli)
	case mesos.Value_RANGES:
		b = r.ranges.appendTo(b, ", ")
	default:
		b = r.set.appendTo(b, ", ")
	}
	return b
}

// String returns name and metadata as they are printed before the colon.
func (k *Kind) String() string { return string(k.appendTo(nil)) }

func (k *Kind) appendTo(b []byte) []byte {
	b = append(b, k.name...)
	if k.allocation != "" {
		b = append(append(append(b, "(allocated: "...), k.allocation...), ')')
	}
	if stack := k.Reservations(); len(stack) > 0 {
		b = append(b, "(reservations: ["...)
		for i, info := range stack {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendReservationText(b, info)
		}
		b = append(b, "])"...)
	}
	if d := k.Disk(); d != nil {
		b = append(appendDiskText(append(b, '['), d), ']')
	}
	if k.IsRevocable() {
		b = append(b, "{REV}"...)
	}
	if k.IsShared() {
		b = append(b, "<SHARED>"...)
	}
	return b
}

func appendReservationText(b []byte, info *mesos.Resource_ReservationInfo) []byte {
	b = append(append(b, '('), info.GetType().String()...)
	b = append(append(b, ','), info.GetRole()...)
	if info.Principal != nil {
		b = append(append(b, ','), *info.Principal...)
	}
	if info.Labels != nil {
		b = append(b, ",{"...)
		for i, label := range info.Labels.Labels {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = append(b, label.GetKey()...)
			if label.Value != nil {
				b = append(append(b, ": "...), *label.Value...)
			}
		}
		b = append(b, '}')
	}
	return append(b, ')')
}

func appendDiskText(b []byte, d *mesos.Resource_DiskInfo) []byte {
	if d.Source != nil {
		b = appendSourceText(b, d.Source)
	}
	if d.Persistence != nil {
		if d.Source != nil {
			b = append(b, ',')
		}
		b = append(b, d.Persistence.GetId()...)
	}
	if v := d.Volume; v != nil {
		b = append(b, ':')
		if v.HostPath == nil {
			return append(b, v.GetContainerPath()...)
		}
		b = append(append(append(b, *v.HostPath...), ':'), v.GetContainerPath()...)
		if v.GetMode() == mesos.Volume_RO {
			return append(b, ":ro"...)
		}
		return append(b, ":rw"...)
	}
	return b
}

// appendSourceText appends the source of a disk: with an id or profile the coordinates of the
// storage plugin, else the root of a directory.
func appendSourceText(b []byte, s *mesos.Resource_DiskInfo_Source) []byte {
	b = append(b, s.GetType().String()...)
	if s.Id != nil || s.Profile != nil {
		b = append(append(b, '('), s.GetVendor()...)
		b = append(append(b, ','), s.GetId()...)
		b = append(append(b, ','), s.GetProfile()...)
		return append(b, ')')
	}
	var root *string
	switch s.GetType() {
	case mesos.Resource_DiskInfo_Source_MOUNT:
		if s.Mount != nil {
			root = s.Mount.Root
		}
	case mesos.Resource_DiskInfo_Source_PATH:
		if s.Path != nil {
			root = s.Path.Root
		}
	}
	if root != nil {
		b = append(append(b, ':'), *root...)
	}
	return b
}
