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

// moment orders timers: by time and, at the same time, by age. gen counts the
// periodic timers that existed when the timer was made.
type moment struct {
	nanos int64
	gen   int64
}

func (m moment) before(o moment) bool {
	return m.nanos < o.nanos || m.nanos == o.nanos && m.gen < o.gen
}

// wheel is the groups by the moment they end.
type wheel struct {
	queue   momentQueue
	buckets map[moment][]*group
}

func (w *wheel) init() { w.buckets = make(map[moment][]*group) }

func (w *wheel) add(g *group) {
	if _, ok := w.buckets[g.ends]; !ok {
		w.queue.push(g.ends)
	}
	w.buckets[g.ends] = append(w.buckets[g.ends], g)
}

// next returns the earliest moment at which a group ends.
func (w *wheel) next() (moment, bool) {
	if len(w.queue) == 0 {
		return moment{}, false
	}
	return w.queue[0], true
}

func (w *wheel) pop() []*group {
	m := w.queue.pop()
	groups := w.buckets[m]
	delete(w.buckets, m)
	return groups
}

// momentQueue is a binary heap.
type momentQueue []moment

func (q *momentQueue) push(m moment) {
	*q = append(*q, m)
	h := *q
	for c := len(h) - 1; c > 0; {
		p := (c - 1) / 2
		if !h[c].before(h[p]) {
			return
		}
		h[c], h[p] = h[p], h[c]
		c = p
	}
}

func (q *momentQueue) pop() moment {
	h := *q
	first, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	*q = h
	for p := 0; ; {
		c := 2*p + 1
		if c >= len(h) {
			return first
		}
		if c+1 < len(h) && h[c+1].before(h[c]) {
			c++
		}
		if !h[c].before(h[p]) {
			return first
		}
		h[c], h[p] = h[p], h[c]
		p = c
	}
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

// maxLowered is the number of covering refusals that are turned into partial
// ones to make room for a lower roof.
const maxLowered = 16

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

// isAllFor says whether the resources are all that is available to the claim.
func (a *Allocator) isAllFor(c int32, slot shard.Slot, vec []int64, rest resource.Resources) bool {
	sh, row := a.space.At(slot)
	for d, x := range sh.AvailRow(row, a.space.Stride()) {
		if vec[d] != x {
			return false
		}
	}
	avail := sh.Rows[row].AvailRest
	if sameSlice(avail, rest) {
		return true
	}
	return a.visible(c, avail).Equal(rest)
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
	for w, word := range sh.Rows[row].Blocked {
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
		for w, word := range sh.Rows[row].Blocked {
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

// FiltersActive returns the number of filters in force in a role.
func (a *Allocator) FiltersActive(role string) int {
	id, ok := a.roleIDs[role]
	if !ok {
		return 0
	}
	n := 0
	for c := range a.claims {
		if cl := &a.claims[c]; cl.framework >= 0 && cl.role == id {
			for _, g := range cl.filters.groups {
				n += int(g.slots.GetCardinality())
			}
			for _, list := range cl.filters.partial {
				n += len(list)
			}
		}
	}
	return n
}
