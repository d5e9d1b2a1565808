package codec

import (
	"errors"
	"fmt"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// The generated protobuf decoders know no bounds: they recurse as deep as a body says,
// and two bytes of body can become hundreds of message. So a body that could be meant
// badly is walked first, without decoding: if its type can contain itself (a ContainerID
// has a parent), or if it is longer than longBody. So is one that may hold a map from
// names to amounts: the decoders take an entry without its amount, as nil. All others
// cost one map lookup.

// longBody is the length, in bytes, from which messages are counted. A body below it
// cannot become more than some tens of megabytes.
const longBody = 256 << 10

var (
	errTooDeep = errors.New("messages nested deeper than 200 levels")
	errTooMany = fmt.Errorf("more than %d messages", MaxMessages)
	errNoValue = errors.New("a map entry without value")
)

// shape is what the walk needs to know of a message type.
type shape struct {
	fields  map[protowire.Number]*shape // its fields that are messages
	endless bool                        // a type within it contains itself
	entry   bool                        // it is the entry of a map whose values have required fields
	entries bool                        // there may be such entries within it
}

// shapes grows with the few dozen types that bodies have; entries never change.
var shapes = struct {
	sync.RWMutex
	of map[protoreflect.FullName]*shape
}{of: map[protoreflect.FullName]*shape{}}

func checkShape(data []byte, d protoreflect.MessageDescriptor, trusted bool) error {
	s := shapeOf(d)
	w := walk{all: !trusted && len(data) >= longBody, entries: !trusted}
	if !w.follows(s) {
		return nil
	}
	w.message(data, s, 1)
	return w.err
}

// walk follows message fields through the wire format. What is malformed it leaves to
// the decoder to report.
type walk struct {
	all     bool // count all messages; else only what can nest without end
	entries bool // look for map entries without value
	count   int
	err     error
}

// follows says whether there may be anything to find in messages of a type.
func (w *walk) follows(s *shape) bool { return w.all || s.endless || w.entries && s.entries }

func (w *walk) message(data []byte, s *shape, depth int) {
	if depth > MaxDepth {
		w.err = errTooDeep
		return
	}
	hasValue := !s.entry || !w.entries
	for w.err == nil && len(data) > 0 {
		num, typ, n := protowire.ConsumeTag(data)
		if n < 0 {
			return
		}
		data = data[n:]
		if n = protowire.ConsumeFieldValue(num, typ, data); n < 0 {
			return
		}
		hasValue = hasValue || num == mapValueNumber
		if sub := s.fields[num]; sub != nil && typ == protowire.BytesType && w.follows(sub) {
			if w.all || sub.endless {
				w.count++
			}
			if w.count > MaxMessages {
				w.err = errTooMany
				return
			}
			body, _ := protowire.ConsumeBytes(data)
			w.message(body, sub, depth+1)
		}
		data = data[n:]
	}
	if w.err == nil && !hasValue {
		w.err = errNoValue
	}
}

// mapValueNumber is the field of a map entry that holds the value.
const mapValueNumber = 2

func shapeOf(d protoreflect.MessageDescriptor) *shape {
	shapes.RLock()
	s := shapes.of[d.FullName()]
	shapes.RUnlock()
	if s != nil {
		return s
	}
	shapes.Lock()
	defer shapes.Unlock()
	return planShape(d)
}

// planShape enters d and all types reachable from it into shapes.
func planShape(d protoreflect.MessageDescriptor) *shape {
	if s := shapes.of[d.FullName()]; s != nil {
		return s
	}
	s := &shape{fields: map[protowire.Number]*shape{}, endless: reachesCycle(d, nil), entry: needsValue(d)}
	s.entries = s.entry || reachesEntry(d, map[protoreflect.FullName]bool{})
	shapes.of[d.FullName()] = s
	for f := range messageFields(d) {
		s.fields[f.Number()] = planShape(f.Message())
	}
	return s
}

// needsValue says whether d is the entry of a map whose values have required fields, so
// that an entry without value lacks them.
func needsValue(d protoreflect.MessageDescriptor) bool {
	if !d.IsMapEntry() {
		return false
	}
	value := d.Fields().ByNumber(mapValueNumber).Message()
	return value != nil && value.RequiredNumbers().Len() > 0
}

// reachesEntry says whether such an entry is reachable from d.
func reachesEntry(d protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) bool {
	if needsValue(d) {
		return true
	}
	if seen[d.FullName()] {
		return false
	}
	seen[d.FullName()] = true
	for f := range messageFields(d) {
		if reachesEntry(f.Message(), seen) {
			return true
		}
	}
	return false
}

// reachesCycle says whether a message type reachable from d contains itself. The path is
// what leads to d; types are a few levels deep, so plain search is fast enough.
func reachesCycle(d protoreflect.MessageDescriptor, path []protoreflect.FullName) bool {
	for _, above := range path {
		if above == d.FullName() {
			return true
		}
	}
	path = append(path, d.FullName())
	for f := range messageFields(d) {
		if reachesCycle(f.Message(), path) {
			return true
		}
	}
	return false
}

func messageFields(d protoreflect.MessageDescriptor) func(yield func(protoreflect.FieldDescriptor) bool) {
	return func(yield func(protoreflect.FieldDescriptor) bool) {
		for i := range d.Fields().Len() {
			if f := d.Fields().Get(i); f.Message() != nil && !yield(f) {
				return
			}
		}
	}
}
