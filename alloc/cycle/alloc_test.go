//go:build !invariants

package cycle

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/caprock/caprock/wire/resource"
)

// A cycle in steady state allocates nothing: offers have their place in the Result, and their
// lists are those of the cycle before.
func TestSteadyCycleAllocatesNothing(t *testing.T) {
	if checksInvariants {
		t.Skip("checking the invariants allocates")
	}
	for _, filter := range []*Filter{nil, {RefuseSeconds: 3}} {
		c := newCluster(t, Options{})
		for i := range 20 {
			c.framework(fmt.Sprintf("f%02d", i), fmt.Sprintf("r%d", i%5))
		}
		c.agents(200, "cpus:4;mem:4096;disk:1000;ports:[31000-32000]")
		c.run()
		for range 10 {
			c.declineAll(filter)
			c.now += 1e9
			c.a.RunCycle(c.now, &c.res)
		}
		// AllocsPerRun would count the declines too.
		offers := 0
		allocating := 0
		for range 5 {
			c.declineAll(filter)
			c.now += 1e9
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			c.a.RunCycle(c.now, &c.res)
			runtime.ReadMemStats(&after)
			if after.Mallocs != before.Mallocs {
				allocating++
			}
			offers += len(c.res.Offers)
		}
		if allocating > 1 || offers != 1000 { // once it may have been the runtime
			t.Errorf("filter %v: %d of 5 cycles with %d offers allocate, want none, and 1000 offers", filter, allocating, offers)
		}
		if allocs := testing.AllocsPerRun(20, func() { c.now += 1e9; c.a.RunCycle(c.now, &c.res) }); allocs != 0 && filter == nil {
			t.Errorf("%v allocations in a cycle that has nothing to offer, want 0", allocs)
		}
	}
}

// A framework that is offered more of an agent whose ports it holds costs no allocation either,
// nor does its decline.
func TestOffersBesideHeldPortsAllocateNothing(t *testing.T) {
	if checksInvariants {
		t.Skip("checking the invariants allocates")
	}
	c := newCluster(t, Options{})
	c.framework("f", "r")
	c.agents(50, "cpus:4;mem:4096;disk:1000;ports:[31000-32000]")
	c.run()
	task, err := resource.Parse("cpus:1;ports:[31000-31000]", "*")
	c.must(err)
	task = task.Allocate("r")
	for _, o := range c.res.Offers { // a task on each agent, and the rest of its offer back
		c.must(c.a.TransitionOfferedToAllocated("f", o.Agent(), task))
		c.must(c.a.RecoverResources(c.now, "f", o.Agent(), o.Resources().Minus(task), nil, false))
	}
	once := func() {
		c.now += 1e9
		c.a.RunCycle(c.now, &c.res)
		if len(c.res.Offers) != 50 {
			t.Fatalf("%d offers, want 50", len(c.res.Offers))
		}
		c.declineAll(nil)
	}
	for range 5 {
		once()
	}
	if n := testing.AllocsPerRun(20, once); n > 1 { // once it may have been the runtime
		t.Errorf("a cycle with 50 such offers and their declines allocates %v times, want none", n)
	}
}

// The cost of a full cycle over the dimensions that matter. See also the bench
// command, which measures CPU time and what is done with the offers.
func BenchmarkFullCycle(b *testing.B) {
	for _, agents := range []int{1000, 10000, 50000} {
		for _, frameworks := range []int{50, 200, 1000} {
			for _, roles := range []int{1, frameworks} {
				for _, filter := range []*Filter{nil, {RefuseSeconds: 3}} {
					benchmarkFullCycle(b, agents, frameworks, roles, filter)
				}
			}
		}
	}
}

func benchmarkFullCycle(b *testing.B, agents, frameworks, roles int, refuse *Filter) {
	filter := "none"
	if refuse != nil {
		filter = fmt.Sprintf("%gs", refuse.RefuseSeconds)
	}
	b.Run(fmt.Sprintf("agents=%d/frameworks=%d/roles=%d/filter=%s", agents, frameworks, roles, filter), func(b *testing.B) {
		c := newCluster(b, Options{})
		for i := range frameworks {
			c.framework(fmt.Sprintf("f%04d", i), fmt.Sprintf("r%d", i%roles))
		}
		c.agents(agents, "cpus:24;mem:4096;disk:4096;ports:[31000-32000]")
		c.run()
		offers := 0
		b.ResetTimer()
		for range b.N {
			b.StopTimer()
			c.declineAll(refuse)
			c.now += 1e9
			b.StartTimer()
			c.a.RunCycle(c.now, &c.res)
			offers += len(c.res.Offers)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(max(offers, 1)), "ns/offer")
	})
}

// What a whole agent costs from decline to the next offer.
func BenchmarkEventCycle(b *testing.B) {
	c := newCluster(b, Options{})
	for i := range 1000 {
		c.framework(fmt.Sprintf("f%04d", i), "r")
	}
	c.agents(10000, "cpus:24;mem:4096;disk:4096")
	c.run()
	b.ResetTimer()
	for i := range b.N {
		o := c.res.Offers[i%len(c.res.Offers)]
		c.must(c.a.DeclineOffer(c.now, &o, nil))
		c.must(c.a.UpdateUnavailability(c.now, o.Agent(), nil))
		c.a.RunCycle(c.now, &c.res)
	}
}

// What it costs to return an offer as a list of resources, as the core does, and
// to offer it again.
func BenchmarkRecoverAsList(b *testing.B) {
	c := newCluster(b, Options{})
	for i := range 100 {
		c.framework(fmt.Sprintf("f%04d", i), "r")
	}
	c.agents(1000, "cpus:24;mem:4096;disk:4096;ports:[31000-32000]")
	c.run()
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		for i := range c.res.Offers {
			o := &c.res.Offers[i]
			c.must(c.a.RecoverResources(c.now, o.Framework(), o.Agent(), o.Resources(), nil, false))
		}
		c.now += 1e9
		c.a.RunCycle(c.now, &c.res)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/offer")
}
