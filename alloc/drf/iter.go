package drf

// Iter yields the active claimants of a refreshed Tree, neediest first, in the
// pre-order of the tree. It explores the winner trees best first: the first
// claimant costs O(depth), each further one O(log children). The Tree must not
// be refreshed while an Iter is in use; charging is fine. An Iter may be reused
// with Reset and then allocates nothing.
type Iter struct {
	t      *Tree
	frames []frame
	depth  int
	wanted bool
}

// frame explores the bracket of one inner node.
type frame struct {
	b        *bracket
	win      []int32
	frontier []int32 // heap of bracket nodes by their winners
	open     int32   // bracket node whose losers are not in the frontier yet; 0: none
}

// Reset starts over at the neediest claimant of t.
func (it *Iter) Reset(t *Tree) { it.reset(t, false) }

// ResetWanted starts over at the neediest of the wanted claimants of t.
func (it *Iter) ResetWanted(t *Tree) { it.reset(t, true) }

func (it *Iter) reset(t *Tree, wanted bool) {
	it.t = t
	it.depth = 0
	it.wanted = wanted
	it.push(&t.nodes[root].bracket)
}

func (it *Iter) push(b *bracket) {
	if it.depth == len(it.frames) {
		it.frames = append(it.frames, frame{})
	}
	f := &it.frames[it.depth]
	it.depth++
	f.b = b
	f.win = b.win
	if it.wanted {
		f.win = b.subset
	}
	f.open = 0
	f.frontier = f.frontier[:0]
	if len(b.kids) > 0 && f.win[1] != none {
		f.frontier = append(f.frontier, 1)
	}
}

// First returns the neediest active claimant of a refreshed Tree: what Next of a
// fresh Iter would, NoLeaf if there is none.
func (t *Tree) First() Leaf {
	v := &t.nodes[root]
	for v.kind == inner {
		b := &v.bracket
		if len(b.kids) == 0 || b.win[1] == none {
			return NoLeaf
		}
		v = &t.nodes[b.kids[b.win[1]]]
	}
	return v.leaf
}

// Next returns the next claimant, or NoLeaf after the last one.
func (it *Iter) Next() Leaf {
	for it.depth > 0 {
		f := &it.frames[it.depth-1]
		pos := f.next()
		if pos == none {
			it.depth--
			continue
		}
		v := &it.t.nodes[f.b.kids[pos]]
		if v.kind != inner {
			return v.leaf
		}
		it.push(&v.bracket)
	}
	return NoLeaf
}

func (f *frame) next() int32 {
	if f.open != 0 {
		f.expand()
	}
	if len(f.frontier) == 0 {
		return none
	}
	top := f.frontier[0]
	last := len(f.frontier) - 1
	f.frontier[0] = f.frontier[last]
	f.frontier = f.frontier[:last]
	f.siftDown()
	f.open = top
	return f.win[top]
}

// expand puts the losers below the bracket node taken last into the frontier.
func (f *frame) expand() {
	b, i := f.b, f.open
	f.open = 0
	w := f.win[i]
	for i < b.size {
		l, r := 2*i, 2*i+1
		if f.win[l] != w {
			l, r = r, l
		}
		if f.win[r] != none {
			f.add(r)
		}
		i = l
	}
}

func (f *frame) add(i int32) {
	f.frontier = append(f.frontier, i)
	h, b := f.frontier, f.b
	for c := len(h) - 1; c > 0; {
		p := (c - 1) / 2
		if !b.less(f.win[h[c]], f.win[h[p]]) {
			break
		}
		h[c], h[p] = h[p], h[c]
		c = p
	}
}

func (f *frame) siftDown() {
	h, b := f.frontier, f.b
	for p := 0; ; {
		c := 2*p + 1
		if c >= len(h) {
			return
		}
		if c+1 < len(h) && b.less(f.win[h[c+1]], f.win[h[c]]) {
			c++
		}
		if !b.less(f.win[h[c]], f.win[h[p]]) {
			return
		}
		h[c], h[p] = h[p], h[c]
		p = c
	}
}
