package record

import (
	"bytes"
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

func ptr[T any](v T) *T { return &v }

// samples has one record of each kind.
func samples() []Record {
	fw, agent, task, ex := ptr("f-0000"), ptr("f-S0"), ptr("t"), ptr("e")
	return []Record{
		Put(MetaKey(), &Meta{ClusterId: ptr("c"), NextOffer: ptr(uint64(7))}),
		Put(MaintenanceKey(), &Maintenance{Down: []*mesos.MachineID{{Hostname: ptr("h")}}}),
		Put(RoleKey("eng/ml"), &Role{Name: ptr("eng/ml"), Weight: ptr(2.0)}),
		Put(FrameworkKey(*fw), &Framework{Info: &mesos.FrameworkInfo{User: ptr("u"), Name: ptr("n"), Id: &mesos.FrameworkID{Value: fw}}}),
		Put(KeptValueKey(*fw, "k/1"), &KeptValue{FrameworkId: fw, Key: ptr("k/1"), Value: []byte("v"), Version: ptr(uint64(4))}),
		Put(AgentKey(*agent), &Agent{Info: &mesos.AgentInfo{Hostname: ptr("h"), Id: &mesos.AgentID{Value: agent}}, Phase: Agent_REGISTERED.Enum()}),
		Put(ExecutorKey(*agent, *fw, *ex), &Executor{FrameworkId: fw, AgentId: agent, Info: &mesos.ExecutorInfo{ExecutorId: &mesos.ExecutorID{Value: ex}}}),
		Put(TaskKey(*fw, *task), &Task{Task: sampleTask(fw, agent, task)}),
		Put(CompletedTaskKey(*fw, 3), &Task{Task: sampleTask(fw, agent, task), CompletedSerial: ptr(uint64(3))}),
		Put(OperationKey("0123456789abcdef"), &Operation{Operation: &mesos.Operation{
			Uuid: &mesos.UUID{Value: []byte("0123456789abcdef")}, Info: &mesos.Offer_Operation{},
			LatestStatus: &mesos.OperationStatus{State: mesos.OperationState_OPERATION_PENDING.Enum()}}}),
		Put(OfferKey("m-O1"), &Offer{Id: ptr("m-O1"), FrameworkId: fw, AgentId: agent, Role: ptr("*")}),
		Put(OfferBatchKey(7), sampleBatch()),
		Put(OutboxHeadKey(*agent), &OutboxHead{AgentId: agent, NextSeq: ptr(uint64(9))}),
		Put(OutboxKey(*agent, 9), &Outbox{AgentId: agent, Down: &link.Down{Seq: ptr(uint64(9)), Body: &link.Down_Kill{Kill: &link.Kill{}}}}),
	}
}

func sampleBatch() *OfferBatch {
	var w OfferBatchWriter
	w.Start()
	name, cpus := "cpus", 1.0
	list := []*mesos.Resource{{Name: &name, Type: mesos.Value_SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: &cpus}}}
	w.Add("f-S0", "*", list)
	w.Add("f-S1", "*", list)
	return w.Batch(7, "m", "f-0000", 3)
}

func sampleTask(fw, agent, task *string) *mesos.Task {
	return &mesos.Task{Name: task, TaskId: &mesos.TaskID{Value: task}, FrameworkId: &mesos.FrameworkID{Value: fw},
		AgentId: &mesos.AgentID{Value: agent}, State: mesos.TaskState_TASK_RUNNING.Enum()}
}

func TestRoundTrip(t *testing.T) {
	for _, r := range samples() {
		key, value, err := Encode(r)
		if err != nil {
			t.Fatalf("%v: %v", r.ID(), err)
		}
		back, err := Decode(key, value)
		if err != nil {
			t.Fatalf("%v: %v", r.ID(), err)
		}
		if !bytes.Equal(back.Key, r.Key) || !proto.Equal(back.Value.(proto.Message), r.Value.(proto.Message)) {
			t.Errorf("%v: got %v, want %v", r.ID(), back.Value, r.Value)
		}
		gone, err := Decode(mustEncode(Delete(r.Key)))
		if err != nil || gone.Value != nil || !bytes.Equal(gone.Key, r.Key) {
			t.Errorf("deletion of %v: got %v, %v", r.ID(), gone, err)
		}
	}
}

