package executor

import (
	"fmt"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/executor"
)

const uuidLen = 16

// Validate checks a call for what needs no knowledge of the agent's state, and
// returns what is wrong with it, in Mesos' words; "" if nothing is.
func Validate(call *executor.Call) string {
	_, known := executor.Call_Type_name[int32(call.GetType())]
	switch {
	case call.Type == nil || !known: // a number without a name counts as absent
		return "Expecting 'type' to be present"
	case call.GetType() == executor.Call_SUBSCRIBE && call.Subscribe == nil:
		return "Expecting 'subscribe' to be present"
	case call.GetType() == executor.Call_UPDATE && call.Update == nil:
		return "Expecting 'update' to be present"
	case call.GetType() == executor.Call_MESSAGE && call.Message == nil:
		return "Expecting 'message' to be present"
	}
	if call.GetType() == executor.Call_UPDATE {
		return validateStatus(call, call.Update.GetStatus())
	}
	for _, u := range call.GetSubscribe().GetUnacknowledgedUpdates() {
		if fault := validateStatus(call, u.GetStatus()); fault != "" {
			return fault
		}
	}
	return ""
}

func validateStatus(call *executor.Call, st *mesos.TaskStatus) string {
	id := call.ExecutorId.GetValue()
	who := fmt.Sprintf("from executor %s of framework %s", id, call.FrameworkId.GetValue())
	switch {
	case st.Uuid == nil:
		return "Expecting 'uuid' to be present"
	case len(st.Uuid) != uuidLen:
		return fmt.Sprintf("Not a valid UUID: got %d bytes, want %d", len(st.Uuid), uuidLen)
	case st.ExecutorId != nil && st.ExecutorId.GetValue() != id:
		return fmt.Sprintf("ExecutorID in Call: %s does not match ExecutorID in TaskStatus: %s", id, st.ExecutorId.GetValue())
	case st.Source == nil || st.GetSource() != mesos.TaskStatus_SOURCE_EXECUTOR:
		return fmt.Sprintf("Received Call %s with invalid source, expecting 'SOURCE_EXECUTOR'", who)
	case st.GetState() == mesos.TaskState_TASK_STAGING:
		return fmt.Sprintf("Received TASK_STAGING %s which is not allowed", who)
	}
	if st.CheckStatus != nil {
		return validateCheckStatus(st.CheckStatus)
	}
	return ""
}

// validateCheckStatus: the result of a check names its type and holds what that type has.
func validateCheckStatus(st *mesos.CheckStatusInfo) string {
	var missing string
	switch st.GetType() {
	case mesos.CheckInfo_COMMAND:
		if st.Command == nil {
			missing = "command"
		}
	case mesos.CheckInfo_HTTP:
		if st.Http == nil {
			missing = "http"
		}
	case mesos.CheckInfo_TCP:
		if st.Tcp == nil {
			missing = "tcp"
		}
	default:
		return "Expecting 'check_status.type' to be COMMAND, HTTP or TCP"
	}
	if missing != "" {
		return fmt.Sprintf("Expecting 'check_status.%s' to be present for the status of a check of type %s", missing, st.GetType())
	}
	return ""
}
