package record

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/caprock/caprock/wire/mesos"
)

// MostOffersInBatch bounds a batch, so that an offer that outlives the others keeps little.
const MostOffersInBatch = 256

// OfferBatchWriter puts one batch together. Of each offer it writes down which of the
// batch's terms it has, how many bytes its agent's id shares with the one before,
// how many follow and those: three numbers in base 128 and the rest of the id. The
// zero value is ready; Start begins a batch, Batch ends it.
type OfferBatchWriter struct {
	terms []terms
	bytes []byte
	agent string // the last one
	piece []byte // of memory, for the bytes of several small batches
}

// pieceBytes is how much memory is taken for bytes at once: little enough that a batch which
// outlives the others does not keep much.
const pieceBytes = 1 << 10

// terms is a list in a role.
type terms struct {
	role      string
	resources []*mesos.Resource
}

func (t *terms) are(role string, resources []*mesos.Resource) bool {
	return len(t.resources) == len(resources) && (len(resources) == 0 || &t.resources[0] == &resources[0]) && t.role == role
}

// batchParts is a batch with what its fields point to, the first of its terms included:
// mostly there are no others.
type batchParts struct {
	value             OfferBatch
	first             uint64
	made              int64
	master, framework string
	list              [1]*OfferBatch_Terms
	terms             termsParts
}

// termsParts is the same for terms.
type termsParts struct {
	value OfferBatch_Terms
	role  string
}

// Start forgets what was added.
func (w *OfferBatchWriter) Start() {
	clear(w.terms)
	w.terms, w.bytes, w.agent = w.terms[:0], w.bytes[:0], ""
}

// Add adds an offer. Lists that are the same memory are written once; the list
// must not change any more.
func (w *OfferBatchWriter) Add(agent, role string, resources []*mesos.Resource) {
	at := len(w.terms) - 1 // mostly the last ones
	for at >= 0 && !w.terms[at].are(role, resources) {
		at--
	}
	if at < 0 {
		at = len(w.terms)
		w.terms = append(w.terms, terms{role, resources})
	}
	shared := sharedPrefix(w.agent, agent)
	w.bytes = binary.AppendUvarint(w.bytes, uint64(at))
	w.bytes = binary.AppendUvarint(w.bytes, uint64(shared))
	w.bytes = binary.AppendUvarint(w.bytes, uint64(len(agent)-shared))
	w.bytes = append(w.bytes, agent[shared:]...)
	w.agent = agent
}

// sharedPrefix is how many bytes two texts have in common at their start.
func sharedPrefix(a, b string) int {
	n, at := min(len(a), len(b)), 0
	const step = 8
	for at+step <= n && a[at:at+step] == b[at:at+step] {
		at += step
	}
	for at < n && a[at] == b[at] {
		at++
	}
	return at
}

// Batch returns the record of what was added since Start.
func (w *OfferBatchWriter) Batch(first uint64, master, framework string, madeNanos int64) *OfferBatch {
	p := &batchParts{first: first, made: madeNanos, master: master, framework: framework}
	p.value.First, p.value.MasterId, p.value.FrameworkId, p.value.MadeNanos = &p.first, &p.master, &p.framework, &p.made
	p.value.Terms = p.list[:0]
	for i := range w.terms {
		t := &p.terms
		if i > 0 {
			t = new(termsParts)
		}
		t.role = w.terms[i].role
		t.value.Role, t.value.Resources = &t.role, w.terms[i].resources
		p.value.Terms = append(p.value.Terms, &t.value)
	}
	p.value.Offers = w.keep()
	return &p.value
}

// keep copies the bytes of the batch.
func (w *OfferBatchWriter) keep() []byte {
	if n := len(w.bytes); cap(w.piece)-len(w.piece) < n {
		w.piece = make([]byte, 0, max(pieceBytes, n))
	}
	at := len(w.piece)
	w.piece = append(w.piece, w.bytes...)
	return w.piece[at:len(w.piece):len(w.piece)]
}

var errOffers = errors.New("malformed list of offers")

// Each calls visit with the number, the agent's id and the terms of every offer of the
// batch, in order. The id may be kept for as long as visit runs.
func (b *OfferBatch) Each(visit func(number uint64, agent []byte, terms *OfferBatch_Terms)) error {
	var agent []byte
	rest := b.GetOffers()
	for number := b.GetFirst(); len(rest) > 0; number++ {
		var part [3]uint64 // terms, shared bytes, bytes that follow
		for i := range part {
			n := 0
			if part[i], n = binary.Uvarint(rest); n <= 0 {
				return fmt.Errorf("offer %d: %w", number, errOffers)
			}
			rest = rest[n:]
		}
		terms, shared, more := part[0], part[1], part[2]
		if terms >= uint64(len(b.GetTerms())) || shared > uint64(len(agent)) || more > uint64(len(rest)) {
			return fmt.Errorf("offer %d: got terms %d of %d, %d bytes of an agent id of %d and %d of %d that follow: %w",
				number, terms, len(b.GetTerms()), shared, len(agent), more, len(rest), errOffers)
		}
		agent = append(agent[:shared], rest[:more]...)
		rest = rest[more:]
		visit(number, agent, b.GetTerms()[terms])
	}
	return nil
}

func (b *OfferBatch) check() error {
	return b.Each(func(uint64, []byte, *OfferBatch_Terms) {})
}
