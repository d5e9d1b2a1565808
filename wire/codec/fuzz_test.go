package codec

import (
	"bytes"
	"encoding/hex"
	stdjson "encoding/json"
	"testing"

	"github.com/caprock/caprock/wire/json"
)

func newDecoder(text []byte) *json.Decoder { return json.NewDecoder(text) }

var fuzzKinds = []string{
	"mesos.v1.scheduler.Call", "mesos.v1.scheduler.Event", "mesos.v1.executor.Call", "mesos.v1.master.Call", "mesos.v1.master.Response",
	"mesos.v1.agent.Call", "mesos.v1.agent.Response",
}

// FuzzJSON: any text gives a message or an error, and a message survives both encodings.
func FuzzJSON(f *testing.F) {
	for _, g := range goldens(f, "mesos-json.txt") {
		for kind, name := range fuzzKinds {
			if name == g.kind && len(g.body) < 2000 {
				f.Add(byte(kind), g.body)
			}
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, text []byte) {
		name := fuzzKinds[int(kind)%len(fuzzKinds)]
		m := newMessage(name)
		if err := JSON.Unmarshal(text, m); err != nil {
			if len(err.Error()) > 4096 {
				t.Fatalf("error of %d bytes", len(err.Error()))
			}
			return
		}
		if !stdjson.Valid(text) {
			t.Fatalf("%q was taken", text)
		}
		checkSurvives(t, name, m)
	})
}

// FuzzProtobuf: the same for protobuf.
func FuzzProtobuf(f *testing.F) {
	for _, g := range goldens(f, "mesos-protobuf.txt") {
		for kind, name := range fuzzKinds {
			if body, _ := hex.DecodeString(string(g.body)); name == g.kind && len(body) < 2000 {
				f.Add(byte(kind), body)
			}
		}
	}
	f.Add(byte(5), nestedContainers(300))
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		name := fuzzKinds[int(kind)%len(fuzzKinds)]
		m := newMessage(name)
		if Protobuf.Unmarshal(body, m) != nil {
			return
		}
		if text := mustAppend(t, JSON, m); !stdjson.Valid(text) {
			t.Fatalf("%s is no JSON", text)
		}
		again := newMessage(name)
		if err := Protobuf.Unmarshal(mustAppend(t, Protobuf, m), again); err != nil {
			t.Fatal(err)
		}
		if a, b := mustAppend(t, JSON, m), mustAppend(t, JSON, again); !bytes.Equal(a, b) {
			t.Fatalf("before: %s\nafter:  %s", a, b)
		}
	})
}

func checkSurvives(t *testing.T, name string, m Message) {
	text := mustAppend(t, JSON, m)
	for _, typ := range []Type{JSON, Protobuf} {
		again := newMessage(name)
		if err := typ.Unmarshal(mustAppend(t, typ, m), again); err != nil {
			t.Fatalf("%s: %v in %s", typ, err, text)
		}
		if after := mustAppend(t, JSON, again); !bytes.Equal(text, after) {
			t.Fatalf("%s:\nbefore: %s\nafter:  %s", typ, text, after)
		}
	}
}
