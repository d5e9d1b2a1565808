package cycle

import (
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/caprock/caprock/alloc/shard"
	"github.com/caprock/caprock/wire/resource"
)

// A framework that refuses an offer is not offered, in that role, anything
// contained in what it refused, until the filter ends.
//
// Nearly always it refused all that is available to it on the agent. Such a
// refusal is one bit: the claim is barred from the agent (Shard.Blocked) as
// long as what is available has not grown beyond the agent's roof, which is
// what was available when such refusals were recorded. The roaring bitmaps of
// the claim remember which agents it refused, grouped by the moment the
// filters end, so that a framework that declines thousands of agents at once
// makes one timer. Only when an agent outgrows its roof, or when a part of what
// is available was refused, there is an entry of its own (a partial), which is
// compared with the offer about to be made.

// filters are the live filters of one claim.
type filters struct {
	groups  []*group
	covered *roaring.Bitmap // agents barred by a group; each is in one group
	partial map[shard.Slot][]partial
}

// group is the filters of one claim that end together.
type group struct {
	claim    int32
	ends     moment
	slots    *roaring.Bitmap
	partials []shard.Slot
	dead     bool
}

// partial is a filter that does not bar its agent altogether.
type partial struct {
	refused *shard.Roof
	group   *group
}

// groupFor returns the claim's group of filters that end at this moment.
func (a *Allocator) groupFor(c int32, ends moment) *group {
	f := &a.claims[c].filters
	for i := len(f.groups) - 1; i >= 0; i-- {
		if f.groups[i].ends == ends {
			return f.groups[i]
		}
	}
	g := &group{claim: c, ends: ends, slots: roaring.New()}
	f.groups = append(f.groups, g)
	a.wheel.add(g)
	return g
}

// refuse installs a filter for what a claim returned. The resources are
// available again already.
func (a *Allocator) refuse(slot shard.Slot, c int32, vec []int64, rest resource.Resources, filter *Filter) {
	nanos := filter.nanos()
	if nanos == 0 {
		return
	}
	nanos = max(nanos, a.opts.IntervalNanos)
	ends := (a.now + nanos + filterTickNanos - 1) / filterTickNanos * filterTickNanos
	a.install(slot, c, vec, rest, moment{ends, a.periodicGen})
}

// install puts a refusal that ends at some moment into force.
func (a *Allocator) install(slot shard.Slot, c int32, vec []int64, rest resource.Resources, ends moment) {
	g := a.groupFor(c, ends)
	if a.isAllFor(c, slot, vec, rest) && a.raiseRoof(slot) {
		a.cover(c, slot, g)
		return
	}
	a.addPartial(c, slot, g, &shard.Roof{Plain: append([]int64(nil), vec...), Rest: rest})
}

func (a *Allocator) addPartial(c int32, slot shard.Slot, g *group, refused *shard.Roof) {
	f := &a.claims[c].filters
	if f.partial == nil {
		f.partial = make(map[shard.Slot][]partial)
	}
	f.partial[slot] = append(f.partial[slot], partial{refused, g})
	g.partials = append(g.partials, slot)
	sh, row := a.space.At(slot)
	sh.Rows[row].Partials++
}

// filtered says whether a partial refusal of the claim contains the offer.
func (a *Allocator) filtered(c int32, slot shard.Slot, vec []int64, rest resource.Resources) bool {
next:
	for _, p := range a.claims[c].filters.partial[slot] {
		for d, x := range vec {
			if x > element(p.refused.Plain, d) {
				continue next
			}
		}
		if len(rest) == 0 || sameSlice(rest, p.refused.Rest) || p.refused.Rest.Contains(rest) {
			return true
		}
	}
	return false
}

// element returns v[d], zero for dimensions that came up after v was made.
func element(v []int64, d int) int64 {
	if d < len(v) {
		return v[d]
	}
	return 0
}

