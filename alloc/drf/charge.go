package drf

import (
	"math"
	"slices"
)

// touch remembers n for the next Refresh.
func (t *Tree) touch(n node) {
	if n == root || t.nodes[n].dirty {
		return
	}
	t.nodes[n].dirty = true
	t.pending = append(t.pending, n)
}

// Adjust adds milli of one dimension (negative takes away) to the books of the
// claimant and its ancestors, without counting a service.
func (t *Tree) Adjust(l Leaf, dim int, milli int64) {
	for n := t.leaves[l]; n >= 0; n = t.nodes[n].parent {
		t.nodes[n].totals[dim] += milli
		t.touch(n)
	}
}

// Charge books v on the claimant and its ancestors as one service.
func (t *Tree) Charge(l Leaf, v []int64) {
	for n := t.leaves[l]; n >= 0; n = t.nodes[n].parent {
		x := &t.nodes[n]
		AddTo(x.totals, v)
		x.count++
		t.touch(n)
	}
}

// Discharge takes v from the books of the claimant and its ancestors.
func (t *Tree) Discharge(l Leaf, v []int64) {
	for n := t.leaves[l]; n >= 0; n = t.nodes[n].parent {
		SubFrom(t.nodes[n].totals, v)
		t.touch(n)
	}
}

// share is the dominant share of n divided by its weight.
func (t *Tree) share(n node) float64 {
	v := &t.nodes[n]
	share := 0.0
	for d, total := range t.clusterF {
		held := v.totals[d]
		if held == 0 || total == 0 {
			continue
		}
		if s := float(held) / total; s > share {
			share = s
		}
	}
	if w := t.weight(n); w != 1 {
		share /= w
	}
	return share
}

// weight returns the weight of n and remembers it, see vertex.weight.
func (t *Tree) weight(n node) float64 {
	v := &t.nodes[n]
	if !v.weightKnown {
		w, ok := t.weights[v.path]
		if !ok {
			w = 1
		}
		v.weight, v.weightKnown = w, true
	}
	return v.weight
}

// Share returns the weighted dominant share of a claimant as of now.
func (t *Tree) Share(l Leaf) float64 { return t.share(t.leaves[l]) }

// Refresh makes the order agree with the books. It costs O(log children) per
// node charged since the last time, or one pass over everything when the
// cluster's total, a weight or the tree itself changed.
func (t *Tree) Refresh() {
	if t.stale {
		for _, n := range t.pending {
			t.nodes[n].dirty = false
		}
		t.pending = t.pending[:0]
		t.rebuild(root, true)
		t.stale = false
		return
	}
	for _, n := range t.pending {
		v := &t.nodes[n]
		v.dirty = false
		b := &t.nodes[v.parent].bracket
		if len(b.kids) > 1 {
			b.keys[v.pos] = key{math.Float64bits(t.share(n)), v.count}
		}
		b.replay(b.win, v.pos, v.live > 0)
		if t.useSubset {
			b.replay(b.subset, v.pos, v.want > 0)
		}
	}
	t.pending = t.pending[:0]
}

// rebuild plays all brackets from their leaves; with shares it computes every
// key first.
func (t *Tree) rebuild(n node, shares bool) {
	b := &t.nodes[n].bracket
	b.layout(t.useSubset)
	for i, k := range b.kids {
		v := &t.nodes[k]
		switch {
		case shares && len(b.kids) > 1:
			b.keys[i] = key{math.Float64bits(t.share(k)), v.count}
		case shares:
			t.weight(k) // remembered even though a single child has no rival
		}
		if v.live > 0 {
			b.win[b.size+int32(i)] = int32(i)
		}
		if t.useSubset && v.want > 0 {
			b.subset[b.size+int32(i)] = int32(i)
		}
	}
	b.build(b.win)
	if t.useSubset {
		b.build(b.subset)
	}
	if t.flat {
		return
	}
	for _, k := range b.kids {
		if t.nodes[k].kind == inner {
			t.rebuild(k, shares)
		}
	}
}

// Sole returns the only claimant of a tree that has exactly one, if it is
// active; its order needs no upkeep.
func (t *Tree) Sole() Leaf {
	kids := t.nodes[root].bracket.kids
	if len(kids) != 1 || t.nodes[kids[0]].kind != activeLeaf {
		return NoLeaf
	}
	return t.nodes[kids[0]].leaf
}

// Compare orders two claimants as Iter would, for callers that have a few
// candidates and need no others: negative if a comes first.
func (t *Tree) Compare(a, b Leaf) int {
	if a == b {
		return 0
	}
	x, y := t.leaves[a], t.leaves[b]
	if t.flat {
		if t.nodes[root].bracket.less(t.nodes[x].pos, t.nodes[y].pos) {
			return -1
		}
		return 1
	}
	dx, dy := t.depth(x), t.depth(y)
	for ; dx > dy; dx-- {
		x = t.nodes[x].parent
	}
	for ; dy > dx; dy-- {
		y = t.nodes[y].parent
	}
	for t.nodes[x].parent != t.nodes[y].parent {
		x, y = t.nodes[x].parent, t.nodes[y].parent
	}
	if t.nodes[t.nodes[x].parent].bracket.less(t.nodes[x].pos, t.nodes[y].pos) {
		return -1
	}
	return 1
}

func (t *Tree) depth(n node) int {
	d := 0
	for ; n != root; n = t.nodes[n].parent {
		d++
	}
	return d
}

// Paths returns the paths of all claimants, sorted.
func (t *Tree) Paths() []string {
	out := make([]string, 0, len(t.byPath))
	for p := range t.byPath {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

// Restore books v on the claimant and its ancestors without counting a service.
func (t *Tree) Restore(l Leaf, v []int64) {
	for n := t.leaves[l]; n >= 0; n = t.nodes[n].parent {
		AddTo(t.nodes[n].totals, v)
		t.touch(n)
	}
}

// Each calls visit with the client number of every active claimant, in no
// particular but a repeatable order, until it returns false.
func (t *Tree) Each(visit func(client int32) bool) {
	for l, n := range t.leaves {
		if n >= 0 && t.nodes[n].kind == activeLeaf && !visit(t.clients[l]) {
			return
		}
	}
}

// Count returns how often a claimant was served.
func (t *Tree) Count(l Leaf) uint64 { return t.nodes[t.leaves[l]].count }

// SetCount sets how often a claimant was served, as when a state is restored.
func (t *Tree) SetCount(l Leaf, n uint64) {
	t.nodes[t.leaves[l]].count = n
	t.stale = true
}
