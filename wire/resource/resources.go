package resource

import (
	"slices"

	"github.com/caprock/caprock/wire/mesos"
)

// Resources is a set of entries in which all that can be merged is merged and nothing is empty.
// Build one with FromProto, Parse, Of or by the operations; do not append to one. The order of
// entries follows the order of arrival and means nothing. nil is empty.
type Resources []Resource

// Of merges entries into a Resources.
func Of(entries ...Resource) Resources {
	return slices.Clone(Resources(entries)).merge()
}

// merge merges the entries of a slice that the caller owns and that need not be in normal form.
func (rs Resources) merge() Resources {
	merged := rs[:0]
	merged.AddInPlace(rs)
	return merged
}

// Sum adds up any number of Resources.
func Sum(all ...Resources) Resources {
	var total Resources
	for _, rs := range all {
		total.AddInPlace(rs)
	}
	return total
}

// IsEmpty reports whether there are no resources.
func (rs Resources) IsEmpty() bool { return len(rs) == 0 }

// Plus returns the sum: mergeable entries are added, others stay beside each other.
func (rs Resources) Plus(o Resources) Resources {
	if len(o) == 0 {
		return rs
	}
	if len(rs) == 0 {
		return o
	}
	sum := append(make(Resources, 0, len(rs)+rs.strangers(o)), rs...)
	sum.AddInPlace(o)
	return sum
}

// strangers counts the entries of o that no entry of rs can be merged with, so that sums are
// allocated in the right size at once.
func (rs Resources) strangers(o Resources) int {
	if len(o) >= bulkEntries {
		return len(o)
	}
	count := 0
	for _, r := range o {
		if rs.indexAddable(r) < 0 {
			count++
		}
	}
	return count
}

// AddInPlace adds o to rs, which the caller must own: no one else may hold a slice of the same
// array. For running totals.
func (rs *Resources) AddInPlace(o Resources) {
	if len(o) < bulkEntries {
		for _, r := range o {
			rs.add(r)
		}
		return
	}
	adder := newBulkAdder(*rs, len(o))
	for _, r := range o {
		adder.add(r)
	}
	*rs = adder.rs
}

// add merges one entry into a slice that the caller owns.
func (rs *Resources) add(r Resource) {
	if r.IsEmpty() {
		return
	}
	if i := rs.indexAddable(r); i >= 0 {
		(*rs)[i] = (*rs)[i].plus(r)
		return
	}
	*rs = append(*rs, r)
}

// indexAddable returns the index of the entry that r merges with, or -1.
func (rs Resources) indexAddable(r Resource) int {
	if r.neverMerges() {
		return -1
	}
	for i := range rs {
		if rs[i].class == r.class && rs[i].addable(r) {
			return i
		}
	}
	return -1
}

// Minus returns rs without o. Of o, what rs does not hold is ignored; an entry that would become
// negative vanishes. Exclusive entries go only by equal ones.
func (rs Resources) Minus(o Resources) Resources {
	if len(rs) == 0 || len(o) == 0 {
		return rs
	}
	rest := slices.Clone(rs)
	rest.SubtractInPlace(o)
	return rest
}

// SubtractInPlace takes o out of rs, which the caller must own as for AddInPlace.
func (rs *Resources) SubtractInPlace(o Resources) {
	f, gaps := newFinder(*rs, len(o)), false
	for _, r := range o {
		if f.subtract(r) {
			gaps = true
		}
	}
	if gaps {
		*rs = rs.compact()
	}
}

// Contains reports whether each entry of o fits into one entry of rs. Persistent volumes of rs
// are used up while checking, so two equal volumes need two; all other entries of o are merged
// already and are looked at one by one.
func (rs Resources) Contains(o Resources) bool {
	f, owned := newFinder(rs, len(o)), false
	for _, r := range o {
		if f.find(r, Resource.contains) < 0 {
			return false
		}
		if !r.IsPersistentVolume() {
			continue
		}
		if !owned {
			f.rs, owned = slices.Clone(rs), true
		}
		f.subtract(r)
	}
	return true
}

// ContainsEntry reports whether one entry fits into one entry of rs.
func (rs Resources) ContainsEntry(r Resource) bool {
	f := finder{rs: rs}
	return f.find(r, Resource.contains) >= 0
}

// Equal reports whether rs and o contain each other.
func (rs Resources) Equal(o Resources) bool {
	return rs.identical(o) || rs.Contains(o) && o.Contains(rs)
}

// identical is the quick way to equality: the same entries in the same order.
func (rs Resources) identical(o Resources) bool {
	if len(rs) != len(o) {
		return false
	}
	for i := range rs {
		if rs[i].class != o[i].class || rs[i].copies != o[i].copies || !rs[i].sameValue(o[i]) {
			return false
		}
	}
	return true
}

// ScalarMilli returns the sum of all scalars of a name, in milli-units.
func (rs Resources) ScalarMilli(name string) int64 {
	var total int64
	for i := range rs {
		if rs[i].name == name && rs[i].valueType == mesos.Value_SCALAR {
			total = addMilli(total, rs[i].milli)
		}
	}
	return total
}

// Ranges returns the union of all ranges of a name.
func (rs Resources) Ranges(name string) Ranges {
	var union Ranges
	for i := range rs {
		if rs[i].name == name && rs[i].valueType == mesos.Value_RANGES {
			union = union.Plus(rs[i].ranges)
		}
	}
	return union
}

// Items returns the union of all sets of a name, sorted.
func (rs Resources) Items(name string) []string {
	var union *set
	for i := range rs {
		if rs[i].name == name && rs[i].valueType == mesos.Value_SET {
			union = union.plus(rs[i].set)
		}
	}
	return union.list()
}

// Names returns the names that occur, sorted.
func (rs Resources) Names() []string {
	names := make([]string, 0, len(rs))
	for i := range rs {
		names = append(names, rs[i].name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
