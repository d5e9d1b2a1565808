package world

import (
	"testing"
	"time"

	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

// launchSleep is launch with a command for each task.
func launchSleep(seq uint64, commands map[string]string) *link.Down {
	d := launch(seq)
	for id, command := range commands {
		l := d.Body.(*link.Down_Launch).Launch
		l.Tasks = append(l.Tasks, &mesos.TaskInfo{Name: ptr("n"), TaskId: &mesos.TaskID{Value: &id}, AgentId: &mesos.AgentID{Value: ptr("S1")},
			Command: &mesos.CommandInfo{Value: &command}})
	}
	return d
}

func TestSleepingTasksEndWhenTheirTimeIsOver(t *testing.T) {
	a := newAgent(t, Sleeping)
	out := a.Handle(launchSleep(1, map[string]string{"long": "sleep 30", "short": "sleep 0.5", "server": "serve"}), nil)
	if len(out) != 3 {
		t.Fatalf("got %d updates, want three TASK_RUNNING", len(out))
	}
	for i, u := range out {
		if out := a.Handle(acknowledge(uint64(i+2), u), nil); out != nil {
			t.Fatalf("TASK_RUNNING's acknowledgement was answered with %v", out)
		}
	}
	var s sleepers
	start := time.Unix(1000, 0)
	s.take(a, start)
	if out := s.end(start.Add(499*time.Millisecond), nil); out != nil {
		t.Fatalf("got %v before any task's time was over", out)
	}
	u := wantState(t, s.end(start.Add(500*time.Millisecond), nil), mesos.TaskState_TASK_FINISHED)
	if id := u.GetStatusUpdate().GetStatus().GetTaskId().GetValue(); id != "short" {
		t.Errorf("%s ended, want short", id)
	}
	wantState(t, s.end(start.Add(time.Hour), nil), mesos.TaskState_TASK_FINISHED)
	if s.Len() != 0 || a.Tasks() != 3 {
		t.Errorf("%d sleep on and %d tasks are held, want 0 and 3 of which two wait for acknowledgements", s.Len(), a.Tasks())
	}
}

func TestTheEndOfATaskWaitsForTheAcknowledgementBefore(t *testing.T) {
	a := newAgent(t, Sleeping)
	running := wantState(t, a.Handle(launchSleep(1, map[string]string{"t": "sleep 0"}), nil), mesos.TaskState_TASK_RUNNING)
	var s sleepers
	s.take(a, time.Unix(1000, 0))
	if out := s.end(time.Unix(1001, 0), nil); out != nil {
		t.Fatalf("got %v while TASK_RUNNING was not acknowledged", out)
	}
	wantState(t, a.Handle(acknowledge(2, running), nil), mesos.TaskState_TASK_FINISHED)
}

func TestTasksOfAnAgentThatIsAwayEndWhenItIsBack(t *testing.T) {
	a := newAgent(t, Sleeping)
	running := wantState(t, a.Handle(launchSleep(1, map[string]string{"t": "sleep 0"}), nil), mesos.TaskState_TASK_RUNNING)
	a.Handle(acknowledge(2, running), nil)
	var s sleepers
	s.take(a, time.Unix(1000, 0))
	a.registered = false
	if out := s.end(time.Unix(1000, 0), nil); out != nil || s.Len() != 1 {
		t.Fatalf("got %v while the agent was away, and %d sleep", out, s.Len())
	}
	a.registered = true
	wantState(t, s.end(time.Unix(1001, 0), nil), mesos.TaskState_TASK_FINISHED)
}

func TestLengthsOfTasksAreSpreadEvenly(t *testing.T) {
	task := &Task{CPUs: 1, MemMiB: 1, Sleep: 30 * time.Second, Spread: .5}
	var sum, least, most time.Duration
	for i, c := range task.commands() {
		d, ok := sleepTime(c.GetValue())
		if !ok {
			t.Fatalf("%q is not read", c.GetValue())
		}
		if i == 0 || d < least {
			least = d
		}
		most, sum = max(most, d), sum+d
	}
	if mean := sum / spreadSteps; least < 15*time.Second || least > 16*time.Second || most > 45*time.Second || most < 44*time.Second ||
		(mean-30*time.Second).Abs() > time.Millisecond {
		t.Errorf("from %v to %v, mean %v; want 15 s to 45 s, mean 30 s", least, most, mean)
	}
	for _, bad := range []string{"sleep", "sleep x", "sleep -1", "ls"} {
		if d, ok := sleepTime(bad); ok {
			t.Errorf("%q sleeps for %v", bad, d)
		}
	}
}
