package drf

import (
	"slices"
	"strings"
)

// Leaf names a claimant of a Tree for as long as it is in it.
type Leaf int32

// NoLeaf is not a claimant.
const NoLeaf Leaf = -1

// node indexes Tree.nodes.
type node int32

const root node = 0

type kind uint8

const (
	inner kind = iota
	activeLeaf
	inactiveLeaf
)

// vertex is one node of the tree.
type vertex struct {
	name   string // label of the edge from the parent; "." for a virtual leaf
	path   string // from the root, with the "." of a virtual leaf
	parent node
	pos    int32 // position among the parent's children
	kind   kind
	dirty  bool // in Tree.pending

	// weight is read from Tree.weights when first needed and from then on
	// changes only through SetWeight for a claimant's own path.
	weight      float64
	weightKnown bool

	count   uint64  // services ever, of the whole subtree; never goes down
	totals  []int64 // what the subtree holds
	live    int32   // active leaves in the subtree
	want    int32   // leaves of the chosen subset in the subtree
	leaf    Leaf
	bracket bracket
}

// Tree holds claimants and their order. Not safe for concurrent use.
type Tree struct {
	flat     bool // claimant names are not split at "/"
	nodes    []vertex
	free     []node
	leaves   []node  // by Leaf
	clients  []int32 // by Leaf: what the caller calls the claimant
	freeLeaf []Leaf
	byPath   map[string]Leaf
	weights  map[string]float64

	cluster  []int64   // total of the cluster
	clusterF []float64 // the same as doubles; 0 where the dimension does not count
	excluded []bool    // dimensions that are no part of fairness

	pending []node // charged since the last Refresh
	stale   bool   // every share must be computed again
	// useSubset says that the order among the wanted claimants is kept too.
	useSubset bool
}

// NewTree returns an empty tree: of roles, whose names are paths, or flat.
func NewTree(hierarchical bool) *Tree {
	t := &Tree{
		flat:    !hierarchical,
		byPath:  make(map[string]Leaf),
		weights: make(map[string]float64),
	}
	t.nodes = append(t.nodes, vertex{kind: inner, leaf: NoLeaf, parent: -1})
	return t
}

// Len is the number of claimants, active or not.
func (t *Tree) Len() int { return len(t.byPath) }

// Find returns the claimant with this path, NoLeaf if there is none.
func (t *Tree) Find(path string) Leaf {
	if l, ok := t.byPath[path]; ok {
		return l
	}
	return NoLeaf
}

// Client returns the number that Add was given for the claimant.
func (t *Tree) Client(l Leaf) int32 { return t.clients[l] }

func (t *Tree) newNode(name string, parent node, k kind) node {
	path := name
	if parent != root {
		path = t.nodes[parent].path + "/" + name
	}
	v := vertex{name: name, path: path, parent: parent, kind: k, leaf: NoLeaf}
	v.totals = make([]int64, len(t.cluster))
	var n node
	if k := len(t.free); k > 0 {
		n = t.free[k-1]
		t.free = t.free[:k-1]
		t.nodes[n] = v
	} else {
		n = node(len(t.nodes))
		t.nodes = append(t.nodes, v)
	}
	t.attach(n)
	return n
}

// attach puts n among its parent's children, sorted by name.
func (t *Tree) attach(n node) {
	v := &t.nodes[n]
	b := &t.nodes[v.parent].bracket
	at, _ := slices.BinarySearchFunc(b.kids, v.name, func(k node, name string) int {
		return strings.Compare(t.nodes[k].name, name)
	})
	b.kids = slices.Insert(b.kids, at, n)
	for i := at; i < len(b.kids); i++ {
		t.nodes[b.kids[i]].pos = int32(i)
	}
}

func (t *Tree) detach(n node) {
	v := &t.nodes[n]
	b := &t.nodes[v.parent].bracket
	b.kids = slices.Delete(b.kids, int(v.pos), int(v.pos)+1)
	for i := int(v.pos); i < len(b.kids); i++ {
		t.nodes[b.kids[i]].pos = int32(i)
	}
}

func (t *Tree) release(n node) {
	t.detach(n)
	t.nodes[n] = vertex{leaf: NoLeaf, dirty: t.nodes[n].dirty}
	t.free = append(t.free, n)
}

func (t *Tree) child(n node, name string) (node, bool) {
	b := &t.nodes[n].bracket
	at, found := slices.BinarySearchFunc(b.kids, name, func(k node, name string) int {
		return strings.Compare(t.nodes[k].name, name)
	})
	if !found {
		return 0, false
	}
	return b.kids[at], true
}

// Add puts a new, inactive claimant into the tree. A leaf on the way to it
// becomes an inner node with a virtual leaf that takes over its books; a
// claimant whose path is an inner node already gets a virtual leaf.
func (t *Tree) Add(path string, client int32) Leaf {
	if _, ok := t.byPath[path]; ok {
		panic("BUG: claimant " + path + " is in the tree already")
	}
	tokens := []string{path}
	if !t.flat {
		tokens = strings.Split(path, "/")
	}
	at := root
	for {
		if len(tokens) == 0 {
			at = t.newNode(".", at, inactiveLeaf)
			break
		}
		if t.nodes[at].kind != inner {
			t.split(at)
			break
		}
		next, ok := t.child(at, tokens[0])
		if !ok {
			break
		}
		at, tokens = next, tokens[1:]
	}
	for i, token := range tokens {
		k := inner
		if i == len(tokens)-1 {
			k = inactiveLeaf
		}
		at = t.newNode(token, at, k)
	}
	l := t.newLeaf(at, client)
	t.byPath[path] = l
	t.stale = true
	return l
}

