package cycle

import (
	"math/bits"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// A fleet has many agents and few shapes, so most offers of a role are equal as
// lists of resources. Equal offers share one List, and whatever is derived from
// it is derived once.

// List is the resources of offers that are equal, allocated to their role. It is
// immutable and stays valid for as long as it is kept.
type List struct {
	Resources resource.Resources

	messages *[listFormats][]*mesos.Resource // nil: nobody asked yet
}

// listFormats is the number of formats that messages are kept in: three, each with
// and without allocation.
const listFormats = 6

// Messages returns the list in a format, as made by the first call for that format;
// every call must come with the same make. The messages are shared with other
// offers and must not be written to. Only the allocator's goroutine may call it.
func (l *List) Messages(f resource.Format, make func(resource.Resources, resource.Format) []*mesos.Resource) []*mesos.Resource {
	at := int(f)
	if all := resource.PostRefinement.WithoutAllocation(); f&all != 0 {
		at = int(f&^all) + listFormats/2
	}
	if l.messages == nil {
		l.messages = new([listFormats][]*mesos.Resource)
	}
	if l.messages[at] == nil {
		l.messages[at] = make(l.Resources, f)
	}
	return l.messages[at]
}

// listTable finds lists again: open addressing in windows of a few places, so
// that a look takes one or two cache lines, hit or miss.
type listTable struct {
	hashes  []uint64 // of the place; 0: empty
	entries []listEntry
	cycle   uint32 // number of the cycle
	roles   uint64 // how many have had lists
	wanting int    // lists that found no place since the table was sized or swept
}

type listEntry struct {
	list  *List
	rest  resource.Resources // before it was allocated to the role
	role  *roleLists
	cycle uint32 // in which it was last used
}

// roleLists is what offers know of their role.
type roleLists struct {
	table *listTable
	id    uint64           // never used again
	kinds []*resource.Kind // of plain scalars allocated to the role, one per dimension
}

const (
	listWindow    = 8
	minListPlaces = 1 << 8
	maxListPlaces = 1 << 14 // at most some 6 MiB, with lists of four entries
	// Lists that were not used for listAge cycles may make room for others, and
	// all of them do every listSweep cycles.
	listAge   = 2
	listSweep = 1 << 8
)

// nextCycle makes lists of earlier cycles older.
func (t *listTable) nextCycle() {
	t.cycle++
	switch {
	case t.wanting > len(t.entries)/8 && len(t.entries) < maxListPlaces:
		t.grow()
	case t.cycle%listSweep == 0:
		for i := range t.entries {
			if t.entries[i].list != nil && t.cycle-t.entries[i].cycle >= listSweep {
				t.hashes[i], t.entries[i] = 0, listEntry{}
			}
		}
		t.wanting = 0
	}
}

// grow makes room in proportion to what was wanted.
func (t *listTable) grow() {
	n := min(maxListPlaces, max(minListPlaces, 4*len(t.entries), 1<<bits.Len(uint(2*t.wanting))))
	old, hashes := t.entries, t.hashes
	t.entries, t.hashes, t.wanting = make([]listEntry, n), make([]uint64, n), 0
	for i := range old {
		if old[i].list == nil {
			continue
		}
		if at := t.room(hashes[i]); at >= 0 {
			t.hashes[at], t.entries[at] = hashes[i], old[i]
		}
	}
}

// window is the first place of those where a hash may be.
func (t *listTable) window(hash uint64) int {
	return int(hash>>32) & (len(t.entries) - 1) &^ (listWindow - 1)
}

// room is a place for a new list: an empty one, or the one that was not used for longest,
// if that is long enough; else -1.
func (t *listTable) room(hash uint64) int {
	best, oldest := -1, uint32(listAge)
	for i, at := 0, t.window(hash); i < listWindow; i, at = i+1, at+1 {
		if t.hashes[at] == 0 {
			return at
		}
		if age := t.cycle - t.entries[at].cycle; age >= oldest {
			best, oldest = at, age+1
		}
	}
	return best
}

// find returns the list of an offer, nil if the table has none.
func (t *listTable) find(o *Offer, hash uint64) *List {
	if len(t.entries) == 0 {
		return nil
	}
	at := t.window(hash)
	for i, h := range t.hashes[at : at+listWindow] {
		if h != hash {
			continue
		}
		if e := &t.entries[at+i]; e.role == o.lists && e.isFor(o) {
			if e.cycle != t.cycle {
				e.cycle = t.cycle
			}
			return e.list
		}
	}
	return nil
}

// place is where a new list may be kept, or -1: nowhere.
func (t *listTable) place(hash uint64) int {
	if len(t.entries) == 0 {
		t.grow()
	}
	at := t.room(hash)
	if at < 0 {
		t.wanting++
	}
	return at
}

func (t *listTable) put(at int, hash uint64, o *Offer, l *List) {
	t.hashes[at] = hash
	t.entries[at] = listEntry{list: l, rest: o.rest, role: o.lists, cycle: t.cycle}
}

// isFor compares the list, which starts with the plain scalars in the order of dimensions,
// with an offer of the same role.
func (e *listEntry) isFor(o *Offer) bool {
	res := e.list.Resources
	n := 0
	for d, x := range o.plain {
		if x == 0 {
			continue
		}
		if n >= len(res) || res[n].Kind != o.lists.kinds[d] || res[n].ScalarMilli() != x {
			return false
		}
		n++
	}
	return len(res)-n == len(o.rest) && sameEntries(e.rest, o.rest)
}

// sameEntries compares entry by entry: stricter than Equal, and quick if the
// values are the same memory, as they mostly are.
func sameEntries(a, b resource.Resources) bool {
	if len(a) != len(b) {
		return false
	}
	if sameSlice(a, b) {
		return true
	}
	for i := range a {
		x, y := &a[i], &b[i]
		if x.Kind != y.Kind || x.ScalarMilli() != y.ScalarMilli() || x.Copies() != y.Copies() ||
			!sameValues(x.Ranges(), y.Ranges()) {
			return false
		}
		if x.Type() == setType && !sameValues(x.Items(), y.Items()) {
			return false
		}
	}
	return true
}

func sameValues[T comparable](a, b []T) bool {
	if len(a) != len(b) {
		return false
	}
	if len(a) == 0 || &a[0] == &b[0] {
		return true
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

const setType = mesos.Value_SET

// hashedEnds is how many intervals at either end of long ranges are hashed; what differs only between them is
// told apart by isFor.
const hashedEnds = 8

// listHash is a hash of what an offer consists of, its role included, never 0.
func (o *Offer) listHash() uint64 {
	h := fold(o.lists.id, uint64(len(o.rest)))
	for d, x := range o.plain {
		if x != 0 {
			h = fold(h^uint64(x), uint64(d))
		}
	}
	return restHash(h, o.rest) | 1
}

// restHash adds what is not plain to a hash.
func restHash(h uint64, rest resource.Resources) uint64 {
	for i := range rest {
		r := &rest[i]
		h = fold(h^uint64(r.ScalarMilli()), uint64(len(r.Name())))
		ranges := r.Ranges()
		if n := len(ranges); n > 2*hashedEnds {
			for _, x := range ranges[n-hashedEnds:] {
				h = fold(h^x.Begin, x.End)
			}
			h, ranges = fold(h, uint64(n)), ranges[:hashedEnds]
		}
		for _, x := range ranges {
			h = fold(h^x.Begin, x.End)
		}
		if r.Type() == setType {
			for _, item := range r.Items() {
				h = fold(h, uint64(len(item)))
			}
		}
	}
	return h
}

// fold folds the product of two words, which depends on every bit of both.
func fold(a, b uint64) uint64 {
	high, low := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xd6e8feb86659fd93)
	return high ^ low
}

// List returns what is offered, allocated to Role, shared with equal offers. Only the
// allocator's goroutine may call it.
func (o *Offer) List() *List {
	t, hash := o.lists.table, o.listHash()
	if l := t.find(o, hash); l != nil {
		return l
	}
	l := &List{Resources: o.materialize()}
	if at := t.place(hash); at >= 0 {
		t.put(at, hash, o, l)
	}
	return l
}

// Resources returns what is offered, allocated to Role. Only the allocator's goroutine may
// call it.
func (o *Offer) Resources() resource.Resources {
	t, hash := o.lists.table, o.listHash()
	if l := t.find(o, hash); l != nil {
		return l.Resources
	}
	res := o.materialize()
	if at := t.place(hash); at >= 0 {
		t.put(at, hash, o, &List{Resources: res})
	}
	return res
}

func (o *Offer) materialize() resource.Resources {
	n := len(o.rest)
	for _, x := range o.plain {
		if x != 0 {
			n++
		}
	}
	out := make(resource.Resources, 0, n)
	for d, x := range o.plain {
		if x != 0 {
			out = append(out, resource.ScalarOf(o.lists.kinds[d], x))
		}
	}
	if len(o.rest) > 0 {
		out.AddInPlace(o.rest.Allocate(o.Role))
	}
	return out
}

// listsOf returns what offers of a role need, with a kind for every dimension.
func (a *Allocator) listsOf(id int32) *roleLists {
	r := &a.roles[id]
	if r.lists == nil {
		a.lists.roles++
		r.lists = &roleLists{table: &a.lists, id: a.lists.roles}
	}
	for d := len(r.lists.kinds); d < a.names.Len(); d++ {
		one := resource.Of(resource.NewScalar(a.names.Name(d), 1)).Allocate(r.name)
		r.lists.kinds = append(r.lists.kinds, one[0].Kind)
	}
	return r.lists
}
