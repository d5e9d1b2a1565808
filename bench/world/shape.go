package world

import (
	"fmt"

	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// Shape says what the agents of a fleet look like. Agents are made from their
// number alone, so that a fleet is the same in each run.
type Shape struct {
	kinds []kind
	zones int
	racks int
	caps  []*mesos.AgentInfo_Capability
}

// kind is a generation of machines.
type kind struct {
	name      string
	resources []*mesos.Resource
}

// Shapes by name, and what they stand for.
var shapes = map[string][]struct{ name, resources string }{
	"plain": {{"plain", "cpus:64;mem:262144;disk:1048576;ports:[31000-32000]"}},
	"mixed": {
		{"2019", "cpus:24;mem:65536;disk:524288;ports:[31000-32000]"},
		{"2022", "cpus:64;mem:262144;disk:1048576;ports:[31000-32000]"},
		{"2022", "cpus:64;mem:262144;disk:1048576;ports:[31000-32000]"},
		{"2025", "cpus:192;mem:786432;disk:4194304;ports:[31000-32000]"},
		{"gpu", "cpus:96;gpus:8;mem:1048576;disk:4194304;ports:[31000-32000]"},
	},
}

// ShapeNamed returns "plain" (one kind of machine, no attributes) or "mixed"
// (three generations and one with GPUs, in racks and zones).
func ShapeNamed(name string) (*Shape, error) {
	kinds, ok := shapes[name]
	if !ok {
		return nil, fmt.Errorf("got shape %q, want plain or mixed", name)
	}
	s := &Shape{}
	for _, k := range kinds {
		rs, err := resource.Parse(k.resources, "*")
		if err != nil {
			return nil, fmt.Errorf("BUG: resources of shape %s: %w", name, err)
		}
		s.kinds = append(s.kinds, kind{k.name, rs.ToProto(resource.PostRefinement)})
	}
	if name == "mixed" {
		s.zones, s.racks = 3, 40
	}
	for _, c := range []mesos.AgentInfo_Capability_Type{
		mesos.AgentInfo_Capability_MULTI_ROLE, mesos.AgentInfo_Capability_HIERARCHICAL_ROLE,
		mesos.AgentInfo_Capability_RESERVATION_REFINEMENT, mesos.AgentInfo_Capability_AGENT_OPERATION_FEEDBACK,
	} {
		s.caps = append(s.caps, &mesos.AgentInfo_Capability{Type: c.Enum()})
	}
	return s, nil
}

// register is what agent number says about itself; id is empty for a new one.
func (s *Shape) register(number int, id string) *link.Register {
	k := s.kinds[number%len(s.kinds)]
	hostname := fmt.Sprintf("host-%06d", number)
	ip := fmt.Sprintf("10.%d.%d.%d", number>>16&255, number>>8&255, number&255)
	instance, boot, version, port := instanceOf(number), "boot-1", "1.12.0", int32(5051)
	info := &mesos.AgentInfo{Hostname: &hostname, Port: &port, Resources: k.resources}
	if id != "" {
		info.Id = &mesos.AgentID{Value: &id}
	}
	if s.racks > 0 {
		info.Attributes = []*mesos.Attribute{
			textAttribute("generation", k.name),
			textAttribute("zone", fmt.Sprintf("z%d", number%s.zones)),
			textAttribute("rack", fmt.Sprintf("z%d-r%d", number%s.zones, number/s.zones%s.racks)),
		}
	}
	return &link.Register{
		Agent: info, Version: &version, Capabilities: s.caps, Total: k.resources, BootId: &boot, Instance: &instance,
		Address: &mesos.Address{Ip: &ip, Port: &port},
	}
}

func textAttribute(name, value string) *mesos.Attribute {
	return &mesos.Attribute{Name: &name, Type: mesos.Value_TEXT.Enum(), Text: &mesos.Value_Text{Value: &value}}
}