func (t *Tree) newLeaf(n node, client int32) Leaf {
	var l Leaf
	if k := len(t.freeLeaf); k > 0 {
		l = t.freeLeaf[k-1]
		t.freeLeaf = t.freeLeaf[:k-1]
		t.leaves[l], t.clients[l] = n, client
	} else {
		l = Leaf(len(t.leaves))
		t.leaves = append(t.leaves, n)
		t.clients = append(t.clients, client)
	}
	t.nodes[n].leaf = l
	return l
}

// split turns the leaf n into an inner node with a virtual leaf.
func (t *Tree) split(n node) {
	k, l := t.nodes[n].kind, t.nodes[n].leaf
	t.nodes[n].kind = inner
	t.nodes[n].leaf = NoLeaf
	virtual := t.newNode(".", n, k)
	v, up := &t.nodes[virtual], &t.nodes[n]
	v.count, v.live, v.want = up.count, up.live, up.want
	copy(v.totals, up.totals)
	v.leaf = l
	t.leaves[l] = virtual
}

// Remove takes a claimant that holds nothing out of the tree, with the inner
// nodes that no longer lead anywhere. An inner node left with nothing but a
// virtual leaf becomes a leaf again and keeps its own count.
func (t *Tree) Remove(path string) {
	l, ok := t.byPath[path]
	if !ok {
		panic("BUG: claimant " + path + " is not in the tree")
	}
	t.SetActive(l, false)
	t.SetWanted(l, false)
	delete(t.byPath, path)
	n := t.leaves[l]
	t.leaves[l] = -1
	t.freeLeaf = append(t.freeLeaf, l)
	for n != root {
		parent := t.nodes[n].parent
		kids := t.nodes[n].bracket.kids
		switch {
		case len(kids) == 0:
			t.release(n)
		case len(kids) == 1 && t.nodes[kids[0]].name == ".":
			t.collapse(n, kids[0])
		}
		n = parent
	}
	t.stale = true
}

func (t *Tree) collapse(n, virtual node) {
	l := t.nodes[virtual].leaf
	t.nodes[n].kind = t.nodes[virtual].kind
	t.nodes[n].leaf = l
	t.leaves[l] = n
	t.release(virtual)
	t.nodes[n].bracket = bracket{}
}

// SetActive lets a claimant take part in the order, or not.
func (t *Tree) SetActive(l Leaf, active bool) {
	n := t.leaves[l]
	v := &t.nodes[n]
	if (v.kind == activeLeaf) == active {
		return
	}
	step := int32(1)
	v.kind = activeLeaf
	if !active {
		step = -1
		v.kind = inactiveLeaf
	}
	for at := n; at != -1; at = t.nodes[at].parent {
		t.nodes[at].live += step
		t.touch(at)
	}
}

// Active says whether the claimant takes part.
func (t *Tree) Active(l Leaf) bool { return t.nodes[t.leaves[l]].kind == activeLeaf }

// SetWanted puts a claimant into the subset that Iter.ResetWanted goes over, or
// takes it out. Only active claimants may be wanted.
func (t *Tree) SetWanted(l Leaf, wanted bool) {
	n := t.leaves[l]
	if (t.nodes[n].want != 0) == wanted {
		return
	}
	step := int32(1)
	if !wanted {
		step = -1
	}
	for at := n; at != -1; at = t.nodes[at].parent {
		t.nodes[at].want += step
		t.touch(at)
	}
}

// WantOnly makes the claimants that keep accepts, by their client number, the
// subset. It is quicker than SetWanted for many.
func (t *Tree) WantOnly(keep func(client int32) bool) {
	for i := range t.nodes {
		t.nodes[i].want = 0
	}
	for l, n := range t.leaves {
		if n < 0 || t.nodes[n].kind != activeLeaf || !keep(t.clients[l]) {
			continue
		}
		for at := n; at != -1; at = t.nodes[at].parent {
			t.nodes[at].want++
		}
	}
	if !t.stale {
		t.useSubset = false
		t.Refresh()
		t.useSubset = true
		t.rebuild(root, false)
	}
	t.useSubset = true
}

// ForgetWanted stops keeping the order of the subset.
func (t *Tree) ForgetWanted() { t.useSubset = false }

// SetWeight sets the weight of a path. An inner node that is no claimant keeps
// the weight it was first asked for, as in Mesos.
func (t *Tree) SetWeight(path string, weight float64) {
	t.weights[path] = weight
	t.stale = true
	l, ok := t.byPath[path]
	if !ok {
		return
	}
	n := t.leaves[l]
	if t.nodes[n].name == "." && !t.flat {
		n = t.nodes[n].parent
	}
	t.nodes[n].weight, t.nodes[n].weightKnown = weight, true
}

// SetCluster sets the cluster's total, in the dimensions of Names; dimensions
// marked in excluded are no part of fairness. It grows the books where there
// are new dimensions. Shares are computed again at the next Refresh.
func (t *Tree) SetCluster(total []int64, excluded []bool) {
	if len(total) > len(t.cluster) {
		for i := range t.nodes {
			t.nodes[i].totals = Grow(t.nodes[i].totals, len(total))
		}
	}
	t.cluster = append(t.cluster[:0], total...)
	t.clusterF = t.clusterF[:0]
	for d, x := range total {
		f := float(x)
		if x <= 0 || d < len(excluded) && excluded[d] {
			f = 0
		}
		t.clusterF = append(t.clusterF, f)
	}
	t.excluded = excluded
	t.stale = true
}

// Totals returns what a claimant holds. The slice is the tree's own.
func (t *Tree) Totals(l Leaf) []int64 { return t.nodes[t.leaves[l]].totals }

// RootTotals returns what all claimants hold together. The slice is the tree's own.
func (t *Tree) RootTotals() []int64 { return t.nodes[root].totals }
