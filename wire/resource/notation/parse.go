package notation

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// Parse reads a list of entries separated by semicolons, in any order. Entries of the same kind add
// up; the empty text is no resources.
func Parse(text string) (resource.Resources, error) {
	var messages []*mesos.Resource
	if text != "" {
		for entry := range strings.SplitSeq(text, ";") {
			m, err := parseEntry(entry)
			if err != nil {
				return nil, fmt.Errorf("resource %q: %w", entry, err)
			}
			messages = append(messages, m)
		}
	}
	return resource.FromProto(messages)
}

// MustParse is Parse for texts that are part of the program. It panics on errors.
func MustParse(text string) resource.Resources {
	rs, err := Parse(text)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return rs
}

func parseEntry(entry string) (*mesos.Resource, error) {
	end := strings.IndexAny(entry, "({:")
	if end < 0 {
		return nil, fmt.Errorf("no colon before the value")
	}
	name, rest := entry[:end], entry[end:]
	m := &mesos.Resource{Name: &name}
	stack, rest, err := cutBrackets(rest, '(', ')')
	if err != nil {
		return nil, err
	}
	flags, rest, err := cutBrackets(rest, '{', '}')
	if err != nil {
		return nil, err
	}
	value, ok := strings.CutPrefix(rest, ":")
	if !ok {
		return nil, fmt.Errorf("got %q where the colon before the value should be", rest)
	}
	if m.Reservations, err = ParseStack(stack); err != nil {
		return nil, err
	}
	if err := parseFlags(m, flags); err != nil {
		return nil, err
	}
	return m, parseValue(m, value)
}

// cutBrackets returns what is between the brackets at the start of s, if there are any.
func cutBrackets(s string, opening, closing byte) (inside, rest string, err error) {
	if s == "" || s[0] != opening {
		return "", s, nil
	}
	end := strings.IndexByte(s, closing)
	if end < 0 {
		return "", "", fmt.Errorf("%q is not closed by %q", s, closing)
	}
	return s[1:end], s[end+1:], nil
}

// ParseStack reads reservations such as "s:a,d:a/x!ops", outermost first. The empty text is none.
func ParseStack(text string) ([]*mesos.Resource_ReservationInfo, error) {
	if text == "" {
		return nil, nil
	}
	var stack []*mesos.Resource_ReservationInfo
	for part := range strings.SplitSeq(text, ",") {
		letter, role, _ := strings.Cut(part, ":")
		info := &mesos.Resource_ReservationInfo{}
		switch letter {
		case "s":
			info.Type = mesos.Resource_ReservationInfo_STATIC.Enum()
		case "d":
			info.Type = mesos.Resource_ReservationInfo_DYNAMIC.Enum()
		default:
			return nil, fmt.Errorf("reservation %q: want s:ROLE or d:ROLE", part)
		}
		role, principal, hasPrincipal := strings.Cut(role, "!")
		info.Role = &role
		if hasPrincipal {
			info.Principal = &principal
		}
		stack = append(stack, info)
	}
	return stack, nil
}

func parseFlags(m *mesos.Resource, text string) error {
	if text == "" {
		return nil
	}
	for flag := range strings.SplitSeq(text, ",") {
		key, value, given := strings.Cut(flag, "=")
		if err := parseFlag(m, key, value, given); err != nil {
			return fmt.Errorf("flag %q: %w", flag, err)
		}
	}
	if s := m.GetDisk().GetSource(); s != nil && s.Type == nil {
		return fmt.Errorf("flags %q: id and profile need mount, path, raw or block", text)
	}
	if p := m.GetDisk().GetPersistence(); p != nil && p.Id == nil {
		return fmt.Errorf("flags %q: volprincipal needs vol", text)
	}
	return nil
}

