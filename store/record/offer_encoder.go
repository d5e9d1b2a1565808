package record

import (
	"encoding/binary"

	"github.com/caprock/caprock/wire/mesos"
)

// OfferEncoder appends the values of offers. A cycle makes tens of thousands of offers from
// few different lists of resources, which equal offers share; the bytes of a
// list are kept and copied. The result is what AppendValue gives. The zero
// value is ready; it belongs to one goroutine.
type OfferEncoder struct {
	lists map[listKey][]byte
	bytes int
	// The list before, which is mostly the next one too.
	last      listKey
	lastBytes []byte
}

// listKey is a list's identity. It keeps the list alive, so its address cannot
// come to mean another one.
type listKey struct {
	first **mesos.Resource
	n     int
}

// mostListBytes bounds what is kept; beyond it everything is forgotten at once.
const mostListBytes = 4 << 20

// Tags of Offer's fields (record.proto).
const (
	tagOfferID        = 1<<3 | 2
	tagOfferFramework = 2<<3 | 2
	tagOfferAgent     = 3<<3 | 2
	tagOfferRole      = 4<<3 | 2
	tagOfferMade      = 6 << 3
)

// AppendValue appends the encoded value of an offer.
func (e *OfferEncoder) AppendValue(b []byte, o *Offer) ([]byte, error) {
	if len(o.Resources) == 0 || len(o.unknownFields) > 0 {
		return AppendValue(b, o)
	}
	list, err := e.list(o.Resources)
	if err != nil {
		return b, err
	}
	b = append(b, format)
	b = appendText(b, tagOfferID, o.Id)
	b = appendText(b, tagOfferFramework, o.FrameworkId)
	b = appendText(b, tagOfferAgent, o.AgentId)
	b = appendText(b, tagOfferRole, o.Role)
	b = append(b, list...)
	if o.MadeNanos != nil {
		b = binary.AppendUvarint(append(b, tagOfferMade), uint64(*o.MadeNanos))
	}
	return b, nil
}

// list is the encoded field of resources.
func (e *OfferEncoder) list(resources []*mesos.Resource) ([]byte, error) {
	key := listKey{&resources[0], len(resources)}
	if key == e.last {
		return e.lastBytes, nil
	}
	if b, ok := e.lists[key]; ok {
		e.last, e.lastBytes = key, b
		return b, nil
	}
	// An offer of nothing but the list encodes to the field alone, behind the
	// format byte.
	b, err := AppendValue(nil, &Offer{Resources: resources})
	if err != nil {
		return nil, err
	}
	b = b[1:]
	if e.lists == nil || e.bytes+len(b) > mostListBytes {
		e.lists, e.bytes = map[listKey][]byte{}, 0
	}
	e.lists[key] = b
	e.bytes += len(b)
	return b, nil
}

func appendText(b []byte, tag byte, text *string) []byte {
	if text == nil {
		return b
	}
	b = binary.AppendUvarint(append(b, tag), uint64(len(*text)))
	return append(b, *text...)
}
