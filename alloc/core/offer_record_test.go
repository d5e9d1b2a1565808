package core

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/resource"
)

// Records that share memory are what separate ones would be, and stay so when more are made; a batch
// of them takes a piece of memory each for ids, values and keys.
func TestOfferRecords(t *testing.T) {
	res, err := resource.Parse("cpus:4;mem:64;ephemeral_ports:[1-5]", "*")
	if err != nil {
		t.Fatal(err)
	}
	a := cycle.New(cycle.Options{})
	if err := a.AddFramework(0, cycle.Framework{ID: "f", Roles: []string{"r"}, Capabilities: cycle.MultiRole, Active: true}, nil); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		agent := cycle.Agent{ID: fmt.Sprintf("a%d", i), Hostname: "h", Capabilities: cycle.AgentMultiRole | cycle.AgentHierarchicalRole, Total: res}
		if err := a.AddAgent(0, agent, nil); err != nil {
			t.Fatal(err)
		}
	}
	var decided cycle.Result
	a.RunCycle(0, &decided)
	if len(decided.Offers) != 20 {
		t.Fatalf("got %d offers, want 20", len(decided.Offers))
	}
	var w OfferRecords
	made := make([]record.Record, 0, 20)
	n := testing.AllocsPerRun(1, func() {
		made = made[:0]
		for i := range decided.Offers {
			d := &decided.Offers[i]
			made = append(made, w.Make(w.ID("m\x00", uint64(i)*1e17), d, d.List(), int64(i)))
		}
	})
	if n > 12 {
		t.Errorf("got %v allocations for 20 offers, want at most 12", n)
	}
	for i, r := range made {
		v, d, id := r.Value.(*record.Offer), &decided.Offers[i], fmt.Sprintf("m\x00-O%d", uint64(i)*1e17)
		if v.GetId() != id || v.GetFrameworkId() != "f" || v.GetAgentId() != d.Agent() || v.GetRole() != "r" || v.GetMadeNanos() != int64(i) {
			t.Errorf("offer %d: got %v", i, v)
		}
		if !bytes.Equal(r.Key, record.OfferKey(id)) {
			t.Errorf("offer %d: got key %q, want %q", i, r.Key, record.OfferKey(id))
		}
		if got, err := resource.FromProto(v.Resources); err != nil || !got.Equal(visible(d.Resources())) || len(got) != 2 {
			t.Errorf("offer %d: got %s, %v, want cpus and mem", i, got, err)
		}
	}
}
