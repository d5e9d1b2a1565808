package core

import (
	"testing"
	"unsafe"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/mesos"
)

// drawMessage fills some fields of a message with something.
func drawMessage(t *rapid.T, m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		required := f.Cardinality() == protoreflect.Required
		if !required && rapid.IntRange(0, 3).Draw(t, string(f.Name())) > 0 || depth == 0 && f.Message() != nil && !required {
			continue
		}
		switch {
		case f.IsMap():
			v := m.NewField(f)
			value := v.Map().NewValue()
			drawMessage(t, value.Message(), depth-1)
			v.Map().Set(protoreflect.ValueOfString("a key").MapKey(), value)
			m.Set(f, v)
		case f.IsList():
			v := m.NewField(f)
			for range rapid.IntRange(1, 3).Draw(t, "n") {
				if f.Message() == nil {
					v.List().Append(drawScalar(t, f))
					continue
				}
				one := v.List().NewElement()
				drawMessage(t, one.Message(), depth-1)
				v.List().Append(one)
			}
			m.Set(f, v)
		case f.Message() != nil:
			v := m.NewField(f)
			drawMessage(t, v.Message(), depth-1)
			m.Set(f, v)
		default:
			m.Set(f, drawScalar(t, f))
		}
	}
}

func drawScalar(t *rapid.T, f protoreflect.FieldDescriptor) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(t, "bool"))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(rapid.SampledFrom([]int{0, 1, 2, 5, 13, 34, 63, 64, 32767, 32768, -1, -2, 1 << 30}).Draw(t, "enum")))
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "string"))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(make([]byte, rapid.SampledFrom([]int{0, 1, 16, 17}).Draw(t, "bytes")))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(rapid.Float64().Draw(t, "double"))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(1)
	case protoreflect.Int32Kind, protoreflect.Sint32Kind:
		return protoreflect.ValueOfInt32(3)
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(3)
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(3)
	}
	return protoreflect.ValueOfUint64(3)
}

func drawStatus(t *rapid.T) *mesos.TaskStatus {
	s := &mesos.TaskStatus{}
	drawMessage(t, s.ProtoReflect(), 2)
	if rapid.Bool().Draw(t, "usual") { // or nearly no status would be
		s = &mesos.TaskStatus{TaskId: &mesos.TaskID{Value: ptr("b")}, State: s.State, Source: s.Source, Reason: s.Reason,
			AgentId: s.AgentId, Timestamp: s.Timestamp, Uuid: s.Uuid, Healthy: s.Healthy}
	}
	if rapid.IntRange(0, 5).Draw(t, "younger") == 0 {
		s.ProtoReflect().SetUnknown(protoreflect.RawFields{15 << 3 & 0x7f, 1})
	}
	return s
}

func drawTask(t *rapid.T) *record.Task {
	v := &record.Task{Task: &mesos.Task{}}
	drawMessage(t, v.Task.ProtoReflect(), 2)
	v.Task.Statuses = nil
	for range rapid.IntRange(0, 4).Draw(t, "statuses") {
		v.Task.Statuses = append(v.Task.Statuses, drawStatus(t))
	}
	if n := len(v.Task.Statuses); n > 0 && rapid.Bool().Draw(t, "forwarded") {
		v.Task.StatusUpdateUuid = v.Task.Statuses[n-1].Uuid
	}
	if rapid.Bool().Draw(t, "unreachable") {
		v.Unreachable = ptr(true)
	}
	if rapid.Bool().Draw(t, "completed") {
		v.CompletedSerial = ptr(rapid.Uint64().Draw(t, "serial"))
	}
	return v
}

func listOf(v *record.Task) *sharedList { return &sharedList{wire: v.Task.Resources} }

// What is made of the small form of a task says what the task said, also in memory in which
// another task was before.
func TestSmallTasksSayTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var used TaskMessage
		for range 3 {
			v := drawTask(t)
			small := compactTask(v, listOf(v))
			if got := small.record(); !proto.Equal(got, v) {
				t.Fatalf("got  %v\nwant %v", got, v)
			}
			if got := small.InfoIn(&used); !proto.Equal(got, v.Task) {
				t.Fatalf("in used memory got\n%v\nwant\n%v", got, v.Task)
			}
			if small.State() != v.Task.GetState() || small.AgentID() != v.Task.GetAgentId().GetValue() || small.Name() != v.Task.GetName() {
				t.Fatalf("got state %v, agent %q, name %q of %v", small.State(), small.AgentID(), small.Name(), v)
			}
			statuses := v.Task.Statuses
			if n := len(statuses); n > 0 && (!proto.Equal(small.LastStatus(), statuses[n-1]) || small.FirstTimestamp() != statuses[0].GetTimestamp()) {
				t.Fatalf("got last status %v and first time %v of %v", small.LastStatus(), small.FirstTimestamp(), v)
			}
		}
	})
}

// An update of the small form does what the same update of the message would do.
func TestUpdatesOfSmallTasks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, s := drawTask(t), drawStatus(t)
		v.CompletedSerial = nil
		latest := mesos.TaskState(rapid.IntRange(0, 13).Draw(t, "latest"))
		small := compactTask(v, listOf(v))
		got, changed := small.withStatus(s, latest)
		want := v.CloneVT()
		if !IsTerminal(v.Task.GetState()) {
			want.Task.State = &latest
		}
		kept := want.Task.Statuses
		same := len(kept) > 0 && kept[len(kept)-1].GetState() == s.GetState()
		if same {
			kept = kept[:len(kept)-1]
		}
		if s = s.CloneVT(); s.Data != nil {
			s.Data = nil
			s.ProtoReflect().SetUnknown(nil)
		}
		want.Task.Statuses = append(kept, s)
		if !proto.Equal(got, want) || changed == same {
			t.Fatalf("got %v, changed %t\nwant %v", got, changed, want)
		}
	})
}

// A million tasks take what they take because of this.
func TestTasksAreSmall(t *testing.T) {
	if got, want := unsafe.Sizeof(Task{}), uintptr(128); got > want {
		t.Errorf("a task takes %d bytes, want at most %d", got, want)
	}
	id, uuid, now := "t", make([]byte, 16), 1.0
	v := &record.Task{Task: &mesos.Task{
		TaskId: &mesos.TaskID{Value: &id}, Name: &id, State: mesos.TaskState_TASK_RUNNING.Enum(), StatusUpdateState: mesos.TaskState_TASK_RUNNING.Enum(),
		StatusUpdateUuid: uuid, Statuses: []*mesos.TaskStatus{{
			TaskId: &mesos.TaskID{Value: &id}, State: mesos.TaskState_TASK_RUNNING.Enum(), Uuid: uuid, Timestamp: &now,
			Source: mesos.TaskStatus_SOURCE_EXECUTOR.Enum(), Healthy: ptr(true)}},
	}}
	if small := compactTask(v, nothing); small.more != nil || small.last.message != nil {
		t.Error("an ordinary task is kept as a message")
	}
	if n := testing.AllocsPerRun(100, func() { compactTask(v, nothing) }); n > 1 {
		t.Errorf("a task is made of %v pieces, want 1", n)
	}
	small, m := compactTask(v, nothing), new(TaskMessage)
	small.InfoIn(m)
	if n := testing.AllocsPerRun(100, func() { small.InfoIn(m) }); n > 0 {
		t.Errorf("showing a task in used memory allocates %v times, want 0", n)
	}
}
