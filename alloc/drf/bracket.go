package drf

import (
	"math"
	"math/bits"
)

// key orders the children of one inner node; the position breaks what is left.
// share is the bits of a double that is not negative, which order as it does.
type key struct {
	share, count uint64
}

// before is 1 if a is strictly smaller than b, else 0, without a branch: which of
// two claimants is needier is nothing that a processor could predict.
func (a *key) before(b *key) uint64 {
	_, borrow := bits.Sub64(a.count, b.count, 0)
	_, borrow = bits.Sub64(a.share, b.share, borrow)
	return borrow
}

// none marks a bracket node below which nobody takes part.
const none = int32(-1)

// bracket is the winner tree over the children of an inner node. Children are
// kept sorted by name, so that a lower position is the earlier path and ties
// need no string comparison. win[i] is the position of the neediest
// participant below bracket node i; win[1] is the overall winner, the leaves
// are win[size:size+len(kids)]. subset is the same among the wanted children
// and kept only while Tree.useSubset is on.
type bracket struct {
	kids   []node
	keys   []key
	win    []int32
	subset []int32
	size   int32
}

func (b *bracket) less(x, y int32) bool {
	kx, ky := &b.keys[x], &b.keys[y]
	if *kx == *ky {
		return x < y
	}
	return kx.before(ky) == 1
}

// play returns the winner of two positions of which x is the lower one.
func (b *bracket) play(x, y int32) int32 {
	if y == none {
		return x
	}
	if x == none {
		return y
	}
	second := -int32(b.keys[y].before(&b.keys[x])) // all ones if y wins
	return x ^ (x^y)&second
}

// layout sizes the bracket for its children; build must follow.
func (b *bracket) layout(withSubset bool) {
	size := int32(1)
	for int(size) < len(b.kids) {
		size *= 2
	}
	b.size = size
	b.win = sized(b.win, int(2*size))
	if withSubset {
		b.subset = sized(b.subset, int(2*size))
	}
	for len(b.keys) < len(b.kids) {
		b.keys = append(b.keys, key{})
	}
	b.keys = b.keys[:len(b.kids)]
}

// sized returns win with n elements, all none.
func sized(win []int32, n int) []int32 {
	if cap(win) < n {
		win = make([]int32, n)
	}
	win = win[:n]
	for i := range win {
		win[i] = none
	}
	return win
}

// build plays every match. The caller has set the leaves.
func (b *bracket) build(win []int32) {
	for i := b.size - 1; i >= 1; i-- {
		win[i] = b.play(win[2*i], win[2*i+1])
	}
}

// replay plays the matches of position pos again after its key or its
// participation changed. It stops where another child keeps winning.
func (b *bracket) replay(win []int32, pos int32, takesPart bool) {
	i := b.size + pos
	if takesPart {
		win[i] = pos
	} else {
		if win[i] == none {
			return
		}
		win[i] = none
	}
	// Matches of the winner so far are played against the other side of each node,
	// whose places depend on pos alone: they are read while the last match is played.
	w, k := pos, key{math.MaxUint64, math.MaxUint64}
	if takesPart {
		k = b.keys[pos]
	} else {
		w = none
	}
	for ; i > 1; i /= 2 {
		if x := win[i^1]; x != none {
			o := &b.keys[x]
			// At equal keys the lower position wins, which is that of the left side: for
			// the right one, being equal is enough for the other.
			_, beats := bits.Sub64(o.count, k.count, uint64(i&1))
			_, beats = bits.Sub64(o.share, k.share, beats)
			mask := -beats
			w ^= (w ^ x) & int32(mask)
			k.share ^= (k.share ^ o.share) & mask
			k.count ^= (k.count ^ o.count) & mask
		}
		if win[i/2] == w && w != pos {
			return
		}
		win[i/2] = w
	}
}
