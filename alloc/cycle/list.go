package cycle

import (
	"math/bits"
	"slices"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// A fleet has many agents and few shapes, so most offers of a role are equal as
// lists of resources. Equal offers share one List, and whatever is derived from
// it is derived once.

// List is the resources of offers that are equal, in one role. It is immutable, but for what
// is derived when somebody asks, and stays valid for as long as it is kept.
type List struct {
	role  *roleLists
	plain []int64            // plain scalars, by dimension
	rest  resource.Resources // before it was allocated to the role
	cycle uint32             // in which it was last used

	resources resource.Resources              // nil: nobody asked yet
	messages  *[listFormats][]*mesos.Resource // the same
}

// Resources returns the list, allocated to its role. It must not be written to. Only the
// allocator's goroutine may call it.
func (l *List) Resources() resource.Resources {
	if l.resources == nil {
		l.resources = l.materialize()
	}
	return l.resources
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
		l.messages[at] = make(l.Resources(), f)
	}
	return l.messages[at]
}

// listTable finds lists again: open addressing in windows of a few places, so
// that a look takes one or two cache lines, hit or miss.
type listTable struct {
	hashes  []uint64 // of the place; 0: empty
	entries []*List
	cycle   uint32 // number of the cycle
	roles   uint64 // how many have had lists
	wanting int    // lists that found no place since the table was sized or swept
}

// roleLists is what the lists of a role share.
type roleLists struct {
	id    uint64           // never used again
	name  string           // of the role
	kinds []*resource.Kind // of plain scalars allocated to the role, one per dimension
	last  *List            // the one used last, which is mostly the next one too; nil: none
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
			if l := t.entries[i]; l != nil && t.cycle-l.cycle >= listSweep {
				t.hashes[i], t.entries[i] = 0, nil
				if l.role.last == l {
					l.role.last = nil
				}
			}
		}
		t.wanting = 0
	}
}

// grow makes room in proportion to what was wanted.
func (t *listTable) grow() {
	n := min(maxListPlaces, max(minListPlaces, 4*len(t.entries), 1<<bits.Len(uint(2*t.wanting))))
	old, hashes := t.entries, t.hashes
	t.entries, t.hashes, t.wanting = make([]*List, n), make([]uint64, n), 0
	for i := range old {
		if old[i] == nil {
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

// find returns the list of a hash that is for these resources, nil if the table has none.
func (t *listTable) find(hash uint64, r *roleLists, vec []int64, rest resource.Resources) *List {
	if len(t.entries) == 0 {
		return nil
	}
	at := t.window(hash)
	for i, h := range t.hashes[at : at+listWindow] {
		if h != hash {
			continue
		}
		if l := t.entries[at+i]; l.role == r && l.isOf(vec, rest) {
			return l
		}
	}
	return nil
}

// keep puts a new list into the table if there is room.
func (t *listTable) keep(hash uint64, l *List) {
	if len(t.entries) == 0 {
		t.grow()
	}
	if at := t.room(hash); at >= 0 {
		t.hashes[at], t.entries[at] = hash, l
	} else {
		t.wanting++
	}
}

// isOf compares the list with resources for the same role.
func (l *List) isOf(vec []int64, rest resource.Resources) bool {
	if len(l.plain) != len(vec) || len(l.rest) != len(rest) {
		return false
	}
	for d, x := range l.plain {
		if vec[d] != x {
			return false
		}
	}
	return sameSlice(l.rest, rest) || sameEntries(l.rest, rest)
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

// listHash is a hash of what a list consists of, its role included, never 0.
func listHash(r *roleLists, vec []int64, rest resource.Resources) uint64 {
	h := fold(r.id, uint64(len(rest)))
	for d, x := range vec {
		if x != 0 {
			h = fold(h^uint64(x), uint64(d))
		}
	}
	return restHash(h, rest) | 1
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

// listFor returns the list of resources for a role. vec and rest may change afterwards.
func (a *Allocator) listFor(id int32, vec []int64, rest resource.Resources) *List {
	r := a.roles[id].lists
	if r == nil {
		a.lists.roles++
		r = &roleLists{id: a.lists.roles, name: a.roles[id].name}
		a.roles[id].lists = r
	}
	t := &a.lists
	if l := r.last; l != nil && l.isOf(vec, rest) {
		if l.cycle != t.cycle {
			l.cycle = t.cycle
		}
		return l
	}
	hash := listHash(r, vec, rest)
	l := t.find(hash, r, vec, rest)
	if l == nil {
		a.kindsOf(r)
		l = &List{role: r, plain: slices.Clone(vec), rest: rest}
		t.keep(hash, l)
	}
	l.cycle, r.last = t.cycle, l
	return l
}

// kindsOf gives a role's lists a kind for every dimension.
func (a *Allocator) kindsOf(r *roleLists) {
	for d := len(r.kinds); d < a.names.Len(); d++ {
		one := resource.Of(resource.NewScalar(a.names.Name(d), 1)).Allocate(r.name)
		r.kinds = append(r.kinds, one[0].Kind)
	}
}

func (l *List) materialize() resource.Resources {
	n := len(l.rest)
	for _, x := range l.plain {
		if x != 0 {
			n++
		}
	}
	out := make(resource.Resources, 0, n)
	for d, x := range l.plain {
		if x != 0 {
			out = append(out, resource.ScalarOf(l.role.kinds[d], x))
		}
	}
	if len(l.rest) > 0 {
		out.AddInPlace(l.rest.Allocate(l.role.name))
	}
	return out
}
