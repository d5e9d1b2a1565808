package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caprock/caprock/wire/mesos"
)

func status(id string, state mesos.TaskState) *mesos.TaskStatus {
	return &mesos.TaskStatus{TaskId: &mesos.TaskID{Value: &id}, State: state.Enum()}
}

// Every way to lose or double a task must show, and what is neither must not.
func TestSettle(t *testing.T) {
	const (
		finished = mesos.TaskState_TASK_FINISHED
		dropped  = mesos.TaskState_TASK_DROPPED
		running  = mesos.TaskState_TASK_RUNNING
		failed   = mesos.TaskState_TASK_FAILED
	)
	for _, c := range []struct {
		name          string
		answered      bool
		state         mesos.TaskState
		begun         int
		lost, doubled string // part of the complaint, or ""
	}{
		{"ran and finished", true, finished, 1, "", ""},
		{"never began and was reported", true, dropped, 0, "", ""},
		{"no answer, never began", false, running, 0, "", ""},
		{"no answer, ran and finished", false, finished, 1, "", ""},
		{"accepted and forgotten", true, running, 0, "nothing was reported", ""},
		{"began, no end", true, running, 1, "no end was reported", ""},
		{"began and was killed by a restart", true, failed, 1, "ended as TASK_FAILED", ""},
		{"finished without running", true, finished, 0, "never began", ""},
		{"ran twice", true, finished, 2, "", "began 2 times"},
		{"no answer, ran twice", false, finished, 2, "", "began 2 times"},
	} {
		l := newLedger()
		l.launched("t")
		if c.answered {
			l.answered([]string{"t"})
		}
		l.updated(status("t", c.state))
		v := l.settle(map[string]int{"t": c.begun})
		if c.begun == 0 {
			v = l.settle(nil)
		}
		if got := strings.Join(v.Lost, ";"); (got == "") != (c.lost == "") || !strings.Contains(got, c.lost) {
			t.Errorf("%s: lost is %q, want %q", c.name, got, c.lost)
		}
		if got := strings.Join(v.Doubled, ";"); (got == "") != (c.doubled == "") || !strings.Contains(got, c.doubled) {
			t.Errorf("%s: doubled is %q, want %q", c.name, got, c.doubled)
		}
	}
}

// What began once while its agent was killed in the middle of the launch is neither lost nor doubled;
// what began twice is.
func TestAnEndThatNobodyCouldLearnIsToldApart(t *testing.T) {
	failed := status("t", mesos.TaskState_TASK_FAILED)
	failed.Reason, failed.Message = mesos.TaskStatus_REASON_CONTAINER_LAUNCH_FAILED.Enum(), new("Failed to launch container: "+duringLaunch)
	for begun, want := range map[int]string{1: "1 0 0", 2: "0 1 1"} {
		l := newLedger()
		l.launched("t")
		l.answered([]string{"t"})
		l.updated(failed)
		v := l.settle(map[string]int{"t": begun})
		if got := fmt.Sprint(len(v.Unlearned), len(v.Lost), len(v.Doubled)); got != want {
			t.Errorf("begun %d times: %s ended unseen, lost and doubled, want %s", begun, got, want)
		}
	}
}

func TestTaskOfARefusedAcceptMustNotRun(t *testing.T) {
	l := newLedger()
	l.launched("t")
	l.refused([]string{"t"})
	if v := l.settle(map[string]int{"t": 1}); len(v.Lost) != 1 {
		t.Errorf("got %v, want one complaint", v.Lost)
	}
}
