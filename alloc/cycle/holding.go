package cycle

import (
	"github.com/caprock/caprock/alloc/shard"
	"github.com/caprock/caprock/wire/resource"
)

// holdings is what claims hold on agents, offered or allocated: one entry per
// agent and claim, chained per agent. Entries are reused, last freed first.
type holdings struct {
	stride  int
	entries []holding
	vec     []int64
	rest    []resource.Resources
	free    []int32
}

type holding struct {
	claim   int32
	next    int32
	tracked bool // the claim's share and its role's quota include it
}

const noHolding = int32(-1)

func (h *holdings) widen(stride int) {
	if stride == h.stride {
		return
	}
	vec := make([]int64, len(h.entries)*stride)
	for i := range h.entries {
		copy(vec[i*stride:], h.vec[i*h.stride:(i+1)*h.stride])
	}
	h.vec, h.stride = vec, stride
}

func (h *holdings) row(i int32) []int64 {
	at := int(i) * h.stride
	return h.vec[at : at+h.stride : at+h.stride]
}

// find returns the entry of a claim in a chain.
func (h *holdings) find(head, claim int32) int32 {
	for i := head; i != noHolding; i = h.entries[i].next {
		if h.entries[i].claim == claim {
			return i
		}
	}
	return noHolding
}

// push puts a new, empty entry in front of a chain.
func (h *holdings) push(head *int32, claim int32) int32 {
	var i int32
	if n := len(h.free); n > 0 {
		i = h.free[n-1]
		h.free = h.free[:n-1]
	} else {
		i = int32(len(h.entries))
		h.entries = append(h.entries, holding{})
		h.rest = append(h.rest, nil)
		for range h.stride {
			h.vec = append(h.vec, 0)
		}
	}
	h.entries[i] = holding{claim: claim, next: *head}
	clear(h.row(i))
	*head = i
	return i
}

// drop takes an entry out of a chain.
func (h *holdings) drop(head *int32, i int32) {
	for p := head; ; p = &h.entries[*p].next {
		if *p == i {
			*p = h.entries[i].next
			break
		}
	}
	h.rest[i] = nil
	h.free = append(h.free, i)
}

// addHolding adds resources to what a claim holds on an agent. rest may be
// shared with the caller; it is not changed.
func (a *Allocator) addHolding(slot shard.Slot, c int32, vec []int64, rest resource.Resources) int32 {
	sh, row := a.space.At(slot)
	i := a.hold.find(sh.Rows[row].Holdings, c)
	if i == noHolding {
		i = a.hold.push(&sh.Rows[row].Holdings, c)
		a.claims[c].held++
		a.hold.entries[i].tracked = a.claims[c].leaf >= 0
	}
	dst := a.hold.row(i)
	for d, x := range vec {
		dst[d] += x
	}
	if len(rest) > 0 {
		a.hold.rest[i] = a.hold.rest[i].Plus(rest)
	}
	return i
}

// subHolding takes resources from entry i of an agent and drops it when it is
// empty.
func (a *Allocator) subHolding(slot shard.Slot, i int32, vec []int64, rest resource.Resources) {
	dst := a.hold.row(i)
	empty := true
	for d, x := range vec {
		if dst[d] -= x; dst[d] != 0 {
			empty = false
		}
	}
	if len(rest) > 0 {
		if sameSlice(rest, a.hold.rest[i]) {
			a.hold.rest[i] = nil
		} else {
			a.hold.rest[i] = a.hold.rest[i].Minus(rest)
		}
	}
	if empty && len(a.hold.rest[i]) == 0 {
		a.dropHolding(slot, i)
	}
}

func (a *Allocator) dropHolding(slot shard.Slot, i int32) {
	sh, row := a.space.At(slot)
	a.claims[a.hold.entries[i].claim].held--
	a.hold.drop(&sh.Rows[row].Holdings, i)
}

// holds says whether an entry contains the resources.
func (a *Allocator) holds(i int32, vec []int64, rest resource.Resources) bool {
	have := a.hold.row(i)
	for d, x := range vec {
		if have[d] < x {
			return false
		}
	}
	return len(rest) == 0 || sameSlice(rest, a.hold.rest[i]) || a.hold.rest[i].Contains(rest)
}

func sameSlice(a, b resource.Resources) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
