package core

import (
	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// inverseOffer asks a framework to leave an agent before its maintenance. It is
// advice and is not written down.
type inverseOffer struct {
	id   string
	f    *frameworkState
	a    *agentState
	wire *mesos.InverseOffer
}

// makeInverseOffers sends what the engine decided, one event per framework.
func (c *Core) makeInverseOffers(decided []cycle.InverseOffer) {
	var order []*frameworkState
	batches := map[*frameworkState][]*mesos.InverseOffer{}
	for _, d := range decided {
		f, a := c.frameworks[d.Framework], c.agents[d.Agent]
		if f == nil || a == nil || !f.cur.Active || !a.cur.Connected {
			c.engine.clearInverseOffer(c.now.Mono, d.Agent, d.Framework)
			continue
		}
		if batches[f] == nil {
			order = append(order, f)
		}
		batches[f] = append(batches[f], c.makeInverseOffer(f, a, d).wire)
	}
	for _, f := range order {
		c.send(f, &scheduler.Event{Type: scheduler.Event_INVERSE_OFFERS.Enum(),
			InverseOffers: &scheduler.Event_InverseOffers{InverseOffers: batches[f]}})
	}
}

func (c *Core) makeInverseOffer(f *frameworkState, a *agentState, d cycle.InverseOffer) *inverseOffer {
	id := string(appendOfferID(nil, c.opts.MasterInfo.GetId(), c.newOffers(1)))
	i := &inverseOffer{id: id, f: f, a: a, wire: &mesos.InverseOffer{
		Id: &mesos.OfferID{Value: &id}, Url: a.cur.url, FrameworkId: f.info().Id, AgentId: a.info().Id,
		Unavailability: d.Unavailability,
	}}
	c.inverse[id], f.inverse[id] = i, i
	put(&a.inverse, id, i)
	c.publishInverse(f)
	if c.opts.OfferTimeout > 0 {
		c.timers.arm(c.now.Mono+int64(c.opts.OfferTimeout), timerInverseOffer, id)
	}
	return i
}

func (c *Core) publishInverse(f *frameworkState) {
	var all []*mesos.InverseOffer
	for _, i := range sortedStrings(f.inverse) {
		all = append(all, i.wire)
	}
	c.touchFramework(f, func(e *Framework) { e.InverseOffers = all })
}

// forgetInverseOffer removes an answered inverse offer.
func (c *Core) forgetInverseOffer(i *inverseOffer) {
	delete(c.inverse, i.id)
	delete(i.f.inverse, i.id)
	delete(i.a.inverse, i.id)
	c.publishInverse(i.f)
}

// dropInverseOffer removes one that can no longer be answered.
func (c *Core) dropInverseOffer(i *inverseOffer) {
	c.forgetInverseOffer(i)
	c.engine.clearInverseOffer(c.now.Mono, i.a.id(), i.f.id())
}

func (c *Core) rescindInverseOffer(i *inverseOffer) {
	c.dropInverseOffer(i)
	c.send(i.f, &scheduler.Event{Type: scheduler.Event_RESCIND_INVERSE_OFFER.Enum(),
		RescindInverseOffer: &scheduler.Event_RescindInverseOffer{InverseOfferId: i.wire.Id}})
}

func (c *Core) rescindInverseOffers(a *agentState) {
	for _, i := range sortedStrings(a.inverse) {
		c.rescindInverseOffer(i)
	}
}

func (c *Core) inverseOfferTimeout(id string) {
	if i := c.inverse[id]; i != nil {
		c.rescindInverseOffer(i)
	}
}

// answerInverseOffers notes a framework's answer, which binds nobody. Ids that are
// unknown or another's are ignored.
func (c *Core) answerInverseOffers(f *frameworkState, ids []*mesos.OfferID, accepted bool, filters *mesos.Filters) {
	for _, id := range ids {
		i := f.inverse[id.GetValue()]
		if i == nil {
			continue
		}
		c.forgetInverseOffer(i)
		c.noteInverseAnswer(i, accepted)
		c.engine.answerInverseOffer(c.now.Mono, i.a.id(), f.id(), accepted, c.now.Wall, refuseSeconds(filters))
	}
}
