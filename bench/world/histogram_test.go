package world

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A quantile is the value at its rank among all, or up to 1/64 more.
func TestQuantilesAgainstSorting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) int64 {
			return rapid.Int64Range(0, 1<<rapid.IntRange(1, 44).Draw(t, "bits")).Draw(t, "value")
		}), 1, 300).Draw(t, "values")
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		// In two halves: merging must not matter.
		var h, other Histogram
		for i, v := range values {
			if i%2 == 0 {
				h.Record(time.Duration(v))
			} else {
				other.Record(time.Duration(v))
			}
		}
		h.Merge(&other)
		slices.Sort(values)
		rank := 0
		for float64(rank+1) < q*float64(len(values)) {
			rank++
		}
		want := time.Duration(values[rank])
		got := h.Quantile(q)
		if got < want || got > want+want/64+1 {
			t.Fatalf("quantile %v of %v: got %d, want %d to %d", q, values, got, want, want+want/64+1)
		}
		if h.Max() != time.Duration(values[len(values)-1]) || h.Count() != uint64(len(values)) {
			t.Fatalf("got max %v and count %d", h.Max(), h.Count())
		}
	})
}

func TestBucketsTile(t *testing.T) {
	for b := range histogramBuckets - 1 {
		if end := highest(b); bucket(end) != b || bucket(end+1) != b+1 {
			t.Fatalf("bucket %d ends at %d, which is in bucket %d; the next is in %d", b, end, bucket(end), bucket(end+1))
		}
	}
	if (&Histogram{}).Quantile(.5) != 0 {
		t.Error("an empty histogram has a median")
	}
}
