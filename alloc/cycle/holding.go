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
	rest    []resource.Resources // without what is in later
	later   []laterRest
	free    []int32
}

type holding struct {
	claim   int32
	next    int32
	later   int32 // place in later, from 1; 0: none
	tracked bool  // the claim's share and its role's quota include it
}

// laterRest is what came to an entry that had something already: mostly an offer on an agent
// where the framework runs tasks with ports of their own. Adding it up would make a new list, and taking
// the offer back another one; so it is kept beside, and is found when just it goes again.
type laterRest struct {
	entry int32
	rest  resource.Resources
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
	h.takeLater(i)
	h.free = append(h.free, i)
}

// all is what an entry holds beside plain scalars.
func (h *holdings) all(i int32) resource.Resources { return h.rest[i].Plus(h.laterOf(i)) }

func (h *holdings) laterOf(i int32) resource.Resources {
	if at := h.entries[i].later; at > 0 {
		return h.later[at-1].rest
	}
	return nil
}

// takeLater returns what came later and takes it out.
func (h *holdings) takeLater(i int32) resource.Resources {
	at := h.entries[i].later
	if at == 0 {
		return nil
	}
	rest, last := h.later[at-1].rest, len(h.later)-1
	h.later[at-1] = h.later[last]
	h.entries[h.later[at-1].entry].later = at
	h.later[last] = laterRest{}
	h.later, h.entries[i].later = h.later[:last], 0
	return rest
}

// addRest adds to what entry i holds. rest may be shared; it is not changed.
func (h *holdings) addRest(i int32, rest resource.Resources) {
	switch {
	case len(rest) == 0:
	case len(h.rest[i]) == 0:
		h.rest[i] = rest
	case h.entries[i].later == 0:
		h.later = append(h.later, laterRest{i, rest})
		h.entries[i].later = int32(len(h.later))
	default:
		h.rest[i] = h.rest[i].Plus(rest)
	}
}

// subRest takes from what entry i holds, at once if it is just what came at some time.
func (h *holdings) subRest(i int32, rest resource.Resources) {
	switch {
	case len(rest) == 0:
	case sameSlice(rest, h.laterOf(i)):
		h.takeLater(i)
	case sameSlice(rest, h.rest[i]):
		h.rest[i] = h.takeLater(i)
	default:
		whole := h.all(i)
		h.takeLater(i)
		h.rest[i] = whole.Minus(rest)
	}
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
	a.hold.addRest(i, rest)
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
	a.hold.subRest(i, rest)
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
	return len(rest) == 0 || sameSlice(rest, a.hold.rest[i]) || sameSlice(rest, a.hold.laterOf(i)) || a.hold.all(i).Contains(rest)
}

func sameSlice(a, b resource.Resources) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
