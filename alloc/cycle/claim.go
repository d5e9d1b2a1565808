package cycle

import (
	"math"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/caprock/caprock/alloc/drf"
	"github.com/caprock/caprock/alloc/shard"
	"github.com/caprock/caprock/wire/resource"
)

// claim is a framework in a role: the unit that is offered something. It exists
// while the framework is subscribed to the role or holds resources in it.
type claim struct {
	framework  int32
	role       int32
	party      *party
	leaf       drf.Leaf // in the role's tree; NoLeaf: not tracked
	subscribed bool
	suppressed bool
	held       int32 // entries of holdings

	min         []minimum // alternatives; none: everything is enough
	ownMin      bool      // min is the framework's own, not the cluster's
	constraints *expression
	hostBarred  *roaring.Bitmap // agents that constraints on host names exclude

	filters filters

	hint      []minimum // what the framework asked for with REQUEST; none: nothing
	hintNames resource.Quantities
	fitting   int // candidates of this cycle that have it

	lastOffer int64
}

// minimum is one alternative of what an offer must contain.
type minimum []need

type need struct {
	dim   int
	milli int64
	name  string
}

func (a *Allocator) minima(alternatives []resource.Quantities) []minimum {
	out := make([]minimum, 0, len(alternatives))
	for _, q := range alternatives {
		var m minimum
		for _, x := range q {
			m = append(m, need{a.dim(x.Name), x.Milli, x.Name})
		}
		out = append(out, m)
	}
	return out
}

// enough says whether an offer is worth making. Where several entries must be
// added up it subtracts doubles one after the other, as Mesos does: 511.9 and
// 0.1 are less than 512.
func enough(alternatives []minimum, vec []int64, rest resource.Resources) bool {
	if len(alternatives) == 0 {
		return true
	}
next:
	for _, m := range alternatives {
		for i := range m {
			if vec[m[i].dim] < m[i].milli && !m[i].metBy(vec, rest) {
				continue next
			}
		}
		return true
	}
	return false
}

// claimOf returns the claim of a framework in a role, a new one if there is none.
func (a *Allocator) claimOf(fw, roleID int32) int32 {
	f := &a.fws[fw]
	if c, ok := f.claims[roleID]; ok {
		return c
	}
	cl := claim{framework: fw, role: roleID, leaf: drf.NoLeaf, lastOffer: a.now}
	cl.party = &party{framework: f.info.ID, role: a.roles[roleID].name, number: fw}
	var c int32
	if n := len(a.freeClaim); n > 0 {
		c = a.freeClaim[n-1]
		a.freeClaim = a.freeClaim[:n-1]
		a.claims[c] = cl
	} else {
		c = int32(len(a.claims))
		a.claims = append(a.claims, cl)
		if int(c)/64 >= len(a.active) {
			a.active = append(a.active, 0)
		}
	}
	f.claims[roleID] = c
	a.roles[roleID].claims++
	a.configure(c)
	return c
}

// tidyClaim forgets a claim that is neither subscribed nor tracked, holds nothing
// and has no filters, and the framework if it is unknown and has no other claim.
func (a *Allocator) tidyClaim(c int32) {
	cl := &a.claims[c]
	if cl.framework < 0 || cl.subscribed || cl.leaf >= 0 || cl.held > 0 || len(cl.filters.groups) > 0 {
		return
	}
	fw, roleID := cl.framework, cl.role
	a.clearHosts(c)
	a.setActive(c, false)
	a.classes.dropClaim(c)
	delete(a.fws[fw].claims, roleID)
	a.countOwnMin(&a.claims[c], false)
	a.claims[c] = claim{framework: -1, leaf: drf.NoLeaf}
	a.freeClaim = append(a.freeClaim, c)
	a.roles[roleID].claims--
	a.tidyRole(roleID)
	a.tidyFramework(fw)
}

// configure derives what a claim needs from its framework's description.
func (a *Allocator) configure(c int32) {
	cl := &a.claims[c]
	f := &a.fws[cl.framework]
	name := a.roles[cl.role].name
	cl.min = a.defaultMin()
	own, ok := f.info.MinAllocatable[name]
	if ok {
		cl.min = a.minima(own)
	}
	cl = &a.claims[c]
	a.countOwnMin(cl, ok)
	cl.constraints = f.info.Constraints.forRole(name)
	a.classes.judge(a, c)
	a.barHosts(c)
	a.space.WakeAll()
}

