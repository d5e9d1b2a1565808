package codec

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/caprock/caprock/wire/json"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/agent"
	"github.com/caprock/caprock/wire/mesos/master"
	"github.com/caprock/caprock/wire/mesos/quota"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// TestMesosVerdicts: bodies that a running Mesos refused to decode we refuse, and those
// that it decoded and only then found invalid we decode.
func TestMesosVerdicts(t *testing.T) {
	text, err := os.ReadFile("testdata/mesos-verdicts.txt")
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for line := range strings.Lines(string(text)) {
		c := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4)
		body, typ := []byte(c[3]), JSON
		if c[1] == "protobuf" {
			body, _ = hex.DecodeString(c[3])
			typ = Protobuf
		}
		err := typ.Unmarshal(body, newMessage(c[2]))
		if (err != nil) != (c[0] == "refused") {
			t.Errorf("%s: got %v", line, err)
		}
		counts[c[0]]++
	}
	if counts["refused"] < 15 || counts["taken"] < 50 {
		t.Errorf("too few verdicts: %v", counts)
	}
}

func TestErrorsNameTheField(t *testing.T) {
	for _, c := range []struct{ kind, text, want string }{
		{"mesos.v1.master.Call", `{"type":"READ_FILE","read_file":{}}`,
			"cannot read JSON as Call: missing required fields: read_file.path, read_file.offset"},
		{"mesos.v1.master.Call", `{"type":"READ_FILE","read_file":{"path":1}}`,
			"cannot read JSON as Call: field 'read_file.path' at byte 40: got a JSON number, want a JSON string"},
		{"mesos.v1.master.Call", `{"type":1}`, "field 'type' at byte 8: got a JSON number, want a JSON string naming an enum value"},
		{"mesos.v1.master.Call", `[]`, "at byte 0: got a JSON array, want a JSON object"},
		{"mesos.v1.master.Call", `{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"S0"},"max_grace_period":"3s"}}`,
			"field 'drain_agent.max_grace_period' at byte 82: got a JSON string, want a JSON object"},
		{"mesos.v1.scheduler.Call", `{"accept":{"operations":[{"launch":{"task_infos":[{"name":"a","task_id":{"value":"a"},"agent_id":{"value":"S0"},"health_check":{"http":{}}}]}}]}}`,
			"missing required fields: accept.operations[0].launch.task_infos[0].health_check.http.port"},
		{"mesos.v1.scheduler.Call", `{"accept":{"operations":[{},{"launch_group":{"executor":{"type":"BOGUS","executor_id":{"value":"x"}},"task_group":{}}}]}}`, ""},
		{"mesos.v1.scheduler.Call", `{"update_framework":{"framework_info":{"user":"u","name":"n"},"offer_constraints":{"role_constraints":{"r":{"groups":[{"attribute_constraints":[{"selector":{"attribute_name":"a"}}]}]}}}}}`,
			"missing required fields: update_framework.offer_constraints.role_constraints.r.groups[0].attribute_constraints[0].predicate"},
		{"mesos.v1.scheduler.Call", `{"message":{"agent_id":{"value":"a"},"executor_id":{"value":"e"},"data":"!"}}`,
			`field 'message.data' at byte 72: got "!", want base64`},
	} {
		err := JSON.Unmarshal([]byte(c.text), newMessage(c.kind))
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.text, err)
			}
		} else if err == nil || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%s:\n got %v\nwant …%s", c.text, err, c.want)
		}
	}
}

// A required enum with an unknown name is an error, an optional or repeated one is not.
func TestUnknownEnumNames(t *testing.T) {
	var s mesos.TaskStatus
	err := JSON.Unmarshal([]byte(`{"task_id":{"value":"t"},"state":"TASK_BOGUS"}`), &s)
	if err == nil || !strings.Contains(err.Error(), `field 'state' at byte 33: got "TASK_BOGUS", want the name of an enum value`) {
		t.Error(err)
	}
	err = JSON.Unmarshal([]byte(`{"task_id":{"value":"t"},"state":"TASK_LOST","reason":"REASON_BOGUS"}`), &s)
	if err != nil || s.Reason != nil || s.GetState() != mesos.TaskState_TASK_LOST {
		t.Error(&s, err)
	}
	var c mesos.CapabilityInfo
	err = JSON.Unmarshal([]byte(`{"capabilities":["CHOWN","BOGUS","KILL"]}`), &c)
	if want := []mesos.CapabilityInfo_Capability{mesos.CapabilityInfo_CHOWN, mesos.CapabilityInfo_KILL}; err != nil || !slices.Equal(c.Capabilities, want) {
		t.Error(&c, err)
	}
}

