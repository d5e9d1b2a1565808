package notation

import (
	"slices"
	"strconv"
	"strings"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// Format writes resources with the entries sorted as text, so that equal resources have equal texts.
// A shared volume is written once, however many copies there are.
func Format(rs resource.Resources) string {
	entries := make([]string, 0, len(rs))
	for _, r := range rs {
		entries = append(entries, FormatEntry(r))
	}
	slices.Sort(entries)
	return strings.Join(entries, ";")
}

// FormatEntry writes one entry.
func FormatEntry(r resource.Resource) string {
	var b strings.Builder
	b.WriteString(r.Name())
	if stack := r.Reservations(); len(stack) > 0 {
		b.WriteString("(" + FormatStack(stack) + ")")
	}
	if flags := formatFlags(r); len(flags) > 0 {
		b.WriteString("{" + strings.Join(flags, ",") + "}")
	}
	b.WriteString(":" + formatValue(r))
	return b.String()
}

// FormatStack writes reservations such as "s:a,d:a/x!ops", outermost first.
func FormatStack(stack []*mesos.Resource_ReservationInfo) string {
	parts := make([]string, 0, len(stack))
	for _, info := range stack {
		part := "s:" + info.GetRole()
		if info.GetType() == mesos.Resource_ReservationInfo_DYNAMIC {
			part = "d:" + info.GetRole()
		}
		if info.Principal != nil {
			part += "!" + *info.Principal
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ",")
}

func formatFlags(r resource.Resource) []string {
	flags := formatSource(r.Disk().GetSource())
	if p := r.Disk().GetPersistence(); p != nil {
		flags = append(flags, "vol="+p.GetId()+"@"+r.Disk().GetVolume().GetContainerPath())
		if p.Principal != nil {
			flags = append(flags, "volprincipal="+*p.Principal)
		}
	}
	if r.IsRevocable() {
		flags = append(flags, "rev")
	}
	if r.IsShared() {
		flags = append(flags, "shared")
	}
	return flags
}

func formatSource(s *mesos.Resource_DiskInfo_Source) []string {
	if s == nil {
		return nil
	}
	var flags []string
	switch s.GetType() {
	case mesos.Resource_DiskInfo_Source_MOUNT:
		flags = append(flags, formatRoot("mount", s.Mount != nil, s.GetMount().GetRoot()))
	case mesos.Resource_DiskInfo_Source_PATH:
		flags = append(flags, formatRoot("path", s.Path != nil, s.GetPath().GetRoot()))
	case mesos.Resource_DiskInfo_Source_RAW:
		flags = append(flags, "raw")
	case mesos.Resource_DiskInfo_Source_BLOCK:
		flags = append(flags, "block")
	}
	if s.Id != nil {
		flags = append(flags, "id="+*s.Id)
	}
	if s.Profile != nil {
		flags = append(flags, "profile="+*s.Profile)
	}
	return flags
}

func formatRoot(key string, hasRoot bool, root string) string {
	if !hasRoot {
		return key
	}
	return key + "=" + root
}

func formatValue(r resource.Resource) string {
	switch r.Type() {
	case mesos.Value_SCALAR:
		return resource.FormatMilli(r.ScalarMilli())
	case mesos.Value_SET:
		return "{" + strings.Join(r.Items(), ",") + "}"
	}
	intervals := make([]string, 0, len(r.Ranges()))
	for _, x := range r.Ranges() {
		intervals = append(intervals, strconv.FormatUint(x.Begin, 10)+"-"+strconv.FormatUint(x.End, 10))
	}
	return "[" + strings.Join(intervals, ",") + "]"
}
