package cycle

import (
	"slices"

	"github.com/caprock/caprock/alloc/drf"
	"github.com/caprock/caprock/alloc/shard"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// Snapshot is everything that has a bearing on future offers, as plain data. An
// allocator restored from it goes on exactly as the original would. Lists are
// in a repeatable order.
type Snapshot struct {
	Now, Periodic, PeriodicGen int64
	Random                     uint64
	Paused                     bool
	Expected                   int
	ResumeAt, ResumeGen        int64
	AllCandidates              bool
	Candidates                 []string // agent ids
	Whitelist                  []string
	HasWhitelist               bool
	Names                      []string // of dimensions, in order

	Roles      []RoleState
	Order      []drf.NodeState
	Weights    []drf.PathWeight
	Frameworks []FrameworkState
	Agents     []AgentState
}

// RoleState is a role with a quota or a weight.
type RoleState struct {
	Name   string
	Weight float64
	Quota  Quota
}

// FrameworkState is a framework and its claims.
type FrameworkState struct {
	Framework      Framework
	Known, Active  bool
	Claims         []ClaimState
	InverseFilters []InverseFilterState
}

// ClaimState is a framework in a role.
type ClaimState struct {
	Role                                     string
	Tracked, Subscribed, Suppressed, InOrder bool
	Count                                    uint64
	LastOffer                                int64
	Hint                                     resource.Quantities
	Filters                                  []FilterState
}

// FilterState is one refusal.
type FilterState struct {
	Agent     string
	Ends, Gen int64
	Refused   resource.Resources // not allocated
}

// InverseFilterState is one refusal of inverse offers.
type InverseFilterState struct {
	Agent string
	Ends  []int64
}

// AgentState is an agent and what is held on it.
type AgentState struct {
	Agent       Agent // with Total
	Slot        uint32
	Deactivated bool
	Held        []HoldingState
	Uses        []UseState
	Window      *mesos.Unavailability
	Outstanding []string
	Statuses    map[string]InverseStatus
}

// HoldingState is what a framework holds in a role on the agent.
type HoldingState struct {
	Framework, Role string
	Tracked         bool
	Resources       resource.Resources // not allocated
}

// UseState is what tasks of a role use of unreserved, non-revocable scalars.
type UseState struct {
	Role string
	Used resource.Quantities
}

// Snapshot copies the state. It is O(everything), filters included.
func (a *Allocator) Snapshot() *Snapshot {
	s := &Snapshot{
		Now: a.now, Periodic: a.periodic, PeriodicGen: a.periodicGen, Random: a.rng.state,
		Paused: a.paused, Expected: a.expected, ResumeAt: a.resume.nanos, ResumeGen: a.resume.gen, AllCandidates: a.all,
		HasWhitelist: a.whitelist != nil, Whitelist: sortedKeys(a.whitelist), Names: a.DimensionNames(),
	}
	for _, slot := range a.candidates.ToArray() {
		s.Candidates = append(s.Candidates, a.idOf(slot))
	}
	for _, name := range sortedKeys(a.roleIDs) {
		if r := &a.roles[a.roleIDs[name]]; r.weight != 1 || !r.quota.IsDefault() {
			s.Roles = append(s.Roles, RoleState{name, r.weight, r.quota})
		}
	}
	s.Order, s.Weights = a.roleTree.State()
	for _, id := range sortedKeys(a.frameworks) {
		s.Frameworks = append(s.Frameworks, a.frameworkState(a.frameworks[id]))
	}
	for slot := shard.Slot(0); slot < a.space.Limit(); slot++ {
		if a.space.InUse(slot) {
			s.Agents = append(s.Agents, a.agentState(slot))
		}
	}
	return s
}

func (a *Allocator) idOf(slot shard.Slot) string {
	sh, row := a.space.At(slot)
	return sh.Rows[row].ID
}

func (a *Allocator) frameworkState(fw int32) FrameworkState {
	f := &a.fws[fw]
	out := FrameworkState{Framework: f.info, Known: f.known, Active: f.active}
	for _, c := range a.sortedClaims(fw) {
		out.Claims = append(out.Claims, a.claimState(c))
	}
	for slot := shard.Slot(0); slot < a.space.Limit(); slot++ {
		if ends := f.inverse[slot]; len(ends) > 0 {
			out.InverseFilters = append(out.InverseFilters, InverseFilterState{a.idOf(slot), slices.Clone(ends)})
		}
	}
	return out
}

func (a *Allocator) claimState(c int32) ClaimState {
	cl := &a.claims[c]
	out := ClaimState{
		Role: a.roles[cl.role].name, Tracked: cl.leaf >= 0, Subscribed: cl.subscribed, Suppressed: cl.suppressed,
		InOrder: a.isActive(c), LastOffer: cl.lastOffer, Hint: cl.hintNames,
	}
	if cl.leaf >= 0 {
		out.Count = a.roles[cl.role].tree.Count(cl.leaf)
	}
	for _, g := range cl.filters.groups {
		for _, slot := range g.slots.ToArray() {
			sh, row := a.space.At(slot)
			roof := sh.Roof[row]
			out.Filters = append(out.Filters, FilterState{sh.Rows[row].ID, g.ends.nanos, g.ends.gen,
				a.merge(roof.Plain, a.visible(c, roof.Rest))})
		}
		slots := slices.Clone(g.partials)
		slices.Sort(slots)
		for _, slot := range slices.Compact(slots) {
			for _, p := range cl.filters.partial[slot] {
				if p.group == g {
					out.Filters = append(out.Filters, FilterState{a.idOf(slot), g.ends.nanos, g.ends.gen,
						a.merge(p.refused.Plain, p.refused.Rest)})
				}
			}
		}
	}
	return out
}

func (a *Allocator) agentState(slot shard.Slot) AgentState {
	sh, row := a.space.At(slot)
	g := a.agentAt(slot)
	out := AgentState{
		Agent: g.info, Slot: slot,
		Deactivated: a.space.Has(shard.Deactivated, slot),
	}
	out.Agent.Total = a.totalOf(slot)
	for i := sh.Rows[row].Holdings; i != noHolding; i = a.hold.entries[i].next {
		cl := &a.claims[a.hold.entries[i].claim]
		out.Held = append(out.Held, HoldingState{
			a.fws[cl.framework].info.ID, a.roles[cl.role].name, a.hold.entries[i].tracked, a.merge(a.hold.row(i), a.hold.all(i)),
		})
	}
	for _, u := range g.uses {
		out.Uses = append(out.Uses, UseState{a.roles[u.role].name, a.quantitiesOf(u.vec)})
	}
	if m := g.maintenance; m != nil {
		out.Window, out.Outstanding = m.window, slices.Clone(m.outstanding)
		for fw, s := range m.statuses {
			if out.Statuses == nil {
				out.Statuses = make(map[string]InverseStatus)
			}
			out.Statuses[fw] = s
		}
	}
	return out
}

// Restore returns an allocator in the state of a snapshot. The options must be
// those of the original, but for Shards.
func Restore(opts Options, s *Snapshot) (*Allocator, error) {
	a := New(opts)
	for _, name := range s.Names {
		a.dim(name)
	}
	for _, r := range s.Roles {
		if err := a.UpdateQuota(r.Name, r.Quota); err != nil {
			return nil, err
		}
		a.roles[a.role(r.Name)].weight = r.Weight
	}
	for i := range s.Frameworks {
		a.restoreFramework(&s.Frameworks[i])
	}
	if s.HasWhitelist {
		a.SetWhitelist(append([]string{}, s.Whitelist...))
	}
	for i := range s.Agents {
		a.restoreAgent(&s.Agents[i])
	}
	a.now, a.periodic, a.periodicGen, a.rng.state = s.Now, s.Periodic, s.PeriodicGen, s.Random
	for i := range s.Frameworks {
		a.restoreFilters(&s.Frameworks[i])
	}
	a.roleTree.SetState(s.Order, s.Weights)
	a.space.WakeAll()
	a.paused, a.expected, a.all = s.Paused, s.Expected, s.AllCandidates
	a.resume = moment{s.ResumeAt, s.ResumeGen}
	a.candidates.Clear()
	for _, id := range s.Candidates {
		a.candidates.Add(a.agents[id])
	}
	return a, nil
}

func (a *Allocator) restoreFramework(s *FrameworkState) {
	fw := a.framework(s.Framework.ID)
	f := &a.fws[fw]
	f.info, f.known, f.active = s.Framework, s.Known, s.Active
	for i := range s.Claims {
		x := &s.Claims[i]
		c := a.claimOf(fw, a.role(x.Role))
		if x.Tracked {
			a.track(c)
		}
		cl := &a.claims[c]
		cl.subscribed, cl.suppressed, cl.lastOffer = x.Subscribed, x.Suppressed, x.LastOffer
		if len(x.Hint) > 0 {
			cl.hintNames, cl.hint = x.Hint, a.minima([]resource.Quantities{x.Hint})
			a.hints++
		}
		a.setActive(c, x.InOrder)
	}
}

func (a *Allocator) restoreAgent(s *AgentState) {
	slot := s.Slot
	a.space.AddAt(slot, s.Agent.ID)
	a.agents[s.Agent.ID] = slot
	g := &agent{info: s.Agent}
	g.info.Total = nil
	sh, row := a.space.At(slot)
	sh.Cold[row] = g
	if s.Window != nil {
		g.maintenance = &maintenance{window: s.Window, outstanding: slices.Clone(s.Outstanding)}
		if s.Statuses != nil {
			g.maintenance.statuses = make(map[string]InverseStatus)
			for fw, x := range s.Statuses {
				g.maintenance.statuses[fw] = x
			}
		}
		a.space.Put(shard.Maintenance, slot, true)
	}
	vec, rest := a.splitScratch(s.Agent.Total)
	a.setTotal(slot, vec, rest)
	a.describe(slot)
	for _, h := range slices.Backward(s.Held) {
		fw := a.framework(h.Framework)
		c := a.claimOf(fw, a.role(h.Role))
		vec, rest := a.splitScratch(h.Resources)
		vec = slices.Clone(vec)
		if h.Tracked {
			a.book(c, slot, vec, rest)
		}
		i := a.addHolding(slot, c, vec, rest)
		a.hold.entries[i].tracked = h.Tracked
	}
	for _, u := range s.Uses {
		id := a.role(u.Role)
		vec := make([]int64, a.names.Stride())
		for _, q := range u.Used {
			vec[a.dim(q.Name)] = q.Milli
		}
		g.useBy(id, vec, 1)
		for at := id; at >= 0; at = a.roles[at].parent {
			drf.AddTo(a.roles[at].allocated, vec)
		}
	}
	a.recomputeAvail(slot)
	a.hostAdded(slot)
	if s.Deactivated {
		a.space.Put(shard.Deactivated, slot, true)
	}
}

// restoreFilters installs the refusals and puts back the service counters,
// which booking holdings has changed.
func (a *Allocator) restoreFilters(s *FrameworkState) {
	fw := a.frameworks[s.Framework.ID]
	for _, x := range s.InverseFilters {
		f := &a.fws[fw]
		if f.inverse == nil {
			f.inverse = make(map[shard.Slot][]int64)
		}
		f.inverse[a.agents[x.Agent]] = slices.Clone(x.Ends)
	}
	for i := range s.Claims {
		x := &s.Claims[i]
		c := a.claimOf(fw, a.role(x.Role))
		if cl := &a.claims[c]; cl.leaf >= 0 {
			a.roles[cl.role].tree.SetCount(cl.leaf, x.Count)
		}
		for _, f := range x.Filters {
			vec, rest := a.splitScratch(f.Refused)
			a.install(a.agents[f.Agent], c, slices.Clone(vec), rest, moment{f.Ends, f.Gen})
		}
	}
}
