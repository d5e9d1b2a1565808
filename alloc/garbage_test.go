package alloc_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/httpc"
	"github.com/caprock/caprock/wire/mesos/master"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// garbage makes bodies: noise, and calls that were nearly right.
type garbage struct {
	rng   *rand.Rand
	seeds [][]byte
}

var tokens = []string{"{", "}", "[", "]", ":", ",", `"`, `"type"`, `"framework_id"`, `"value"`, `"REVIVE"`, `"GET_STATE"`,
	"null", "true", "-1", "1e999", `"\ud800"`, `"\u0000"`, "0", "{}", "[]", " ", "\n", "\x00", "\xff"}

func (g *garbage) next() []byte {
	switch g.rng.IntN(4) {
	case 0:
		b := make([]byte, g.rng.IntN(200))
		for i := range b {
			b[i] = byte(g.rng.Uint32())
		}
		return b
	case 1:
		var b []byte
		for range g.rng.IntN(40) {
			b = append(b, tokens[g.rng.IntN(len(tokens))]...)
		}
		return b
	}
	b := append([]byte(nil), g.seeds[g.rng.IntN(len(g.seeds))]...)
	for range 1 + g.rng.IntN(4) {
		if len(b) == 0 {
			break
		}
		switch at := g.rng.IntN(len(b)); g.rng.IntN(4) {
		case 0:
			b[at] ^= 1 << g.rng.IntN(8)
		case 1:
			b = b[:at]
		case 2:
			b = append(b[:at], b[min(len(b), at+1+g.rng.IntN(8)):]...)
		case 3:
			n := g.rng.IntN(len(b) - at + 1)
			b = append(b[:at:at], append(append([]byte(nil), b[at:at+n]...), b[at:]...)...)
		}
	}
	return b
}

// seeds are the calls of an API in an encoding, each with its payload.
func schedulerSeeds(t *testing.T, as codec.Type) (seeds [][]byte) {
	for _, text := range []string{
		`{"type":"REVIVE","framework_id":{"value":"f"},"revive":{"roles":["r"]}}`,
		`{"type":"ACCEPT","framework_id":{"value":"f"},"accept":{"offer_ids":[{"value":"o"}],"operations":[{"type":"LAUNCH","launch":{"task_infos":[{"name":"t","task_id":{"value":"t"},"agent_id":{"value":"a"},"command":{"value":"x"},"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":1}}]}]}}],"filters":{"refuse_seconds":5}}}`,
		`{"type":"ACKNOWLEDGE","framework_id":{"value":"f"},"acknowledge":{"agent_id":{"value":"a"},"task_id":{"value":"t"},"uuid":"MDEyMzQ1Njc4OWFiY2RlZg=="}}`,
		`{"type":"RECONCILE","framework_id":{"value":"f"},"reconcile":{"tasks":[{"task_id":{"value":"t"}}]}}`,
		`{"type":"MESSAGE","framework_id":{"value":"f"},"message":{"agent_id":{"value":"a"},"executor_id":{"value":"e"},"data":"AAAA"}}`,
	} {
		seeds = append(seeds, encoded(t, as, text, &scheduler.Call{}))
	}
	return seeds
}

func operatorSeeds(t *testing.T, as codec.Type) (seeds [][]byte) {
	for _, text := range []string{
		`{"type":"GET_STATE"}`,
		`{"type":"GET_METRICS","get_metrics":{"timeout":{"nanoseconds":1}}}`,
		`{"type":"UPDATE_QUOTA","update_quota":{"force":true,"quota_configs":[{"role":"r","limits":{"cpus":{"value":1}}}]}}`,
		`{"type":"UPDATE_WEIGHTS","update_weights":{"weight_infos":[{"role":"r","weight":2}]}}`,
		`{"type":"RESERVE_RESOURCES","reserve_resources":{"agent_id":{"value":"a"},"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":1},"reservations":[{"type":"DYNAMIC","role":"r"}]}]}}`,
		`{"type":"UPDATE_MAINTENANCE_SCHEDULE","update_maintenance_schedule":{"schedule":{"windows":[{"machine_ids":[{"hostname":"h","ip":"1.2.3.4"}],"unavailability":{"start":{"nanoseconds":1}}}]}}}`,
		`{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"a"},"max_grace_period":{"seconds":1}}}`,
	} {
		seeds = append(seeds, encoded(t, as, text, &master.Call{}))
	}
	return seeds
}

