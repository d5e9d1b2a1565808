package codec

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"pgregory.net/rapid"
)

// allTypes are all messages of wire/mesos, nested ones too, in order of their names.
var allTypes = func() (types []protoreflect.MessageType) {
	protoregistry.GlobalTypes.RangeMessages(func(t protoreflect.MessageType) bool {
		if _, ok := t.New().Interface().(Message); ok && strings.HasPrefix(string(t.Descriptor().FullName()), "mesos.v1.") {
			types = append(types, t)
		}
		return true
	})
	slices.SortFunc(types, func(a, b protoreflect.MessageType) int {
		return strings.Compare(string(a.Descriptor().FullName()), string(b.Descriptor().FullName()))
	})
	return types
}()

func TestEveryMessageHasJSON(t *testing.T) {
	if len(allTypes) < 340 {
		t.Fatalf("%d messages", len(allTypes))
	}
	for _, typ := range allTypes {
		m := typ.New().Interface().(Message)
		if err := m.DecodeJSON(newDecoder(m.AppendJSON(nil))); err != nil {
			t.Errorf("%s: %v", typ.Descriptor().FullName(), err)
		}
	}
}

// randomMessage fills a message of any type. All required fields are set; the deeper,
// the fewer others.
func randomMessage(t *rapid.T, typ protoreflect.MessageType, depth int) protoreflect.Message {
	m := typ.New()
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.Cardinality() != protoreflect.Required && rapid.IntRange(0, 3+3*depth).Draw(t, "skip") > 1 {
			continue
		}
		switch {
		case f.IsMap():
			values := m.Mutable(f).Map()
			for range rapid.IntRange(0, 3).Draw(t, "size") {
				key := protoreflect.ValueOfString(rapid.String().Draw(t, "key")).MapKey()
				if f.MapValue().Message() != nil {
					values.Set(key, protoreflect.ValueOfMessage(randomMessage(t, values.NewValue().Message().Type(), depth+1)))
				} else {
					values.Set(key, randomScalar(t, f.MapValue()))
				}
			}
		case f.IsList():
			list := m.Mutable(f).List()
			for range rapid.IntRange(0, 2).Draw(t, "len") {
				if f.Message() != nil {
					list.Append(protoreflect.ValueOfMessage(randomMessage(t, list.NewElement().Message().Type(), depth+1)))
				} else {
					list.Append(randomScalar(t, f))
				}
			}
		case isDuration(f):
		case f.Message() != nil:
			m.Set(f, protoreflect.ValueOfMessage(randomMessage(t, m.NewField(f).Message().Type(), depth+1)))
		default:
			m.Set(f, randomScalar(t, f))
		}
	}
	return m
}

// isDuration: the one type where Mesos and protojson disagree beyond numbers.
func isDuration(f protoreflect.FieldDescriptor) bool {
	return f.Message() != nil && f.Message().FullName() == "google.protobuf.Duration"
}

func randomScalar(t *rapid.T, f protoreflect.FieldDescriptor) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(t, "bool"))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(rapid.Int32().Draw(t, "int32"))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(rapid.Int64().Draw(t, "int64"))
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(rapid.Uint32().Draw(t, "uint32"))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(rapid.Uint64().Draw(t, "uint64"))
	case protoreflect.DoubleKind:
		v := rapid.Float64().Draw(t, "double")
		if math.IsNaN(v) {
			v = math.Inf(1)
		}
		return protoreflect.ValueOfFloat64(v)
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(rapid.String().Draw(t, "string"))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
	case protoreflect.EnumKind:
		values := f.Enum().Values()
		return protoreflect.ValueOfEnum(values.Get(rapid.IntRange(0, values.Len()-1).Draw(t, "enum")).Number())
	}
	panic(fmt.Sprint("no such kind on this wire: ", f.Kind()))
}

// fillDefaults sets what printing and reading back sets: explicit defaults of fields
// that are not deprecated.
func fillDefaults(m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		options, _ := f.Options().(*descriptorpb.FieldOptions)
		if f.HasDefault() && !m.Has(f) && !options.GetDeprecated() {
			m.Set(f, f.Default())
		}
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap() && f.MapValue().Message() != nil:
			v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
				fillDefaults(v.Message())
				return true
			})
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				fillDefaults(v.List().Get(i).Message())
			}
		case !f.IsMap() && !f.IsList() && f.Message() != nil:
			fillDefaults(v.Message())
		}
		return true
	})
}

// slowModel prints m by the rules, through protojson and a tree: member names of the
// .proto file, 64-bit integers as numbers, defaults filled. Numbers keep their text but
// doubles, which are compared by value.
func slowModel(t testing.TB, m proto.Message) any {
	m = proto.Clone(m)
	fillDefaults(m.ProtoReflect())
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	tree := decodeAny(t, text)
	return normalize(m.ProtoReflect().Descriptor(), tree)
}

