package world

import (
	"testing"

	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

func newAgent(t *testing.T, b Behaviour) *Agent {
	t.Helper()
	shape, err := ShapeNamed("mixed")
	if err != nil {
		t.Fatal(err)
	}
	a := &Agent{channel: 3, number: 7, shape: shape, behaviour: b}
	if out := a.Register(nil); len(out) != 1 || out[0].GetRegister().GetAgent().Id != nil || out[0].GetChannel() != 3 {
		t.Fatalf("a new agent registers with %v", out)
	}
	a.Handle(registered("S1"), nil)
	if !a.registered || a.id != "S1" {
		t.Fatal("the agent is not registered")
	}
	return a
}

func registered(id string) *link.Down {
	return &link.Down{Term: ptr(uint64(2)), Body: &link.Down_Registered{Registered: &link.Registered{AgentId: &mesos.AgentID{Value: &id}}}}
}

func launch(seq uint64, tasks ...string) *link.Down {
	l := &link.Launch{Framework: &mesos.FrameworkInfo{Id: &mesos.FrameworkID{Value: ptr("F")}}}
	for _, id := range tasks {
		l.Tasks = append(l.Tasks, &mesos.TaskInfo{Name: ptr("n"), TaskId: &mesos.TaskID{Value: &id}, AgentId: &mesos.AgentID{Value: ptr("S1")}})
	}
	return &link.Down{Term: ptr(uint64(2)), Seq: &seq, Body: &link.Down_Launch{Launch: l}}
}

func acknowledge(seq uint64, of *link.Up) *link.Down {
	s := of.GetStatusUpdate().GetStatus()
	return &link.Down{Term: ptr(uint64(2)), Seq: &seq, Body: &link.Down_Acknowledge{Acknowledge: &link.Acknowledge{TaskId: s.TaskId, Uuid: s.Uuid}}}
}

func ptr[T any](v T) *T { return &v }

func wantState(t *testing.T, out []*link.Up, want mesos.TaskState) *link.Up {
	t.Helper()
	if len(out) != 1 || out[0].GetStatusUpdate().GetStatus().GetState() != want {
		t.Fatalf("got %v, want one update %v", out, want)
	}
	return out[0]
}

func TestATaskThatTakesNoTime(t *testing.T) {
	a := newAgent(t, Finishing)
	running := wantState(t, a.Handle(launch(1, "t"), nil), mesos.TaskState_TASK_RUNNING)
	if out := a.Handle(launch(1, "t"), nil); out != nil {
		t.Errorf("a repeated frame was answered with %v", out)
	}
	finished := wantState(t, a.Handle(acknowledge(2, running), nil), mesos.TaskState_TASK_FINISHED)
	if out := a.Handle(acknowledge(3, running), nil); out != nil || a.Tasks() != 1 {
		t.Errorf("an old acknowledgement was answered with %v and left %d tasks", out, a.Tasks())
	}
	if out := a.Handle(acknowledge(4, finished), nil); out != nil || a.Tasks() != 0 {
		t.Errorf("the last acknowledgement was answered with %v and left %d tasks", out, a.Tasks())
	}
	out := a.Apply(nil)
	if len(out) != 1 || out[0].GetApplied().GetSeq() != 4 {
		t.Errorf("applied %v, want 4", out)
	}
	if out := a.Apply(nil); out != nil {
		t.Errorf("applied again: %v", out)
	}
}

func TestSilentTasksReportWhenAsked(t *testing.T) {
	a := newAgent(t, Silent)
	if out := a.Handle(launch(1, "t", "u"), nil); out != nil || a.Tasks() != 2 {
		t.Fatalf("got %v and %d tasks, want silence and 2", out, a.Tasks())
	}
	if out := a.Report(nil); len(out) != 2 {
		t.Errorf("got %d reports, want 2", len(out))
	}
	if out := a.Report(nil); len(out) != 0 {
		t.Errorf("got %d reports the second time, want none", len(out))
	}
}

func TestAReturningAgentTellsWhatItHolds(t *testing.T) {
	a := newAgent(t, Running)
	a.Handle(launch(5, "t"), nil)
	r := a.Register(nil)[0].GetRegister()
	if r.GetAgent().GetId().GetValue() != "S1" || r.GetAppliedSeq() != 5 || len(r.GetFrameworks()) != 1 ||
		len(r.GetTasks()) != 1 || r.GetTasks()[0].GetState() != mesos.TaskState_TASK_RUNNING {
		t.Errorf("got %v", r)
	}
	if out := a.Apply(nil); out != nil {
		t.Errorf("got %v before the answer", out)
	}
}

func TestPingsAndTerms(t *testing.T) {
	a := newAgent(t, Silent)
	ping := func(term uint64, connected bool) []*link.Up {
		return a.Handle(&link.Down{Term: &term, Body: &link.Down_Ping{Ping: &link.Ping{Connected: &connected}}}, nil)
	}
	if out := ping(2, true); len(out) != 1 || out[0].GetPong() == nil {
		t.Errorf("a ping was answered with %v", out)
	}
	if out := ping(1, true); out != nil {
		t.Errorf("a ping of an older allocator was answered with %v", out)
	}
	if out := ping(2, false); len(out) != 1 || out[0].GetRegister() == nil {
		t.Errorf("a ping that says disconnected was answered with %v", out)
	}
	if out := ping(2, false); out != nil {
		t.Errorf("it was answered again with %v while a Register was under way", out)
	}
}

func TestKill(t *testing.T) {
	a := newAgent(t, Running)
	a.Handle(launch(1, "t"), nil)
	kill := func(seq uint64, id string) []*link.Up {
		return a.Handle(&link.Down{Term: ptr(uint64(2)), Seq: &seq, Body: &link.Down_Kill{Kill: &link.Kill{TaskId: &mesos.TaskID{Value: &id}}}}, nil)
	}
	killed := wantState(t, kill(2, "t"), mesos.TaskState_TASK_KILLED)
	if out := kill(3, "t"); out != nil {
		t.Errorf("killing again gave %v", out)
	}
	if out := kill(4, "unknown"); out != nil {
		t.Errorf("killing what is not there gave %v", out)
	}
	if a.Handle(acknowledge(5, killed), nil); a.Tasks() != 0 {
		t.Errorf("%d tasks are left", a.Tasks())
	}
}
