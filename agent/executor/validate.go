package executor

import (
	"errors"
	"fmt"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/executor"
)

const uuidLen = 16

// Validate checks a call for what needs no knowledge of the agent's state. The
// error's text is for the caller.
func Validate(call *executor.Call) error {
	switch {
	case call.Type == nil:
		return errors.New("Expecting 'type' to be present")
	case call.GetType() == executor.Call_SUBSCRIBE && call.Subscribe == nil:
		return errors.New("Expecting 'subscribe' to be present")
	case call.GetType() == executor.Call_UPDATE && call.Update == nil:
		return errors.New("Expecting 'update' to be present")
	case call.GetType() == executor.Call_MESSAGE && call.Message == nil:
		return errors.New("Expecting 'message' to be present")
	}
	if call.GetType() == executor.Call_UPDATE {
		return validateStatus(call, call.Update.GetStatus())
	}
	for _, u := range call.GetSubscribe().GetUnacknowledgedUpdates() {
		if err := validateStatus(call, u.GetStatus()); err != nil {
			return err
		}
	}
	return nil
}

func validateStatus(call *executor.Call, st *mesos.TaskStatus) error {
	id := call.ExecutorId.GetValue()
	who := fmt.Sprintf("from executor %s of framework %s", id, call.FrameworkId.GetValue())
	switch {
	case st.Uuid == nil:
		return errors.New("Expecting 'uuid' to be present")
	case len(st.Uuid) != uuidLen:
		return fmt.Errorf("Not a valid UUID: got %d bytes, want %d", len(st.Uuid), uuidLen)
	case st.ExecutorId != nil && st.ExecutorId.GetValue() != id:
		return fmt.Errorf("ExecutorID in Call: %s does not match ExecutorID in TaskStatus: %s", id, st.ExecutorId.GetValue())
	case st.Source == nil || st.GetSource() != mesos.TaskStatus_SOURCE_EXECUTOR:
		return fmt.Errorf("Received Call %s with invalid source, expecting 'SOURCE_EXECUTOR'", who)
	case st.GetState() == mesos.TaskState_TASK_STAGING:
		return fmt.Errorf("Received TASK_STAGING %s which is not allowed", who)
	}
	return nil
}
