package core

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/caprock/caprock/wire/mesos"
)

// offerFace is what offers show of an agent, and whether it is offered at all: a cycle makes
// an offer for each of tens of thousands of agents, so it is at hand in one place.
type offerFace struct {
	active         bool
	id             *mesos.AgentID
	hostname       *string
	url            *mesos.URL
	domain         *mesos.DomainInfo
	attributes     []*mesos.Attribute
	unavailability *mesos.Unavailability
}

// setCur replaces the agent as readers see it.
func (a *agentState) setCur(next *Agent) {
	a.cur = next
	info := next.Rec.GetInfo()
	a.face = offerFace{
		active: next.Active, id: info.GetId(), hostname: info.Hostname, url: next.url,
		domain: info.GetDomain(), attributes: info.GetAttributes(), unavailability: next.Unavailability,
	}
}

// offerParts is an offer with all that its fields point to.
type offerParts struct {
	Offer
	wire       mesos.Offer
	id         mesos.OfferID
	allocation mesos.Resource_AllocationInfo
	idText     string
}

// offerMemory cuts offers, and their ids, from pieces of memory that hold a few: few enough that an
// offer which outlives the others does not keep much.
type offerMemory struct {
	parts []offerParts
	text  strings.Builder
}

const offersInPiece = 8

// take returns an empty offer.
func (m *offerMemory) take() *offerParts {
	if len(m.parts) == 0 {
		m.parts = make([]offerParts, offersInPiece)
	}
	p := &m.parts[0]
	m.parts = m.parts[1:]
	p.Wire = &p.wire
	return p
}

// id makes the id of an offer.
func (m *offerMemory) id(master string, number uint64) string {
	const digits = 20
	if n := len(master) + len("-O") + digits; m.text.Cap()-m.text.Len() < n {
		m.text = strings.Builder{} // the ids made so far keep the old memory
		m.text.Grow(offersInPiece * n)
	}
	at := m.text.Len()
	m.text.WriteString(master)
	m.text.WriteString("-O")
	var decimal [digits]byte
	m.text.Write(strconv.AppendUint(decimal[:0], number, 10))
	return m.text.String()[at:]
}

// addOffer makes an offer known. Its batch is its record.
func (c *Core) addOffer(f *frameworkState, a *agentState, o *Offer) {
	o.at = len(f.offers)
	f.offers, a.offers = append(f.offers, o), append(a.offers, o)
	c.offers[o.number] = o
	c.publish(offerID(o.ID()), o)
	if c.opts.OfferTimeout > 0 {
		c.timers.arm(c.now.Mono+int64(c.opts.OfferTimeout), timerOffer, o.ID())
	}
}

// dropOffer ends an offer, and its batch with the last one.
func (c *Core) dropOffer(o *Offer) {
	delete(c.offers, o.number)
	if f := c.framework(o.FrameworkID()); f != nil {
		last := len(f.offers) - 1
		f.offers[last].at = o.at
		f.offers[o.at], f.offers[last] = f.offers[last], nil
		f.offers = f.offers[:last]
	}
	if a := c.agents[o.AgentID()]; a != nil {
		if at := slices.Index(a.offers, o); at >= 0 {
			a.offers = slices.Delete(a.offers, at, at+1)
		}
	}
	if o.batch.live--; o.batch.live == 0 {
		c.dropOfferBatch(o.batch.rec.GetFirst())
	}
	c.publish(offerID(o.ID()), nil)
}

// offer is the outstanding offer of an id, nil if there is none.
func (c *Core) offer(id string) *Offer {
	number, err := strconv.ParseUint(id[strings.LastIndexByte(id, 'O')+1:], 10, 64)
	if err != nil {
		return nil
	}
	if o := c.offers[number]; o != nil && o.ID() == id {
		return o
	}
	return nil
}

// offerTo is the outstanding offer of an id if it was made to the framework.
func (c *Core) offerTo(f *frameworkState, id string) *Offer {
	if o := c.offer(id); o != nil && o.FrameworkID() == f.id() {
		return o
	}
	return nil
}

// sortedOffers copies offers in the order in which they were made.
func sortedOffers(offers []*Offer) []*Offer {
	sorted := slices.Clone(offers)
	slices.SortFunc(sorted, func(a, b *Offer) int { return cmp.Compare(a.number, b.number) })
	return sorted
}
