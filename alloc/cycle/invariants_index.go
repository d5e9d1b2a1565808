//go:build invariants

package cycle

import (
	"fmt"
	"slices"

	"github.com/caprock/caprock/alloc/drf"
	"github.com/caprock/caprock/alloc/shard"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// checkIndices: sets, classes and bars say what a walk over the tables says.
func (a *Allocator) checkIndices() {
	agents := make([]int, len(a.classes.list))
	for slot := shard.Slot(0); slot < a.space.Limit(); slot++ {
		if !a.space.InUse(slot) {
			continue
		}
		a.checkSets(slot)
		sh, row := a.space.At(slot)
		agents[sh.Rows[row].Class-1]++
		for c := range a.claims {
			if a.claims[c].framework >= 0 {
				a.checkClaimOn(int32(c), slot)
			}
		}
	}
	for i := range a.classes.list {
		if got := a.classes.list[i].agents; got != agents[i] {
			panic(fmt.Sprintf("BUG: class %d has %d agents, %d are kept", i, agents[i], got))
		}
	}
	for c := range a.claims {
		cl := &a.claims[c]
		if inTree := cl.framework >= 0 && cl.leaf >= 0 && a.roles[cl.role].tree.Active(cl.leaf); inTree != a.isActive(int32(c)) {
			panic(fmt.Sprintf("BUG: claim %d: the tree of its role says active %t, the bitset says otherwise", c, inTree))
		}
	}
}

// checkSets: an agent is in the sets that its resources and description put it in.
func (a *Allocator) checkSets(slot shard.Slot) {
	sh, row := a.space.At(slot)
	g, total := a.agentAt(slot), a.totalOf(slot)
	has := func(is func(resource.Resource) bool) bool { return slices.ContainsFunc(total, is) }
	listed := a.whitelist == nil
	if !listed {
		_, listed = a.whitelist[g.info.Hostname]
	}
	for set, want := range map[shard.Set]bool{
		shard.GPUs: has(func(x resource.Resource) bool {
			return x.Name() == "gpus" && x.Type() == mesos.Value_SCALAR && x.ScalarMilli() > 0
		}),
		shard.Revocable:   has(func(x resource.Resource) bool { return x.IsRevocable() }),
		shard.Shared:      has(func(x resource.Resource) bool { return x.IsShared() }),
		shard.Maintenance: g.maintenance != nil,
		shard.Unlisted:    !listed,
	} {
		if a.space.Has(set, slot) != want {
			panic(fmt.Sprintf("BUG: agent %s: being in set %d is %t, want %t", sh.Rows[row].ID, set, !want, want))
		}
	}
}

// checkClaimOn: who may be offered an agent at all is what the rules say, and who
// rests on it could not be offered anything.
func (a *Allocator) checkClaimOn(c int32, slot shard.Slot) {
	sh, row := a.space.At(slot)
	r, cl := &sh.Rows[row], &a.claims[c]
	class := &a.classes.list[r.Class-1]
	eligible := int(c>>6) < len(class.eligible) && class.eligible[c>>6]&(1<<(c&63)) != 0
	if want := a.suits(class, c); eligible != want {
		panic(fmt.Sprintf("BUG: agent %s, claim %d: its class says eligible %t, the rules %t", r.ID, c, eligible, want))
	}
	hostBarred := cl.constraints != nil && cl.constraints.hosts && !cl.constraints.admits(&a.agentAt(slot).info)
	if kept := cl.hostBarred != nil && cl.hostBarred.Contains(slot); kept != hostBarred {
		panic(fmt.Sprintf("BUG: agent %s, claim %d: barred by host name is kept as %t", r.ID, c, kept))
	}
	refused := cl.filters.covered != nil && cl.filters.covered.Contains(slot)
	if want := hostBarred || refused; a.barred(c, slot) != want {
		panic(fmt.Sprintf("BUG: agent %s, claim %d: barred is %t, want %t", r.ID, c, !want, want))
	}
	if sh.IsScant(row) && !a.tooLittle(sh, row) {
		panic(fmt.Sprintf("BUG: agent %s is known to have less than every minimum, which is not so", r.ID))
	}
	if !a.isActive(c) || sh.Idle[row>>6]&(1<<(row&63)) == 0 || !sh.IsAvailable(row) {
		return
	}
	framework, role := a.fws[cl.framework].info.ID, a.roles[cl.role].name
	if e := a.Explain(framework, role, r.ID); e.Reason == OthersFirst {
		panic(fmt.Sprintf("BUG: agent %s is known to be of no use, but framework %s may have it in role %q: %s",
			r.ID, framework, role, e.Text))
	}
}

// checkRoles: the sums of roles are those of the agents.
func (a *Allocator) checkRoles(shared bool) {
	for id := range a.roles {
		r := &a.roles[id]
		if id > 0 && a.roleIDs[r.name] != int32(id) {
			continue // free
		}
		reserved, offered := make([]int64, len(a.total)), make([]int64, len(a.total))
		for slot := shard.Slot(0); slot < a.space.Limit(); slot++ {
			if !a.space.InUse(slot) {
				continue
			}
			sh, row := a.space.At(slot)
			for _, x := range sh.TotalRest[row] {
				if x.Type() == scalarType && x.IsReserved() && (id == 0 || resource.IsInSubtree(x.ReservationRole(), r.name)) {
					reserved[a.dim(x.Name())] += x.ScalarMilli()
				}
			}
			for i := sh.Rows[row].Holdings; i != noHolding; i = a.hold.entries[i].next {
				if a.hold.entries[i].tracked && (id == 0 || resource.IsInSubtree(a.roles[a.claims[a.hold.entries[i].claim].role].name, r.name)) {
					_, unreserved, _, _ := a.amounts(a.hold.row(i), a.hold.all(i))
					drf.AddTo(offered, unreserved)
				}
			}
		}
		if !slices.Equal(drf.Grow(r.reservations, len(reserved)), reserved) {
			panic(fmt.Sprintf("BUG: role %q: %v are reserved, %v are kept", r.name, reserved, r.reservations))
		}
		if !shared && !slices.Equal(drf.Grow(r.offered, len(offered)), offered) {
			panic(fmt.Sprintf("BUG: role %q: %v are offered or allocated, %v are kept", r.name, offered, r.offered))
		}
	}
}

// checks is what is remembered from the start of a cycle to its end.
type checks struct {
	consumed map[int32][]int64 // by role
}

// before remembers, before offers are made, what top-level roles consume.
func (c *checks) before(a *Allocator) {
	c.consumed = make(map[int32][]int64)
	for _, id := range a.run.quotaRoles {
		if a.roles[id].parent == 0 {
			c.consumed[id] = slices.Clone(a.roles[id].consumed)
		}
	}
}

// after checks everything.
func (c *checks) after(a *Allocator) {
	a.checkLimits(c.consumed)
	a.checkInvariants()
}

// checkLimits: no offer of this cycle took a subtree beyond the limit of its role. A
// guarantee is served even if it is larger than the limit. With the scope of Mesos
// children may pass the limit of their parent.
func (a *Allocator) checkLimits(consumed map[int32][]int64) {
	if a.opts.QuotaScope != Subtree {
		return
	}
	for id, before := range consumed {
		r := &a.roles[id]
		for d, l := range r.limit {
			if most := max(l, element(r.guarantee, d), element(before, d)); l >= 0 && r.offered[d]+r.reservations[d] > most {
				panic(fmt.Sprintf("BUG: role %q consumes %d milli of %s, its limit is %d, guarantee %d, and it consumed %d before the cycle",
					r.name, r.offered[d]+r.reservations[d], a.names.Name(d), l, element(r.guarantee, d), element(before, d)))
			}
		}
	}
}
