package api

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/alloc/view"
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/master"
	"github.com/caprock/caprock/wire/resource"
)

// wholeState is what GET_STATE tells, as one message.
func wholeState(all *cluster) *master.Response_GetState {
	tasks, agents := &master.Response_GetTasks{}, &master.Response_GetAgents{}
	for t := range all.snap.Tasks.All() {
		if t.Unreachable() {
			tasks.UnreachableTasks = append(tasks.UnreachableTasks, t.Info())
		} else {
			tasks.Tasks = append(tasks.Tasks, t.Info())
		}
	}
	for t := range all.snap.Completed.All() {
		tasks.CompletedTasks = append(tasks.CompletedTasks, t.Info())
	}
	total := all.add()
	for a := range all.snap.Agents.All() {
		if a.Recovered {
			agents.RecoveredAgents = append(agents.RecoveredAgents, a.Info())
			continue
		}
		v := core.AgentView(a, a.Total().ToProto(resource.Endpoint))
		v.AllocatedResources = total.agent(a.ID()).allocated.ToProto(resource.Endpoint)
		v.OfferedResources = total.agent(a.ID()).offered.ToProto(resource.Endpoint)
		agents.Agents = append(agents.Agents, v)
	}
	return &master.Response_GetState{
		GetTasks: tasks, GetExecutors: getExecutors(all.snap), GetFrameworks: getFrameworks(all.snap, total), GetAgents: agents,
	}
}

// fillAllSorts publishes a cluster with agents that are back, and tasks of each kind.
func fillAllSorts(t testing.TB, s *Server) {
	t.Helper()
	fill(t, s, 20, 3, 200)
	var back []core.Change
	for a := range s.view.Snapshot().Agents.All() {
		if len(back)%3 == 0 {
			next := *a
			next.Recovered = false
			a = &next
		}
		back = append(back, core.Change{ID: record.ID{Kind: record.KindAgent, Parts: [3]string{a.ID()}}, Entity: a})
	}
	s.view.Publish(back)
	c, err := core.New(core.Options{MasterInfo: testMaster(), ClusterID: "c"})
	if err != nil {
		t.Fatal(err)
	}
	load := func(key []byte, v record.Value) {
		if err := c.Load(record.Put(key, v)); err != nil {
			t.Fatal(err)
		}
	}
	f := "other"
	load(record.FrameworkKey(f), &record.Framework{Info: &mesos.FrameworkInfo{Id: &mesos.FrameworkID{Value: &f}, User: ptr("u"), Name: ptr("n")}})
	task := func(id string, state mesos.TaskState) *mesos.Task {
		return &mesos.Task{Name: ptr("n"), TaskId: &mesos.TaskID{Value: &id}, FrameworkId: &mesos.FrameworkID{Value: &f},
			AgentId: &mesos.AgentID{Value: ptr("a-S1")}, State: &state, Resources: parseResources(t, "cpus:1;ports:[1-2,5-9]", "r"),
			Statuses: []*mesos.TaskStatus{
				{TaskId: &mesos.TaskID{Value: &id}, State: mesos.TaskState_TASK_RUNNING.Enum(), Timestamp: ptr(1.5), Uuid: make([]byte, 16)},
				{TaskId: &mesos.TaskID{Value: &id}, State: &state, Message: ptr("a message"), Timestamp: ptr(2.5)}}}
	}
	load(record.TaskKey(f, "gone"), &record.Task{Task: task("gone", mesos.TaskState_TASK_UNREACHABLE), Unreachable: ptr(true)})
	load(record.TaskKey(f, "here"), &record.Task{Task: task("here", mesos.TaskState_TASK_RUNNING)})
	load(record.CompletedTaskKey(f, 7), &record.Task{Task: task("done", mesos.TaskState_TASK_FAILED), CompletedSerial: ptr(uint64(7))})
	var out core.Output
	c.Recovered(core.Time{}, &out)
	s.view.Publish(out.Changed)
}

