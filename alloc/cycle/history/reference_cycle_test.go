package history_test

import (
	"cmp"
	"slices"
	"strings"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/alloc/cycle/history"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// refCycle is the variables of one cycle.
type refCycle struct {
	r         *reference
	agents    []string
	consumed  map[string]resource.Quantities
	required  resource.Quantities
	available resource.Quantities
}

// offer is the two stages, rule by rule.
func (r *reference) offer() {
	c := &refCycle{r: r, consumed: map[string]resource.Quantities{}}
	for _, id := range r.slots {
		if id == "" || !r.candidates[id] {
			continue
		}
		if g := r.agents[id]; !g.deactivated && (!r.listed || slices.Contains(r.whitelist, g.info.Hostname)) {
			c.agents = append(c.agents, id)
		}
	}
	unreserved := func(x resource.Resource) bool { return !x.IsReserved() && !x.IsRevocable() }
	for role, q := range r.quotas {
		if q.IsDefault() || strings.Contains(role, "/") {
			continue
		}
		c.consumed[role] = r.inSubtree(role, unreserved).Plus(r.reservations(role))
		c.required = c.required.Plus(q.Guarantee.Minus(c.consumed[role]))
	}
	for id := range r.agents {
		c.available = c.available.Plus(r.roles.totals[id])
	}
	c.available = c.available.Minus(r.roles.root.sum)
	c.available = c.available.Minus(r.reservations("").Minus(r.inSubtree("", resource.Resource.IsReserved)))
	for _, g := range r.agents {
		c.available = c.available.Minus(g.available().Revocable().CreateStrippedScalarQuantity())
	}
	for _, stage := range []func(string){c.guarantees, c.fairShare} {
		for _, id := range c.agents {
			stage(id)
		}
	}
}

// subtree says whether quotas bind whole subtrees.
func (c *refCycle) subtree() bool { return c.r.opts.QuotaScope == cycle.Subtree }

// quotaRole is the role whose quota counts for offers to a role.
func (c *refCycle) quotaRole(role string) string {
	if c.subtree() {
		top, _, _ := strings.Cut(role, "/")
		return top
	}
	return role
}

func (c *refCycle) guarantees(id string) {
	r := c.r
	g := r.agents[id]
	for _, role := range r.roles.sort() {
		q := r.quotas[c.quotaRole(role)]
		if len(q.Guarantee) == 0 {
			continue
		}
		if g.available().IsEmpty() {
			break
		}
		unmet := q.Guarantee.Minus(c.consumed[c.quotaRole(role)])
		for _, fw := range r.sorters[role].sort() {
			if len(unmet) == 0 {
				break
			}
			f := r.frameworks[fw]
			available := r.receivable(f, role, g)
			if !f.active || available.IsEmpty() {
				continue
			}
			governed := available.Filter(isGoverned)
			guaranteed := shrinkTo(governed, amounts(unmet))
			if guaranteed.IsEmpty() {
				continue
			}
			offer := guaranteed.Plus(available.Filter(func(x resource.Resource) bool {
				return x.ReservationRole() == role || c.subtree() && x.IsReserved() || x.Type() != mesos.Value_SCALAR || x.IsRevocable()
			}))
			extra := governed.Minus(guaranteed)
			if len(q.Limit) > 0 {
				extra = shrinkTo(extra, bounds(q.Limit, c.consumed[c.quotaRole(role)].Plus(guaranteed.CreateStrippedScalarQuantity())))
			}
			extra = c.withinHeadroom(extra)
			offer = offer.Plus(extra)
			if !r.offerable(f, role, g, offer) {
				continue
			}
			increase := guaranteed.Plus(extra).CreateStrippedScalarQuantity()
			unmet = unmet.Minus(increase)
			c.consume(role, increase)
			c.required = c.required.Minus(guaranteed.CreateStrippedScalarQuantity())
			c.available = c.available.Minus(increase)
			r.send(fw, role, id, offer)
		}
	}
}

func (c *refCycle) consume(role string, amount resource.Quantities) {
	if c.subtree() {
		role = c.quotaRole(role)
	}
	for _, up := range ancestry(role) {
		c.consumed[up] = c.consumed[up].Plus(amount)
	}
}

func (c *refCycle) fairShare(id string) {
	r := c.r
	g := r.agents[id]
	for _, role := range r.roles.sort() {
		if g.available().IsEmpty() {
			break
		}
		q := r.quotas[c.quotaRole(role)]
		for _, fw := range r.sorters[role].sort() {
			f := r.frameworks[fw]
			available := r.receivable(f, role, g)
			if available.IsEmpty() {
				continue
			}
			extra := available.Filter(isGoverned)
			offer := available.Filter(func(x resource.Resource) bool { return !isGoverned(x) })
			if len(q.Limit) > 0 {
				extra = shrinkTo(extra, bounds(q.Limit, c.consumed[c.quotaRole(role)]))
			}
			extra = c.withinHeadroom(extra)
			offer = offer.Plus(extra)
			if !r.offerable(f, role, g, offer) {
				continue
			}
			increase := extra.CreateStrippedScalarQuantity()
			if !q.IsDefault() {
				c.consume(role, increase)
			}
			c.available = c.available.Minus(increase)
			r.send(fw, role, id, offer)
		}
	}
}

func (r *reference) send(fw, role, agent string, offer resource.Resources) {
	offer = offer.Allocate(role)
	r.agents[agent].held[fw] = r.agents[agent].held[fw].Plus(offer)
	r.book(fw, agent, offer)
	collecting.offers = append(collecting.offers, history.Decided{Framework: fw, Role: role, Agent: agent, Resources: offer})
}

func isGoverned(x resource.Resource) bool {
	return x.Type() == mesos.Value_SCALAR && !x.IsReserved() && !x.IsRevocable()
}

func (c *refCycle) withinHeadroom(extra resource.Resources) resource.Resources {
	if len(c.required) == 0 || extra.IsEmpty() {
		return extra
	}
	return shrinkTo(extra, amounts(c.available.Minus(c.required)))
}

// amounts bounds every name, by zero if it is missing.
func amounts(q resource.Quantities) func(string) (int64, bool) {
	return func(name string) (int64, bool) { return q.Get(name), true }
}

// bounds bounds the limited names.
func bounds(limit resource.Limits, consumed resource.Quantities) func(string) (int64, bool) {
	return func(name string) (int64, bool) {
		l, limited := limit.Get(name)
		return max(0, l-consumed.Get(name)), limited
	}
}

// shrinkTo cuts scalars down to bounds per name: plain ones first, then what can
// be divided, then the smaller.
func shrinkTo(rs resource.Resources, most func(string) (int64, bool)) resource.Resources {
	rs = slices.Clone(rs)
	plain := func(x resource.Resource) bool { return x.Disk() == nil && !x.HasProvider() && !x.IsShared() }
	slices.SortFunc(rs, func(x, y resource.Resource) int {
		for _, f := range []func(resource.Resource) bool{
			func(x resource.Resource) bool { return !plain(x) }, func(x resource.Resource) bool { return x.IsExclusive() },
		} {
			if f(x) != f(y) {
				if f(y) {
					return -1
				}
				return 1
			}
		}
		return cmp.Or(cmp.Compare(x.ScalarMilli(), y.ScalarMilli()), strings.Compare(x.String(), y.String()))
	})
	used := map[string]int64{}
	var out resource.Resources
	for _, x := range rs {
		bound, bounded := most(x.Name())
		if !bounded {
			out = out.Plus(resource.Of(x))
			continue
		}
		if bound -= used[x.Name()]; bound <= 0 {
			continue
		}
		if cut, ok := x.ShrinkTo(bound); ok {
			used[x.Name()] += cut.ScalarMilli()
			out = out.Plus(resource.Of(cut))
		}
	}
	return out
}

// receivable is what of an agent a framework may get in a role at all, nothing
// if it may not get the agent.
func (r *reference) receivable(f *refFramework, role string, g *refAgent) resource.Resources {
	caps := f.info.Capabilities
	if excluded(f.info.Constraints, role, &g.info) {
		return nil
	}
	if !r.opts.ShowGPUsToAll && !caps.Has(cycle.GPUResources) && g.total.ScalarMilli("gpus") > 0 {
		return nil
	}
	if fd := g.info.Domain.GetFaultDomain(); fd != nil && !caps.Has(cycle.RegionAware) &&
		fd.GetRegion().GetName() != r.opts.Domain.GetFaultDomain().GetRegion().GetName() {
		return nil
	}
	return g.available().Filter(func(x resource.Resource) bool {
		return x.IsAllocatableTo(role) && (caps.Has(cycle.SharedResources) || !x.IsShared()) &&
			(caps.Has(cycle.RevocableResources) || !x.IsRevocable()) &&
			(caps.Has(cycle.ReservationRefinement) || !x.HasRefinedReservations())
	})
}

// excluded evaluates constraints as they are written.
func excluded(c *cycle.Constraints, role string, g *cycle.Agent) bool {
	source, _ := c.Source()
	rc, ok := source.GetRoleConstraints()[role]
	if !ok {
		return false
	}
	for _, group := range rc.GetGroups() {
		all := true
		for _, ac := range group.GetAttributeConstraints() {
			all = all && satisfied(ac, g)
		}
		if all {
			return false
		}
	}
	return true
}

// offerable is the checks of an offer about to be made.
func (r *reference) offerable(f *refFramework, role string, g *refAgent, offer resource.Resources) bool {
	if offer.IsEmpty() || !r.enough(f, role, offer) {
		return false
	}
	if f.info.Capabilities.Has(cycle.MultiRole) && !g.info.Capabilities.Has(cycle.AgentMultiRole) {
		return false
	}
	if !g.info.Capabilities.Has(cycle.AgentHierarchicalRole) && strings.Contains(role, "/") {
		return false
	}
	return !slices.ContainsFunc(f.filters[role][g.info.ID], func(x *refFilter) bool { return x.refused.Contains(offer) })
}

func (r *reference) enough(f *refFramework, role string, offer resource.Resources) bool {
	alternatives := r.opts.MinAllocatable
	if own, ok := f.info.MinAllocatable[role]; ok {
		alternatives = own
	}
	return len(alternatives) == 0 || slices.ContainsFunc(alternatives, func(q resource.Quantities) bool {
		return !slices.ContainsFunc(q, func(need resource.Quantity) bool {
			missing := resource.FloatFromMilli(need.Milli)
			named := slices.Clone(offer.Named(need.Name))
			slices.SortFunc(named, func(x, y resource.Resource) int {
				if a, b := isPlain(x), isPlain(y); a != b {
					if a {
						return -1
					}
					return 1
				}
				return cmp.Compare(y.QuantityMilli(), x.QuantityMilli())
			})
			for _, x := range named {
				if missing > 0 {
					missing -= resource.FloatFromMilli(x.QuantityMilli())
				}
			}
			return missing > 0
		})
	})
}

func isPlain(x resource.Resource) bool {
	return isGoverned(x) && x.Disk() == nil && !x.HasProvider() && !x.IsShared()
}