// What a peer's newer protobuf holds under numbers we do not know is unset in JSON.
func TestUnknownEnumNumbersAreNotPrinted(t *testing.T) {
	m := &mesos.CapabilityInfo{Capabilities: []mesos.CapabilityInfo_Capability{999, mesos.CapabilityInfo_KILL, 998}}
	if got := string(m.AppendJSON(nil)); got != `{"capabilities":["KILL"]}` {
		t.Error(got)
	}
	if got := string((&master.Call{Type: master.Call_Type(999).Enum()}).AppendJSON(nil)); got != `{}` {
		t.Error(got)
	}
}

func TestLastOccurrenceCounts(t *testing.T) {
	for text, want := range map[string]string{
		`{"hostname":"a","hostname":"b"}`:                               `{"hostname":"b"}`,
		`{"hostname":"a","hostname":null}`:                              `{}`,
		`{"host\u006eame":"a"}`:                                         `{"hostname":"a"}`,
		`{"offer_operations":1,"hostname":"a"}`:                         `{"hostname":"a"}`,
		`{"executor_ids":[{"value":"a"}],"executor_ids":{"value":"b"}}`: `{"executor_ids":[{"value":"b"}]}`,
		`{"url":{"scheme":"a","address":{"port":1},"path":"p"},"url":{"scheme":"b","address":{"port":2}}}`: `{"url":{"scheme":"b","address":{"port":2}}}`,
	} {
		text = `{"id":{"value":"o"},"framework_id":{"value":"f"},"agent_id":{"value":"a"},` + strings.Replace(text[1:], "}", "}", 1)
		if !strings.Contains(text, `"hostname"`) && !strings.Contains(text, `"host\u006eame"`) {
			text = strings.Replace(text, `"agent_id"`, `"hostname":"h","agent_id"`, 1)
			want = `{"hostname":"h",` + want[1:]
		}
		var o mesos.Offer
		if err := JSON.Unmarshal([]byte(text), &o); err != nil && want != "{}" {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := string(o.AppendJSON(nil))
		got = "{" + strings.TrimPrefix(strings.TrimPrefix(got, `{"id":{"value":"o"},"framework_id":{"value":"f"},"agent_id":{"value":"a"}`), ",")
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
}

func TestMaps(t *testing.T) {
	var f mesos.OfferFilters
	text := `{"min_allocatable_resources":{"quantities":[{"quantities":{"mem":{"value":1},"cpus":{"value":0.5},"gone":null,"mem":{"value":"32"}}}]}}`
	if err := JSON.Unmarshal([]byte(text), &f); err != nil {
		t.Fatal(err)
	}
	if got, want := string(f.AppendJSON(nil)), `{"min_allocatable_resources":{"quantities":[{"quantities":{"cpus":{"value":0.5},"mem":{"value":32.0}}}]}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Mesos takes google.protobuf.Duration as the plain message.
func TestDurationIsAnObject(t *testing.T) {
	var c master.Call
	if err := JSON.Unmarshal([]byte(`{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"S0"},"max_grace_period":{"seconds":"600","nanos":5}}}`), &c); err != nil {
		t.Fatal(err)
	}
	if got, want := c.DrainAgent.MaxGracePeriod.AsDuration(), 600*time.Second+5; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := string(c.AppendJSON(nil)), `{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"S0"},"max_grace_period":{"seconds":600,"nanos":5},"mark_gone":false}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestProtobufNamesMissingFields(t *testing.T) {
	b, err := proto.MarshalOptions{AllowPartial: true}.Marshal(&scheduler.Call{Accept: &scheduler.Call_Accept{
		Operations: []*mesos.Offer_Operation{{}, {Launch: &mesos.Offer_Operation_Launch{TaskInfos: []*mesos.TaskInfo{{Name: new("t"), TaskId: &mesos.TaskID{}}}}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	err = Protobuf.Unmarshal(b, new(scheduler.Call))
	want := "cannot read protobuf as Call: missing required fields: accept.operations[1].launch.task_infos[0].task_id.value, accept.operations[1].launch.task_infos[0].agent_id"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	if missing := new(json.MissingError); !errors.As(err, &missing) || len(missing.Paths) != 2 || missing.More {
		t.Error(missing)
	}
}

// An amount may be empty or not be there at all, as an entry of a map is a message.
func TestProtobufNamesMissingAmounts(t *testing.T) {
	field := func(number protowire.Number, body []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), body)
	}
	name := field(1, []byte("cpus"))
	amount := protowire.AppendFixed64(protowire.AppendTag(nil, 1, protowire.Fixed64Type), math.Float64bits(1))
	for _, c := range []struct{ entry, want string }{
		{string(name), "missing required fields: guarantees.cpus.value"},
		{string(append(slices.Clone(name), field(2, nil)...)), "missing required fields: guarantees.cpus.value"},
		{"", "missing required fields: guarantees..value"},
		{string(append(slices.Clone(name), field(2, amount)...)), ""},
		{string(append(field(2, amount), name...)), ""},
	} {
		body := append(field(1, []byte("r")), field(2, []byte(c.entry))...)
		err := Protobuf.Unmarshal(body, new(quota.QuotaConfig))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasSuffix(err.Error(), c.want)) {
			t.Errorf("%q: got %v, want %q", c.entry, err, c.want)
		}
	}
}

func TestTooLongBodies(t *testing.T) {
	for _, typ := range []Type{JSON, Protobuf} {
		if err := typ.Unmarshal(make([]byte, MaxBody+1), new(master.Call)); !errors.Is(err, ErrTooLong) {
			t.Errorf("%s: %v", typ, err)
		}
	}
}

// A body of 16 MiB can hold more than two million nested ContainerIDs. The generated
// decoder recurses into each; it must not get to see them.
func TestProtobufNestingIsBounded(t *testing.T) {
	for depth, ok := range map[int]bool{1: true, MaxDepth - 3: true, MaxDepth: false, 2_300_000: false} {
		body := nestedContainers(depth)
		if len(body) > MaxBody {
			t.Fatal(len(body))
		}
		start := ownCPU(t)
		err := Protobuf.Unmarshal(body, new(agent.Call))
		if tooDeep := err != nil && strings.Contains(err.Error(), "nested deeper than 200 levels"); tooDeep == ok {
			t.Errorf("depth %d: %v", depth, err)
		}
		if took := ownCPU(t) - start; took > time.Second {
			t.Errorf("depth %d took %v of CPU", depth, took)
		}
	}
}

// ownCPU is the CPU time that this process has used. Unlike a clock it says nothing of how busy the machine is.
func ownCPU(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// nestedContainers encodes agent.Call{wait_container{container_id{parent{parent…}}}},
// every level with its value.
func nestedContainers(depth int) []byte {
	number := new(agent.Call).ProtoReflect().Descriptor().Fields().ByName("wait_container").Number()
	sizes := make([]int, depth+1) // sizes[i] is the size of a ContainerID with i-1 parents
	for i := 1; i <= depth; i++ {
		sizes[i] = 2
		if i > 1 {
			sizes[i] += 1 + protowire.SizeBytes(sizes[i-1])
		}
	}
	wait := protowire.SizeTag(1) + protowire.SizeBytes(sizes[depth])
	b := protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.BytesType), uint64(wait))
	b = protowire.AppendVarint(protowire.AppendTag(b, 1, protowire.BytesType), uint64(sizes[depth]))
	for i := depth; i > 1; i-- {
		b = append(b, 1<<3|2, 0) // an empty value
		b = protowire.AppendVarint(append(b, 2<<3|2), uint64(sizes[i-1]))
	}
	return append(b, 1<<3|2, 0)
}

func TestOnlyEndlessTypesAreWalked(t *testing.T) {
	for m, want := range map[Message]bool{
		new(mesos.Offer): false, new(scheduler.Call): false, new(mesos.ContainerID): true, new(scheduler.Event): true, new(agent.Call): true,
	} {
		if d := m.ProtoReflect().Descriptor(); shapeOf(d).endless != want {
			t.Errorf("%s: got %v, want %v", d.FullName(), !want, want)
		}
	}
}

// Eight million empty operations fit into 16 MiB and would become more than a gigabyte.
func TestNumberOfMessagesIsBounded(t *testing.T) {
	fields := new(scheduler.Call_Accept).ProtoReflect().Descriptor().Fields()
	for count, ok := range map[int]bool{MaxMessages - 2: true, MaxMessages + 1: false, 4_000_000: false} {
		operation := protowire.AppendBytes(protowire.AppendTag(nil, fields.ByName("operations").Number(), protowire.BytesType), nil)
		accept := new(scheduler.Call).ProtoReflect().Descriptor().Fields().ByName("accept").Number()
		body := protowire.AppendBytes(protowire.AppendTag(nil, accept, protowire.BytesType), bytes.Repeat(operation, count))
		text := []byte(`{"accept":{"operations":[` + strings.Repeat("{},", count-3) + `{}]}}`)
		for typ, body := range map[Type][]byte{JSON: text, Protobuf: body} {
			err := typ.Unmarshal(body, new(scheduler.Call))
			if (err == nil) != ok || (err != nil && !strings.Contains(err.Error(), "more than 1048576")) {
				t.Errorf("%d as %s: %v", count, typ, err)
			}
		}
	}
	if err := JSON.UnmarshalTrusted([]byte(`{"accept":{"operations":[`+strings.Repeat("{},", MaxMessages)+`{}]}}`), new(scheduler.Call)); err != nil {
		t.Error(err)
	}
}

func TestAppendReportsOurOwnFaults(t *testing.T) {
	b, err := Protobuf.Append([]byte("x"), &mesos.TaskID{})
	if err == nil || !strings.Contains(err.Error(), "BUG: cannot encode mesos.v1.TaskID") || string(b) != "x" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestFromContentType(t *testing.T) {
	for h, want := range map[string]error{
		"application/json": nil, "application/x-protobuf": nil, "": ErrMissing, "application/json; charset=utf-8": ErrUnsupported,
		"Application/JSON": ErrUnsupported, "text/plain": ErrUnsupported, "application/recordio": ErrUnsupported,
	} {
		typ, err := FromContentType(h)
		if !errors.Is(err, want) || (err == nil && typ.ContentType() != h) {
			t.Errorf("%q: got %v, %v", h, typ, err)
		}
	}
}

func TestNegotiate(t *testing.T) {
	for accept, want := range map[string]string{
		"": "json", "   ": "json", "*/*": "json", "application/*": "json", "application/json": "json", "application/x-protobuf": "protobuf",
		"application/x-protobuf, application/json": "json", "application/json;q=0.1,application/x-protobuf;q=1": "json",
		"application/json;q=0,application/x-protobuf": "protobuf", "application/json; q=0, */*": "protobuf", "*/*;q=0": "none",
		"application/json;q=0": "none", "application/*;q=0,*/*": "none", "application/x-protobuf;q=0,application/*": "json",
		"application/json;q=0,application/x-protobuf;q=0,*/*": "none", "application/json;q=-1,*/*": "protobuf", "text/html": "none",
		"text/html, */*;q=0.1": "json", " application / json ": "json", "application/json;charset=utf-8": "json", "application/recordio": "none", "text/*": "none",
		"application/json;q=zero": "json", "application/json;v=1;q=0": "none",
	} {
		typ, ok := Negotiate(accept)
		got := "none"
		if ok {
			got = typ.String()
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", accept, got, want)
		}
	}
}
