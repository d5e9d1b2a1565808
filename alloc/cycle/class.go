package cycle

import (
	"encoding/binary"
	"math/bits"
	"strings"

	"github.com/caprock/caprock/alloc/shard"
	"github.com/caprock/caprock/wire/mesos"
)

// class is a set of agents that differ in nothing that decides who may be
// offered them at all, but for filters and host names. What a claim may have is
// worked out once per class.
type class struct {
	key      string
	agents   int
	sample   Agent // attributes, domain and capabilities of its agents
	gpus     bool
	remote   bool     // in another region than the allocator
	eligible []uint64 // claims that may be offered these agents, as a bitset
}

type classTable struct {
	byKey map[string]int32
	list  []class
	free  []int32
	key   []byte // scratch
}

func (t *classTable) init() { t.byKey = make(map[string]int32) }

// appendKey appends an injective encoding of what makes the class of an agent.
func appendClassKey(b []byte, g *Agent, gpus bool) []byte {
	flags := byte(g.Capabilities&(AgentMultiRole|AgentHierarchicalRole)) << 1
	if gpus {
		flags |= 1
	}
	b = append(b, flags)
	b = appendMessage(b, g.Domain)
	for _, attr := range g.Attributes {
		b = appendMessage(b, attr)
	}
	return b
}

type sizedMessage interface {
	SizeVT() int
	MarshalToSizedBufferVT([]byte) (int, error)
}

func appendMessage(b []byte, m sizedMessage) []byte {
	n := m.SizeVT()
	b = binary.AppendUvarint(b, uint64(n))
	at := len(b)
	b = append(b, make([]byte, n)...)
	if _, err := m.MarshalToSizedBufferVT(b[at:]); err != nil {
		panic("BUG: an accepted message cannot be encoded: " + err.Error())
	}
	return b
}

// describe puts an agent into its class and its attributes into the index,
// after taking it out of where it was.
func (a *Allocator) describe(slot shard.Slot) {
	a.undescribe(slot)
	sh, row := a.space.At(slot)
	g := a.agentAt(slot)
	gpus := sh.Rows[row].Traits&shard.GPU != 0
	t := &a.classes
	t.key = appendClassKey(t.key[:0], &g.info, gpus)
	id, ok := t.byKey[string(t.key)]
	if !ok {
		id = a.newClass(string(t.key), &g.info, gpus)
	}
	t.list[id].agents++
	sh.Rows[row].Class = id + 1
	g.indexed = indexAttributes(&g.info)
	for _, x := range g.indexed {
		a.space.AddAttribute(slot, x.name, x.value)
	}
	a.list(slot)
	sh.Wake(row)
}

// indexAttributes returns under which names and values an agent is indexed:
// the first attribute of each name, as constraints see it, and its domain.
func indexAttributes(g *Agent) []indexedAttribute {
	var out []indexedAttribute
next:
	for _, attr := range g.Attributes {
		for _, x := range out {
			if x.name == attr.GetName() {
				continue next
			}
		}
		value := notText
		if attr.GetType() == mesos.Value_TEXT {
			value = attr.GetText().GetValue()
		}
		out = append(out, indexedAttribute{attr.GetName(), value})
	}
	if fd := g.Domain.GetFaultDomain(); fd != nil {
		out = append(out, indexedAttribute{regionIndex, fd.GetRegion().GetName()},
			indexedAttribute{zoneIndex, fd.GetZone().GetName()})
	}
	return out
}

func (a *Allocator) undescribe(slot shard.Slot) {
	sh, row := a.space.At(slot)
	g := a.agentAt(slot)
	for _, x := range g.indexed {
		a.space.DropAttribute(slot, x.name, x.value)
	}
	g.indexed = nil
	id := sh.Rows[row].Class - 1
	if id < 0 {
		return
	}
	sh.Rows[row].Class = 0
	t := &a.classes
	if t.list[id].agents--; t.list[id].agents == 0 {
		delete(t.byKey, t.list[id].key)
		t.list[id] = class{}
		t.free = append(t.free, id)
	}
}

func (a *Allocator) newClass(key string, g *Agent, gpus bool) int32 {
	t := &a.classes
	k := class{key: key, sample: *g, gpus: gpus, remote: a.isRemote(g)}
	k.sample.Hostname, k.sample.ID = "", ""
	var id int32
	if n := len(t.free); n > 0 {
		id = t.free[n-1]
		t.free = t.free[:n-1]
		t.list[id] = k
	} else {
		id = int32(len(t.list))
		t.list = append(t.list, k)
	}
	t.byKey[key] = id
	for c := range a.claims {
		if a.claims[c].framework >= 0 {
			t.mark(&t.list[id], int32(c), a.suits(&t.list[id], int32(c)))
		}
	}
	return id
}

func (a *Allocator) isRemote(g *Agent) bool {
	fd := g.Domain.GetFaultDomain()
	return fd != nil && a.opts.Domain != nil &&
		fd.GetRegion().GetName() != a.opts.Domain.GetFaultDomain().GetRegion().GetName()
}

// suits says whether a claim may be offered agents of a class.
func (a *Allocator) suits(k *class, c int32) bool { return a.unsuitable(k, c) == Suitable }

// unsuitable names the rule that keeps a claim from the agents of a class.
func (a *Allocator) unsuitable(k *class, c int32) Reason {
	cl := &a.claims[c]
	caps := a.fws[cl.framework].info.Capabilities
	switch {
	case caps.Has(MultiRole) && !k.sample.Capabilities.Has(AgentMultiRole):
		return AgentNotMultiRole
	case !k.sample.Capabilities.Has(AgentHierarchicalRole) && strings.Contains(a.roles[cl.role].name, "/"):
		return AgentNotHierarchical
	case k.gpus && !a.opts.ShowGPUsToAll && !caps.Has(GPUResources):
		return NeedsGPUCapability
	case k.remote && !caps.Has(RegionAware):
		return NeedsRegionAware
	case cl.constraints != nil && !cl.constraints.hosts && !cl.constraints.admits(&k.sample):
		return ExcludedByConstraints
	}
	return Suitable
}

func (t *classTable) mark(k *class, c int32, eligible bool) {
	for len(k.eligible) <= int(c>>6) {
		k.eligible = append(k.eligible, 0)
	}
	if eligible {
		k.eligible[c>>6] |= 1 << (c & 63)
	} else {
		k.eligible[c>>6] &^= 1 << (c & 63)
	}
}

// judge works out for one claim which classes it may have.
func (t *classTable) judge(a *Allocator, c int32) {
	for i := range t.list {
		if t.list[i].agents > 0 || t.list[i].key != "" {
			t.mark(&t.list[i], c, a.suits(&t.list[i], c))
		}
	}
}

func (t *classTable) dropClaim(c int32) {
	for i := range t.list {
		if int(c>>6) < len(t.list[i].eligible) {
			t.mark(&t.list[i], c, false)
		}
	}
}

func trailingZeros(x uint64) int { return bits.TrailingZeros64(x) }
