package cycle

import "testing"

// With random sorters roles get offers by their weights and the frameworks of a role as
// often as one another, whatever they hold.
func TestRandomSortersFollowWeights(t *testing.T) {
	c := newCluster(t, Options{RoleSorter: Random, FrameworkSorter: Random, Seed: 5})
	c.framework("f1", "heavy")
	c.framework("f2", "heavy")
	c.framework("f3", "light")
	c.a.UpdateWeights(map[string]float64{"heavy": 3})
	c.agent("a1", "cpus:1;mem:100")
	const rounds = 2000
	offers := map[string]int{}
	for range rounds {
		c.tick()
		if len(c.res.Offers) != 1 {
			t.Fatalf("%d offers of one agent, want one", len(c.res.Offers))
		}
		offers[c.res.Offers[0].Framework()]++
		c.declineAll(nil)
	}
	for id, want := range map[string]int{"f1": rounds * 3 / 8, "f2": rounds * 3 / 8, "f3": rounds / 4} {
		if got := offers[id]; got < want*85/100 || got > want*115/100 {
			t.Errorf("framework %s got %d of %d offers, want about %d", id, got, rounds, want)
		}
	}
}
