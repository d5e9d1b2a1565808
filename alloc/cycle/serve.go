package cycle

import (
	"math/bits"

	"github.com/caprock/caprock/alloc/drf"
	"github.com/caprock/caprock/alloc/shard"
)

// fewMisses is how many claims that may not have an agent are passed over before
// those that may are looked up; fewClaims is how many of them are then worth
// comparing one by one. Where refusals are known from the start, run.few is: the
// root of the number of claims, where passing over and comparing cost the same.
const (
	fewMisses = 24
	fewClaims = 64
)

// serve is the second stage for one agent: it goes through roles and frameworks,
// neediest first, in the order as it is now, and offers each what it may have of
// what is left. Usually the first one takes it all.
func (a *Allocator) serve(slot shard.Slot) {
	sh, row := a.space.At(slot)
	v := visit{a: a, slot: slot, sh: sh, row: row, lots: a.run.lots.of(slot)}
	v.eligible = a.classes.list[sh.Rows[row].Class-1].eligible
	if sh.Rows[row].Traits&shard.Barred != 0 {
		v.blocked = sh.Blocked[row]
	}
	v.narrow = sh.Rows[row].Traits&shard.Complex != 0 && v.onlyReserved()
	a.roleTree.Refresh()
	if a.opts.RoleSorter == Random {
		a.run.drawn = a.roleTree.Shuffle(a.run.drawn[:0], v.lots.unit)
		for _, leaf := range a.run.drawn {
			if v.serveRole(a.roleTree.Client(leaf)) {
				return
			}
		}
		return
	}
	if v.blocked != nil && v.serveFew(a.run.few) {
		return
	}
	it := &a.run.roles
	if a.run.pruning && sh.Rows[row].Traits&shard.Complex == 0 {
		it.ResetWanted(a.roleTree)
	} else {
		it.Reset(a.roleTree)
	}
	for leaf := it.Next(); leaf != drf.NoLeaf; leaf = it.Next() {
		if v.serveRole(a.roleTree.Client(leaf)) {
			return
		}
	}
}

// firstTakesAll says whether in this cycle the neediest claim of all takes all that a
// plain agent has, if it may have it and finds it enough.
func (a *Allocator) firstTakesAll() bool {
	return a.opts.RoleSorter == DRF && a.opts.FrameworkSorter == DRF && a.opts.OfferShareLimit == 0 && len(a.run.quotaRoles) == 0
}

// serveFirst is serve for the usual case, that the neediest claim takes all. It says
// whether that was so; otherwise it has done nothing.
func (a *Allocator) serveFirst(slot shard.Slot, sh *shard.Shard, row int) bool {
	g := &sh.Rows[row]
	if g.Traits&(shard.Complex|shard.Over) != 0 || g.Partials > 0 {
		return false
	}
	a.roleTree.Refresh()
	leaf := a.roleTree.First()
	if leaf == drf.NoLeaf {
		return false
	}
	r := &a.roles[a.roleTree.Client(leaf)]
	t := r.tree
	if leaf = t.Sole(); leaf == drf.NoLeaf {
		if leaf = a.treeOf(r).First(); leaf == drf.NoLeaf {
			return false // nobody in the role takes part
		}
	}
	c := t.Client(leaf)
	if g.Traits&shard.Barred != 0 {
		if b := sh.Blocked[row]; int(c>>6) < len(b) && b[c>>6]&(1<<(c&63)) != 0 {
			return false
		}
	}
	avail := sh.AvailRow(row, a.space.Stride())
	if a.classes.list[g.Class-1].eligible[c>>6]&(1<<(c&63)) == 0 || !enough(a.claims[c].min, avail, g.AvailRest) {
		return false
	}
	a.makeOffer(slot, c, avail, g.AvailRest)
	return true
}

// visit is one agent in one stage.
type visit struct {
	a        *Allocator
	slot     shard.Slot
	sh       *shard.Shard
	row      int
	eligible []uint64
	blocked  []uint64
	misses   int
	offers   int
	lots     random
	narrow   bool // there is nothing but reserved resources
}

// may says whether no static rule keeps a claim from the agent.
func (v *visit) may(c int32) bool {
	w, bit := int(c>>6), uint64(1)<<(c&63)
	return v.eligible[w]&bit != 0 && (w >= len(v.blocked) || v.blocked[w]&bit == 0)
}

