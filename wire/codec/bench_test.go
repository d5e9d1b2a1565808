package codec

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/caprock/caprock/wire/json"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

const offerText = `{"id":{"value":"a74573bb-db6f-4a00-8e73-4329cbd1ffe4-O0"},"framework_id":{"value":"a74573bb-db6f-4a00-8e73-4329cbd1ffe4-0000"},` +
	`"agent_id":{"value":"a74573bb-db6f-4a00-8e73-4329cbd1ffe4-S0"},"hostname":"node-00017.example","allocation_info":{"role":"eng/ml"},` +
	`"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":3.5},"allocation_info":{"role":"eng/ml"}},` +
	`{"name":"mem","type":"SCALAR","scalar":{"value":4096.0},"allocation_info":{"role":"eng/ml"}},` +
	`{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":31000,"end":32000}]},"allocation_info":{"role":"eng/ml"}}]}`

const updateText = `{"type":"UPDATE","update":{"status":{"task_id":{"value":"web.17"},"state":"TASK_RUNNING","source":"SOURCE_EXECUTOR",` +
	`"agent_id":{"value":"a74573bb-db6f-4a00-8e73-4329cbd1ffe4-S0"},"executor_id":{"value":"web.17"},"timestamp":1795194599.9301093,` +
	`"uuid":"Q8dfeMwsRTWUyXN1aOxlBQ==","healthy":true,"container_status":{"container_id":{"value":"3cecfe3e-ad59-4098-92d9-07b33e5c0999"},` +
	`"network_infos":[{"ip_addresses":[{"protocol":"IPv4","ip_address":"10.1.2.3"}]}],"executor_pid":7653}}}}`

const acceptText = `{"framework_id":{"value":"a74573bb-db6f-4a00-8e73-4329cbd1ffe4-0000"},"type":"ACCEPT","accept":{"offer_ids":[{"value":"a74573bb-db6f-4a00-8e73-4329cbd1ffe4-O1"}],` +
	`"operations":[{"type":"LAUNCH","launch":{"task_infos":[{"name":"t","task_id":{"value":"t.1"},"agent_id":{"value":"a74573bb-db6f-4a00-8e73-4329cbd1ffe4-S0"},` +
	`"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.1}},{"name":"mem","type":"SCALAR","scalar":{"value":32.0}}],` +
	`"command":{"value":"sleep 5; exit 3"},"labels":{"labels":[{"key":"a","value":"b"}]}}]}}],"filters":{"refuse_seconds":0.0}}}`

// samples are the bodies a busy cluster is full of.
var samples = []struct {
	name, text string
	empty      func() Message
}{
	{"offer", offerText, func() Message { return new(mesos.Offer) }},
	{"update", updateText, func() Message { return new(scheduler.Event) }},
	{"accept", acceptText, func() Message { return new(scheduler.Call) }},
}

func TestEncodingDoesNotAllocate(t *testing.T) {
	for _, s := range samples {
		m := s.empty()
		if err := JSON.Unmarshal([]byte(s.text), m); err != nil {
			t.Fatal(err)
		}
		for _, typ := range []Type{JSON, Protobuf} {
			buf := make([]byte, 0, 4096)
			if n := testing.AllocsPerRun(100, func() { buf, _ = typ.Append(buf[:0], m) }); n != 0 {
				t.Errorf("%s as %s: %v allocations, want none", s.name, typ, n)
			}
		}
	}
}

// TestDecodingAllocatesTheMessageOnly: what JSON decoding allocates is what the message
// consists of, as protobuf decoding of the same message does.
func TestDecodingAllocatesTheMessageOnly(t *testing.T) {
	for _, s := range samples {
		m := s.empty()
		if err := JSON.Unmarshal([]byte(s.text), m); err != nil {
			t.Fatal(err)
		}
		body := mustAppend(t, Protobuf, m)
		viaProtobuf := testing.AllocsPerRun(100, func() { Protobuf.Unmarshal(body, s.empty()) })
		text := []byte(s.text)
		if n := testing.AllocsPerRun(100, func() { JSON.Unmarshal(text, s.empty()) }); n > viaProtobuf {
			t.Errorf("%s: %v allocations from JSON, %v from protobuf", s.name, n, viaProtobuf)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, s := range samples {
		m := s.empty()
		if err := JSON.Unmarshal([]byte(s.text), m); err != nil {
			b.Fatal(err)
		}
		for _, typ := range []Type{JSON, Protobuf} {
			b.Run(fmt.Sprintf("%s/%s", typ, s.name), func(b *testing.B) {
				buf := mustAppend(b, typ, m)
				b.SetBytes(int64(len(buf)))
				b.ReportAllocs()
				for b.Loop() {
					buf, _ = typ.Append(buf[:0], m)
				}
			})
		}
		b.Run("protojson/"+s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				protojson.Marshal(m.(proto.Message))
			}
		})
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	for _, s := range samples {
		m := s.empty()
		if err := JSON.Unmarshal([]byte(s.text), m); err != nil {
			b.Fatal(err)
		}
		for _, typ := range []Type{JSON, Protobuf} {
			b.Run(fmt.Sprintf("%s/%s", typ, s.name), func(b *testing.B) {
				body := mustAppend(b, typ, m)
				b.SetBytes(int64(len(body)))
				b.ReportAllocs()
				for b.Loop() {
					if err := typ.Unmarshal(body, s.empty()); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run("skip/"+s.name, func(b *testing.B) {
			d := json.NewDecoder(nil)
			text := []byte(s.text)
			for b.Loop() {
				d.Reset(text)
				d.Skip()
			}
		})
	}
}