// countOwnMin notes whether a claim has a minimum of its own.
func (a *Allocator) countOwnMin(cl *claim, own bool) {
	switch {
	case own && !cl.ownMin:
		if a.ownMinima++; a.ownMinima == 1 {
			a.space.ForgetScant()
		}
	case !own && cl.ownMin:
		a.ownMinima--
	}
	cl.ownMin = own
}

// tooLittle says whether what a plain agent has is below the minimum of every claim.
// An agent whose cpus and memory are in use still has disk and ports, which alone
// nobody is offered; without this each claim would be asked.
func (a *Allocator) tooLittle(sh *shard.Shard, row int) bool {
	return a.ownMinima == 0 && sh.Rows[row].Traits&shard.Complex == 0 &&
		!enough(a.defaultMin(), sh.AvailRow(row, a.space.Stride()), sh.Rows[row].AvailRest)
}

func (a *Allocator) defaultMin() []minimum {
	if a.run.defaultMin == nil {
		a.run.defaultMin = a.minima(a.opts.MinAllocatable)
	}
	return a.run.defaultMin
}

// track gives a claim a place in the order of its role. It stays inactive.
func (a *Allocator) track(c int32) {
	cl := &a.claims[c]
	if cl.leaf >= 0 {
		return
	}
	r := &a.roles[cl.role]
	if r.frameworks == 0 {
		r.leaf = a.roleTree.Add(r.name, cl.role)
		a.roleTree.SetActive(r.leaf, true)
		r.tree = drf.NewTree(false)
		r.tree.SetCluster(a.total, a.excluded)
	}
	r.frameworks++
	cl.leaf = r.tree.Add(a.fws[cl.framework].info.ID, c)
}

// untrack takes a claim that holds nothing out of the order of its role; it
// does nothing if the claim still holds something.
func (a *Allocator) untrack(c int32) bool {
	cl := &a.claims[c]
	if cl.held > 0 {
		return false
	}
	if cl.leaf >= 0 {
		a.setActive(c, false)
		r := &a.roles[cl.role]
		r.tree.Remove(a.fws[cl.framework].info.ID)
		cl.leaf = drf.NoLeaf
		if r.frameworks--; r.frameworks == 0 {
			a.roleTree.Remove(r.name)
			r.leaf, r.tree = drf.NoLeaf, nil
		}
	}
	return true
}

// setActive lets a claim take part in cycles, or not.
func (a *Allocator) setActive(c int32, active bool) {
	cl := &a.claims[c]
	if cl.leaf < 0 {
		return
	}
	a.roles[cl.role].tree.SetActive(cl.leaf, active)
	bit := uint64(1) << (c & 63)
	if active {
		if a.active[c>>6]&bit == 0 {
			a.active[c>>6] |= bit
			a.space.WakeAll()
		}
	} else {
		a.active[c>>6] &^= bit
	}
}

func (a *Allocator) isActive(c int32) bool { return a.active[c>>6]&(1<<(c&63)) != 0 }

// bar keeps an agent from a claim; unbar lifts that unless the host name
// constraints of the claim keep it.
func (a *Allocator) bar(c int32, slot shard.Slot) {
	sh, row := a.space.At(slot)
	b := sh.Blocked[row]
	if w := int(c >> 6); len(b) <= w {
		grown := make([]uint64, max(len(a.active), w+1))
		copy(grown, b)
		b = grown
		sh.Blocked[row] = b
		sh.Rows[row].Traits |= shard.Barred
	}
	b[c>>6] |= 1 << (c & 63)
}

func (a *Allocator) unbar(c int32, slot shard.Slot) {
	if h := a.claims[c].hostBarred; h != nil && h.Contains(slot) {
		return
	}
	sh, row := a.space.At(slot)
	if b := sh.Blocked[row]; int(c>>6) < len(b) {
		b[c>>6] &^= 1 << (c & 63)
	}
	sh.Wake(row)
}

// metBy adds up plain scalars first and then the others, larger ones first, so
// that the result does not depend on how the list came about.
func (n *need) metBy(vec []int64, rest resource.Resources) bool {
	missing := resource.FloatFromMilli(n.milli) - resource.FloatFromMilli(vec[n.dim])
	for last := int64(math.MaxInt64); missing > 0; {
		next, times := int64(0), 0
		for i := range rest {
			if rest[i].Name() != n.name {
				continue
			}
			switch q := rest[i].QuantityMilli(); {
			case q >= last:
			case q > next:
				next, times = q, 1
			case q == next:
				times++
			}
		}
		if times == 0 {
			return false
		}
		for ; times > 0; times-- {
			missing -= resource.FloatFromMilli(next)
		}
		last = next
	}
	return true
}