// mustEncode is Encode of a record that cannot fail.
func mustEncode(r Record) (key, value []byte) {
	key, value, err := Encode(r)
	if err != nil {
		panic(err)
	}
	return key, value
}

func TestDecodeRefuses(t *testing.T) {
	key, value := mustEncode(samples()[3])
	other := append([]byte{}, value...)
	other[0] = 9
	if _, err := Decode(key, other); !errors.Is(err, ErrFormat) {
		t.Errorf("another format: got %v, want ErrFormat", err)
	}
	if _, err := Decode(key, []byte{}); !errors.Is(err, ErrFormat) {
		t.Errorf("an empty value: got %v, want ErrFormat", err)
	}
	if _, err := Decode(key, value[:len(value)-1]); err == nil {
		t.Error("a torn value was accepted")
	}
	if _, err := Decode(FrameworkKey("other"), value); err == nil {
		t.Error("a value under another framework's key was accepted")
	}
	for _, bad := range [][]byte{nil, {0}, {0xff}, key[:len(key)-1], append(append([]byte{}, key...), 0), OutboxKey("a", 1)[:5]} {
		if _, err := ParseKey(bad); err == nil {
			t.Errorf("key % x was accepted", bad)
		}
	}
}

// richTask has everything that a Decoder takes apart.
func richTask(task string) *Task {
	fw, agent := ptr("f-0000"), ptr("f-S0")
	t := sampleTask(fw, agent, &task)
	list := func(cpus float64) []*mesos.Resource {
		return []*mesos.Resource{
			{Name: ptr("cpus"), Type: mesos.Value_SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: &cpus}},
			{Name: ptr("mem"), Type: mesos.Value_SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: ptr(32.0)}},
		}
	}
	t.Name = ptr("copy") // of which there are many
	t.Resources, t.User, t.Labels = list(1), ptr("u"), &mesos.Labels{Labels: []*mesos.Label{{Key: ptr("k")}}}
	for _, s := range []mesos.TaskState{mesos.TaskState_TASK_STARTING, mesos.TaskState_TASK_RUNNING} {
		t.Statuses = append(t.Statuses, &mesos.TaskStatus{TaskId: t.TaskId, AgentId: t.AgentId, State: s.Enum(), Uuid: []byte("u"), Message: ptr("m")})
	}
	return &Task{Task: t, Unreachable: ptr(true)}
}

func TestDecoderDecodesTheSame(t *testing.T) {
	d := NewDecoder()
	agent := &Agent{Info: &mesos.AgentInfo{Hostname: ptr("h"), Id: &mesos.AgentID{Value: ptr("f-S0")}, Resources: richTask("").Task.Resources},
		Total: richTask("").Task.Resources, Capabilities: []*mesos.AgentInfo_Capability{{Type: mesos.AgentInfo_Capability_MULTI_ROLE.Enum()}}, Version: ptr("1")}
	foreign := richTask("t")
	foreign.Task.Statuses[0].TaskId = &mesos.TaskID{Value: ptr("another")}
	records := append(samples(), Put(TaskKey("f-0000", "a"), richTask("a")), Put(TaskKey("f-0000", "b"), richTask("b")),
		Put(AgentKey("f-S0"), agent), Put(TaskKey("f-0000", "t"), foreign))
	for range 2 {
		for _, r := range records {
			id, got, err := d.Decode(mustEncode(r))
			if err != nil {
				t.Fatalf("%v: %v", r.ID(), err)
			}
			if id != r.ID() || !proto.Equal(got.(proto.Message), r.Value.(proto.Message)) {
				t.Errorf("%v: got %v, %v, want %v", r.ID(), id, got, r.Value)
			}
		}
	}
	// A part that is there twice is merged, as everywhere.
	key, value := mustEncode(Put(TaskKey("f-0000", "a"), richTask("a")))
	value = append(value, value[1:]...)
	want, err := Decode(key, value)
	if err != nil {
		t.Fatal(err)
	}
	if _, got, err := d.Decode(key, value); err != nil || !proto.Equal(got.(proto.Message), want.Value.(proto.Message)) {
		t.Errorf("twice: got %v and %v, want %v", got, err, want.Value)
	}
}

