package cycle

import (
	"cmp"
	"slices"
	"strings"

	"github.com/caprock/caprock/alloc/drf"
	"github.com/caprock/caprock/wire/resource"
)

// The general rules, for agents that have something reserved, revocable, shared
// or on a special disk available.

// bounds are the resources of an offer that quota does not govern (reserved,
// revocable, no scalars) and those that it does beyond the plain scalars
// (unreserved scalars with disk or provider).
func bounds(rest resource.Resources, keep func(k *resource.Kind) bool) (free, governed resource.Resources) {
	for _, x := range rest {
		switch k := x.Kind; {
		case k.Type() == scalarType && !k.IsReserved() && !k.IsRevocable():
			governed = append(governed, x)
		case keep(k):
			free = append(free, x)
		}
	}
	return free, governed
}

// shrinkBoth cuts plain scalars and governed ones down to most, in that order;
// what cannot be divided goes whole or not at all. vec is changed, most too.
func (a *Allocator) shrinkBoth(vec []int64, governed resource.Resources, most []int64) resource.Resources {
	for d := range vec {
		vec[d] = min(vec[d], most[d])
		most[d] -= vec[d]
	}
	if len(governed) > 1 {
		governed = slices.Clone(governed)
		slices.SortFunc(governed, inChopOrder)
	}
	var kept resource.Resources
	for _, x := range governed {
		d := a.dim(x.Name())
		if most[d] <= 0 {
			continue
		}
		if cut, ok := x.ShrinkTo(most[d]); ok && !cut.IsEmpty() {
			most[d] -= cut.ScalarMilli()
			kept = append(kept, cut)
		}
	}
	return kept
}

// inChopOrder orders scalars that compete for what a quota leaves: Mesos draws
// lots, here what can be divided comes first, then the smaller.
func inChopOrder(x, y resource.Resource) int {
	if x.IsExclusive() != y.IsExclusive() {
		if y.IsExclusive() {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(x.ScalarMilli(), y.ScalarMilli()), strings.Compare(x.String(), y.String()))
}

// tryComplex is try by the general rules.
func (a *Allocator) tryComplex(v *visit, c int32) bool {
	cl := &a.claims[c]
	run := &a.run
	visible := a.visible(c, v.sh.Rows[v.row].AvailRest)
	free, governed := bounds(visible, func(*resource.Kind) bool { return true })
	vec := run.offer
	copy(vec, v.sh.AvailRow(v.row, a.space.Stride()))
	whole := len(governed)
	if len(run.quotaRoles) > 0 {
		if q := &a.roles[a.quotaRole(cl.role)]; q.limit != nil {
			for d, l := range q.limit {
				run.room[d] = 1 << 62
				if l >= 0 {
					run.room[d] = max(0, l-q.consumed[d])
				}
			}
			governed = a.shrinkBoth(vec, governed, run.room)
		}
		if run.holdBack {
			for d := range run.room {
				run.room[d] = max(0, run.available[d]-run.required[d])
			}
			governed = a.shrinkBoth(vec, governed, run.room)
		}
	}
	if share := a.opts.OfferShareLimit; share > 0 {
		for d, x := range v.sh.TotalRow(v.row, a.space.Stride()) {
			vec[d] = min(vec[d], shareOf(x, share))
		}
	}
	if whole != len(governed) || len(run.quotaRoles) > 0 || a.opts.OfferShareLimit > 0 {
		run.chopped = true
	}
	rest := append(free, governed...)
	if len(rest) == 0 && drf.IsZero(vec) || !enough(cl.min, vec, rest) {
		return false
	}
	if v.sh.Rows[v.row].Partials > 0 && a.filtered(c, v.slot, vec, rest) {
		return false
	}
	role := cl.role
	copy(run.increase, a.quotaAmount(vec, governed))
	a.makeOffer(v.slot, c, vec, rest)
	a.consume(role, run.increase, false)
	return true
}

// guaranteeComplex is tryGuarantee by the general rules.
func (a *Allocator) guaranteeComplex(v *visit, c int32) bool {
	cl := &a.claims[c]
	run := &a.run
	own := a.roles[cl.role].name
	visible := a.visible(c, v.sh.Rows[v.row].AvailRest)
	free, governed := bounds(visible, func(k *resource.Kind) bool {
		return !k.IsReserved() || a.opts.QuotaScope == Subtree || k.ReservationRole() == own || k.Type() != scalarType
	})
	avail := v.sh.AvailRow(v.row, a.space.Stride())
	guaranteedVec := append([]int64(nil), avail...)
	most := append([]int64(nil), run.unmet...)
	guaranteed := a.shrinkBoth(guaranteedVec, governed, most)
	if drf.IsZero(guaranteedVec) && len(guaranteed) == 0 {
		return false
	}
	extraVec := append([]int64(nil), avail...)
	drf.SubFrom(extraVec, guaranteedVec)
	extra := governed.Minus(guaranteed)
	toward := append([]int64(nil), a.quotaAmount(guaranteedVec, guaranteed)...)
	if q := &a.roles[a.quotaRole(cl.role)]; q.limit != nil {
		for d, l := range q.limit {
			most[d] = 1 << 62
			if l >= 0 {
				most[d] = max(0, l-q.consumed[d]-toward[d])
			}
		}
		extra = a.shrinkBoth(extraVec, extra, most)
	}
	if run.holdBack {
		for d := range most {
			most[d] = max(0, run.available[d]-run.required[d])
		}
		extra = a.shrinkBoth(extraVec, extra, most)
	}
	vec := run.offer
	copy(vec, guaranteedVec)
	drf.AddTo(vec, extraVec)
	taken := guaranteed.Plus(extra)
	rest := free.Plus(taken)
	if !enough(cl.min, vec, rest) {
		return false
	}
	if v.sh.Rows[v.row].Partials > 0 && a.filtered(c, v.slot, vec, rest) {
		return false
	}
	role := cl.role
	copy(run.increase, a.quotaAmount(vec, taken))
	a.makeOffer(v.slot, c, vec, rest)
	a.consumeGuarantee(role, run.increase, toward)
	return true
}
