package core

import (
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/resource"
)

// resourcesUpdate takes an agent's new totals. A new oversubscription estimate
// rescinds offers of what was estimated before. A new total counts unless
// operations are on their way, whose effects it may or may not contain.
func (c *Core) resourcesUpdate(a *agentState, u *link.ResourcesUpdate) {
	if !a.registered() {
		return
	}
	rec := cloneAgent(a.cur.Rec)
	changed := false
	if u.GetOversubscribedSet() {
		over, err := resource.FromProto(u.GetOversubscribed())
		if err != nil || !over.NonRevocable().IsEmpty() {
			return
		}
		for _, o := range sortedOffers(a.offers) {
			if !o.res.Revocable().IsEmpty() {
				c.rescindOffer(o, noFilter)
			}
		}
		rec.Oversubscribed = over.ToProto(resource.PostRefinement)
		changed = true
	}
	if len(u.GetTotal()) > 0 && !a.operationsPending() {
		total, err := resource.FromProto(u.GetTotal())
		if err != nil {
			return
		}
		rec.Total, rec.ResourceVersion = total.ToProto(resource.PostRefinement), u.ResourceVersion
		changed = true
	}
	if !changed {
		return
	}
	c.putAgent(rec)
	c.engine.updateAgent(c.now.Mono, engineAgentOf(a))
}

func (a *agentState) operationsPending() bool {
	for _, d := range a.outbox {
		if _, ok := d.Body.(*link.Down_ApplyOperation); ok {
			return true
		}
	}
	return false
}
