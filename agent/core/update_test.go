package core

import (
	"testing"

	"github.com/caprock/caprock/wire/mesos"
)

// The messages are those of Mesos' command executor.
func TestMessagesOfEnds(t *testing.T) {
	for status, want := range map[int]string{
		0: "Command exited with status 0", 3 << 8: "Command exited with status 3", 255 << 8: "Command exited with status 255",
		9: "Command terminated with signal Killed", 15: "Command terminated with signal Terminated",
		11 | 0x80: "Command terminated with signal Segmentation fault (core dumped)", 64: "Command terminated with signal Real-time signal 30", 33: "Command terminated with signal Unknown signal 33",
	} {
		if got := exitMessage(status); got != want {
			t.Errorf("status %#x: got %q, want %q", status, got, want)
		}
	}
}

// What a status carries goes to the scheduler and stays nowhere else: sixty-four statuses of
// megabytes would be a record that cannot be written.
func TestHistoryOfATaskKeepsNoData(t *testing.T) {
	w := newWorld(t)
	w.connect()
	w.launchCommand()
	w.rest()
	w.startOne(0, false)
	w.rest()
	task := w.core.frameworks["F"].tasks["cmd0"]
	st := &mesos.TaskStatus{TaskId: task.rec.Info.TaskId, State: mesos.TaskState_TASK_RUNNING.Enum(), Data: []byte("much"), Uuid: []byte("u")}
	w.core.enqueue(task, st)
	if last := task.lastStatus(); last.Data != nil || string(last.Uuid) != "u" {
		t.Errorf("the history ends with %v, want the status without its data", last)
	}
	if last := task.pending[len(task.pending)-1]; string(last.Data) != "much" {
		t.Errorf("the stream ends with %v, want the status whole", last)
	}
}