func encoded(t *testing.T, as codec.Type, text string, m codec.Message) []byte {
	t.Helper()
	if err := codec.JSON.Unmarshal([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	b, err := as.Append(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func subscribes(body []byte) bool {
	for _, t := range []codec.Type{codec.JSON, codec.Protobuf} {
		var s scheduler.Call
		var m master.Call
		if t.Unmarshal(body, &s) == nil && s.GetType() == scheduler.Call_SUBSCRIBE ||
			t.Unmarshal(body, &m) == nil && m.GetType() == master.Call_SUBSCRIBE {
			return true
		}
	}
	return false
}

// Whatever a body holds: no answer is a 500, the process lives, and its memory
// stays bounded.
func TestRandomBodiesDoNoHarm(t *testing.T) {
	bodies := 10_000
	if testing.Short() {
		bodies = 500
	}
	r := start(t, t.TempDir())
	r.dial("", 0)
	texts := func(s ...string) (seeds [][]byte) {
		for _, text := range s {
			seeds = append(seeds, []byte(text))
		}
		return seeds
	}
	const json, protobuf, form = "application/json", "application/x-protobuf", "application/x-www-form-urlencoded"
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var wg sync.WaitGroup
	for i, e := range []struct {
		method, path, contentType string
		bodies                    int
		seeds                     [][]byte
	}{
		{"POST", "/api/v1/scheduler", json, bodies, schedulerSeeds(t, codec.JSON)},
		{"POST", "/api/v1/scheduler", protobuf, bodies, schedulerSeeds(t, codec.Protobuf)},
		{"POST", "/api/v1", json, bodies, operatorSeeds(t, codec.JSON)},
		{"POST", "/api/v1", protobuf, bodies, operatorSeeds(t, codec.Protobuf)},
		{"PUT", "/weights", json, bodies, texts(`[{"role":"r","weight":2.5}]`)},
		{"POST", "/quota", json, bodies, texts(`{"role":"r","force":true,"guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":1}}]}`)},
		{"POST", "/reserve", form, bodies, texts(`slaveId=a&resources=%5B%7B%22name%22%3A%22cpus%22%7D%5D`)},
		{"POST", "/create-volumes", form, bodies, texts(`slaveId=a&volumes=%5B%7B%22name%22%3A%22disk%22%7D%5D`)},
		{"POST", "/teardown", form, bodies, texts(`frameworkId=f`)},
		{"POST", "/maintenance/schedule", json, bodies, texts(`{"windows":[{"machine_ids":[{"hostname":"h"}],"unavailability":{"start":{"nanoseconds":1}}}]}`)},
		{"POST", "/machine/down", json, bodies, texts(`[{"hostname":"h","ip":"1.2.3.4"}]`)},
	} {
		g := &garbage{rng: rand.New(rand.NewPCG(uint64(i), 1)), seeds: e.seeds}
		wg.Go(func() {
			for range e.bodies {
				body := g.next()
				if subscribes(body) {
					continue // would rightly never end
				}
				answer, err := r.client.Do(context.Background(), &httpc.Request{
					Method: e.method, URL: r.url(e.path), ContentType: e.contentType, Body: body,
					Headers: []httpc.Field{{Name: "Accept", Value: json}},
				})
				if err != nil {
					t.Errorf("%s with %q: %v", e.path, body, err)
					return
				}
				if answer.Status == 500 {
					t.Errorf("%s with %q: %s", e.path, body, answer.Body)
					return
				}
			}
		})
	}
	wg.Wait()
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapInuse) - int64(before.HeapInuse); grown > 64<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	if panics := at(r.get("/metrics/snapshot"), "caprock/http/panics"); panics != 0.0 {
		t.Errorf("%v handlers panicked", panics)
	}
	r.subscribe("").offer()
}
