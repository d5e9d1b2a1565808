package cycle

import (
	"github.com/caprock/caprock/alloc/drf"
	"github.com/caprock/caprock/alloc/shard"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// Result is what one RunCycle decided. Reuse it: the lists are overwritten by
// the next RunCycle, but an Offer that was copied out of it stays valid.
type Result struct {
	Offers  []Offer
	Inverse []InverseOffer

	arena []int64 // what the plain parts of offers are cut from
}

// Offer is resources of one agent for one framework in one role. What they are
// is worked out when asked for; see List.
type Offer struct {
	Framework, Role, Agent string

	plain []int64 // plain scalars, by dimension
	rest  resource.Resources
	lists *roleLists
	slot  shard.Slot
	gen   uint32
	claim int32
}

// InverseOffer asks a framework to give up an agent that will be unavailable.
type InverseOffer struct {
	Framework, Agent string
	Unavailability   *mesos.Unavailability
}

const arenaElements = 1 << 13

// cut copies vec into memory that outlives the Result.
func (r *Result) cut(vec []int64) []int64 {
	if len(r.arena)+len(vec) > cap(r.arena) {
		r.arena = make([]int64, 0, max(arenaElements, len(vec)))
	}
	at := len(r.arena)
	r.arena = append(r.arena, vec...)
	return r.arena[at:len(r.arena):len(r.arena)]
}

// make offers resources of an agent to a claim and books them. vec may be the
// available row itself.
func (a *Allocator) makeOffer(slot shard.Slot, c int32, vec []int64, rest resource.Resources) {
	cl := &a.claims[c]
	sh, row := a.space.At(slot)
	dst := a.run.dst
	dst.Offers = append(dst.Offers, Offer{
		Framework: a.fws[cl.framework].info.ID,
		Role:      a.roles[cl.role].name,
		Agent:     sh.Rows[row].ID,
		plain:     dst.cut(vec),
		rest:      rest,
		lists:     a.listsOf(cl.role),
		slot:      slot,
		gen:       sh.Rows[row].Gen,
		claim:     c,
	})
	cl.lastOffer = a.now
	if sh.Rows[row].Traits&shard.Complex == 0 {
		a.bookPlain(c, vec)
	} else {
		a.book(c, slot, vec, rest)
	}
	a.addHolding(slot, c, vec, rest)
	a.take(slot, vec, rest)
	a.run.made++
}

// scalarsOf returns the quantities of unreserved, non-revocable scalars of an
// offer, which is what it adds to consumed quota. The result is vec or scratch.
func (a *Allocator) quotaAmount(vec []int64, rest resource.Resources) []int64 {
	_, unreserved, _, shared := a.amounts(vec, rest)
	if shared {
		for i := range rest {
			if k := rest[i].Kind; k.IsShared() && k.Type() == scalarType && !k.IsReserved() && !k.IsRevocable() {
				unreserved[a.dim(k.Name())] += rest[i].ScalarMilli()
			}
		}
	}
	return unreserved
}

// starved returns since when a claim was not offered anything, 0 if it does
// not take part.
func (a *Allocator) starved(c int32) int64 {
	if a.claims[c].leaf == drf.NoLeaf || !a.isActive(c) {
		return 0
	}
	return a.now - a.claims[c].lastOffer
}