// serveRole offers the agent to the frameworks of a role. It says whether the
// agent is done with.
func (v *visit) serveRole(id int32) (done bool) {
	a := v.a
	r := &a.roles[id]
	if v.narrow && !v.reservedFor(r.name) {
		return false
	}
	if leaf := r.tree.Sole(); leaf != drf.NoLeaf {
		return v.serveClaim(r.tree.Client(leaf))
	}
	t := a.treeOf(r)
	if a.opts.FrameworkSorter == Random {
		for _, leaf := range t.Shuffle(nil, v.lots.unit) {
			if v.serveClaim(t.Client(leaf)) {
				return true
			}
		}
		return false
	}
	it := &a.run.fws
	it.Reset(t)
	for leaf := it.Next(); leaf != drf.NoLeaf; leaf = it.Next() {
		if v.serveClaim(t.Client(leaf)) {
			return true
		}
	}
	return false
}

// onlyReserved says whether all that is available is reserved.
func (v *visit) onlyReserved() bool {
	if !drf.IsZero(v.sh.AvailRow(v.row, v.a.space.Stride())) {
		return false
	}
	rest := v.sh.Rows[v.row].AvailRest
	for i := range rest {
		if !rest[i].IsReserved() {
			return false
		}
	}
	return true
}

// reservedFor says whether anything that is available is reserved for a role or
// an ancestor of it.
func (v *visit) reservedFor(role string) bool {
	rest := v.sh.Rows[v.row].AvailRest
	for i := range rest {
		if rest[i].IsAllocatableTo(role) {
			return true
		}
	}
	return false
}

// serveClaim offers the agent to one claim, if it may have it.
func (v *visit) serveClaim(c int32) (done bool) {
	if !v.may(c) {
		if v.misses++; v.misses == fewMisses && v.offers == 0 {
			return v.serveFew(fewClaims)
		}
		return false
	}
	if v.a.try(v, c) {
		v.offers++
		return !v.sh.IsAvailable(v.row)
	}
	return false
}

// serveFew is for agents that hardly anybody may have: it looks up who may and,
// if those are at most as many as most, serves them in order. It says whether that was done.
func (v *visit) serveFew(most int) bool {
	a := v.a
	if a.opts.RoleSorter == Random || a.opts.FrameworkSorter == Random {
		return false
	}
	few := a.run.left[:0]
	for w, word := range a.active[:min(len(a.active), len(v.eligible))] {
		if word &= v.eligible[w]; w < len(v.blocked) {
			word &^= v.blocked[w]
		}
		if len(few)+bits.OnesCount64(word) > most {
			return false
		}
		for ; word != 0; word &= word - 1 {
			few = append(few, int32(w*64+trailingZeros(word)))
		}
	}
	a.run.left = few
	for _, c := range few {
		a.treeOf(&a.roles[a.claims[c].role])
	}
	for len(few) > 0 {
		best := 0
		for i := 1; i < len(few); i++ {
			if a.comesBefore(few[i], few[best]) {
				best = i
			}
		}
		c := few[best]
		few[best] = few[len(few)-1]
		few = few[:len(few)-1]
		if a.try(v, c) {
			v.offers++
			if !v.sh.IsAvailable(v.row) {
				break
			}
		}
	}
	return true
}

// comesBefore compares claims in the order of the cycle.
func (a *Allocator) comesBefore(x, y int32) bool {
	cx, cy := &a.claims[x], &a.claims[y]
	if cx.role != cy.role {
		return a.roleTree.Compare(a.roles[cx.role].leaf, a.roles[cy.role].leaf) < 0
	}
	return a.roles[cx.role].tree.Compare(cx.leaf, cy.leaf) < 0
}

// try offers a claim what it may have of an agent in the second stage: all that
// is bound to its role, and unreserved scalars within limit and headroom.
func (a *Allocator) try(v *visit, c int32) bool {
	if a.skipsForHint(v, c) {
		return false
	}
	if v.sh.Rows[v.row].Traits&shard.Complex != 0 {
		return a.tryComplex(v, c)
	}
	cl := &a.claims[c]
	stride := a.space.Stride()
	avail, rest := v.sh.AvailRow(v.row, stride), v.sh.Rows[v.row].AvailRest
	vec := a.shrink(v, cl.role, avail)
	if len(rest) == 0 && drf.IsZero(vec) || !enough(cl.min, vec, rest) {
		if &vec[0] != &avail[0] {
			a.maybeClose(cl.role)
		}
		return false
	}
	if v.sh.Rows[v.row].Partials > 0 && a.filtered(c, v.slot, vec, rest) {
		return false
	}
	role := cl.role
	if len(a.run.quotaRoles) > 0 {
		copy(a.run.increase, vec)
	}
	a.makeOffer(v.slot, c, vec, rest)
	a.consume(role, a.run.increase, false)
	return true
}