func sameBytes(t *testing.T, what string, got []byte, err error, e codec.Type, want codec.Message) {
	t.Helper()
	whole, wholeErr := e.Append(nil, want)
	switch {
	case err != nil || wholeErr != nil:
		t.Fatalf("%s: %v, %v", what, err, wholeErr)
	case e == codec.JSON && string(got) != string(whole):
		t.Errorf("%s in JSON: got\n%s\nwant\n%s", what, got, whole)
	case e == codec.Protobuf:
		read := want.ProtoReflect().New().Interface()
		if err := proto.Unmarshal(got, read); err != nil || !proto.Equal(read, want.ProtoReflect().Interface()) || len(got) != len(whole) {
			t.Errorf("%s in protobuf: %d bytes, want %d (%v); got\n%v\nwant\n%v", what, len(got), len(whole), err, read, want)
		}
	}
}

// Answers written in pieces are what the whole message would be, for an empty cluster too.
func TestPiecesMakeTheWhole(t *testing.T) {
	empty, full := testServer(t), testServer(t)
	fillAllSorts(t, full)
	for _, s := range []*Server{empty, full} {
		for _, e := range []codec.Type{codec.JSON, codec.Protobuf} {
			all := func() *cluster { return clusterOf(s.view.Snapshot()) }
			whole := wholeState(all())
			for _, r := range []*master.Response{
				{Type: master.Response_GET_STATE.Enum(), GetState: whole},
				{Type: master.Response_GET_TASKS.Enum(), GetTasks: whole.GetTasks},
				{Type: master.Response_GET_AGENTS.Enum(), GetAgents: whole.GetAgents},
			} {
				got, err := appendState(master.Call_Type(master.Call_Type_value[r.GetType().String()]), all(), e, nil)
				sameBytes(t, r.GetType().String(), got, err, e, r)
			}
			got, err := appendSubscribed(s.view.Snapshot(), e, nil)
			sameBytes(t, "SUBSCRIBED", got, err, e, &master.Event{Type: master.Event_SUBSCRIBED.Enum(),
				Subscribed: &master.Event_Subscribed{GetState: whole, HeartbeatIntervalSeconds: ptr(core.HeartbeatInterval.Seconds())}})
		}
	}
	if snap := full.view.Snapshot(); snap.Completed.Len() == 0 || !hasUnreachable(snap) {
		t.Error("a kind of task is missing")
	}
}

func hasUnreachable(snap *view.Snapshot) bool {
	for t := range snap.Tasks.All() {
		if t.Unreachable() {
			return true
		}
	}
	return false
}

// A read of all tasks costs a few allocations, not some for each.
func TestReadingTasksAllocatesLittle(t *testing.T) {
	s := testServer(t)
	fill(t, s, 10, 1, 1000)
	all := clusterOf(s.view.Snapshot())
	for _, e := range []codec.Type{codec.JSON, codec.Protobuf} {
		b, err := appendState(master.Call_GET_TASKS, all, e, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(10, func() { b, _ = appendState(master.Call_GET_TASKS, all, e, b[:0]) }); n > 50 {
			t.Errorf("%s: a thousand tasks cost %v allocations, want at most 50", e, n)
		}
	}
}

// Lists that are shown alike are one list; others are not.
func TestListsOfResourcesAreMadeOnce(t *testing.T) {
	var l protoLists
	parse := func(text string) resource.Resources {
		rs, err := resource.Parse(text, "*")
		if err != nil {
			t.Fatal(err)
		}
		return rs
	}
	seen := map[*mesos.Resource]string{}
	for _, text := range []string{"cpus:1", "cpus:2", "mem:1", "cpus(r):1", "ports:[1-2]", "ports:[1-3]", "ports:[1-2,4-4]", "set:{a,b}", "set:{ab}", "cpus:1;mem:1"} {
		list := l.of(parse(text))
		if again := l.of(parse(text)); again[0] != list[0] {
			t.Errorf("%s is made twice", text)
		}
		if other, ok := seen[list[0]]; ok {
			t.Errorf("%s is taken for %s", text, other)
		}
		seen[list[0]] = text
	}
	for i := range 2 * mostProtoLists {
		l.of(resource.Resources{resource.NewScalar("cpus", int64(i+1))})
	}
	if len(l.known) > mostProtoLists {
		t.Errorf("%d lists are remembered, want at most %d", len(l.known), mostProtoLists)
	}
}