func parseFlag(m *mesos.Resource, key, value string, given bool) error {
	switch key {
	case "rev":
		m.Revocable = &mesos.Resource_RevocableInfo{}
	case "shared":
		m.Shared = &mesos.Resource_SharedInfo{}
	case "mount", "path", "raw", "block":
		return parseSourceType(source(m), key, value, given)
	case "id":
		source(m).Id = &value
	case "profile":
		source(m).Profile = &value
	case "vol":
		id, path, _ := strings.Cut(value, "@")
		persistence(m).Id = &id
		m.Disk.Volume = &mesos.Volume{ContainerPath: &path, Mode: mesos.Volume_RW.Enum()}
	case "volprincipal":
		persistence(m).Principal = &value
	default:
		return fmt.Errorf("unknown")
	}
	return nil
}

func parseSourceType(s *mesos.Resource_DiskInfo_Source, key, root string, hasRoot bool) error {
	if s.Type != nil {
		return fmt.Errorf("a disk has one type of source")
	}
	switch key {
	case "mount":
		s.Type = mesos.Resource_DiskInfo_Source_MOUNT.Enum()
		if hasRoot {
			s.Mount = &mesos.Resource_DiskInfo_Source_Mount{Root: &root}
		}
		return nil
	case "path":
		s.Type = mesos.Resource_DiskInfo_Source_PATH.Enum()
		if hasRoot {
			s.Path = &mesos.Resource_DiskInfo_Source_Path{Root: &root}
		}
		return nil
	case "raw":
		s.Type = mesos.Resource_DiskInfo_Source_RAW.Enum()
	case "block":
		s.Type = mesos.Resource_DiskInfo_Source_BLOCK.Enum()
	}
	if hasRoot {
		return fmt.Errorf("%s has no root", key)
	}
	return nil
}

// disk, source and persistence return parts of m, made if they are not there.
func disk(m *mesos.Resource) *mesos.Resource_DiskInfo {
	if m.Disk == nil {
		m.Disk = &mesos.Resource_DiskInfo{}
	}
	return m.Disk
}

func source(m *mesos.Resource) *mesos.Resource_DiskInfo_Source {
	d := disk(m)
	if d.Source == nil {
		d.Source = &mesos.Resource_DiskInfo_Source{}
	}
	return d.Source
}

func persistence(m *mesos.Resource) *mesos.Resource_DiskInfo_Persistence {
	d := disk(m)
	if d.Persistence == nil {
		d.Persistence = &mesos.Resource_DiskInfo_Persistence{}
	}
	return d.Persistence
}

func parseValue(m *mesos.Resource, text string) error {
	if items, ok := unwrap(text, "{", "}"); ok {
		m.Type = mesos.Value_SET.Enum()
		m.Set = &mesos.Value_Set{}
		if items != "" {
			m.Set.Item = strings.Split(items, ",")
		}
		return nil
	}
	if intervals, ok := unwrap(text, "[", "]"); ok {
		m.Type = mesos.Value_RANGES.Enum()
		m.Ranges = &mesos.Value_Ranges{}
		return parseRanges(m.Ranges, intervals)
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("value %q is not a number, [ranges] or {set}", text)
	}
	m.Type = mesos.Value_SCALAR.Enum()
	m.Scalar = &mesos.Value_Scalar{Value: &value}
	return nil
}

func unwrap(text, opening, closing string) (inside string, ok bool) {
	inside, opened := strings.CutPrefix(text, opening)
	inside, closed := strings.CutSuffix(inside, closing)
	return inside, opened && closed
}

func parseRanges(ranges *mesos.Value_Ranges, text string) error {
	if text == "" {
		return nil
	}
	for interval := range strings.SplitSeq(text, ",") {
		first, last, _ := strings.Cut(interval, "-")
		begin, err1 := strconv.ParseUint(first, 10, 64)
		end, err2 := strconv.ParseUint(last, 10, 64)
		if err1 != nil || err2 != nil {
			return fmt.Errorf("range %q: want two integers joined by a dash", interval)
		}
		ranges.Range = append(ranges.Range, &mesos.Value_Range{Begin: &begin, End: &end})
	}
	return nil
}