// shrink cuts plain scalars down to the role's limit, the free headroom and the
// share of an agent that one offer may take. It returns avail itself if nothing
// was cut.
func (a *Allocator) shrink(v *visit, id int32, avail []int64) []int64 {
	r := &a.run
	vec := avail
	if len(r.quotaRoles) > 0 {
		if q := &a.roles[a.quotaRole(id)]; q.limit != nil {
			vec = a.cap(vec, avail, func(d int) int64 {
				if q.limit[d] < 0 {
					return avail[d]
				}
				return max(0, q.limit[d]-q.consumed[d])
			})
		}
		if r.holdBack {
			vec = a.cap(vec, avail, func(d int) int64 { return max(0, r.available[d]-r.required[d]) })
		}
	}
	if share := a.opts.OfferShareLimit; share > 0 {
		total := v.sh.TotalRow(v.row, a.space.Stride())
		vec = a.cap(vec, avail, func(d int) int64 { return shareOf(total[d], share) })
	}
	if &vec[0] != &avail[0] {
		r.chopped = true
	}
	return vec
}

// shareOf returns a part of a total, rounded up to whole units.
func shareOf(total int64, share float64) int64 {
	return (int64(float64(total)*share) + 999) / 1000 * 1000
}

// cap limits vec, in run.offer if something must change.
func (a *Allocator) cap(vec, avail []int64, most func(d int) int64) []int64 {
	for d, x := range vec {
		if x == 0 {
			continue
		}
		if m := most(d); m < x {
			if &vec[0] == &avail[0] {
				copy(a.run.offer, avail)
				vec = a.run.offer
			}
			vec[d] = m
		}
	}
	return vec
}

// maybeClose leaves a role out of the rest of the cycle for plain agents if its
// limit and the headroom leave too little for any of its frameworks. Both only
// shrink during a cycle.
func (a *Allocator) maybeClose(id int32) {
	run := &a.run
	r := &a.roles[id]
	if run.closed < 0 || a.opts.OfferShareLimit > 0 || a.opts.RoleSorter == Random || !a.isClosed(id) {
		return
	}
	run.closed++
	if !run.pruning {
		if run.closed < fewMisses {
			return
		}
		run.pruning = true
		a.roleTree.WantOnly(func(other int32) bool { return !a.isClosed(other) })
		return
	}
	a.roleTree.SetWanted(r.leaf, false)
}

// isClosed says whether no framework of a role can be offered a plain agent.
func (a *Allocator) isClosed(id int32) bool {
	r := &a.roles[id]
	if r.tree == nil {
		return true
	}
	for d := range a.run.room {
		a.run.room[d] = 1 << 62
	}
	room := a.run.room
	if q := &a.roles[a.quotaRole(id)]; q.limit != nil {
		for d, l := range q.limit {
			if l >= 0 {
				room[d] = max(0, l-q.consumed[d])
			}
		}
	}
	if a.run.holdBack {
		for d := range room {
			room[d] = min(room[d], max(0, a.run.available[d]-a.run.required[d]))
		}
	}
	closed := true
	r.tree.Each(func(c int32) bool {
		closed = !reachable(a.claims[c].min, room)
		return closed
	})
	return closed
}

// reachable says whether some alternative can be met with at most room of each
// plain scalar. Needs of names that have no dimension of a plain scalar in any
// quantity are taken to be met.
func reachable(alternatives []minimum, room []int64) bool {
	if len(alternatives) == 0 {
		return true
	}
next:
	for _, m := range alternatives {
		for i := range m {
			if isScalarName(m[i].name) && room[m[i].dim] < m[i].milli {
				continue next
			}
		}
		return true
	}
	return false
}

// isScalarName says whether the name is always one of a scalar.
func isScalarName(name string) bool {
	return name == "cpus" || name == "mem" || name == "disk" || name == "gpus"
}
