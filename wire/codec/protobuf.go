package codec

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/caprock/caprock/wire/json"
)

func unmarshalProtobuf(data []byte, m Message, trusted bool) error {
	d := m.ProtoReflect().Descriptor()
	err := checkShape(data, d, trusted)
	if err != nil && !errors.Is(err, errNoValue) {
		return fmt.Errorf("cannot read protobuf as %s: %w", d.Name(), err)
	}
	if err == nil {
		if err = m.UnmarshalVT(data); err == nil {
			return nil
		}
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
	if len(missing.Paths) == 0 {
		return nil
	}
	return missing
}

func collectMissing(m protoreflect.Message, path string, missing *json.MissingError) {
	if missing.More {
		return
	}
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
