package runtask

import (
	"io"
	"testing"

	"github.com/caprock/caprock/wire/mesos"
)

func TestExitStatusIsTheTasks(t *testing.T) {
	for _, c := range []struct {
		state   mesos.TaskState
		message string
		want    int
	}{
		{mesos.TaskState_TASK_FINISHED, "Command exited with status 0", 0},
		{mesos.TaskState_TASK_FAILED, "Command exited with status 3", 3},
		{mesos.TaskState_TASK_FAILED, "Command exited with status 255", 255},
		{mesos.TaskState_TASK_FAILED, "Command terminated with signal Killed", 137},
		{mesos.TaskState_TASK_FAILED, "Command terminated with signal Segmentation fault", 139},
		{mesos.TaskState_TASK_FAILED, "Memory limit exceeded", 1},
		{mesos.TaskState_TASK_ERROR, "Task uses no resources", 1},
		{mesos.TaskState_TASK_LOST, "", 1},
	} {
		if got := exitStatus(&mesos.TaskStatus{State: c.state.Enum(), Message: &c.message}, io.Discard); got != c.want {
			t.Errorf("%v %q: got %d, want %d", c.state, c.message, got, c.want)
		}
	}
}

func TestEnvWantsNameAndValue(t *testing.T) {
	if err := CheckEnv([]string{"A=b", "EMPTY=", "EQ=a=b"}); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "NOVALUE", "=x"} {
		if CheckEnv([]string{bad}) == nil {
			t.Errorf("%q was taken, want an error", bad)
		}
	}
}

// A launch that the agent refused would be refused again: trying for ever would look like a hang.
func TestOnlyLaunchesThatReachedNoAgentAreTriedAgain(t *testing.T) {
	for _, c := range []struct {
		state  mesos.TaskState
		reason mesos.TaskStatus_Reason
		want   bool
	}{
		{mesos.TaskState_TASK_DROPPED, mesos.TaskStatus_REASON_INVALID_OFFERS, true},
		{mesos.TaskState_TASK_DROPPED, mesos.TaskStatus_REASON_AGENT_DISCONNECTED, true},
		{mesos.TaskState_TASK_DROPPED, mesos.TaskStatus_REASON_RECONCILIATION, true},
		{mesos.TaskState_TASK_DROPPED, mesos.TaskStatus_REASON_EXECUTOR_TERMINATED, false}, // a user that is not there
		{mesos.TaskState_TASK_DROPPED, mesos.TaskStatus_REASON_RESOURCES_UNKNOWN, false},
		{mesos.TaskState_TASK_FAILED, mesos.TaskStatus_REASON_AGENT_DISCONNECTED, false},
	} {
		if got := anotherOfferHelps(&mesos.TaskStatus{State: c.state.Enum(), Reason: c.reason.Enum()}); got != c.want {
			t.Errorf("%v for %v: tried again: got %v, want %v", c.state, c.reason, got, c.want)
		}
	}
}
