package cycle

import (
	"cmp"
	"math"
	"slices"

	"github.com/caprock/caprock/wire/mesos"
)

// sameAttributes compares attributes as Mesos does: equally many, and each of one
// list is somewhere in the other.
func sameAttributes(x, y []*mesos.Attribute) bool {
	return len(x) == len(y) && allIn(x, y) && allIn(y, x)
}

func allIn(x, y []*mesos.Attribute) bool {
	for _, p := range x {
		if !slices.ContainsFunc(y, func(q *mesos.Attribute) bool { return sameAttribute(p, q) }) {
			return false
		}
	}
	return true
}

// sameAttribute compares by value: scalars to three decimals, ranges by what they
// cover.
func sameAttribute(p, q *mesos.Attribute) bool {
	if p.GetName() != q.GetName() || p.GetType() != q.GetType() {
		return false
	}
	switch p.GetType() {
	case mesos.Value_SCALAR:
		return math.Round(p.GetScalar().GetValue()*1000) == math.Round(q.GetScalar().GetValue()*1000)
	case mesos.Value_RANGES:
		return slices.Equal(merged(p.GetRanges()), merged(q.GetRanges()))
	case mesos.Value_TEXT:
		return p.GetText().GetValue() == q.GetText().GetValue()
	}
	return p.EqualVT(q)
}

type interval struct{ begin, end uint64 }

// merged returns the intervals in order, those that touch made one.
func merged(ranges *mesos.Value_Ranges) []interval {
	var all []interval
	for _, r := range ranges.GetRange() {
		all = append(all, interval{r.GetBegin(), r.GetEnd()})
	}
	slices.SortFunc(all, func(x, y interval) int { return cmp.Compare(x.begin, y.begin) })
	out := all[:0]
	for _, x := range all {
		if n := len(out); n > 0 && (x.begin <= out[n-1].end || x.begin-1 == out[n-1].end) {
			out[n-1].end = max(out[n-1].end, x.end)
			continue
		}
		out = append(out, x)
	}
	return out
}
