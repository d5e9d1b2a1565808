package core

import (
	"slices"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/resource"
)

// Cycle runs the allocation engine if it is due, and makes the offers it finds.
func (c *Core) Cycle(now Time, out *Output) {
	c.now, c.out = now, out
	defer func() { c.out = nil }()
	c.engine.a.RunCycle(now.Mono, &c.result)
	c.makeOffers(c.result.Offers)
	c.makeInverseOffers(c.result.Inverse)
}

// makeOffers writes offers down and sends each framework one event with all of
// its own.
func (c *Core) makeOffers(decided []cycle.Offer) {
	w := &c.engine.batches
	w.Group(decided)
	for i := range w.Frameworks() {
		offers := w.Of(i)
		f := c.frameworks[offers[0].Framework()]
		if f != nil && !f.cur.Active {
			f = nil
		}
		var event []*mesos.Offer
		for chunk := range slices.Chunk(offers, record.MostOffersInBatch) {
			event = c.makeBatch(f, chunk, event)
		}
		if len(event) > 0 {
			c.send(f, &scheduler.Event{Type: scheduler.Event_OFFERS.Enum(), Offers: &scheduler.Event_Offers{Offers: event}})
		}
	}
}

// makeBatch makes offers to a framework, nil if none can be made to it, and adds them to its event.
func (c *Core) makeBatch(f *frameworkState, decided []*cycle.Offer, event []*mesos.Offer) []*mesos.Offer {
	agents, kept := c.engine.agents[:0], decided[:0]
	for _, d := range decided {
		a := c.agents[d.Agent()]
		if f == nil || a == nil || !a.cur.Active {
			c.engine.recover(c.now.Mono, d.Framework(), d.Agent(), d.Resources(), noFilter, false)
			continue
		}
		agents, kept = append(agents, a), append(kept, d)
	}
	c.engine.agents = agents
	if len(kept) == 0 {
		return event
	}
	master := c.opts.MasterInfo.GetId()
	first := c.newOffers(len(kept))
	batch := c.putOfferBatch(c.engine.batches.Make(kept, first, master, c.now.Wall), len(kept))
	event = slices.Grow(event, len(kept))
	for i, d := range kept {
		id := string(appendOfferID(nil, master, first+uint64(i)))
		o := &Offer{Wire: c.formatOffer(id, f, agents[i], d.Role(), d.List()), role: d.Role(), res: d.Resources(), batch: batch}
		c.addOffer(f, agents[i], o)
		if c.opts.OfferTimeout > 0 {
			c.timers.arm(c.now.Mono+int64(c.opts.OfferTimeout), timerOffer, id)
		}
		event = append(event, o.Wire)
	}
	clear(agents)
	return event
}

// formatOffer is the offer as its framework can read it: without MULTI_ROLE
// nothing says to whom resources are allocated, without RESERVATION_REFINEMENT
// reservations have the old form.
func (c *Core) formatOffer(id string, f *frameworkState, a *agentState, role string, list *cycle.List) *mesos.Offer {
	o := &mesos.Offer{
		Id: &mesos.OfferID{Value: &id}, FrameworkId: f.info().Id, AgentId: a.info().Id, Hostname: a.info().Hostname,
		Url: a.cur.url, Domain: a.info().Domain, Attributes: a.info().Attributes,
		Unavailability: a.cur.Unavailability,
		Resources:      list.Messages(offerFormat(f.caps), visibleMessages),
	}
	if f.caps.multiRole {
		o.AllocationInfo = &mesos.Resource_AllocationInfo{Role: &role}
	}
	if len(a.executors) == 0 {
		return o
	}
	for _, e := range a.sortedExecutors() {
		if e.framework() == f.id() {
			o.ExecutorIds = append(o.ExecutorIds, e.Rec.Info.ExecutorId)
		}
	}
	return o
}

func offerFormat(caps frameworkCaps) resource.Format {
	format := resource.PostRefinement
	if !caps.refinement {
		format = resource.PreRefinement
	}
	if !caps.multiRole {
		format = format.WithoutAllocation()
	}
	return format
}

// visible leaves out ports that agents give out themselves.
func visible(rs resource.Resources) resource.Resources {
	return rs.Filter(func(r resource.Resource) bool { return r.Name() != "ephemeral_ports" })
}

func visibleMessages(rs resource.Resources, f resource.Format) []*mesos.Resource {
	return visible(rs).ToProto(f)
}

// agentURL is where frameworks find the agent's API; the scheme is always http.
func agentURL(a *record.Agent) *mesos.URL {
	return &mesos.URL{
		Scheme: ptr("http"), Path: ptr("/slave(1)"),
		Address: &mesos.Address{Hostname: a.GetInfo().Hostname, Ip: a.GetAddress().Ip, Port: ptr(agentPort(a))},
	}
}

// discardOffer takes back an offer that its framework has answered or can no
// longer answer.
func (c *Core) discardOffer(o *Offer, refuse float64) {
	c.engine.recover(c.now.Mono, o.FrameworkID(), o.AgentID(), o.res, refuse, false)
	c.dropOffer(o)
}

// rescindOffer takes an offer back and tells the framework so.
func (c *Core) rescindOffer(o *Offer, refuse float64) {
	f := c.frameworks[o.FrameworkID()]
	c.discardOffer(o, refuse)
	if f != nil {
		c.sendRescind(f, o.ID())
	}
}

// withdrawOffers takes back everything that was offered to a framework, silently:
// whoever subscribes next starts afresh.
func (c *Core) withdrawOffers(f *frameworkState) {
	for _, o := range sortedStrings(f.offers) {
		c.discardOffer(o, noFilter)
	}
	for _, i := range sortedStrings(f.inverse) {
		c.dropInverseOffer(i)
	}
}

// rescindAgentOffers takes back everything offered on an agent.
func (c *Core) rescindAgentOffers(a *agentState) {
	for _, o := range sortedStrings(a.offers) {
		c.rescindOffer(o, noFilter)
	}
	c.rescindInverseOffers(a)
}

func (c *Core) offerTimeout(id string) {
	if o := c.offers[id]; o != nil {
		c.rescindOffer(o, noFilter)
	}
}
