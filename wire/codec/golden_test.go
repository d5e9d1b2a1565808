package codec

import (
	"bufio"
	"bytes"
	"encoding/hex"
	stdjson "encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/caprock/caprock/wire/mesos/agent"
	"github.com/caprock/caprock/wire/mesos/executor"
	"github.com/caprock/caprock/wire/mesos/master"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// newMessage returns an empty message of a type that crosses the HTTP APIs.
func newMessage(name string) Message {
	switch name {
	case "mesos.v1.scheduler.Call":
		return new(scheduler.Call)
	case "mesos.v1.scheduler.Event":
		return new(scheduler.Event)
	case "mesos.v1.executor.Call":
		return new(executor.Call)
	case "mesos.v1.executor.Event":
		return new(executor.Event)
	case "mesos.v1.master.Call":
		return new(master.Call)
	case "mesos.v1.master.Response":
		return new(master.Response)
	case "mesos.v1.master.Event":
		return new(master.Event)
	case "mesos.v1.agent.Call":
		return new(agent.Call)
	case "mesos.v1.agent.Response":
		return new(agent.Response)
	case "mesos.v1.agent.ProcessIO":
		return new(agent.ProcessIO)
	}
	panic("no message " + name)
}

type golden struct {
	line int
	kind string
	body []byte
}

func (g golden) String() string {
	return fmt.Sprintf("line%d_%s", g.line, strings.TrimPrefix(g.kind, "mesos.v1."))
}

// goldens reads bodies that a running Mesos 1.12 sent or accepted, one per line.
func goldens(t testing.TB, name string) (all []golden) {
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		kind, body, _ := strings.Cut(lines.Text(), " ")
		all = append(all, golden{n, kind, []byte(body)})
	}
	if err := lines.Err(); err != nil || len(all) == 0 {
		t.Fatalf("%s: %d bodies, %v", name, len(all), err)
	}
	return all
}

// sent says whether Mesos wrote the body itself: then ours must have the same members
// and values. Bodies that clients wrote may lack defaults and have other spellings.
func (g golden) sent() bool { return !strings.HasSuffix(g.kind, ".Call") }

func TestMesosJSONRoundTrips(t *testing.T) {
	for _, g := range goldens(t, "mesos-json.txt") {
		t.Run(g.String(), func(t *testing.T) {
			m := newMessage(g.kind)
			if err := JSON.Unmarshal(g.body, m); err != nil {
				t.Fatal(err)
			}
			got := decodeAny(t, mustAppend(t, JSON, m))
			diff(t, "", decodeAny(t, g.body), got, g.sent())

			again := newMessage(g.kind)
			if err := Protobuf.Unmarshal(mustAppend(t, Protobuf, m), again); err != nil {
				t.Fatal(err)
			}
			if a, b := mustAppend(t, JSON, m), mustAppend(t, JSON, again); !bytes.Equal(a, b) {
				t.Errorf("JSON after a trip through protobuf:\n%s\nbefore:\n%s", b, a)
			}
		})
	}
}

// TestMesosJSONKeepsOrder: Mesos prints members in the order of the .proto file, and so
// do we (its maps have no order, ours are sorted): but for the last digit of long doubles its bodies are ours byte for byte.
func TestMesosJSONKeepsOrder(t *testing.T) {
	longDouble := regexp.MustCompile(`[0-9]+\.[0-9]{6,}`)
	canonical := func(s []byte) []byte {
		v, _ := strconv.ParseFloat(string(s), 64)
		return strconv.AppendFloat(nil, v, 'f', -1, 64)
	}
	for _, g := range goldens(t, "mesos-json.txt") {
		if !g.sent() || bytes.Contains(g.body, []byte(`"checkpoint"`)) || bytes.Contains(g.body, []byte(`"GET_QUOTA"`)) {
			continue
		}
		m := newMessage(g.kind)
		if err := JSON.Unmarshal(g.body, m); err != nil {
			t.Fatal(err)
		}
		want := longDouble.ReplaceAllFunc(g.body, canonical)
		if got := mustAppend(t, JSON, m); !bytes.Equal(got, want) {
			t.Errorf("%s\n got %s\nwant %s", g, got, want)
		}
	}
}

func TestMesosProtobufRoundTrips(t *testing.T) {
	for _, g := range goldens(t, "mesos-protobuf.txt") {
		t.Run(g.String(), func(t *testing.T) {
			body, err := hex.DecodeString(string(g.body))
			if err != nil {
				t.Fatal(err)
			}
			m, viaJSON := newMessage(g.kind), newMessage(g.kind)
			if err := Protobuf.Unmarshal(body, m); err != nil {
				t.Fatal(err)
			}
			if err := JSON.Unmarshal(mustAppend(t, JSON, m), viaJSON); err != nil {
				t.Fatal(err)
			}
			if a, b := mustAppend(t, JSON, m), mustAppend(t, JSON, viaJSON); !bytes.Equal(a, b) {
				t.Errorf("after a trip through JSON:\n%s\nbefore:\n%s", b, a)
			}
			again := newMessage(g.kind)
			if err := Protobuf.Unmarshal(mustAppend(t, Protobuf, m), again); err != nil {
				t.Fatal(err)
			}
			if a, b := mustAppend(t, JSON, m), mustAppend(t, JSON, again); !bytes.Equal(a, b) {
				t.Errorf("after a trip through protobuf:\n%s\nbefore:\n%s", b, a)
			}
		})
	}
}

func mustAppend(t testing.TB, typ Type, m Message) []byte {
	t.Helper()
	b, err := typ.Append(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// decodeAny keeps numbers as text.
func decodeAny(t testing.TB, text []byte) (v any) {
	d := stdjson.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

// diff reports what want has and got has not, and if exact also the reverse.
func diff(t *testing.T, path string, want, got any, exact bool) {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			t.Errorf("%s: got %v, want an object", path, got)
			return
		}
		for k, v := range w {
			if _, ok := g[k]; !ok {
				if !unknownToV1(path, k) && (exact || v != "BOGUS") {
					t.Errorf("%s.%s: missing, want %v", path, k, v)
				}
				continue
			}
			diff(t, path+"."+k, v, g[k], exact)
		}
		for k := range g {
			if _, ok := w[k]; !ok && exact {
				t.Errorf("%s.%s: got %v, want none", path, k, g[k])
			}
		}
	case []any:
		g, _ := got.([]any)
		if len(g) != len(w) {
			t.Errorf("%s: got %d elements, want %d", path, len(g), len(w))
			return
		}
		for i := range w {
			diff(t, fmt.Sprintf("%s[%d]", path, i), w[i], g[i], exact)
		}
	case stdjson.Number:
		g, _ := got.(stdjson.Number)
		if g == w {
			return
		}
		// Mesos sometimes prints another last digit of the same double than we do.
		isDouble := strings.Contains(string(w), ".")
		wf, _ := w.Float64()
		if gf, err := g.Float64(); (exact && !isDouble) || err != nil || gf != wf || (isDouble && !strings.Contains(string(g), ".")) {
			t.Errorf("%s: got %v, want %v", path, got, want)
		}
	default:
		if got != want && (exact || fmt.Sprint(got) != fmt.Sprint(want)) {
			t.Errorf("%s: got %v, want %v", path, got, want)
		}
	}
}

// unknownToV1: Mesos answers v1 reads by printing its v0 messages under v1 names; a
// field that v1 dropped shines through.
func unknownToV1(path, key string) bool {
	return key == "checkpoint" && (strings.HasSuffix(path, "agent_info") || strings.Contains(path, "recovered_agents["))
}
