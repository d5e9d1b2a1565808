package api

import (
	"time"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/resource"
)

// offerMemory is what is remembered of a framework's offers to explain why its
// tasks wait. It begins anew with each process. frameworksCounts.mu guards it.
type offerMemory struct {
	known   time.Time // when this process came to know the framework
	offered time.Time // the last OFFERS event; zero: none
	used    time.Time // the last ACCEPT with operations; zero: none
	refused []refusal // the last ones, newest last
}

// rememberedRefusals bounds offerMemory.refused.
const rememberedRefusals = 8

// refusal is an offer that the framework sent back.
type refusal struct {
	offer, agent, hostname, role string

	resources     resource.Resources
	at            time.Time
	refuseSeconds float64
}

// answers is what a call says about offers, to be noted if it is taken.
type answers struct {
	uses    bool
	refused []refusal
}

// answersOf looks up the last of the offers that a call refuses, while they are
// still there. An ACCEPT without operations is a refusal.
func (s *Server) answersOf(call *scheduler.Call) answers {
	var ids []*mesos.OfferID
	var filters *mesos.Filters
	switch call.GetType() {
	case scheduler.Call_DECLINE:
		ids, filters = call.GetDecline().GetOfferIds(), call.GetDecline().GetFilters()
	case scheduler.Call_ACCEPT:
		if len(call.GetAccept().GetOperations()) > 0 {
			return answers{uses: true}
		}
		ids, filters = call.GetAccept().GetOfferIds(), call.GetAccept().GetFilters()
	default:
		return answers{}
	}
	var a answers
	seconds := core.DefaultRefuseSeconds
	if filters != nil {
		seconds = filters.GetRefuseSeconds()
	}
	for _, id := range ids[max(0, len(ids)-rememberedRefusals):] {
		o := s.view.Offer(id.GetValue())
		if o == nil || o.FrameworkID() != call.GetFrameworkId().GetValue() {
			continue
		}
		a.refused = append(a.refused, refusal{
			offer: o.ID(), agent: o.AgentID(), hostname: o.Wire.GetHostname(), role: o.Role(),
			resources: o.Resources(), at: s.opts.Clock.Now(), refuseSeconds: seconds,
		})
	}
	return a
}

// note remembers what a call that was taken said about offers.
func (n *frameworksCounts) note(framework string, a answers, now time.Time) {
	if !a.uses && len(a.refused) == 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.countLocked(framework)
	if c == nil {
		return
	}
	if a.uses {
		c.memory.used = now
	}
	all := append(c.memory.refused, a.refused...)
	c.memory.refused = append([]refusal(nil), all[max(0, len(all)-rememberedRefusals):]...)
}

// offersOf copies what is known of a framework's offers.
func (n *frameworksCounts) offersOf(framework string) (c frameworkCounts, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if known := n.countLocked(framework); known != nil {
		return *known, true
	}
	return c, false
}

// sinceOffer and sinceUsed are how long a framework has been without an offer, and
// without one that it used. A framework that wants nothing should suppress its
// roles; it is not waiting then, and both are 0.
func (m *offerMemory) sinceOffer(now time.Time) time.Duration { return since(now, m.offered, m.known) }
func (m *offerMemory) sinceUsed(now time.Time) time.Duration  { return since(now, m.used, m.known) }

func since(now, last, known time.Time) time.Duration {
	if last.IsZero() {
		last = known
	}
	return max(0, now.Sub(last))
}

// waits reports whether a framework is waiting for offers in some role.
func waits(f *core.Framework) bool {
	return f.Active && len(frameworkRoles(f.Info())) > len(f.Rec.GetSuppressedRoles())
}
