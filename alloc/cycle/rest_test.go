package cycle

import "testing"

// Agents that have the same ports, each read from its own message, share them; offers that
// come back as lists do not undo it.
func TestRestsAreShared(t *testing.T) {
	c := newCluster(t, Options{})
	c.framework("f", "r")
	c.agents(70, "cpus:4;ports:[1-5]")
	c.agent("b", "cpus:4;ports:[1-6]")
	check := func(when string) {
		t.Helper()
		first, row := c.a.space.At(c.a.agents["a0"])
		want := first.Rows[row].AvailRest
		for id, slot := range c.a.agents {
			sh, row := c.a.space.At(slot)
			if got := sh.Rows[row].AvailRest; len(got) != 1 || sameSlice(got, want) != (id != "b") {
				t.Errorf("%s: agent %s has %s at %p, a0 %s at %p", when, id, got, got, want, want)
			}
		}
	}
	check("added")
	c.run()
	for i := range c.res.Offers {
		o := &c.res.Offers[i]
		c.must(c.a.RecoverResources(c.now, o.Framework(), o.Agent(), o.list.materialize(), nil, false))
	}
	check("returned")
}
