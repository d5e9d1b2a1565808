package resource

import (
	"math"
	"slices"
	"strconv"
)

// Range is one inclusive interval of a RANGES resource, such as ports.
type Range struct {
	Begin, End uint64
}

// Ranges is a list of intervals, sorted, without overlap, and with neighbours joined:
// [1-2,3-4] does not occur, it is [1-4]. Every Ranges in this package has that form.
type Ranges []Range

// NewRanges sorts and joins intervals of any order. Intervals with Begin > End are dropped.
// The argument is not changed.
func NewRanges(intervals ...Range) Ranges {
	out := make(Ranges, 0, len(intervals))
	for _, r := range intervals {
		if r.Begin <= r.End {
			out = append(out, r)
		}
	}
	return out.coalesce()
}

// coalesce brings r into the normal form, in place. Intervals must not be inverted.
func (r Ranges) coalesce() Ranges {
	if !slices.IsSortedFunc(r, compareBegin) {
		slices.SortFunc(r, compareBegin)
	}
	out := r[:0]
	for _, next := range r {
		out = out.extend(next)
	}
	return out
}

func compareBegin(a, b Range) int {
	if a.Begin != b.Begin {
		if a.Begin < b.Begin {
			return -1
		}
		return 1
	}
	return 0
}

// extend appends next, which must not begin before the last interval begins, joining it with
// that one when they touch.
func (r Ranges) extend(next Range) Ranges {
	if n := len(r); n > 0 {
		last := &r[n-1]
		// Written so that End == MaxUint64 does not overflow.
		if last.End == math.MaxUint64 || next.Begin <= last.End+1 {
			last.End = max(last.End, next.End)
			return r
		}
	}
	return append(r, next)
}

// Plus returns the union. Overlap is absorbed.
func (r Ranges) Plus(o Ranges) Ranges {
	switch {
	case len(o) == 0:
		return r
	case len(r) == 0:
		return o
	}
	out := make(Ranges, 0, len(r)+len(o))
	i, j := 0, 0
	for i < len(r) || j < len(o) {
		if j == len(o) || i < len(r) && r[i].Begin <= o[j].Begin {
			out = out.extend(r[i])
			i++
		} else {
			out = out.extend(o[j])
			j++
		}
	}
	return out
}

// Minus returns what of r is not in o. Intervals are split as needed.
func (r Ranges) Minus(o Ranges) Ranges {
	if len(r) == 0 || len(o) == 0 {
		return r
	}
	out := make(Ranges, 0, len(r)+len(o))
	j := 0
	for _, left := range r {
		for j < len(o) && o[j].End < left.Begin {
			j++
		}
		out = left.appendWithout(out, o[j:])
	}
	return out
}

// appendWithout appends the parts of r that no interval of cuts covers.
func (r Range) appendWithout(out Ranges, cuts Ranges) Ranges {
	for _, cut := range cuts {
		if cut.Begin > r.End {
			break
		}
		if cut.Begin > r.Begin {
			out = append(out, Range{r.Begin, cut.Begin - 1})
		}
		if cut.End >= r.End {
			return out
		}
		r.Begin = max(r.Begin, cut.End+1)
	}
	return append(out, r)
}

// Contains reports whether every point of o is in r.
func (r Ranges) Contains(o Ranges) bool {
	i := 0
	for _, want := range o {
		for i < len(r) && r[i].End < want.Begin {
			i++
		}
		if i == len(r) || want.Begin < r[i].Begin || want.End > r[i].End {
			return false
		}
	}
	return true
}

// Intersects reports whether r and o have a point in common.
func (r Ranges) Intersects(o Ranges) bool {
	i, j := 0, 0
	for i < len(r) && j < len(o) {
		switch {
		case r[i].End < o[j].Begin:
			i++
		case o[j].End < r[i].Begin:
			j++
		default:
			return true
		}
	}
	return false
}

// Count returns the number of points, at most math.MaxInt64.
func (r Ranges) Count() int64 {
	var total uint64
	for _, x := range r {
		total += x.End - x.Begin
		if total >= math.MaxInt64 || x.End-x.Begin >= math.MaxInt64 {
			return math.MaxInt64
		}
		total++
	}
	return int64(min(total, math.MaxInt64))
}

// appendTo appends the text form [1-5<sep>7-9].
func (r Ranges) appendTo(b []byte, sep string) []byte {
	b = append(b, '[')
	for i, x := range r {
		if i > 0 {
			b = append(b, sep...)
		}
		b = strconv.AppendUint(b, x.Begin, 10)
		b = append(b, '-')
		b = strconv.AppendUint(b, x.End, 10)
	}
	return append(b, ']')
}

// String returns the form in which Mesos prints ranges: "[1-5, 7-9]".
func (r Ranges) String() string { return string(r.AppendString(nil)) }

// AppendString appends what String returns: digits, signs and blanks.
func (r Ranges) AppendString(b []byte) []byte { return r.appendTo(b, ", ") }
