package world

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// MaxAgents is the largest fleet that is played.
const MaxAgents = 200_000

// Machines is a generation of machines in a fleet.
type Machines struct {
	// Name of the generation.
	Name string
	// Count is how many there are; in fleets of another size, in proportion.
	Count int
	// Resources and Attributes as an agent's flags have them; "cpus(role):4" is a
	// static reservation.
	Resources, Attributes string
	// Zones they are dealt over, and Racks of each zone: attributes "zone" and "rack". 0: none.
	Zones, Racks int
	// Region, if not empty, gives each agent a fault domain: this region, and its zone.
	Region string
}

// Shape says what the agents of a fleet look like. Agents are made from their
// number alone, so that a fleet is the same in each run.
type Shape struct {
	kinds []kind
	// order has the kind of each agent, over and over.
	order []uint16
	caps  []*mesos.AgentInfo_Capability
}

// kind is a generation of machines, ready to register.
type kind struct {
	Machines
	resources  []*mesos.Resource
	attributes []*mesos.Attribute
	amount     Amount
}

// NewShape checks the machines and deals them over the agents by the seed. It names
// every fault that it finds, by the machines' position.
func NewShape(machines []Machines, seed uint64) (*Shape, error) {
	s := &Shape{}
	var faults []error
	for i, m := range machines {
		k, err := newKind(m)
		if err != nil {
			faults = append(faults, fmt.Errorf("machines %d: %w", i+1, err))
			continue
		}
		s.kinds = append(s.kinds, k)
		for range m.Count {
			s.order = append(s.order, uint16(i))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	if len(s.order) == 0 || len(s.order) > MaxAgents || len(machines) > 1<<16 {
		return nil, fmt.Errorf("got %d machines of %d kinds, want 1 to %d of at most 65536", len(s.order), len(machines), MaxAgents)
	}
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(s.order), func(i, j int) { s.order[i], s.order[j] = s.order[j], s.order[i] })
	for _, c := range []mesos.AgentInfo_Capability_Type{
		mesos.AgentInfo_Capability_MULTI_ROLE, mesos.AgentInfo_Capability_HIERARCHICAL_ROLE,
		mesos.AgentInfo_Capability_RESERVATION_REFINEMENT, mesos.AgentInfo_Capability_AGENT_OPERATION_FEEDBACK,
	} {
		s.caps = append(s.caps, &mesos.AgentInfo_Capability{Type: c.Enum()})
	}
	return s, nil
}

func newKind(m Machines) (k kind, err error) {
	if m.Count < 1 || m.Count > MaxAgents {
		return k, fmt.Errorf("count is %d, want 1 to %d", m.Count, MaxAgents)
	}
	if m.Zones < 0 || m.Racks < 0 || m.Racks > 0 && m.Zones == 0 || m.Region != "" && m.Zones == 0 {
		return k, fmt.Errorf("got %d zones, %d racks and region %q, want zones wherever there are racks or a region", m.Zones, m.Racks, m.Region)
	}
	rs, err := resource.Parse(m.Resources, "*")
	if err != nil {
		return k, fmt.Errorf("resources %q: %w", m.Resources, err)
	}
	k = kind{Machines: m, resources: rs.ToProto(resource.PostRefinement)}
	for _, r := range k.resources {
		k.amount.add(r)
	}
	if k.amount.CPUs <= 0 || k.amount.MemMiB <= 0 {
		return k, fmt.Errorf("resources %q: want cpus and mem", m.Resources)
	}
	if m.Attributes != "" {
		if k.attributes, err = resource.ParseAttributes(m.Attributes); err != nil {
			return k, err
		}
	}
	return k, nil
}

// Total of the first so many agents, reservations included.
func (s *Shape) Total(agents int) (sum Amount) {
	for i, k := range s.order {
		// Whole rounds through the order, and one more for the agents of the last.
		n := agents / len(s.order)
		if i < agents%len(s.order) {
			n++
		}
		sum = sum.Plus(s.kinds[k].amount, float64(n))
	}
	return sum
}

// Size is how many agents the machines' counts make.
func (s *Shape) Size() int { return len(s.order) }

// Flags are those that an allocator needs for such a fleet: agents with fault domains
// are refused by one that has none.
func (s *Shape) Flags() []string {
	for _, k := range s.kinds {
		if k.Region != "" {
			return []string{fmt.Sprintf(`--domain={"fault_domain":{"region":{"name":%q},"zone":{"name":"z0"}}}`, k.Region)}
		}
	}
	return nil
}

func hostname(number int) string { return fmt.Sprintf("host-%06d", number) }

func ip(number int) string {
	return fmt.Sprintf("10.%d.%d.%d", number>>16&255, number>>8&255, number&255)
}

// register is what agent number says about itself; id is empty for a new one.
func (s *Shape) register(number int, id string) *link.Register {
	k := &s.kinds[s.order[number%len(s.order)]]
	hostname, ip := hostname(number), ip(number)
	instance, boot, version, port := instanceOf(number), "boot-1", "1.12.0", int32(5051)
	info := &mesos.AgentInfo{Hostname: &hostname, Port: &port, Resources: k.resources, Attributes: k.attributes}
	if id != "" {
		info.Id = &mesos.AgentID{Value: &id}
	}
	if k.Zones > 0 {
		zone := fmt.Sprintf("z%d", number%k.Zones)
		info.Attributes = append([]*mesos.Attribute{textAttribute("generation", k.Name), textAttribute("zone", zone)}, k.attributes...)
		if k.Racks > 0 {
			info.Attributes = append(info.Attributes, textAttribute("rack", fmt.Sprintf("%s-r%d", zone, number/k.Zones%k.Racks)))
		}
		if k.Region != "" {
			info.Domain = &mesos.DomainInfo{FaultDomain: &mesos.DomainInfo_FaultDomain{
				Region: &mesos.DomainInfo_FaultDomain_RegionInfo{Name: &k.Region}, Zone: &mesos.DomainInfo_FaultDomain_ZoneInfo{Name: &zone},
			}}
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

// Resources of the machines of named shapes.
const (
	plainResources    = "cpus:64;mem:262144;disk:1048576;ports:[31000-32000]"
	resourcesOf2019   = "cpus:24;mem:65536;disk:524288;ports:[31000-32000]"
	resourcesOf2025   = "cpus:192;mem:786432;disk:4194304;ports:[31000-32000]"
	gpuResources      = "cpus:96;gpus:8;mem:1048576;disk:4194304;ports:[31000-32000]"
	reservedResources = "cpus:48;mem:196608;cpus(services):16;mem(services):65536;disk:1048576;ports:[31000-32000]"
)

// shapes by name.
var shapes = []struct {
	name, what string
	machines   []Machines
}{
	{"plain", "one kind of machine, no attributes", []Machines{{Name: "plain", Count: 1, Resources: plainResources}}},
	{"generations", "three generations of machines", []Machines{
		{Name: "2019", Count: 2, Resources: resourcesOf2019, Attributes: "generation:g2019"},
		{Name: "2022", Count: 2, Resources: plainResources, Attributes: "generation:g2022"},
		{Name: "2025", Count: 1, Resources: resourcesOf2025, Attributes: "generation:g2025"},
	}},
	{"racks", "one kind of machine in 3 zones of 40 racks, with fault domains", []Machines{
		{Name: "plain", Count: 1, Resources: plainResources, Zones: 3, Racks: 40, Region: "r1"},
	}},
	{"gpus", "every fourth machine has 8 GPUs", []Machines{
		{Name: "plain", Count: 3, Resources: plainResources}, {Name: "gpu", Count: 1, Resources: gpuResources, Attributes: "generation:gpu"},
	}},
	{"reserved", "a quarter of every second machine is reserved for the role services", []Machines{
		{Name: "plain", Count: 1, Resources: plainResources}, {Name: "reserved", Count: 1, Resources: reservedResources},
	}},
	{"mixed", "three generations and one with GPUs, in racks and zones", []Machines{
		{Name: "2019", Count: 1, Resources: resourcesOf2019, Zones: 3, Racks: 40},
		{Name: "2022", Count: 2, Resources: plainResources, Zones: 3, Racks: 40},
		{Name: "2025", Count: 1, Resources: resourcesOf2025, Zones: 3, Racks: 40},
		{Name: "gpu", Count: 1, Resources: gpuResources, Zones: 3, Racks: 40},
	}},
}

// ShapeNames are the names that MachinesNamed knows.
func ShapeNames() (names []string) {
	for _, s := range shapes {
		names = append(names, s.name)
	}
	return names
}

// MachinesNamed are those of a named shape; their counts are proportions.
func MachinesNamed(name string) ([]Machines, error) {
	for _, s := range shapes {
		if s.name == name {
			return s.machines, nil
		}
	}
	return nil, fmt.Errorf("got shape %q, want %s", name, strings.Join(ShapeNames(), ", "))
}

// ShapeNamed returns a shape by its name.
func ShapeNamed(name string) (*Shape, error) {
	machines, err := MachinesNamed(name)
	if err != nil {
		return nil, err
	}
	return NewShape(machines, 1)
}

// ShapesHelp lists the named shapes for a command's help.
func ShapesHelp() string {
	var lines []string
	for _, s := range shapes {
		lines = append(lines, fmt.Sprintf("  %-12s %s", s.name, s.what))
	}
	return strings.Join(lines, "\n")
}
