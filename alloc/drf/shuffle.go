package drf

import (
	"cmp"
	"math"
	"slices"
)

// Shuffle appends the active claimants of t to dst in a random order in which
// heavier ones tend to come first: repeated weighted drawing without putting
// back. A claimant's chance is its weight's part among its siblings, times that
// of each ancestor. unit returns random numbers between 0 and 1, exclusive.
func (t *Tree) Shuffle(dst []Leaf, unit func() float64) []Leaf {
	var drawn []draw
	t.draw(root, 1, unit, &drawn)
	slices.SortStableFunc(drawn, func(a, b draw) int { return cmp.Compare(b.score, a.score) })
	for _, d := range drawn {
		dst = append(dst, d.leaf)
	}
	return dst
}

type draw struct {
	leaf  Leaf
	score float64
}

func (t *Tree) draw(n node, part float64, unit func() float64, out *[]draw) {
	kids := t.nodes[n].bracket.kids
	sum := 0.0
	for _, k := range kids {
		if t.nodes[k].live > 0 {
			sum += t.weight(k)
		}
	}
	for _, k := range kids {
		v := &t.nodes[k]
		if v.live == 0 {
			continue
		}
		p := part * t.weight(k) / sum
		if v.kind == inner {
			t.draw(k, p, unit, out)
		} else {
			*out = append(*out, draw{v.leaf, math.Pow(unit(), 1/p)})
		}
	}
}
