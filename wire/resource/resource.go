package resource

import (
	"math"

	"github.com/caprock/caprock/wire/mesos"
)

// Resource is one entry of a Resources: an amount of one Kind. It is a value; copy it freely.
// The zero Resource is of no kind and must not be used.
type Resource struct {
	*Kind
	milli  int64  // SCALAR: the amount
	copies int    // shared volumes: how many copies; otherwise 1
	ranges Ranges // RANGES
	set    *set   // SET
}

// NewScalar returns unreserved scalar resources, the amount in milli-units. A name that is not
// valid (empty) panics: names of resources made by the program are constants.
func NewScalar(name string, milli int64) Resource {
	return Resource{Kind: plainKind(name, mesos.Value_SCALAR), milli: milli, copies: 1}
}

// NewRangesResource returns unreserved ranges such as ports.
func NewRangesResource(name string, ranges Ranges) Resource {
	return Resource{Kind: plainKind(name, mesos.Value_RANGES), ranges: NewRanges(ranges...), copies: 1}
}

// NewSetResource returns an unreserved set.
func NewSetResource(name string, items ...string) Resource {
	return Resource{Kind: plainKind(name, mesos.Value_SET), set: newSet(items), copies: 1}
}

func plainKind(name string, valueType mesos.Value_Type) *Kind {
	return mustIntern(&mesos.Resource{Name: &name, Type: &valueType})
}

// ScalarOf returns milli units of a kind, which must be a SCALAR.
func ScalarOf(kind *Kind, milli int64) Resource {
	if kind.valueType != mesos.Value_SCALAR {
		panic("BUG: " + kind.name + " is not a scalar resource")
	}
	return Resource{Kind: kind, milli: milli, copies: 1}
}

// ScalarMilli returns the amount of a SCALAR in milli-units, 0 for other types. For a shared volume
// it is the size of the volume, however many copies there are.
func (r Resource) ScalarMilli() int64 { return r.milli }

// Ranges returns the value of a RANGES, nil for other types. Read only.
func (r Resource) Ranges() Ranges { return r.ranges }

// Items returns the value of a SET, sorted, nil for other types. Read only.
func (r Resource) Items() []string { return r.set.list() }

// Copies returns how many copies of a shared volume the entry stands for; 1 for everything else.
func (r Resource) Copies() int { return r.copies }

// IsEmpty reports whether nothing is there.
func (r Resource) IsEmpty() bool {
	switch r.valueType {
	case mesos.Value_SCALAR:
		return r.milli == 0 || r.copies == 0
	case mesos.Value_RANGES:
		return len(r.ranges) == 0
	default:
		return r.set == nil
	}
}

// QuantityMilli returns the amount as quota counts it, in milli-units: a scalar's value, the number
// of points of ranges, the number of items of a set.
func (r Resource) QuantityMilli() int64 {
	switch r.valueType {
	case mesos.Value_SCALAR:
		return r.milli
	case mesos.Value_RANGES:
		return milliFromCount(r.ranges.Count())
	default:
		return milliFromCount(int64(len(r.set.list())))
	}
}

func milliFromCount(n int64) int64 {
	if n > math.MaxInt64/milliPerUnit {
		return math.MaxInt64
	}
	return n * milliPerUnit
}

// WithScalarMilli returns the same kind with another amount. r must be a SCALAR.
func (r Resource) WithScalarMilli(milli int64) Resource {
	r.milli = milli
	return r
}

// ShrinkTo cuts a SCALAR down to at most milli. It fails for what cannot be cut, exclusive disks
// larger than that; r is returned as it is then.
func (r Resource) ShrinkTo(milli int64) (Resource, bool) {
	if r.milli <= milli {
		return r, true
	}
	if r.exclusive {
		return r, false
	}
	r.milli = milli
	return r, true
}

// sameValue reports whether amounts are equal, not counting copies.
func (r Resource) sameValue(o Resource) bool {
	switch r.valueType {
	case mesos.Value_SCALAR:
		return r.milli == o.milli
	case mesos.Value_RANGES:
		return r.ranges.Contains(o.ranges) && o.ranges.Contains(r.ranges)
	default:
		return r.set.contains(o.set) && o.set.contains(r.set)
	}
}

// addable reports whether o can be merged into r.
func (r Resource) addable(o Resource) bool {
	if r.class != o.class {
		return false
	}
	if r.IsShared() {
		return r.sameValue(o)
	}
	return !r.exclusive
}

// neverMerges reports whether addable is false for all other entries.
func (r Resource) neverMerges() bool { return r.exclusive && !r.IsShared() }

// subtractable reports whether o can be taken out of r, in whole or in part: exclusive entries only
// when they are equal.
func (r Resource) subtractable(o Resource) bool {
	return r.class == o.class && (!r.exclusive || r.sameValue(o))
}

// contains reports whether o fits into r alone.
func (r Resource) contains(o Resource) bool {
	if !r.subtractable(o) {
		return false
	}
	if r.IsShared() {
		return r.copies >= o.copies
	}
	switch r.valueType {
	case mesos.Value_SCALAR:
		return o.milli <= r.milli
	case mesos.Value_RANGES:
		return r.ranges.Contains(o.ranges)
	default:
		return r.set.contains(o.set)
	}
}

// plus merges o, which must be addable.
func (r Resource) plus(o Resource) Resource {
	if r.IsShared() {
		r.copies += o.copies
		return r
	}
	switch r.valueType {
	case mesos.Value_SCALAR:
		r.milli = addMilli(r.milli, o.milli)
	case mesos.Value_RANGES:
		r.ranges = r.ranges.Plus(o.ranges)
	default:
		r.set = r.set.plus(o.set)
	}
	return r
}

// minus takes o, which must be subtractable, out of r. ok is false when nothing is left, or less
// than nothing: such an entry vanishes.
func (r Resource) minus(o Resource) (rest Resource, ok bool) {
	if r.IsShared() {
		r.copies -= o.copies
		return r, r.copies > 0
	}
	switch r.valueType {
	case mesos.Value_SCALAR:
		r.milli -= o.milli
		return r, r.milli > 0
	case mesos.Value_RANGES:
		r.ranges = r.ranges.Minus(o.ranges)
		return r, len(r.ranges) > 0
	default:
		r.set = r.set.minus(o.set)
		return r, r.set != nil
	}
}

// withKind returns the same amount of another kind of the same type. A shared entry that stops
// being shared becomes one.
func (r Resource) withKind(kind *Kind) Resource {
	r.Kind = kind
	if !kind.IsShared() {
		r.copies = 1
	}
	return r
}
