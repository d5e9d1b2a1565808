package codec

import (
	"fmt"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/caprock/caprock/wire/json"
)

func unmarshalProtobuf(data []byte, m Message) error {
	d := m.ProtoReflect().Descriptor()
	if p := nestingOf(d); p != nil && !p.shallow(data, 1) {
		return fmt.Errorf("cannot read protobuf as %s: messages nested deeper than %d levels", d.Name(), MaxDepth)
	}
	err := m.UnmarshalVT(data)
	if err == nil {
		return nil
	}
	if missing := missingFields(data, m.ProtoReflect().New().Interface()); missing != nil {
		err = missing
	}
	return fmt.Errorf("cannot read protobuf as %s: %w", d.Name(), err)
}

// missingFields decodes data a second time, slowly and leniently, to name the paths of
// the required fields that UnmarshalVT misses; nil if something else is wrong.
func missingFields(data []byte, m proto.Message) error {
	if err := (proto.UnmarshalOptions{AllowPartial: true, RecursionLimit: MaxDepth}).Unmarshal(data, m); err != nil {
		return nil
	}
	missing := new(json.MissingError)
	collectMissing(m.ProtoReflect(), "", missing)
	if missing.Total == 0 {
		return nil
	}
	return missing
}

func collectMissing(m protoreflect.Message, path string, missing *json.MissingError) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		name := path + string(f.Name())
		if f.Cardinality() == protoreflect.Required && !m.Has(f) {
			missing.Add(name)
		}
		if f.Message() == nil || !m.Has(f) {
			continue
		}
		switch v := m.Get(f); {
		case f.IsMap():
			if f.MapValue().Message() == nil {
				continue
			}
			v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				collectMissing(v.Message(), name+"."+k.String()+".", missing)
				return true
			})
		case f.IsList():
			for j := range v.List().Len() {
				collectMissing(v.List().Get(j).Message(), fmt.Sprintf("%s[%d].", name, j), missing)
			}
		default:
			collectMissing(v.Message(), name+".", missing)
		}
	}
}

// nesting says which fields of a message lead to a message type that contains itself:
// only there can a body nest deeper than the schema, and the generated decoder, which
// recurses without limit, overflow its stack. Nearly all types have none.
type nesting struct {
	fields map[protowire.Number]*nesting
}

var nestings struct {
	sync.Mutex
	known map[protoreflect.FullName]*nesting
}

// nestingOf returns nil for a message that cannot nest without bound.
func nestingOf(d protoreflect.MessageDescriptor) *nesting {
	nestings.Lock()
	defer nestings.Unlock()
	if p, ok := nestings.known[d.FullName()]; ok {
		return p
	}
	if nestings.known == nil {
		nestings.known = map[protoreflect.FullName]*nesting{}
	}
	p := planNesting(d)
	nestings.known[d.FullName()] = p
	return p
}

// planNesting walks all types reachable from d.
func planNesting(d protoreflect.MessageDescriptor) *nesting {
	plans := map[protoreflect.FullName]*nesting{}
	var recursive func(d, target protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) bool
	recursive = func(d, target protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) bool {
		for i := range d.Fields().Len() {
			next := d.Fields().Get(i).Message()
			if next == nil || seen[next.FullName()] {
				continue
			}
			seen[next.FullName()] = true
			if next.FullName() == target.FullName() || recursive(next, target, seen) {
				return true
			}
		}
		return false
	}
	var plan func(d protoreflect.MessageDescriptor) (p *nesting, deep bool)
	plan = func(d protoreflect.MessageDescriptor) (*nesting, bool) {
		if p, ok := plans[d.FullName()]; ok {
			return p, p != nil
		}
		self := recursive(d, d, map[protoreflect.FullName]bool{})
		p := &nesting{fields: map[protowire.Number]*nesting{}}
		plans[d.FullName()] = p
		for i := range d.Fields().Len() {
			f := d.Fields().Get(i)
			if f.Message() == nil {
				continue
			}
			if sub, deep := plan(f.Message()); deep {
				p.fields[f.Number()] = sub
			}
		}
		if !self && len(p.fields) == 0 {
			plans[d.FullName()] = nil
			return nil, false
		}
		return p, true
	}
	p, _ := plan(d)
	return p
}

// shallow walks the wire format along the dangerous fields only. What is malformed it
// leaves to the decoder to report.
func (p *nesting) shallow(data []byte, depth int) bool {
	if depth > MaxDepth {
		return false
	}
	for len(data) > 0 {
		num, typ, n := protowire.ConsumeTag(data)
		if n < 0 {
			return true
		}
		data = data[n:]
		n = protowire.ConsumeFieldValue(num, typ, data)
		if n < 0 {
			return true
		}
		if sub := p.fields[num]; sub != nil && typ == protowire.BytesType {
			body, _ := protowire.ConsumeBytes(data)
			if !sub.shallow(body, depth+1) {
				return false
			}
		}
		data = data[n:]
	}
	return true
}
