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
}

// Offer is resources of one agent for one framework in one role. It is small, since
// a cycle may make as many as there are agents.
type Offer struct {
	agent string
	party *party
	list  *List
	slot  shard.Slot
	gen   uint32
	claim int32
}

// party is to whom a claim's offers go. A claim keeps its party, and nobody else
// has the same.
type party struct {
	framework, role string
	number          int32 // of the framework in the table
}

// Framework is the id of the framework that is offered something.
func (o *Offer) Framework() string { return o.party.framework }

// FrameworkNumber is a small number that among the offers of one Result stands for the
// framework.
func (o *Offer) FrameworkNumber() int { return int(o.party.number) }

// Role is the role that the resources are allocated to.
func (o *Offer) Role() string { return o.party.role }

// Agent is the id of the agent whose resources they are.
func (o *Offer) Agent() string { return o.agent }

// AgentNumber is the agent's number; see Allocator.AgentNumber.
func (o *Offer) AgentNumber() int { return int(o.slot) }

// List returns what is offered, allocated to Role, shared with equal offers. Only the
// allocator's goroutine may use it.
func (o *Offer) List() *List { return o.list }

// Resources returns what is offered, allocated to Role. Only the allocator's goroutine may
// call it.
func (o *Offer) Resources() resource.Resources { return o.list.Resources() }

// InverseOffer asks a framework to give up an agent that will be unavailable.
type InverseOffer struct {
	Framework, Agent string
	Unavailability   *mesos.Unavailability
}

// make offers resources of an agent to a claim and books them. vec may be the
// available row itself.
func (a *Allocator) makeOffer(slot shard.Slot, c int32, vec []int64, rest resource.Resources) {
	cl := &a.claims[c]
	sh, row := a.space.At(slot)
	l := a.listFor(cl.role, vec, rest)
	dst := a.run.dst
	dst.Offers = append(dst.Offers, Offer{
		agent: sh.Rows[row].ID, party: cl.party, list: l, slot: slot, gen: sh.Rows[row].Gen, claim: c,
	})
	cl.lastOffer = a.now
	if sh.Rows[row].Traits&shard.Complex == 0 {
		a.bookPlain(c, vec)
	} else {
		a.book(c, slot, vec, rest)
	}
	a.addHolding(slot, c, vec, l.rest)
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
