package core

import (
	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/resource"
)

// offerBatch is offers of one cycle to one framework that have one record. It is deleted with
// the last of them.
type offerBatch struct {
	rec  *record.OfferBatch
	live int // offers; 0 for a batch of the last process, whose offers are void
}

// OfferBatches makes the records of the offers of one cycle. The zero value is ready; memory is
// kept from one cycle to the next.
type OfferBatches struct {
	writer record.OfferBatchWriter
	sorted []*cycle.Offer
	groups []offerGroup // by the framework's number
	seen   []int        // numbers of frameworks, by their first offer
	sink   int          // see warm
}

type offerGroup struct{ offers, end int }

// Group sorts offers by framework: frameworks in the order of their first offer, and what each is
// offered in the order of the engine. Next has the result.
func (w *OfferBatches) Group(offers []cycle.Offer) {
	for _, n := range w.seen {
		w.groups[n] = offerGroup{}
	}
	w.seen = w.seen[:0]
	for i := range offers {
		n := offers[i].FrameworkNumber()
		for n >= len(w.groups) {
			w.groups = append(w.groups, offerGroup{})
		}
		if w.groups[n].offers == 0 {
			w.seen = append(w.seen, n)
		}
		w.groups[n].offers++
	}
	at := 0
	for _, n := range w.seen {
		w.groups[n].end = at
		at += w.groups[n].offers
	}
	if cap(w.sorted) < len(offers) {
		w.sorted = make([]*cycle.Offer, len(offers))
	}
	w.sorted = w.sorted[:len(offers)]
	for i := range offers {
		g := &w.groups[offers[i].FrameworkNumber()]
		w.sorted[g.end] = &offers[i]
		g.end++
	}
}

// Frameworks is how many frameworks have offers.
func (w *OfferBatches) Frameworks() int { return len(w.seen) }

// Of returns the offers to one of the frameworks.
func (w *OfferBatches) Of(framework int) []*cycle.Offer {
	g := &w.groups[w.seen[framework]]
	return w.sorted[g.end-g.offers : g.end]
}

// Make returns the record of at most record.MostOffersInBatch offers to one framework, which are
// numbered from first.
func (w *OfferBatches) Make(offers []*cycle.Offer, first uint64, master string, madeNanos int64) *record.OfferBatch {
	w.writer.Start()
	for i, o := range offers {
		if i%warmed == 0 {
			w.warm(offers[i:min(i+warmed, len(offers))])
		}
		w.writer.Add(o.Agent(), o.Role(), o.List().Messages(resource.PostRefinement, visibleMessages))
	}
	return w.writer.Batch(first, master, offers[0].Framework(), madeNanos)
}

// warmed is how many offers ahead ids of agents are fetched.
const warmed = 32

// warm reads a little of each agent's id, so that the processor fetches them side by side before they
// are compared one after the other. The sum only keeps the reads from being optimized away.
func (w *OfferBatches) warm(offers []*cycle.Offer) {
	for _, o := range offers {
		if id := o.Agent(); id != "" {
			w.sink += int(id[0]) + int(id[len(id)-1])
		}
	}
}
