//go:build invariants

package cycle

import (
	"fmt"
	"slices"

	"github.com/caprock/caprock/alloc/drf"
	"github.com/caprock/caprock/alloc/shard"
	"github.com/caprock/caprock/wire/resource"
)

// checksInvariants says whether checks do anything.
const checksInvariants = true

// checkInvariants recomputes after every cycle what is kept incrementally and
// panics where they disagree. It costs O(everything).
func (a *Allocator) checkInvariants() {
	total := make([]int64, len(a.total))
	held := make(map[int32]int32)
	charged := make(map[int32][]int64) // by role, without shared resources
	for slot := shard.Slot(0); slot < a.space.Limit(); slot++ {
		if a.space.InUse(slot) {
			a.checkAgent(slot, total, held, charged)
		}
	}
	if !slices.Equal(total, a.total) {
		panic(fmt.Sprintf("BUG: the total of all agents is %v, %v is kept", total, a.total))
	}
	for c := range a.claims {
		if cl := &a.claims[c]; cl.framework >= 0 && cl.held != held[int32(c)] {
			panic(fmt.Sprintf("BUG: claim %d has %d holdings, %d are kept", c, held[int32(c)], cl.held))
		}
	}
	shared := a.sharedAnywhere()
	if !shared { // they are not simply added up
		a.checkShares(charged)
	}
	a.checkFilters()
	a.checkRoles(shared)
	a.checkIndices()
}

// sharedAnywhere says whether somebody holds a shared resource.
func (a *Allocator) sharedAnywhere() bool {
	shared := func(rest resource.Resources) bool {
		return slices.ContainsFunc(rest, func(x resource.Resource) bool { return x.IsShared() })
	}
	return slices.ContainsFunc(a.hold.rest, shared) || slices.ContainsFunc(a.hold.later, func(l laterRest) bool { return shared(l.rest) })
}

// checkAgent: offered + allocated + available = total, and the dense masks and
// traits say what the row says.
func (a *Allocator) checkAgent(slot shard.Slot, total []int64, held map[int32]int32, charged map[int32][]int64) {
	sh, row := a.space.At(slot)
	r := &sh.Rows[row]
	stride := a.space.Stride()
	drf.AddTo(total, sh.TotalRow(row, stride))
	for _, x := range sh.TotalRest[row] {
		if x.Type() == scalarType {
			total[a.dim(x.Name())] += x.ScalarMilli()
		}
	}
	sum := append([]int64(nil), sh.AvailRow(row, stride)...)
	rest := r.AvailRest.NonShared()
	for i := r.Holdings; i != noHolding; i = a.hold.entries[i].next {
		c := a.hold.entries[i].claim
		held[c]++
		drf.AddTo(sum, a.hold.row(i))
		rest = rest.Plus(a.hold.all(i).NonShared())
		if a.hold.entries[i].tracked {
			id := a.claims[c].role
			charged[id] = drf.Grow(charged[id], stride)
			drf.AddTo(charged[id], a.scalarSum(a.hold.row(i), a.hold.all(i)))
		}
	}
	if r.Traits&shard.Over == 0 {
		if !slices.Equal(sum, sh.TotalRow(row, stride)) || !rest.Equal(sh.TotalRest[row].NonShared()) {
			panic(fmt.Sprintf("BUG: agent %s: held and available are %v %v, the total is %v %v",
				r.ID, sum, rest, sh.TotalRow(row, stride), sh.TotalRest[row]))
		}
	}
	if has := !drf.IsZero(sh.AvailRow(row, stride)) || len(r.AvailRest) > 0; has != sh.IsAvailable(row) {
		panic(fmt.Sprintf("BUG: agent %s: the mask of available agents says %t, available are %v %v", r.ID, sh.IsAvailable(row), sh.AvailRow(row, stride), r.AvailRest))
	}
	if (sh.Blocked[row] != nil) != (r.Traits&shard.Barred != 0) {
		panic(fmt.Sprintf("BUG: agent %s: the trait Barred is wrong", r.ID))
	}
	if len(r.AvailRest) > 0 && slices.ContainsFunc(r.AvailRest, func(x resource.Resource) bool {
		return x.IsReserved() || x.IsRevocable() || x.IsShared() || x.Type() == scalarType
	}) != (r.Traits&shard.Complex != 0) {
		panic(fmt.Sprintf("BUG: agent %s: the trait Complex is wrong", r.ID))
	}
}

// checkShares: the books of the role tree are the sum of what claims hold.
func (a *Allocator) checkShares(charged map[int32][]int64) {
	for id := range a.roles {
		r := &a.roles[id]
		if r.leaf < 0 {
			continue
		}
		want := drf.Grow(charged[int32(id)], len(a.total))
		if got := a.roleTree.Totals(r.leaf); !slices.Equal(got, want) {
			panic(fmt.Sprintf("BUG: role %q holds %v, its books say %v", r.name, want, got))
		}
	}
}

// checkFilters: a covering refusal bars, is counted, and what is available is
// within the roof.
func (a *Allocator) checkFilters() {
	covers := make(map[shard.Slot]uint32)
	for c := range a.claims {
		f := &a.claims[c].filters
		n := uint64(0)
		for _, g := range f.groups {
			n += g.slots.GetCardinality()
			for _, slot := range g.slots.ToArray() {
				covers[slot]++
				if !a.barred(int32(c), slot) || !f.covered.Contains(slot) {
					panic(fmt.Sprintf("BUG: claim %d refused slot %d and is not barred", c, slot))
				}
			}
		}
		if f.covered != nil && f.covered.GetCardinality() != n {
			panic(fmt.Sprintf("BUG: claim %d covers %d slots in groups, %d in all", c, n, f.covered.GetCardinality()))
		}
	}
	for slot := shard.Slot(0); slot < a.space.Limit(); slot++ {
		if !a.space.InUse(slot) {
			continue
		}
		sh, row := a.space.At(slot)
		if covers[slot] != sh.Rows[row].Covers {
			panic(fmt.Sprintf("BUG: slot %d has %d covering refusals, %d are kept", slot, covers[slot], sh.Rows[row].Covers))
		}
		if covers[slot] == 0 {
			continue
		}
		roof := sh.Roof[row]
		if !drf.Covers(roof.Plain, sh.AvailRow(row, a.space.Stride())) || !roof.Rest.Contains(sh.Rows[row].AvailRest) {
			panic(fmt.Sprintf("BUG: slot %d has grown beyond its roof", slot))
		}
	}
}

func (a *Allocator) barred(c int32, slot shard.Slot) bool {
	sh, row := a.space.At(slot)
	b := sh.Blocked[row]
	return int(c>>6) < len(b) && b[c>>6]&(1<<(c&63)) != 0
}
