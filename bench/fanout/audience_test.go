package fanout

import (
	"testing"

	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/master"
)

func TestTasksAreFoundInEventsOfBothEncodings(t *testing.T) {
	id, name, agent, framework := marker+"t12-3456", "n", "a", "f"
	taskAdded := &master.Event{Type: master.Event_TASK_ADDED.Enum(), TaskAdded: &master.Event_TaskAdded{Task: &mesos.Task{
		Name: &name, TaskId: &mesos.TaskID{Value: &id}, AgentId: &mesos.AgentID{Value: &agent},
		FrameworkId: &mesos.FrameworkID{Value: &framework}, State: mesos.TaskState_TASK_STAGING.Enum(),
	}}}
	other := &master.Event{Type: master.Event_HEARTBEAT.Enum()}
	for _, c := range []codec.Type{codec.Protobuf, codec.JSON} {
		record, err := c.Append(nil, taskAdded)
		if err != nil {
			t.Fatal(err)
		}
		if f, n, ok := taskOf(record); !added(c, record) || !ok || f != 12 || n != 3456 {
			t.Errorf("%v: got framework %d, task %d, %v; want 12 and 3456", c, f, n, ok)
		}
		if record, err = c.Append(nil, other); err != nil {
			t.Fatal(err)
		}
		if _, _, ok := taskOf(record); added(c, record) || ok {
			t.Errorf("%v: a heartbeat is taken for a task", c)
		}
	}
	for _, bad := range []string{marker + "t", marker + "t1", marker + "t1-", "t1-2", marker + "x1-2"} {
		if _, _, ok := taskOf([]byte(bad)); ok {
			t.Errorf("a task was found in %q", bad)
		}
	}
}
