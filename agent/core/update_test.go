package core

import (
	"testing"

	"github.com/caprock/caprock/wire/mesos"
)

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
