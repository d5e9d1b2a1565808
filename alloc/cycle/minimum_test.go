package cycle

import (
	"fmt"
	"slices"
	"testing"

	"github.com/caprock/caprock/wire/resource"
)

// A framework with a minimum of its own is offered agents that are too little for
// everyone else; once it is gone nobody is.
func TestAgentsBelowEveryMinimumAreLeftAlone(t *testing.T) {
	c := newCluster(t, Options{})
	c.framework("plain", "r")
	c.agent("full", "disk:4096;ports:[1-5]")
	c.agent("free", "cpus:1;disk:10")
	if got := c.run(); len(got) != 1 || c.res.Offers[0].Agent() != "free" {
		t.Fatalf("offered are %v, want the agent with a cpu alone", got)
	}
	modest := Framework{
		ID: "modest", Roles: []string{"s"}, Active: true,
		MinAllocatable: map[string][]resource.Quantities{"s": {}},
	}
	c.must(c.a.AddFramework(c.now, modest, nil))
	if got := c.run(); len(got) != 1 || c.res.Offers[0].Agent() != "full" || c.res.Offers[0].Framework() != "modest" {
		t.Fatalf("offered are %v, want the agent without cpus to the modest framework", got)
	}
	c.declineAll(nil)
	modest.MinAllocatable = nil
	c.must(c.a.UpdateFramework(c.now, modest))
	if got := c.run(); slices.ContainsFunc(c.res.Offers, func(o Offer) bool { return o.Agent() == "full" }) {
		t.Fatalf("offered are %v, though nobody finds disk and ports enough any more", got)
	}
	if c.a.ownMinima != 0 {
		t.Errorf("%d claims are said to have a minimum of their own, want none", c.a.ownMinima)
	}
	modest.MinAllocatable = map[string][]resource.Quantities{"s": {}}
	c.must(c.a.UpdateFramework(c.now, modest))
	c.must(c.a.RemoveFramework("modest"))
	if c.a.ownMinima != 0 {
		t.Errorf("without frameworks %d claims are said to have a minimum of their own", c.a.ownMinima)
	}
}

// A busy fleet: every agent has its cpus and memory in use. One role has a limit, which
// would keep agents from resting, as a limit may cut what suffices to what does not.
func BenchmarkBusyFleet(b *testing.B) {
	for _, agents := range []int{10_000, 50_000} {
		b.Run(fmt.Sprintf("agents=%d/frameworks=200", agents), func(b *testing.B) {
			c := newCluster(b, Options{})
			for i := range 200 {
				c.framework(fmt.Sprintf("f%04d", i), fmt.Sprintf("r%d", i%10))
			}
			c.framework("probe", "limited")
			c.quota("limited", "", "cpus:1;mem:128;disk:1")
			c.agents(agents, "disk:4096;ports:[31000-32000]")
			c.run()
			b.ResetTimer()
			for range b.N {
				c.now += 1e9
				c.must(c.a.Revive(c.now, "f0000", nil))
				c.a.RunCycle(c.now, &c.res)
			}
		})
	}
}
