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
	c.out.Changed = slices.Grow(c.out.Changed, len(decided))
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
		a := c.engine.agentOf(d)
		if f == nil || a == nil || !a.face.active {
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
		o := c.engine.offers.take()
		o.number, o.role, o.res, o.batch = first+uint64(i), d.Role(), d.Resources(), batch
		c.formatOffer(o, c.engine.offers.id(master, o.number), f, agents[i], d.List())
		c.addOffer(f, agents[i], &o.Offer)
		event = append(event, &o.wire)
	}
	clear(agents)
	return event
}

// formatOffer fills in the offer as its framework can read it: without MULTI_ROLE
// nothing says to whom resources are allocated, without RESERVATION_REFINEMENT
// reservations have the old form.
func (c *Core) formatOffer(o *offerParts, id string, f *frameworkState, a *agentState, list *cycle.List) {
	o.idText, o.id.Value = id, &o.idText
	w, face := &o.wire, &a.face
	w.Id, w.FrameworkId, w.AgentId, w.Hostname = &o.id, f.info().Id, face.id, face.hostname
	w.Url, w.Domain, w.Attributes, w.Unavailability = face.url, face.domain, face.attributes, face.unavailability
	w.Resources = list.Messages(offerFormat(f.caps), visibleMessages)
	if f.caps.multiRole {
		o.allocation.Role = &o.role
		w.AllocationInfo = &o.allocation
	}
	if len(a.executors) == 0 {
		return
	}
	for _, e := range a.sortedExecutors() {
		if e.framework() == f.id() {
			w.ExecutorIds = append(w.ExecutorIds, e.Rec.Info.ExecutorId)
		}
	}
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

// What the URLs of all agents share.
var (
	urlScheme = ptr("http")
	urlPath   = ptr("/slave(1)")
)

// agentURL is where frameworks find the agent's API; the scheme is always http.
func agentURL(a *record.Agent) *mesos.URL {
	port := ptr(agentPort(a))
	if at := a.GetAddress(); at.GetPort() != 0 {
		port = at.Port // records are immutable
	}
	return &mesos.URL{
		Scheme: urlScheme, Path: urlPath,
		Address: &mesos.Address{Hostname: a.GetInfo().Hostname, Ip: a.GetAddress().Ip, Port: port},
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
	for _, o := range sortedOffers(f.offers) {
		c.discardOffer(o, noFilter)
	}
	for _, i := range sortedStrings(f.inverse) {
		c.dropInverseOffer(i)
	}
}

// rescindAgentOffers takes back everything offered on an agent.
func (c *Core) rescindAgentOffers(a *agentState) {
	for _, o := range sortedOffers(a.offers) {
		c.rescindOffer(o, noFilter)
	}
	c.rescindInverseOffers(a)
}

func (c *Core) offerTimeout(id string) {
	if o := c.offer(id); o != nil {
		c.rescindOffer(o, noFilter)
	}
}
