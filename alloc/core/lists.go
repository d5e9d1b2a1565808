package core

import (
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// lists share equal lists of resources: those of a thousand copies of a task, or of
// agents of one kind, are read once and kept once. They forget everything when there are
// mostLists different ones, so they only save, and never hold much.
type lists struct {
	byBytes map[string]*sharedList
	byFirst map[*mesos.Resource]*sharedList // lists that records share, by their first resource
	names   map[string]*string              // of tasks, and versions; most are copies of a few

	capabilities map[string][]*mesos.AgentInfo_Capability // by their types
	key          []byte
}

// sharedList is one list in both forms. Neither is ever modified. Readers are shown the
// messages as they were given, as by Mesos: two of the same name stay two, and one
// that amounts to nothing stays.
type sharedList struct {
	res  resource.Resources
	wire []*mesos.Resource
}

const mostLists = 4096

func newLists() lists {
	return lists{
		byBytes: map[string]*sharedList{}, byFirst: map[*mesos.Resource]*sharedList{}, names: map[string]*string{},
		capabilities: map[string][]*mesos.AgentInfo_Capability{},
	}
}

// read reads resources of either format, and allocates to the role, unless it is empty,
// what is not allocated yet.
func (l *lists) read(given []*mesos.Resource, role string) (*sharedList, error) {
	if !l.keyOf(given, role) {
		return readList(given, role)
	}
	if s, ok := l.byBytes[string(l.key)]; ok {
		return s, nil
	}
	s, err := readList(given, role)
	if err != nil {
		return nil, err
	}
	l.keep(s)
	return s, nil
}

func readList(given []*mesos.Resource, role string) (*sharedList, error) {
	res, err := resource.FromProto(given)
	if err != nil {
		return nil, err
	}
	if role != "" {
		res = allocateMissing(res, role)
	}
	if len(res) == len(given) {
		return &sharedList{res, res.ToProto(resource.PostRefinement)}, nil
	}
	wire, err := oneByOne(given, role)
	return &sharedList{res, wire}, err
}

// oneByOne brings messages into the present format without adding them up.
func oneByOne(given []*mesos.Resource, role string) ([]*mesos.Resource, error) {
	wire := make([]*mesos.Resource, len(given))
	for i, m := range given {
		r, err := resource.EntryFromProto(m)
		if err != nil {
			return nil, err
		}
		wire[i] = r.ToProto(resource.PostRefinement)
		if role != "" && r.AllocationRole() == "" {
			wire[i].AllocationInfo = &mesos.Resource_AllocationInfo{Role: &role}
		}
	}
	return wire, nil
}

// given is a list equal to this one, the same for all that are equal.
func (l *lists) given(list []*mesos.Resource) []*mesos.Resource {
	if len(list) == 0 || !l.keyOf(list, "\x00") { // no role has this name
		return list
	}
	if s, ok := l.byBytes[string(l.key)]; ok {
		return s.wire
	}
	l.keep(&sharedList{wire: list})
	return list
}

// name is an equal name, the same for all that are equal.
func (l *lists) name(given *string) *string {
	if given == nil {
		return nil
	}
	if name, ok := l.names[*given]; ok {
		return name
	}
	if len(l.names) >= mostLists {
		clear(l.names)
	}
	l.names[*given] = given
	return given
}

// capabilitiesOf is an equal list, the same for all that are equal: agents of one version have the same,
// and eight of them take as much as the rest of what an agent says of itself.
func (l *lists) capabilitiesOf(given []*mesos.AgentInfo_Capability) []*mesos.AgentInfo_Capability {
	l.key = l.key[:0]
	for _, c := range given {
		t := c.GetType()
		if c.Type == nil || t < 0 || t > 0xff {
			return given
		}
		l.key = append(l.key, byte(t))
	}
	if known, ok := l.capabilities[string(l.key)]; ok {
		return known
	}
	if len(l.capabilities) >= mostLists {
		clear(l.capabilities)
	}
	l.capabilities[string(l.key)] = given
	return given
}

// keep remembers a list under the key at hand.
func (l *lists) keep(s *sharedList) {
	if len(l.byBytes) >= mostLists {
		clear(l.byBytes)
	}
	l.byBytes[string(l.key)] = s
	if len(s.wire) > 0 && s.res != nil {
		l.note(s)
	}
}

func (l *lists) note(s *sharedList) {
	if len(l.byFirst) >= mostLists {
		clear(l.byFirst)
	}
	l.byFirst[s.wire[0]] = s
}

// keyOf makes the key of a list: the role and the encoded resources. Lists of which a
// key would be large are not shared.
func (l *lists) keyOf(list []*mesos.Resource, role string) bool {
	const longest = 8 << 10
	b := append(append(l.key[:0], role...), 0xff) // not in any UTF-8 text
	for _, r := range list {
		n := r.SizeVT()
		if len(b)+n > longest {
			return false
		}
		b = append(b, byte(n), byte(n>>8))
		at := len(b)
		b = append(b, make([]byte, n)...)
		if _, err := r.MarshalToSizedBufferVT(b[at:]); err != nil {
			return false
		}
	}
	l.key = b
	return true
}

// nothing is the empty list.
var nothing = &sharedList{}

// resources are those of a list in a record. Lists that records share are read once.
func (l *lists) resources(wire []*mesos.Resource) (*sharedList, error) {
	if len(wire) == 0 {
		return nothing, nil
	}
	if s, ok := l.byFirst[wire[0]]; ok && sameSlice(s.wire, wire) {
		return s, nil
	}
	res, err := resource.FromProto(wire)
	if err != nil {
		return nil, err
	}
	s := &sharedList{res, wire}
	l.note(s)
	return s, nil
}
