package resource

// Lists of resources are short, and walking them is quicker than any index. But nothing stops
// a client from sending a hundred thousand entries in one message, and quadratic work would then
// hold up everyone. From bulkEntries on, the operations index the left side first.
const bulkEntries = 128

// slot tells apart entries that cannot be merged or subtracted from each other. Exclusive entries
// are always scalars, so their size is their value.
type slot struct {
	class *Kind
	size  int64 // of exclusive entries, which only go whole
}

func (r Resource) slot() slot {
	if r.exclusive {
		return slot{r.class, r.milli}
	}
	return slot{class: r.class}
}

// bulkAdder is Resources.add for long lists.
type bulkAdder struct {
	rs Resources
	at map[slot]int32 // of the first entry in each slot
}

// newBulkAdder takes over rs, of which the caller must be the owner.
func newBulkAdder(rs Resources, more int) *bulkAdder {
	a := &bulkAdder{rs: rs, at: make(map[slot]int32, len(rs)+more)}
	for i := len(rs) - 1; i >= 0; i-- {
		a.at[rs[i].slot()] = int32(i)
	}
	return a
}

func (a *bulkAdder) add(r Resource) {
	switch {
	case r.IsEmpty():
		return
	case r.neverMerges():
		a.rs = append(a.rs, r)
		return
	}
	s := r.slot()
	i, found := a.at[s]
	if found && a.rs[i].addable(r) {
		a.rs[i] = a.rs[i].plus(r)
		return
	}
	if !found {
		a.at[s] = int32(len(a.rs))
	}
	a.rs = append(a.rs, r)
}

// finder finds entries of a list by what they may contain: by walking, or through an index when the
// list is long and many entries are asked for.
type finder struct {
	rs    Resources
	first map[slot]int32 // of a chain of the entries in a slot; nil: walk
	next  []int32        // index of the next in the chain, or -1
}

// newFinder prepares for looking up questions entries in rs. It does not change rs.
func newFinder(rs Resources, questions int) finder {
	f := finder{rs: rs}
	if questions < bulkEntries || len(rs) < bulkEntries {
		return f
	}
	f.index()
	return f
}

// index chains the entries of each slot.
func (f *finder) index() {
	f.first, f.next = make(map[slot]int32, len(f.rs)), make([]int32, len(f.rs))
	for i := len(f.rs) - 1; i >= 0; i-- {
		s := f.rs[i].slot()
		f.next[i] = -1
		if head, found := f.first[s]; found {
			f.next[i] = head
		}
		f.first[s] = int32(i)
	}
}

// find returns the index of the first entry for which match holds with r, or -1. match must
// imply equal slots.
func (f *finder) find(r Resource, match func(left, right Resource) bool) int {
	if f.first == nil {
		for i := range f.rs {
			if f.rs[i].class == r.class && match(f.rs[i], r) {
				return i
			}
		}
		return -1
	}
	i, found := f.first[r.slot()]
	if !found {
		return -1
	}
	for ; i >= 0; i = f.next[i] {
		if f.rs[i].class == r.class && match(f.rs[i], r) {
			return int(i)
		}
	}
	return -1
}

// subtract takes r out of the first entry that it can be taken out of, and reports whether that entry
// is now gone. A gone entry stays in the list until compact; the list must be the finder's own.
func (f *finder) subtract(r Resource) (gone bool) {
	i := f.find(r, Resource.subtractable)
	if i < 0 {
		return false
	}
	s := f.rs[i].slot()
	rest, left := f.rs[i].minus(r)
	if left {
		f.rs[i] = rest
		return false
	}
	f.rs[i] = Resource{Kind: goneKind}
	if f.first != nil && f.first[s] == int32(i) {
		f.first[s] = f.next[i]
	}
	return true
}

// goneKind marks entries that were subtracted. It is of no class, so nothing matches it.
var goneKind = &Kind{}

// compact closes the gaps that subtract left, keeping the order.
func (rs Resources) compact() Resources {
	kept := rs[:0]
	for i := range rs {
		if rs[i].Kind != goneKind {
			kept = append(kept, rs[i])
		}
	}
	clear(rs[len(kept):])
	return kept
}
