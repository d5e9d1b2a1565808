package api

import (
	"slices"
	"strings"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/alloc/view"
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// sums are what a snapshot's tasks, executors and offers add up to.
type sums struct {
	agents, frameworks map[string]*usage
}

// usage is what an agent or a framework has allocated and been offered, and the tasks of
// /state-summary.
type usage struct {
	allocated, offered resource.Resources
	tally
}

var noUsage = &usage{}

func (s *sums) agent(id string) *usage     { return orNone(s.agents[id]) }
func (s *sums) framework(id string) *usage { return orNone(s.frameworks[id]) }

func orNone(u *usage) *usage {
	if u == nil {
		return noUsage
	}
	return u
}

func (s *sums) entry(m *map[string]*usage, id string) *usage {
	u := (*m)[id]
	if u == nil {
		u = &usage{}
		if *m == nil {
			*m = map[string]*usage{}
		}
		(*m)[id] = u
	}
	return u
}

// add sums a snapshot up. Terminal tasks hold no resources any more, nor do
// those whose agent is unreachable.
func (s *sums) add(snap *view.Snapshot) {
	for t := range snap.Tasks.All() {
		if holdsResources(t) {
			s.use(t.AgentID(), t.FrameworkID(), t.Resources())
		}
	}
	for e := range snap.Executors.All() {
		s.use(e.Rec.GetAgentId(), e.Rec.GetFrameworkId(), e.Resources())
	}
	for o := range snap.Offers.All() {
		s.entry(&s.agents, o.AgentID()).offered.AddInPlace(o.Resources())
		s.entry(&s.frameworks, o.FrameworkID()).offered.AddInPlace(o.Resources())
	}
}

func (s *sums) use(agent, framework string, r resource.Resources) {
	s.entry(&s.agents, agent).allocated.AddInPlace(r)
	s.entry(&s.frameworks, framework).allocated.AddInPlace(r)
}

// forget empties the sums and keeps their memory, but for those of which nothing was left.
func (s *sums) forget() {
	for _, m := range []map[string]*usage{s.agents, s.frameworks} {
		for id, u := range m {
			if len(u.allocated)+len(u.offered)+len(u.with) == 0 {
				delete(m, id)
				continue
			}
			clear(u.allocated)
			clear(u.offered)
			clear(u.with)
			*u = usage{u.allocated[:0], u.offered[:0], tally{with: u.with[:0]}}
		}
	}
}

func holdsResources(t *core.Task) bool {
	return !t.Unreachable() && !core.IsTerminal(t.State())
}

// role is what the cluster knows of a role.
type role struct {
	name       string
	weight     float64
	rec        *record.Role // nil if operators have set nothing
	frameworks []string     // subscribed to it, or with resources of it
	// allocated and offered hold scalars; subroles are included.
	allocated, offered, reserved resource.Resources
}

// consumed is what a quota counts: reservations, used or not, and unreserved
// allocations.
func (r *role) consumed() resource.Quantities {
	return r.reserved.Quantities().Plus(r.allocated.NonRevocable().Unreserved().Quantities())
}

// rolesOf lists the roles that frameworks, settings or reservations know, with
// all their ancestors, by name.
func rolesOf(snap *view.Snapshot, total *sums) []*role {
	all := map[string]*role{}
	get := func(name string) *role {
		r := all[name]
		if r == nil {
			r = &role{name: name, weight: 1}
			all[name] = r
		}
		return r
	}
	for f := range snap.Frameworks.All() {
		if f.Completed() {
			continue
		}
		use := total.framework(f.ID())
		names := slices.Concat(frameworkRoles(f.Info()), use.allocated.AllocationRoles(), use.offered.AllocationRoles())
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			get(name).frameworks = append(get(name).frameworks, f.ID())
		}
		addByRole(get, use.allocated, func(r *role) *resource.Resources { return &r.allocated })
		addByRole(get, use.offered, func(r *role) *resource.Resources { return &r.offered })
	}
	for r := range snap.Roles.All() {
		known := get(r.Rec.GetName())
		known.rec = r.Rec
		if r.Rec.Weight != nil {
			known.weight = r.Rec.GetWeight()
		}
	}
	for a := range snap.Agents.All() {
		if !a.Registered() {
			continue
		}
		for _, name := range a.Total().ReservationRoles() {
			get(name).reserved.AddInPlace(a.Total().ReservedTo(name))
		}
	}
	return withAncestors(all)
}

// addByRole adds resources to their allocation roles.
func addByRole(get func(string) *role, rs resource.Resources, sum func(*role) *resource.Resources) {
	for _, name := range rs.AllocationRoles() {
		sum(get(name)).AddInPlace(rs.AllocatedTo(name))
	}
}

// withAncestors adds the missing ancestors, and each role's sums to them.
func withAncestors(all map[string]*role) []*role {
	own := make([]*role, 0, len(all))
	for _, r := range all {
		own = append(own, &role{name: r.name, allocated: r.allocated, offered: r.offered, reserved: r.reserved})
	}
	for _, r := range own {
		for _, name := range resource.RoleAncestors(r.name) {
			up := all[name]
			if up == nil {
				up = &role{name: name, weight: 1}
				all[name] = up
			}
			up.allocated = up.allocated.Plus(r.allocated)
			up.offered = up.offered.Plus(r.offered)
			up.reserved = up.reserved.Plus(r.reserved)
		}
	}
	list := make([]*role, 0, len(all))
	for _, r := range all {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b *role) int { return strings.Compare(a.name, b.name) })
	return list
}

// frameworkRoles are the roles that a framework is subscribed to: a list for
// MULTI_ROLE frameworks, one for others.
func frameworkRoles(info *mesos.FrameworkInfo) []string {
	if multiRole(info) {
		return info.GetRoles()
	}
	//lint:ignore SA1019 frameworks without MULTI_ROLE say it here
	return []string{info.GetRole()}
}

func multiRole(info *mesos.FrameworkInfo) bool {
	for _, c := range info.GetCapabilities() {
		if c.GetType() == mesos.FrameworkInfo_Capability_MULTI_ROLE {
			return true
		}
	}
	return false
}
