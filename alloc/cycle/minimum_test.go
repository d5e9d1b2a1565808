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

// That an agent is below every minimum is found once: who suppresses and revives changes
// nothing for it, until it has more again or somebody is content with less.
func TestAgentsBelowEveryMinimumRestThroughRevives(t *testing.T) {
	c := newCluster(t, Options{})
	c.framework("plain", "r")
	c.framework("probe", "s")
	c.agents(100, "cpus:1;mem:100;disk:4096")
	task := c.occupyAll("cpus:1;mem:100")
	scant := func() (n int) {
		for slot := range c.a.space.Limit() {
			if sh, row := c.a.space.At(slot); c.a.space.InUse(slot) && sh.IsScant(row) {
				n++
			}
		}
		return n
	}
	for range 3 {
		c.must(c.a.Suppress("probe", nil))
		c.must(c.a.Revive(c.now, "probe", nil))
		if got := c.run(); len(got) > 0 {
			t.Fatalf("offered are %v, want nothing of a full fleet", got)
		}
		if got := scant(); got != 100 {
			t.Fatalf("%d agents rest, want all 100", got)
		}
		if got := c.a.collect(nil); len(got) > 0 {
			t.Fatalf("the next cycle would visit %v", got)
		}
	}
	c.must(c.a.RecoverResources(c.now, task.framework["a7"], "a7", task.resources["a7"], nil, true))
	if got := c.tick(); len(got) != 1 || c.res.Offers[0].Agent() != "a7" {
		t.Fatalf("offered are %v, want the agent whose task has ended", got)
	}
	c.declineAll(nil)
	modest := Framework{
		ID: "modest", Roles: []string{"m"}, Active: true,
		MinAllocatable: map[string][]resource.Quantities{"m": {}},
	}
	c.must(c.a.AddFramework(c.now, modest, nil))
	if got := c.run(); len(got) != 100 {
		t.Fatalf("%d agents are offered once somebody is content with disk, want all 100", len(got))
	}
}

// held says what tasks hold on each agent.
type held struct {
	framework map[string]string
	resources map[string]resource.Resources
}

// occupyAll makes a task of every offer of the next cycle and returns the rest.
func (c *cluster) occupyAll(text string) held {
	c.t.Helper()
	h := held{map[string]string{}, map[string]resource.Resources{}}
	c.run()
	for i := range c.res.Offers {
		o := &c.res.Offers[i]
		task, err := resource.Parse(text, "*")
		c.must(err)
		task = task.Allocate(o.Role())
		c.must(c.a.TransitionOfferedToAllocated(o.Framework(), o.Agent(), task))
		c.must(c.a.RecoverResources(c.now, o.Framework(), o.Agent(), o.Resources().Minus(task), nil, false))
		h.framework[o.Agent()], h.resources[o.Agent()] = o.Framework(), task
	}
	return h
}

// A busy fleet: every agent has its cpus and memory in use. One role has a limit, which
// would keep agents from resting, as a limit may cut what suffices to what does not.
func BenchmarkBusyFleet(b *testing.B) {
	for _, agents := range []int{10_000, 50_000} {
		for _, suppressed := range []bool{false, true} {
			b.Run(fmt.Sprintf("agents=%d/frameworks=200/suppressed=%t", agents, suppressed), func(b *testing.B) {
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
					if suppressed {
						c.must(c.a.Suppress("probe", nil))
					}
					c.must(c.a.Revive(c.now, "probe", nil))
					c.a.RunCycle(c.now, &c.res)
				}
			})
		}
	}
}
