package core

import (
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/resource"
)

// request takes a REQUEST as a hint of what the framework needs: agents that have
// that much available are offered to it first. Of several requests any one
// will do, so an agent must have at least the smallest amount of each resource
// that all of them name. A call without requests withdraws the hint.
//
// Mesos' allocator ignores these calls; here they never take an offer away, as
// what nobody else takes is offered all the same. Hints are not recorded: a framework
// repeats its request when it subscribes again.
func (c *Core) request(f *frameworkState, call *scheduler.Call_Request) {
	var hint resource.Quantities
	seen := false
	for _, r := range call.GetRequests() {
		want, err := resource.FromProto(r.GetResources())
		if err != nil || want.IsEmpty() {
			continue // a hint that makes no sense is none
		}
		q := want.Quantities()
		if seen {
			q = q.Minus(q.Minus(hint)) // the smaller amount of each
		}
		hint, seen = q, true
	}
	c.engine.check(c.engine.a.RequestResources(f.id(), hint))
}
