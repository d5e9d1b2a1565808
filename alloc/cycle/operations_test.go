package cycle

import (
	"slices"
	"testing"

	"github.com/caprock/caprock/wire/resource"
	"github.com/caprock/caprock/wire/resource/notation"
)

// A conversion may make resources vanish, as destroying a disk of a provider does: they
// leave the offer, the agent's total and the shares.
func TestConversionsMayRemoveResources(t *testing.T) {
	c := newCluster(t, Options{MinAllocatable: []resource.Quantities{}})
	c.framework("f1", "a")
	c.agent("a1", "cpus:100;mem:100;disk(s:a){raw}:30")
	if got := c.run(); len(got) != 1 {
		t.Fatalf("offers are %q, want one", got)
	}
	o := &c.res.Offers[0]
	offered := o.Resources()
	gone := notation.MustParse("disk(s:a){raw}:30").Allocate("a")
	c.must(c.a.UpdateAllocation("f1", "a1", offered, []resource.Conversion{{Consumed: gone}}))
	if got := notation.Format(c.a.AgentTotal("a1")); got != "cpus:100;mem:100" {
		t.Errorf("the agent has %s, want the disk gone", got)
	}
	if err := c.a.RecoverResources(c.now, "f1", "a1", offered, nil, false); err == nil {
		t.Error("the framework still holds the disk")
	}
	c.must(c.a.RecoverResources(c.now, "f1", "a1", offered.Minus(gone), nil, false))
	if got, want := c.tick(), []string{"f1 a a1 cpus:100;mem:100"}; !slices.Equal(got, want) {
		t.Errorf("offers are %q, want %q", got, want)
	}
	if total, _ := c.a.Usage(); total[2] != 0 {
		t.Errorf("%d milli of disk are in the total of the cluster, want 0", total[2])
	}
}
