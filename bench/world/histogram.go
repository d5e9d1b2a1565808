package world

import (
	"math/bits"
	"time"
)

// Histogram counts durations in buckets that are at most 1/64 of their value
// wide, from a nanosecond to hours, in 30 KiB. It is not safe for concurrent use: give each
// goroutine one and Merge.
type Histogram struct {
	counts [histogramBuckets]uint64
	total  uint64
	max    time.Duration
}

const (
	subBits          = 6 // 64 buckets per power of two
	histogramBuckets = (64 - subBits) << subBits
)

// bucket of a value: exact below 128, then 64 per power of two.
func bucket(v uint64) int {
	if v < 2<<subBits {
		return int(v)
	}
	shift := bits.Len64(v) - subBits - 1
	return shift<<subBits + int(v>>shift)
}

// highest value of a bucket.
func highest(b int) uint64 {
	if b < 2<<subBits {
		return uint64(b)
	}
	shift := b>>subBits - 1
	return (uint64(b-shift<<subBits)+1)<<shift - 1
}

// Record counts one duration; negative ones count as 0.
func (h *Histogram) Record(d time.Duration) {
	d = max(0, d)
	h.counts[bucket(uint64(d))]++
	h.total++
	h.max = max(h.max, d)
}

// Merge adds what o has counted.
func (h *Histogram) Merge(o *Histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.total += o.total
	h.max = max(h.max, o.max)
}

// Count returns how many durations were recorded.
func (h *Histogram) Count() uint64 { return h.total }

// Max returns the longest duration, exactly.
func (h *Histogram) Max() time.Duration { return h.max }

// Quantile returns the duration that a part q of all do not exceed, rounded up
// to the end of its bucket; 0 if nothing was recorded.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	rank := uint64(q * float64(h.total))
	if float64(rank) < q*float64(h.total) {
		rank++ // the ceiling
	}
	rank = min(max(rank, 1), h.total)
	var seen uint64
	for b, n := range h.counts {
		if seen += n; seen >= rank {
			return min(time.Duration(highest(b)), h.max)
		}
	}
	return h.max
}
