package drf

import (
	"slices"
	"strings"
)

// NodeState is what a Tree remembers of a node beyond what follows from its
// claimants and their books. Paths of virtual leaves end in "/.".
type NodeState struct {
	Path        string
	Count       uint64
	Weight      float64
	WeightKnown bool
}

// PathWeight is the weight set for a path.
type PathWeight struct {
	Path   string
	Weight float64
}

// State returns what Restore needs, besides adding the same claimants again.
func (t *Tree) State() (nodes []NodeState, weights []PathWeight) {
	t.collect(root, &nodes)
	for p, w := range t.weights {
		weights = append(weights, PathWeight{p, w})
	}
	slices.SortFunc(weights, func(a, b PathWeight) int { return strings.Compare(a.Path, b.Path) })
	return nodes, weights
}

func (t *Tree) collect(n node, out *[]NodeState) {
	for _, k := range t.nodes[n].bracket.kids {
		v := &t.nodes[k]
		*out = append(*out, NodeState{v.path, v.count, v.weight, v.weightKnown})
		t.collect(k, out)
	}
}

// SetState puts back what State returned, after the claimants were added and
// charged.
func (t *Tree) SetState(nodes []NodeState, weights []PathWeight) {
	for _, w := range weights {
		t.weights[w.Path] = w.Weight
	}
	byPath := make(map[string]NodeState, len(nodes))
	for _, s := range nodes {
		byPath[s.Path] = s
	}
	t.restore(root, byPath)
	t.stale = true
}

func (t *Tree) restore(n node, byPath map[string]NodeState) {
	for _, k := range t.nodes[n].bracket.kids {
		v := &t.nodes[k]
		s := byPath[v.path]
		v.count, v.weight, v.weightKnown = s.Count, s.Weight, s.WeightKnown
		t.restore(k, byPath)
	}
}
