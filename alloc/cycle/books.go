package cycle

import (
	"github.com/caprock/caprock/alloc/drf"
	"github.com/caprock/caprock/alloc/shard"
	"github.com/caprock/caprock/wire/resource"
)

// amounts splits the scalars of resources into what the books need: all of
// them, the unreserved non-revocable ones, the reserved ones. Shared ones are
// left out. The results are scratch or vec itself.
func (a *Allocator) amounts(vec []int64, rest resource.Resources) (all, unreserved, reserved []int64, shared bool) {
	scalars := false
	for i := range rest {
		if rest[i].Type() == scalarType {
			scalars = true
			break
		}
	}
	if !scalars {
		return vec, vec, nil, false
	}
	s := &a.scratch
	copy(s.all, vec)
	copy(s.unres, vec)
	clear(s.reserved)
	for i := range rest {
		k := rest[i].Kind
		switch {
		case k.Type() != scalarType:
			continue
		case k.IsShared():
			shared = true
			continue
		}
		d, milli := a.dim(k.Name()), rest[i].ScalarMilli()
		s.all[d] += milli
		if k.IsReserved() {
			s.reserved[d] += milli
		} else if !k.IsRevocable() {
			s.unres[d] += milli
		}
	}
	return s.all, s.unres, s.reserved, shared
}

// book adds what a claim is about to hold on an agent to its share and to the
// sums of its role: one service. It comes before the holding is added.
func (a *Allocator) book(c int32, slot shard.Slot, vec []int64, rest resource.Resources) {
	a.bookExcept(noHolding, c, slot, vec, rest)
}

// bookPlain is book for an offer without scalars but the plain ones.
func (a *Allocator) bookPlain(c int32, vec []int64) {
	cl := &a.claims[c]
	r := &a.roles[cl.role]
	r.tree.Charge(cl.leaf, vec)
	a.roleTree.Charge(r.leaf, vec)
	a.bookRoles(cl.role, vec, nil, 1)
}

func (a *Allocator) bookExcept(except, c int32, slot shard.Slot, vec []int64, rest resource.Resources) {
	all, unreserved, reserved, shared := a.amounts(vec, rest)
	cl := &a.claims[c]
	r := &a.roles[cl.role]
	r.tree.Charge(cl.leaf, all)
	a.roleTree.Charge(r.leaf, all)
	a.bookRoles(cl.role, unreserved, reserved, 1)
	if shared {
		a.bookShared(except, c, slot, rest, 1)
	}
}

// unbook takes what a claim held on an agent from its share and from the sums
// of its role. It comes after the holding was taken away.
func (a *Allocator) unbook(c int32, slot shard.Slot, vec []int64, rest resource.Resources) {
	all, unreserved, reserved, shared := a.amounts(vec, rest)
	cl := &a.claims[c]
	r := &a.roles[cl.role]
	r.tree.Discharge(cl.leaf, all)
	a.roleTree.Discharge(r.leaf, all)
	a.bookRoles(cl.role, unreserved, reserved, -1)
	if shared {
		a.bookShared(noHolding, c, slot, rest, -1)
	}
}

func (a *Allocator) bookRoles(id int32, unreserved, reserved []int64, sign int64) {
	for at := id; at >= 0; at = a.roles[at].parent {
		r := &a.roles[at]
		if sign > 0 {
			drf.AddTo(r.offered, unreserved)
			if reserved != nil {
				drf.AddTo(r.offeredReserved, reserved)
			}
		} else {
			drf.SubFrom(r.offered, unreserved)
			if reserved != nil {
				drf.SubFrom(r.offeredReserved, reserved)
			}
		}
	}
}

// bookShared books shared scalars. A claim's share counts a shared resource of
// an agent once however many copies it holds, and the sums of roles count it
// once for each role in which it is held.
func (a *Allocator) bookShared(except, c int32, slot shard.Slot, rest resource.Resources, sign int64) {
	cl := &a.claims[c]
	r := &a.roles[cl.role]
	for i := range rest {
		k := rest[i].Kind
		if !k.IsShared() || k.Type() != scalarType {
			continue
		}
		d, milli := a.dim(k.Name()), sign*rest[i].ScalarMilli()
		if !a.sharedHeld(except, slot, rest[i], func(other int32) bool { return other == c }) {
			r.tree.Adjust(cl.leaf, d, milli)
		}
		if a.sharedHeld(except, slot, rest[i], func(other int32) bool { return a.claims[other].role == cl.role }) {
			continue
		}
		a.roleTree.Adjust(r.leaf, d, milli)
		a.bookSharedRoles(cl.role, k, d, milli)
	}
}

func (a *Allocator) bookSharedRoles(id int32, k *resource.Kind, d int, milli int64) {
	for at := id; at >= 0; at = a.roles[at].parent {
		if k.IsReserved() {
			a.roles[at].offeredReserved[d] += milli
		} else if !k.IsRevocable() {
			a.roles[at].offered[d] += milli
		}
	}
}

// sharedHeld says whether a tracked holding on the agent, of a claim that in
// accepts, has a copy of the shared resource.
func (a *Allocator) sharedHeld(except int32, slot shard.Slot, shared resource.Resource, in func(claim int32) bool) bool {
	sh, row := a.space.At(slot)
	one := resource.ScalarOf(shared.Kind, shared.ScalarMilli()) // a single copy
	for i := sh.Rows[row].Holdings; i != noHolding; i = a.hold.entries[i].next {
		if i != except && a.hold.entries[i].tracked && in(a.hold.entries[i].claim) && a.hold.all(i).ContainsEntry(one) {
			return true
		}
	}
	return false
}

// bookAllocated adds what tasks use to the sums that quota consumption is
// reported from, and to the agent, which takes it back when it goes.
func (a *Allocator) bookAllocated(slot shard.Slot, c int32, vec []int64, rest resource.Resources, sign int64) {
	_, unreserved, _, _ := a.amounts(vec, rest)
	if drf.IsZero(unreserved) {
		return
	}
	id := a.claims[c].role
	a.agentAt(slot).useBy(id, unreserved, sign)
	for at := id; at >= 0; at = a.roles[at].parent {
		for d, x := range unreserved {
			a.roles[at].allocated[d] += sign * x
		}
	}
}
