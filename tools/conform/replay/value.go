package replay

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/caprock/caprock/wire/mesos/agent"
	"github.com/caprock/caprock/wire/mesos/executor"
	"github.com/caprock/caprock/wire/mesos/master"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// A body is compared as a tree of what encoding/json makes of it: nil, bool,
// json.Number, string, []any, map[string]any. Protobuf is turned into the same
// shape, holding exactly the fields that are set.

// parseJSON wants exactly one JSON value.
func parseJSON(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one JSON value")
	}
	return v, nil
}

// endpoint is one of the APIs that speak protobuf.
type endpoint int

const (
	noAPI endpoint = iota
	masterAPI
	agentAPI
	schedulerAPI
	executorAPI
)

// apiOf says which API a request addresses.
func apiOf(path string, toAgent bool) endpoint {
	path = strings.TrimPrefix(strings.TrimPrefix(path, "/master"), "/slave(1)")
	switch {
	case path == "/api/v1/scheduler":
		return schedulerAPI
	case path == "/api/v1/executor":
		return executorAPI
	case path == "/api/v1" && toAgent:
		return agentAPI
	case path == "/api/v1":
		return masterAPI
	}
	return noAPI
}

// call, response and event are empty messages of the API's types, nil if it has
// none.
func (a endpoint) call() proto.Message {
	switch a {
	case masterAPI:
		return &master.Call{}
	case agentAPI:
		return &agent.Call{}
	case schedulerAPI:
		return &scheduler.Call{}
	case executorAPI:
		return &executor.Call{}
	}
	return nil
}

func (a endpoint) response() proto.Message {
	switch a {
	case masterAPI:
		return &master.Response{}
	case agentAPI:
		return &agent.Response{}
	}
	return nil
}

func (a endpoint) event() proto.Message {
	switch a {
	case masterAPI:
		return &master.Event{}
	case agentAPI:
		return &agent.ProcessIO{}
	case schedulerAPI:
		return &scheduler.Event{}
	case executorAPI:
		return &executor.Event{}
	}
	return nil
}

// parseProtobuf decodes into m, which says the type, and turns it into a tree.
func parseProtobuf(data []byte, m proto.Message) (any, error) {
	if m == nil {
		return nil, fmt.Errorf("protobuf where no message type is known")
	}
	if err := (proto.UnmarshalOptions{AllowPartial: true}).Unmarshal(data, m); err != nil {
		return nil, err
	}
	return messageTree(m.ProtoReflect()), nil
}

func messageTree(m protoreflect.Message) map[string]any {
	tree := map[string]any{}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		tree[string(f.Name())] = fieldTree(f, v)
		return true
	})
	if unknown := m.GetUnknown(); len(unknown) > 0 {
		tree["(unknown fields)"] = hex.EncodeToString(unknown)
	}
	return tree
}

func fieldTree(f protoreflect.FieldDescriptor, v protoreflect.Value) any {
	switch {
	case f.IsMap():
		tree := map[string]any{}
		v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
			tree[k.String()] = scalarTree(f.MapValue(), v)
			return true
		})
		return tree
	case f.IsList():
		list := make([]any, v.List().Len())
		for i := range list {
			list[i] = scalarTree(f, v.List().Get(i))
		}
		return list
	}
	return scalarTree(f, v)
}

func scalarTree(f protoreflect.FieldDescriptor, v protoreflect.Value) any {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return messageTree(v.Message())
	case protoreflect.EnumKind:
		if e := f.Enum().Values().ByNumber(v.Enum()); e != nil {
			return string(e.Name())
		}
		return fmt.Sprintf("(unknown enum %d)", v.Enum())
	case protoreflect.BytesKind:
		return base64.StdEncoding.EncodeToString(v.Bytes())
	case protoreflect.StringKind:
		return v.String()
	case protoreflect.BoolKind:
		return v.Bool()
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		text := strconv.FormatFloat(v.Float(), 'g', -1, 64)
		if !strings.ContainsAny(text, ".e") {
			text += ".0"
		}
		return json.Number(text)
	}
	return json.Number(v.String())
}

// at follows keys down a tree; nil when something is missing.
func at(tree any, keys ...string) any {
	for _, k := range keys {
		object, ok := tree.(map[string]any)
		if !ok {
			return nil
		}
		tree = object[k]
	}
	return tree
}

// textAt is the string there, or "".
func textAt(tree any, keys ...string) string {
	s, _ := at(tree, keys...).(string)
	return s
}

// listAt is the list there, or nil.
func listAt(tree any, keys ...string) []any {
	l, _ := at(tree, keys...).([]any)
	return l
}

// numberAt is the number there, or 0.
func numberAt(tree any, keys ...string) float64 {
	n, _ := at(tree, keys...).(json.Number)
	f, _ := n.Float64()
	return f
}

// walk calls f for every object in the tree, parents first.
func walk(tree any, f func(map[string]any)) {
	switch v := tree.(type) {
	case map[string]any:
		f(v)
		for _, child := range v {
			walk(child, f)
		}
	case []any:
		for _, child := range v {
			walk(child, f)
		}
	}
}

// output joins what the records of a container's stream hold for one channel.
func output(records []any, channel string) string {
	var all []byte
	for _, r := range records {
		if textAt(r, "data", "type") == channel {
			data, _ := base64.StdEncoding.DecodeString(textAt(r, "data", "data"))
			all = append(all, data...)
		}
	}
	return string(all)
}