func normalize(d protoreflect.MessageDescriptor, v any) any {
	members := v.(map[string]any)
	for name, v := range members {
		f := d.Fields().ByName(protoreflect.Name(name))
		if f == nil {
			panic("no field " + name)
		}
		switch v := v.(type) {
		case map[string]any:
			if f.IsMap() {
				for k := range v {
					v[k] = normalizeValue(f.MapValue(), v[k])
				}
				continue
			}
		case []any:
			for i := range v {
				v[i] = normalizeValue(f, v[i])
			}
			if len(v) == 0 {
				delete(members, name)
			}
			continue
		}
		members[name] = normalizeValue(f, v)
	}
	return members
}

func normalizeValue(f protoreflect.FieldDescriptor, v any) any {
	switch {
	case f.Message() != nil:
		return normalize(f.Message(), v)
	case f.Kind() == protoreflect.DoubleKind:
		x, err := strconv.ParseFloat(fmt.Sprint(v), 64)
		if err != nil {
			panic(err)
		}
		return strconv.FormatFloat(x, 'g', -1, 64)
	case f.Kind() == protoreflect.Int64Kind || f.Kind() == protoreflect.Uint64Kind:
		return stdjson.Number(fmt.Sprint(v))
	}
	return v
}

func drawMessage(t *rapid.T) proto.Message {
	typ := allTypes[rapid.IntRange(0, len(allTypes)-1).Draw(t, "type")]
	return randomMessage(t, typ, 0).Interface()
}

func TestAgainstSlowModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := drawMessage(r)
		text := m.(Message).AppendJSON(nil)
		want, got := slowModel(t, m), normalize(m.ProtoReflect().Descriptor(), decodeAny(t, text))
		if w, g := marshal(want), marshal(got); !bytes.Equal(w, g) {
			r.Fatalf("%T:\n got %s\nwant %s", m, g, w)
		}
	})
}

func marshal(v any) []byte {
	b, err := stdjson.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func TestJSONRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := drawMessage(r)
		got := m.ProtoReflect().New().Interface()
		text := m.(Message).AppendJSON(nil)
		if err := JSON.Unmarshal(text, got.(Message)); err != nil {
			r.Fatalf("%s: %v", text, err)
		}
		want := proto.Clone(m)
		fillDefaults(want.ProtoReflect())
		if !proto.Equal(got, want) {
			r.Fatalf("%s:\n got %v\nwant %v", text, got, want)
		}
	})
}

// protojson writes 64-bit integers as strings and orders members otherwise; all of it
// is within what Mesos reads.
func TestReadsProtojson(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := drawMessage(r)
		text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
		if err != nil {
			r.Fatal(err)
		}
		got := m.ProtoReflect().New().Interface()
		if err := JSON.Unmarshal(text, got.(Message)); err != nil {
			r.Fatalf("%s: %v", text, err)
		}
		if !proto.Equal(got, m) {
			r.Fatalf("%s:\n got %v\nwant %v", text, got, m)
		}
	})
}

func TestProtobufRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := drawMessage(r)
		body, err := Protobuf.Append([]byte("before"), m.(Message))
		if err != nil {
			r.Fatal(err)
		}
		got, slow := m.ProtoReflect().New().Interface(), m.ProtoReflect().New().Interface()
		if err := Protobuf.Unmarshal(body[len("before"):], got.(Message)); err != nil || !proto.Equal(got, m) {
			r.Fatalf("got %v, %v, want %v", got, err, m)
		}
		if err := proto.Unmarshal(body[len("before"):], slow); err != nil || !proto.Equal(slow, m) {
			r.Fatalf("the protobuf library reads %v, %v, want %v", slow, err, m)
		}
	})
}

// Clearing any one required field makes both encodings name it.
func TestMissingFieldsAreNamedAlike(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := drawMessage(r)
		var required []protoreflect.FieldDescriptor
		fields := m.ProtoReflect().Descriptor().Fields()
		for i := range fields.Len() {
			if f := fields.Get(i); f.Cardinality() == protoreflect.Required && !f.HasDefault() {
				required = append(required, f)
			}
		}
		if len(required) == 0 {
			r.Skip("no required field")
		}
		f := rapid.SampledFrom(required).Draw(r, "field")
		m.ProtoReflect().Clear(f)
		body, err := proto.MarshalOptions{AllowPartial: true}.Marshal(m)
		if err != nil {
			r.Fatal(err)
		}
		suffix := ": missing required fields: " + string(f.Name())
		for typ, body := range map[Type][]byte{JSON: m.(Message).AppendJSON(nil), Protobuf: body} {
			err := typ.Unmarshal(body, m.ProtoReflect().New().Interface().(Message))
			if err == nil || !strings.HasSuffix(err.Error(), suffix) {
				r.Fatalf("%s: got %v, want …%s", typ, err, suffix)
			}
		}
	})
}