func TestDecoderShares(t *testing.T) {
	d := NewDecoder()
	decode := func(task string) *mesos.Task {
		_, v, err := d.Decode(mustEncode(Put(TaskKey("f-0000", task), richTask(task))))
		if err != nil {
			t.Fatal(err)
		}
		return v.(*Task).Task
	}
	a, b := decode("a"), decode("b")
	if a.FrameworkId != b.FrameworkId || a.AgentId != b.AgentId || a.Resources[1] != b.Resources[1] {
		t.Error("two tasks share neither ids nor resources")
	}
	if s := a.Statuses[1]; s.TaskId != a.TaskId || s.AgentId != a.AgentId {
		t.Error("a status does not share the ids of its task")
	}
	if a.Name != b.Name || a.Statuses[1].State != b.Statuses[1].State {
		t.Error("two tasks share neither names nor states")
	}
}

// TestKeysSortAsTheirParts: what depends on something else comes after it, and
// outboxes come in the order of their numbers.
func TestKeysSortAsTheirParts(t *testing.T) {
	all := samples()
	for i := 1; i < len(all); i++ {
		if bytes.Compare(all[i-1].Key, all[i].Key) >= 0 {
			t.Errorf("%v sorts after %v", all[i-1].ID(), all[i].ID())
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.StringOfN(rapid.RuneFrom([]rune("a\x00\x01b\xff/")), 0, 4, -1)
		a, b := part.Draw(t, "a"), part.Draw(t, "b")
		n, m := rapid.Uint64().Draw(t, "n"), rapid.Uint64().Draw(t, "m")
		x, y := OutboxKey(a, n), OutboxKey(b, m)
		want := bytes.Compare([]byte(a), []byte(b))
		if want == 0 && n != m {
			want = -1
			if n > m {
				want = 1
			}
		}
		if got := bytes.Compare(x, y); got != want {
			t.Fatalf("keys of %q %d and %q %d compare %d, want %d", a, n, b, m, got, want)
		}
		id, err := ParseKey(x)
		if err != nil || id.Kind != KindOutbox || id.Parts[0] != a || id.Number != n {
			t.Fatalf("key of %q %d parses as %v, %v", a, n, id, err)
		}
	})
}

// FuzzDecode: any two byte strings give a record or an error, and what decodes
// encodes to something that decodes to the same.
func FuzzDecode(f *testing.F) {
	for _, r := range samples() {
		key, value := mustEncode(r)
		f.Add(key, value)
	}
	key, value := mustEncode(Put(TaskKey("f-0000", "t"), richTask("t")))
	f.Add(key, value)
	f.Fuzz(func(t *testing.T, key, value []byte) {
		r, err := Decode(key, value)
		id, other, otherErr := NewDecoder().Decode(key, value)
		if (err == nil) != (otherErr == nil) {
			t.Fatalf("a Decoder gives %v, and Decode %v", otherErr, err)
		}
		if err != nil {
			return
		}
		if id != r.ID() || r.Value != nil && !proto.Equal(r.Value.(proto.Message), other.(proto.Message)) {
			t.Fatalf("a Decoder gives %v of %v, and Decode %v", other, id, r.Value)
		}
		again, err := Decode(mustEncode(r))
		if err != nil {
			t.Fatalf("encoded again: %v", err)
		}
		if r.Value != nil && !proto.Equal(r.Value.(proto.Message), again.Value.(proto.Message)) {
			t.Fatalf("got %v, want %v", again.Value, r.Value)
		}
	})
}

func TestAppendValueDoesNotAllocate(t *testing.T) {
	r := samples()[6]
	buffer := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() {
		var err error
		if buffer, err = AppendValue(buffer[:0], r.Value); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}
