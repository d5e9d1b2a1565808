package core

import (
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
	var order []*frameworkState
	batches := map[*frameworkState][]*mesos.Offer{}
	for i := range decided {
		d := &decided[i]
		f, a := c.frameworks[d.Framework()], c.agents[d.Agent()]
		if f == nil || a == nil || !f.cur.Active || !a.cur.Active {
			c.engine.recover(c.now.Mono, d.Framework(), d.Agent(), d.Resources(), noFilter, false)
			continue
		}
		if batches[f] == nil {
			order = append(order, f)
		}
		batches[f] = append(batches[f], c.makeOffer(f, a, d).Wire)
	}
	for _, f := range order {
		c.send(f, &scheduler.Event{Type: scheduler.Event_OFFERS.Enum(), Offers: &scheduler.Event_Offers{Offers: batches[f]}})
	}
}

func (c *Core) makeOffer(f *frameworkState, a *agentState, d *cycle.Offer) *Offer {
	id, list := c.newOfferID(), d.List()
	wire := c.formatOffer(id, f, a, d.Role(), list)
	o := c.putOffer(c.engine.records.Make(id, d, list, c.now.Wall), wire, list.Resources())
	if c.opts.OfferTimeout > 0 {
		c.timers.arm(c.now.Mono+int64(c.opts.OfferTimeout), timerOffer, id)
	}
	return o
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
	c.engine.recover(c.now.Mono, o.Rec.GetFrameworkId(), o.Rec.GetAgentId(), o.res, refuse, false)
	c.dropOffer(o.ID())
}

// rescindOffer takes an offer back and tells the framework so.
func (c *Core) rescindOffer(o *Offer, refuse float64) {
	f := c.frameworks[o.Rec.GetFrameworkId()]
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
