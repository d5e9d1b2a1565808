package core

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/resource"
)

// decidedOffers is a cycle of an engine with some agents and frameworks.
func decidedOffers(t testing.TB, agents, frameworks int) []cycle.Offer {
	res, err := resource.Parse("cpus:4;mem:64;ephemeral_ports:[1-5]", "*")
	if err != nil {
		t.Fatal(err)
	}
	a := cycle.New(cycle.Options{})
	for i := range frameworks {
		f := cycle.Framework{ID: fmt.Sprintf("f%d", i), Roles: []string{"r", "s"}, Capabilities: cycle.MultiRole, Active: true}
		if err := a.AddFramework(0, f, nil); err != nil {
			t.Fatal(err)
		}
	}
	for i := range agents {
		agent := cycle.Agent{ID: fmt.Sprintf("cluster-S%d", i), Hostname: "h", Capabilities: cycle.AgentMultiRole | cycle.AgentHierarchicalRole, Total: res}
		if err := a.AddAgent(0, agent, nil); err != nil {
			t.Fatal(err)
		}
	}
	var decided cycle.Result
	a.RunCycle(0, &decided)
	if len(decided.Offers) != agents {
		t.Fatalf("got %d offers, want %d", len(decided.Offers), agents)
	}
	return decided.Offers
}

// Batches tell, after a turn through the journal's bytes, of every offer what it is.
func TestOfferBatches(t *testing.T) {
	offers := decidedOffers(t, 50, 3)
	var w OfferBatches
	for range 2 { // the second time in the memory of the first
		var want, got []string
		for i := range offers {
			o := &offers[i]
			want = append(want, strings.Join([]string{o.Framework(), o.Role(), o.Agent(), visible(o.Resources()).String()}, " "))
		}
		w.Group(offers)
		if w.Frameworks() != 3 || w.Of(0)[0] != &offers[0] {
			t.Fatalf("got %d frameworks, want 3 in the order of their first offers", w.Frameworks())
		}
		first := uint64(7)
		for i := range w.Frameworks() {
			b := w.Make(w.Of(i), first, "m", 12)
			key, value, err := record.Encode(record.Put(record.OfferBatchKey(first), b))
			if err != nil {
				t.Fatal(err)
			}
			r, err := record.Decode(key, value)
			if err != nil {
				t.Fatal(err)
			}
			b = r.Value.(*record.OfferBatch)
			if b.GetMasterId() != "m" || b.GetMadeNanos() != 12 || len(b.GetTerms()) != 2 {
				t.Errorf("got %v, want master m, time 12 and the terms of two roles", b)
			}
			if err := b.Each(func(number uint64, agent []byte, terms *record.OfferBatch_Terms) {
				if number != first {
					t.Errorf("got offer %d, want %d", number, first)
				}
				first++
				res, err := resource.FromProto(terms.GetResources())
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, strings.Join([]string{b.GetFrameworkId(), terms.GetRole(), string(agent), res.String()}, " "))
			}); err != nil {
				t.Fatal(err)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

// The records of a cycle cost a few allocations for each framework, none for each offer.
func TestOfferBatchesAllocatePerFramework(t *testing.T) {
	offers := decidedOffers(t, 600, 3)
	var w OfferBatches
	n := testing.AllocsPerRun(5, func() {
		w.Group(offers)
		for i := range w.Frameworks() {
			w.Make(w.Of(i), 1, "m", 0)
		}
	})
	if n > 3*4 { // a batch, its second terms, their list, and bytes
		t.Errorf("got %v allocations for 3 frameworks, want at most 12", n)
	}
}

// A batch is kept while one of its offers is outstanding; a store that holds batches and single
// offers of earlier processes is emptied of both.
func TestOfferBatchesEndWithTheirLastOffer(t *testing.T) {
	w := newWorld(t)
	w.quiet = true
	for i := range 3 {
		w.execute(fmt.Sprintf("agent a%d cpus:4;mem:1024", i))
	}
	w.execute("subscribe f1 failover=1000")
	batches := func() (n int) {
		for key := range w.journal {
			if record.Kind(key[0]).Volatile() {
				n++
			}
		}
		return n
	}
	f := w.frameworks["f1"]
	if len(f.offers) != 3 || batches() != 1 {
		t.Fatalf("got %d offers in %d records, want 3 in 1", len(f.offers), batches())
	}
	for left := 2; left >= 0; left-- {
		w.out.Reset()
		w.core.now, w.core.out = w.now, &w.out
		w.core.dropOffer(w.core.offer(f.offers[left]))
		w.commit()
		if want := min(left, 1); batches() != want {
			t.Errorf("with %d offers left there are %d batches, want %d", left, batches(), want)
		}
	}
	w.execute("agent a4 cpus:4;mem:1024")
	old := "m-O1"
	key, value, err := record.Encode(record.Put(record.OfferKey(old), &record.Offer{Id: &old, FrameworkId: &f.id}))
	if err != nil {
		t.Fatal(err)
	}
	w.journal[string(key)] = value
	if batches() != 2 {
		t.Fatalf("got %d records of offers, want 2", batches())
	}
	w.start()
	if batches() != 0 || len(w.core.offers) != 0 {
		t.Errorf("after a restart there are %d records of offers and %d offers, want none", batches(), len(w.core.offers))
	}
}