// end takes a group out of force.
func (a *Allocator) end(g *group) {
	if g.dead {
		return
	}
	g.dead = true
	f := &a.claims[g.claim].filters
	for i, other := range f.groups {
		if other == g {
			f.groups = append(f.groups[:i], f.groups[i+1:]...)
			break
		}
	}
	if !g.slots.IsEmpty() {
		a.endCovers(g, f)
	}
	for _, slot := range g.partials {
		a.endPartial(g, slot)
	}
	if len(f.groups) == 0 {
		*f = filters{}
		a.tidyClaim(g.claim) // if its framework left the role meanwhile
	}
}

// endCovers lifts the bars of a group. It allocates nothing for groups of usual
// size, since it is part of a cycle.
func (a *Allocator) endCovers(g *group, f *filters) {
	n := g.slots.GetCardinality()
	a.scratch.slots = slices.Grow(a.scratch.slots[:0], int(n))[:n]
	slots := *g.slots.ToExistingArray(&a.scratch.slots)
	switch {
	case n == f.covered.GetCardinality():
		f.covered.Clear()
	case n > manyCovers:
		f.covered.AndNot(g.slots)
	default:
		for _, slot := range slots {
			f.covered.Remove(slot)
		}
	}
	for _, slot := range slots {
		sh, row := a.space.At(slot)
		sh.Rows[row].Covers--
		a.unbar(g.claim, slot)
	}
}

// manyCovers is from where taking out all slots at once is worth a copy.
const manyCovers = 512

func (a *Allocator) endPartial(g *group, slot shard.Slot) {
	f := &a.claims[g.claim].filters
	list := f.partial[slot]
	kept := list[:0]
	for _, p := range list {
		if p.group != g {
			kept = append(kept, p)
		}
	}
	if len(kept) == len(list) {
		return
	}
	clear(list[len(kept):])
	sh, row := a.space.At(slot)
	sh.Rows[row].Partials -= uint32(len(list) - len(kept))
	sh.Wake(row)
	if len(kept) == 0 {
		delete(f.partial, slot)
	} else {
		f.partial[slot] = kept
	}
}

// clearFilters ends all filters of a claim.
func (a *Allocator) clearFilters(c int32) {
	for groups := a.claims[c].filters.groups; len(groups) > 0; groups = a.claims[c].filters.groups {
		a.end(groups[len(groups)-1])
	}
}

// removeFilters ends all filters for an agent, those of inverse offers too.
func (a *Allocator) removeFilters(slot shard.Slot) {
	a.clearInverseFilters(slot)
	sh, row := a.space.At(slot)
	if sh.Rows[row].Covers > 0 {
		for w, word := range sh.Blocked[row] {
			for ; word != 0; word &= word - 1 {
				c := int32(w*64 + trailingZeros(word))
				f := &a.claims[c].filters
				if f.covered == nil || !f.covered.Contains(slot) {
					continue
				}
				for _, g := range f.groups {
					if g.slots.Contains(slot) {
						a.uncover(c, slot, g)
						break
					}
				}
			}
		}
	}
	if sh.Rows[row].Partials == 0 {
		return
	}
	for c := range a.claims {
		if f := &a.claims[c].filters; f.partial != nil {
			sh.Rows[row].Partials -= uint32(len(f.partial[slot]))
			delete(f.partial, slot)
		}
	}
	sh.Wake(row)
}

// FiltersActive counts the filters in force by role, of roles that have any. It
// visits every claim.
func (a *Allocator) FiltersActive() map[string]int {
	active := map[string]int{}
	for c := range a.claims {
		cl := &a.claims[c]
		if cl.framework < 0 || len(cl.filters.groups) == 0 {
			continue
		}
		n := 0
		for _, g := range cl.filters.groups {
			n += int(g.slots.GetCardinality())
		}
		for _, list := range cl.filters.partial {
			n += len(list)
		}
		active[a.roles[cl.role].name] += n
	}
	return active
}
