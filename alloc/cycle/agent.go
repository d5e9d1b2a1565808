package cycle

import (
	"slices"

	"github.com/caprock/caprock/alloc/drf"
	"github.com/caprock/caprock/alloc/shard"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// Agent is what the allocator knows of an agent.
type Agent struct {
	ID, Hostname   string
	Attributes     []*mesos.Attribute
	Domain         *mesos.DomainInfo
	Capabilities   AgentCapSet
	Total          resource.Resources
	Unavailability *mesos.Unavailability // nil: no maintenance scheduled
}

// agent is the part of an agent's row that the cycle does not look at.
type agent struct {
	info        Agent // without Total and Unavailability
	indexed     []indexedAttribute
	maintenance *maintenance
	uses        []use
}

type indexedAttribute struct{ name, value string }

// use is what tasks of one role use of unreserved, non-revocable scalars.
type use struct {
	role int32
	vec  []int64
}

func (g *agent) useBy(role int32, vec []int64, sign int64) {
	at := slices.IndexFunc(g.uses, func(u use) bool { return u.role == role })
	if at < 0 {
		at = len(g.uses)
		g.uses = append(g.uses, use{role: role})
	}
	u := &g.uses[at]
	u.vec = drf.Grow(u.vec, len(vec))
	for d, x := range vec {
		u.vec[d] += sign * x
	}
	if drf.IsZero(u.vec) {
		g.uses = slices.Delete(g.uses, at, at+1)
	}
}

func (a *Allocator) agentAt(slot shard.Slot) *agent {
	sh, row := a.space.At(slot)
	return sh.Cold[row].(*agent)
}

func (a *Allocator) slot(id string) (shard.Slot, error) {
	slot, ok := a.agents[id]
	if !ok {
		return 0, misuse("agent %s is not known to the allocator", id)
	}
	return slot, nil
}

// AgentNumber is a small number that stands for the agent until it is removed.
func (a *Allocator) AgentNumber(id string) (int, bool) {
	slot, ok := a.agents[id]
	return int(slot), ok
}

// AddAgent adds an agent with what frameworks use on it (by framework id, with
// allocation roles). It becomes a candidate.
func (a *Allocator) AddAgent(now int64, info Agent, used map[string]resource.Resources) error {
	a.at(now)
	if _, ok := a.agents[info.ID]; ok {
		return misuse("agent %s is known already", info.ID)
	}
	if info.Domain != nil && info.Domain.FaultDomain != nil && a.opts.Domain == nil {
		return misuse("agent %s has a fault domain, the allocator has none", info.ID)
	}
	slot := a.space.Add(info.ID)
	a.agents[info.ID] = slot
	g := &agent{info: info}
	g.info.Total, g.info.Unavailability = nil, nil
	if info.Unavailability != nil {
		g.maintenance = &maintenance{window: info.Unavailability}
		a.space.Put(shard.Maintenance, slot, true)
	}
	sh, row := a.space.At(slot)
	sh.Cold[row] = g
	vec, rest := a.splitScratch(info.Total) // may change the stride: not under the lock
	mu := a.space.Lock(slot)
	a.setTotal(slot, vec, rest)
	mu.Unlock()
	a.describe(slot)
	for _, id := range sortedKeys(used) {
		a.occupy(slot, id, used[id])
	}
	mu = a.space.Lock(slot)
	a.recomputeAvail(slot)
	mu.Unlock()
	a.hostAdded(slot)
	if a.paused && a.expected >= 0 && a.space.Len() >= a.expected {
		a.expected = -1
		a.paused = false
		a.resume = moment{}
	}
	a.candidate(slot)
	return nil
}

// occupy records what tasks of a framework hold on a new agent.
func (a *Allocator) occupy(slot shard.Slot, id string, used resource.Resources) {
	fw := a.framework(id)
	known := a.fws[fw].known
	for _, name := range used.AllocationRoles() {
		c := a.claimOf(fw, a.role(name))
		vec, rest := a.splitScratch(used.AllocatedTo(name))
		vec = slices.Clone(vec)
		if known {
			a.track(c)
			a.book(c, slot, vec, rest)
		}
		i := a.addHolding(slot, c, vec, rest)
		a.hold.entries[i].tracked = known
		if known {
			a.bookAllocated(slot, c, vec, rest, 1)
		}
	}
	a.tidyFramework(fw)
}

// setTotal stores the total of an agent and adds it to all sums and indices.
func (a *Allocator) setTotal(slot shard.Slot, vec []int64, rest resource.Resources) {
	sh, row := a.space.At(slot)
	copy(sh.TotalRow(row, a.space.Stride()), vec)
	sh.TotalRest[row] = rest
	a.countTotal(slot, 1)
	a.trackReservations(slot, rest, 1)
	gpus := vec[drf.DimGPUs] > 0
	revocable, shared := false, false
	for i := range rest {
		k := rest[i].Kind
		if k.Name() == "gpus" && rest[i].ScalarMilli() > 0 {
			gpus = true
		}
		revocable = revocable || k.IsRevocable()
		shared = shared || k.IsShared()
	}
	sh.Rows[row].Traits &^= shard.GPU
	if gpus {
		sh.Rows[row].Traits |= shard.GPU
	}
	for _, x := range [...]struct {
		set shard.Set
		in  bool
	}{{shard.GPUs, gpus}, {shard.Revocable, revocable}, {shard.Shared, shared}} {
		if x.in != a.space.Has(x.set, slot) {
			a.space.Put(x.set, slot, x.in)
		}
	}
}

// countTotal adds the scalars of an agent to the cluster's total, or takes them away.
func (a *Allocator) countTotal(slot shard.Slot, sign int64) {
	sh, row := a.space.At(slot)
	for d, x := range sh.TotalRow(row, a.space.Stride()) {
		a.total[d] += sign * x
	}
	for _, x := range sh.TotalRest[row] {
		if x.Type() == scalarType {
			a.total[a.dim(x.Name())] += sign * x.ScalarMilli()
		}
	}
	a.clusterChanged()
}

// totalOf returns the total of an agent as resources.
func (a *Allocator) totalOf(slot shard.Slot) resource.Resources {
	sh, row := a.space.At(slot)
	return a.merge(sh.TotalRow(row, a.space.Stride()), sh.TotalRest[row])
}

// updateTotal replaces the total of an agent and says whether it changed.
func (a *Allocator) updateTotal(slot shard.Slot, total resource.Resources) bool {
	vec, rest := a.splitScratch(total)
	sh, row := a.space.At(slot)
	if slices.Equal(vec, sh.TotalRow(row, a.space.Stride())) && rest.Equal(sh.TotalRest[row]) {
		return false
	}
	mu := a.space.Lock(slot)
	old := sh.TotalRest[row]
	a.countTotal(slot, -1)
	a.trackReservations(slot, old, -1)
	hadGPU := sh.Rows[row].Traits & shard.GPU
	a.setTotal(slot, vec, rest)
	a.recomputeAvail(slot)
	mu.Unlock()
	if hadGPU != sh.Rows[row].Traits&shard.GPU {
		a.describe(slot)
	}
	return true
}

// UpdateAgent replaces the description and the total of an agent. If anything
// changed it becomes a candidate; changed attributes end all filters for it.
// Offers are not taken back. Unavailability is ignored.
func (a *Allocator) UpdateAgent(now int64, info Agent) error {
	a.at(now)
	slot, err := a.slot(info.ID)
	if err != nil {
		return err
	}
	if info.Domain != nil && info.Domain.FaultDomain != nil && a.opts.Domain == nil {
		return misuse("agent %s has a fault domain, the allocator has none", info.ID)
	}
	g := a.agentAt(slot)
	hostname := g.info.Hostname
	described := g.info.Hostname != info.Hostname || !g.info.Domain.EqualVT(info.Domain)
	if !sameAttributes(g.info.Attributes, info.Attributes) {
		described = true
		a.removeFilters(slot)
	}
	updated := described || g.info.Capabilities != info.Capabilities
	if described { // otherwise attributes stay in the order they had: constraints look at the first of a name
		g.info = info
		g.info.Total, g.info.Unavailability = nil, nil
	}
	g.info.Capabilities = info.Capabilities
	if updated {
		a.describe(slot)
		if hostname != info.Hostname {
			a.list(slot)
		}
		a.hostAdded(slot)
		sh, row := a.space.At(slot)
		sh.Wake(row)
	}
	if a.updateTotal(slot, info.Total) {
		updated = true
	}
	if updated {
		a.candidate(slot)
	}
	return nil
}

// RemoveAgent forgets an agent and all that is held on it.
func (a *Allocator) RemoveAgent(id string) error {
	slot, err := a.slot(id)
	if err != nil {
		return err
	}
	a.removeFilters(slot)
	a.dropUses(slot)
	sh, row := a.space.At(slot)
	for i := sh.Rows[row].Holdings; i != noHolding; i = sh.Rows[row].Holdings {
		c, tracked := a.hold.entries[i].claim, a.hold.entries[i].tracked
		vec, rest := slices.Clone(a.hold.row(i)), a.hold.all(i)
		a.dropHolding(slot, i)
		if tracked {
			a.unbook(c, slot, vec, rest)
		}
		a.settle(c)
	}
	a.countTotal(slot, -1)
	a.trackReservations(slot, sh.TotalRest[row], -1)
	a.undescribe(slot)
	for _, set := range [...]shard.Set{
		shard.Deactivated, shard.Unlisted, shard.GPUs, shard.Revocable, shard.Shared, shard.Maintenance,
	} {
		a.space.Put(set, slot, false)
	}
	delete(a.agents, id)
	a.candidates.Remove(slot)
	a.hostRemoved(slot)
	a.space.Remove(slot)
	return nil
}

// settle forgets a claim of a role that its framework has left once nothing is
// held in it.
func (a *Allocator) settle(c int32) {
	if cl := &a.claims[c]; cl.framework >= 0 && !cl.subscribed && cl.held == 0 {
		a.untrack(c)
		a.tidyClaim(c)
	}
}

func (a *Allocator) dropUses(slot shard.Slot) {
	g := a.agentAt(slot)
	for _, u := range g.uses {
		for at := u.role; at >= 0; at = a.roles[at].parent {
			drf.SubFrom(a.roles[at].allocated, u.vec)
		}
	}
	g.uses = nil
}

// ActivateAgent offers an agent again, DeactivateAgent does not. Neither starts a cycle.
func (a *Allocator) ActivateAgent(id string) error { return a.setDeactivated(id, false) }

// DeactivateAgent stops offering an agent. What is held there stays.
func (a *Allocator) DeactivateAgent(id string) error { return a.setDeactivated(id, true) }

func (a *Allocator) setDeactivated(id string, in bool) error {
	slot, err := a.slot(id)
	if err != nil {
		return err
	}
	a.space.Put(shard.Deactivated, slot, in)
	return nil
}

// AddResourceProvider adds the resources of a provider to an agent's, with what
// frameworks use of them. It starts no cycle.
func (a *Allocator) AddResourceProvider(id string, total resource.Resources, used map[string]resource.Resources) error {
	slot, err := a.slot(id)
	if err != nil {
		return err
	}
	a.updateTotal(slot, a.totalOf(slot).Plus(total.Unallocate()))
	for _, id := range sortedKeys(used) {
		if _, err := a.known(id); err == nil {
			a.occupy(slot, id, used[id])
		}
	}
	mu := a.space.Lock(slot)
	a.recomputeAvail(slot)
	mu.Unlock()
	return nil
}

// SetWhitelist offers only agents with these host names; nil: all agents.
func (a *Allocator) SetWhitelist(hosts []string) {
	a.whitelist = nil
	if hosts != nil {
		a.whitelist = make(map[string]struct{}, len(hosts))
		for _, h := range hosts {
			a.whitelist[h] = struct{}{}
		}
	}
	for slot := shard.Slot(0); slot < a.space.Limit(); slot++ {
		if a.space.InUse(slot) {
			a.list(slot)
		}
	}
}

func (a *Allocator) list(slot shard.Slot) {
	listed := true
	if a.whitelist != nil {
		_, listed = a.whitelist[a.agentAt(slot).info.Hostname]
	}
	if listed == a.space.Has(shard.Unlisted, slot) {
		a.space.Put(shard.Unlisted, slot, !listed)
	}
}

// candidate makes an agent a candidate of the next cycle.
func (a *Allocator) candidate(slot shard.Slot) {
	if !a.paused {
		a.candidates.Add(slot)
	}
}

func (a *Allocator) everyAgent() {
	if !a.paused {
		a.all = true
	}
}

// AgentTotal returns the total of an agent, nil if there is none.
func (a *Allocator) AgentTotal(id string) resource.Resources {
	slot, ok := a.agents[id]
	if !ok {
		return nil
	}
	return a.totalOf(slot)
}
