package cycle

import (
	"github.com/RoaringBitmap/roaring/v2"

	"github.com/caprock/caprock/alloc/shard"
	"github.com/caprock/caprock/wire/resource"
)

// maxLowered is the number of covering refusals that are turned into partial
// ones to make room for a lower roof.
const maxLowered = 16

// isAllFor says whether the resources are all that is available to the claim.
func (a *Allocator) isAllFor(c int32, slot shard.Slot, vec []int64, rest resource.Resources) bool {
	sh, row := a.space.At(slot)
	for d, x := range sh.AvailRow(row, a.space.Stride()) {
		if vec[d] != x {
			return false
		}
	}
	avail := sh.Rows[row].AvailRest
	if sh.Rows[row].Traits&shard.Complex == 0 && sameSlice(avail, rest) {
		return true
	}
	// It may have been offered more, before its capabilities changed.
	visible := a.visible(c, avail)
	return sameSlice(visible, rest) || visible.Equal(rest)
}

// visible filters what is available down to what may be offered to a claim at
// all: unreserved or reserved for its role or an ancestor, and of a kind that
// the framework understands.
func (a *Allocator) visible(c int32, rest resource.Resources) resource.Resources {
	cl := &a.claims[c]
	caps, name := a.fws[cl.framework].info.Capabilities, a.roles[cl.role].name
	return rest.Filter(func(r resource.Resource) bool { return sees(r.Kind, name, caps) })
}

func sees(k *resource.Kind, role string, caps CapSet) bool {
	return k.IsAllocatableTo(role) &&
		(!k.IsShared() || caps.Has(SharedResources)) &&
		(!k.IsRevocable() || caps.Has(RevocableResources)) &&
		(!k.HasRefinedReservations() || caps.Has(ReservationRefinement))
}

// raiseRoof makes the roof of an agent exactly what is available, if that can
// be had cheaply.
func (a *Allocator) raiseRoof(slot shard.Slot) bool {
	sh, row := a.space.At(slot)
	avail := sh.AvailRow(row, a.space.Stride())
	if roof := sh.Roof[row]; roof != nil && sh.Rows[row].Covers > 0 {
		if equalVec(roof.Plain, avail) && (sameSlice(roof.Rest, sh.Rows[row].AvailRest) || roof.Rest.Equal(sh.Rows[row].AvailRest)) {
			return true
		}
		if sh.Rows[row].Covers > maxLowered {
			return false
		}
		a.breakRoof(slot)
	}
	if roof := sh.Roof[row]; roof != nil && equalVec(roof.Plain, avail) && sameSlice(roof.Rest, sh.Rows[row].AvailRest) {
		return true
	}
	sh.Roof[row] = &shard.Roof{Plain: append([]int64(nil), avail...), Rest: sh.Rows[row].AvailRest}
	return true
}

func equalVec(x, y []int64) bool {
	for i, v := range x {
		if y[i] != v {
			return false
		}
	}
	return true
}

// checkRoof ends the covering refusals of an agent whose available resources
// grew beyond what was refused.
func (a *Allocator) checkRoof(slot shard.Slot) {
	sh, row := a.space.At(slot)
	if sh.Rows[row].Covers == 0 {
		return
	}
	roof := sh.Roof[row]
	for d, x := range sh.AvailRow(row, a.space.Stride()) {
		if x > roof.Plain[d] {
			a.breakRoof(slot)
			return
		}
	}
	if rest := sh.Rows[row].AvailRest; !sameSlice(rest, roof.Rest) && !roof.Rest.Contains(rest) {
		a.breakRoof(slot)
	}
}

// breakRoof turns the covering refusals of an agent into partial ones.
func (a *Allocator) breakRoof(slot shard.Slot) {
	sh, row := a.space.At(slot)
	roof := sh.Roof[row]
	for w, word := range sh.Blocked[row] {
		for ; word != 0; word &= word - 1 {
			c := int32(w*64 + trailingZeros(word))
			f := &a.claims[c].filters
			if f.covered == nil || !f.covered.Contains(slot) {
				continue
			}
			a.breakCover(c, slot, roof)
		}
	}
}

func (a *Allocator) breakCover(c int32, slot shard.Slot, roof *shard.Roof) {
	for _, g := range a.claims[c].filters.groups {
		if !g.slots.Contains(slot) {
			continue
		}
		a.uncover(c, slot, g)
		refused := &shard.Roof{Plain: roof.Plain, Rest: a.visible(c, roof.Rest)}
		a.addPartial(c, slot, g, refused)
		return
	}
}

// cover bars a claim from an agent until the group ends. If it is barred by
// another group already, the one that ends later counts.
func (a *Allocator) cover(c int32, slot shard.Slot, g *group) {
	f := &a.claims[c].filters
	if f.covered == nil {
		f.covered = roaring.New()
	}
	if !f.covered.CheckedAdd(slot) {
		for _, other := range f.groups {
			if other == g || !other.slots.Contains(slot) {
				continue
			}
			if g.ends.before(other.ends) {
				return
			}
			other.slots.Remove(slot)
		}
		g.slots.Add(slot)
		return
	}
	g.slots.Add(slot)
	sh, row := a.space.At(slot)
	sh.Rows[row].Covers++
	a.bar(c, slot)
}

func (a *Allocator) uncover(c int32, slot shard.Slot, g *group) {
	g.slots.Remove(slot)
	a.claims[c].filters.covered.Remove(slot)
	sh, row := a.space.At(slot)
	sh.Rows[row].Covers--
	a.unbar(c, slot)
}

// capabilitiesChange makes the covering refusals of a framework partial where
// it will see more, or less, of what it refused.
func (a *Allocator) capabilitiesChange(fw int32, caps CapSet) {
	const stripping = SharedResources | RevocableResources | ReservationRefinement
	if a.fws[fw].info.Capabilities&stripping == caps&stripping {
		return
	}
	for _, c := range a.sortedClaims(fw) {
		covered := a.claims[c].filters.covered
		if covered == nil {
			continue
		}
		for _, slot := range covered.ToArray() {
			sh, row := a.space.At(slot)
			if roof := sh.Roof[row]; len(roof.Rest) > 0 {
				a.breakCover(c, slot, roof)
			}
		}
	}
}
