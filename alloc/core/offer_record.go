package core

import (
	"strconv"
	"strings"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/resource"
)

// OfferRecords makes the records of offers a few at a time: one piece of memory serves
// offerBatch of them. That is few enough that an offer which outlives the others does not
// keep much. The zero value is ready.
type OfferRecords struct {
	parts []offerParts
	text  strings.Builder // ids
	keys  []byte
}

const offerBatch = 8

// offerParts is a record with all that its fields point to.
type offerParts struct {
	value                      record.Offer
	id, framework, agent, role string
	made                       int64
}

// ID makes the id of an offer: the master's id and a number.
func (w *OfferRecords) ID(master string, number uint64) string {
	const digits = 20
	if n := len(master) + len("-O") + digits; w.text.Cap()-w.text.Len() < n {
		w.text = strings.Builder{} // the ids made so far keep the old memory
		w.text.Grow(offerBatch * n)
	}
	at := w.text.Len()
	w.text.WriteString(master)
	w.text.WriteString("-O")
	var decimal [digits]byte
	w.text.Write(strconv.AppendUint(decimal[:0], number, 10))
	return w.text.String()[at:]
}

// Make returns the record of an offer that the engine decided on. The messages of its resources
// are shared with other offers.
func (w *OfferRecords) Make(id string, d *cycle.Offer, list *cycle.List, madeNanos int64) record.Record {
	if len(w.parts) == 0 {
		w.parts = make([]offerParts, offerBatch)
	}
	p := &w.parts[0]
	w.parts = w.parts[1:]
	p.id, p.framework, p.agent, p.role, p.made = id, d.Framework(), d.Agent(), d.Role(), madeNanos
	v := &p.value
	v.Id, v.FrameworkId, v.AgentId, v.Role, v.MadeNanos = &p.id, &p.framework, &p.agent, &p.role, &p.made
	v.Resources = list.Messages(resource.PostRefinement, visibleMessages)
	if n := record.OfferKeySize(id); cap(w.keys)-len(w.keys) < n {
		w.keys = make([]byte, 0, offerBatch*n)
	}
	at := len(w.keys)
	w.keys = record.AppendOfferKey(w.keys, id)
	return record.Put(w.keys[at:len(w.keys):len(w.keys)], v)
}
