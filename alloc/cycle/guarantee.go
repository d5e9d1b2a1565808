package cycle

import (
	"github.com/caprock/caprock/alloc/drf"
	"github.com/caprock/caprock/alloc/shard"
)

// serveGuarantees is the first stage for one agent.
func (a *Allocator) serveGuarantees(slot shard.Slot) {
	sh, row := a.space.At(slot)
	v := visit{a: a, slot: slot, sh: sh, row: row, lots: a.run.lots.of(slot)}
	v.eligible = a.classes.list[sh.Rows[row].Class-1].eligible
	if sh.Rows[row].Traits&shard.Barred != 0 {
		v.blocked = sh.Blocked[row]
	}
	a.roleTree.Refresh()
	if a.opts.RoleSorter == Random {
		a.run.drawn = a.roleTree.Shuffle(a.run.drawn[:0], v.lots.unit)
		for _, leaf := range a.run.drawn {
			if v.guaranteeRole(a.roleTree.Client(leaf)) {
				return
			}
		}
		return
	}
	it := &a.run.roles
	it.ResetWanted(a.roleTree)
	for leaf := it.Next(); leaf != drf.NoLeaf; leaf = it.Next() {
		if v.guaranteeRole(a.roleTree.Client(leaf)) {
			return
		}
	}
}

// guaranteeRole serves the guarantee of one role from the agent.
func (v *visit) guaranteeRole(id int32) (done bool) {
	a := v.a
	r := &a.roles[id]
	if !a.unmetBy(id) {
		a.roleTree.SetWanted(r.leaf, false)
		return false
	}
	t := a.treeOf(r)
	if a.opts.FrameworkSorter == Random {
		for _, leaf := range t.Shuffle(nil, v.lots.unit) {
			if v.guaranteeClaim(t.Client(leaf)) {
				break
			}
		}
	} else {
		it := &a.run.fws
		it.Reset(t)
		for leaf := it.Next(); leaf != drf.NoLeaf; leaf = it.Next() {
			if v.guaranteeClaim(t.Client(leaf)) {
				break
			}
		}
	}
	if !a.unmetBy(id) {
		a.roleTree.SetWanted(r.leaf, false)
	}
	return !v.sh.IsAvailable(v.row)
}

// guaranteeClaim serves the guarantee of a claim's role. It says whether the
// role is done with on this agent.
func (v *visit) guaranteeClaim(c int32) (done bool) {
	a := v.a
	id := a.claims[c].role
	if !a.unmetBy(id) {
		return true
	}
	if v.may(c) && a.fws[a.claims[c].framework].active {
		a.tryGuarantee(v, c)
	}
	return !v.sh.IsAvailable(v.row)
}

// tryGuarantee offers a claim, in the first stage, what its role's unmet
// guarantee can use of the agent, and with that everything else within limit
// and headroom.
func (a *Allocator) tryGuarantee(v *visit, c int32) bool {
	if v.sh.Rows[v.row].Traits&shard.Complex != 0 {
		return a.guaranteeComplex(v, c)
	}
	cl := &a.claims[c]
	run := &a.run
	avail, rest := v.sh.AvailRow(v.row, a.space.Stride()), v.sh.Rows[v.row].AvailRest
	vec, helps := run.offer, false
	q := &a.roles[a.quotaRole(cl.role)]
	for d, x := range avail {
		guaranteed := min(x, run.unmet[d])
		helps = helps || guaranteed > 0
		vec[d] = guaranteed + a.beyondGuarantee(q, d, x-guaranteed, guaranteed)
		run.room[d] = guaranteed
	}
	if !helps || !enough(cl.min, vec, rest) {
		return false
	}
	if v.sh.Rows[v.row].Partials > 0 && a.filtered(c, v.slot, vec, rest) {
		return false
	}
	copy(run.increase, vec)
	role := cl.role
	a.makeOffer(v.slot, c, vec, rest)
	a.consumeGuarantee(role, run.increase, run.room)
	return true
}

// beyondGuarantee cuts what is offered beyond the guarantee.
func (a *Allocator) beyondGuarantee(q *role, d int, extra, guaranteed int64) int64 {
	if q.limit != nil && q.limit[d] >= 0 {
		extra = min(extra, max(0, q.limit[d]-q.consumed[d]-guaranteed))
	}
	if a.run.holdBack {
		extra = min(extra, max(0, a.run.available[d]-a.run.required[d]))
	}
	return max(0, extra)
}

// consumeGuarantee books an offer of the first stage.
func (a *Allocator) consumeGuarantee(id int32, increase, guaranteed []int64) {
	run := &a.run
	a.consume(id, increase, true)
	drf.SubClamped(run.required, guaranteed)
	run.holdBack = !drf.IsZero(run.required)
}
