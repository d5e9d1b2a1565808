//lint:file-ignore SA1019 Deprecated calls are still made.

package core

import (
	"fmt"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/master"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// CallError is a fault of a call's shape that needs no state to see.
type CallError struct {
	Status int // HTTP status: 400 or 501
	Text   string
}

func (e *CallError) Error() string { return e.Text }

func badSchedulerCall(text string) *CallError {
	return &CallError{Status: 400, Text: "Failed to validate scheduler::Call: " + text}
}

// ValidateSchedulerCall checks what Mesos checks before it looks at its state:
// that type, payload and framework_id are there and agree. principal is the
// authenticated one, empty if none; streamID the Mesos-Stream-Id header, empty if
// absent.
func ValidateSchedulerCall(call *scheduler.Call, principal, streamID string) *CallError {
	name, present, known := schedulerPayload(call)
	switch {
	case call.Type == nil || !known:
		// A number without a name counts as absent, as in Mesos.
		return badSchedulerCall("Expecting 'type' to be present")
	case !present:
		return badSchedulerCall(fmt.Sprintf("Expecting '%s' to be present", name))
	}
	if err := namelessFilter(call); err != nil {
		return err
	}
	if call.GetType() == scheduler.Call_SUBSCRIBE {
		return validateSubscribeCall(call, principal, streamID)
	}
	if call.FrameworkId == nil {
		return badSchedulerCall("Expecting 'framework_id' to be present")
	}
	switch call.GetType() {
	case scheduler.Call_ACCEPT:
		return validateGroups(call.GetAccept())
	case scheduler.Call_ACKNOWLEDGE:
		return validateUUID(call.GetAcknowledge().GetUuid())
	case scheduler.Call_ACKNOWLEDGE_OPERATION_STATUS:
		if call.AcknowledgeOperationStatus.AgentId == nil {
			return badSchedulerCall("Expecting 'agent_id' to be present")
		}
		return validateUUID(call.GetAcknowledgeOperationStatus().GetUuid())
	case scheduler.Call_UPDATE_FRAMEWORK:
		if call.FrameworkId.GetValue() != call.UpdateFramework.FrameworkInfo.GetId().GetValue() {
			return badSchedulerCall("'framework_id' differs from 'update_framework.framework_info.id'")
		}
	}
	return nil
}

func validateSubscribeCall(call *scheduler.Call, principal, streamID string) *CallError {
	info := call.GetSubscribe().GetFrameworkInfo()
	if call.GetFrameworkId().GetValue() != info.GetId().GetValue() {
		return badSchedulerCall("'framework_id' differs from 'subscribe.framework_info.id'")
	}
	if principal != "" && info.Principal != nil && info.GetPrincipal() != principal {
		return badSchedulerCall(fmt.Sprintf("Authenticated principal '%s' does not match principal '%s' set in 'FrameworkInfo'",
			principal, info.GetPrincipal()))
	}
	if streamID != "" {
		return &CallError{Status: 400, Text: "Subscribe calls should not include the 'Mesos-Stream-Id' header"}
	}
	return nil
}

// validateGroups refuses task groups that name a task twice. A master of Mesos
// dies of them; here the call has no effect.
func validateGroups(call *scheduler.Call_Accept) *CallError {
	for _, op := range call.GetOperations() {
		if op.GetType() != mesos.Offer_Operation_LAUNCH_GROUP {
			continue
		}
		tasks := op.GetLaunchGroup().GetTaskGroup().GetTasks()
		seen := make(map[string]bool, len(tasks))
		for _, t := range tasks {
			id := t.GetTaskId().GetValue()
			if seen[id] {
				return badSchedulerCall(fmt.Sprintf("Task '%s' is twice in the task group of a LAUNCH_GROUP", id))
			}
			seen[id] = true
		}
	}
	return nil
}

func validateUUID(uuid []byte) *CallError {
	if len(uuid) != 16 {
		return badSchedulerCall(fmt.Sprintf("Not a valid UUID: got %d bytes, want 16", len(uuid)))
	}
	return nil
}

// schedulerPayload names the member that a call of its type needs and says
// whether it is there.
func schedulerPayload(call *scheduler.Call) (name string, present, known bool) {
	switch call.GetType() {
	case scheduler.Call_SUBSCRIBE:
		return "subscribe", call.Subscribe != nil, true
	case scheduler.Call_TEARDOWN, scheduler.Call_REVIVE, scheduler.Call_SUPPRESS, scheduler.Call_UNKNOWN:
		return "", true, true
	case scheduler.Call_ACCEPT:
		return "accept", call.Accept != nil, true
	case scheduler.Call_DECLINE:
		return "decline", call.Decline != nil, true
	case scheduler.Call_ACCEPT_INVERSE_OFFERS:
		return "accept_inverse_offers", call.AcceptInverseOffers != nil, true
	case scheduler.Call_DECLINE_INVERSE_OFFERS:
		return "decline_inverse_offers", call.DeclineInverseOffers != nil, true
	case scheduler.Call_KILL:
		return "kill", call.Kill != nil, true
	case scheduler.Call_SHUTDOWN:
		return "shutdown", call.Shutdown != nil, true
	case scheduler.Call_ACKNOWLEDGE:
		return "acknowledge", call.Acknowledge != nil, true
	case scheduler.Call_ACKNOWLEDGE_OPERATION_STATUS:
		return "acknowledge_operation_status", call.AcknowledgeOperationStatus != nil, true
	case scheduler.Call_RECONCILE:
		return "reconcile", call.Reconcile != nil, true
	case scheduler.Call_RECONCILE_OPERATIONS:
		return "reconcile_operations", call.ReconcileOperations != nil, true
	case scheduler.Call_MESSAGE:
		return "message", call.Message != nil, true
	case scheduler.Call_REQUEST:
		return "request", call.Request != nil, true
	case scheduler.Call_UPDATE_FRAMEWORK:
		return "update_framework", call.UpdateFramework != nil, true
	}
	return "", false, false
}

func badOperatorCall(text string) *CallError {
	return &CallError{Status: 400, Text: "Failed to validate master::Call: " + text}
}

// ValidateOperatorCall checks that type and payload of an operator's call are
// there. It knows the read calls too.
func ValidateOperatorCall(call *master.Call) *CallError {
	if _, known := master.Call_Type_name[int32(call.GetType())]; call.Type == nil || !known {
		return badOperatorCall("Expecting 'type' to be present")
	}
	if name, present := operatorPayload(call); !present {
		return badOperatorCall(fmt.Sprintf("Expecting '%s' to be present", name))
	}
	switch call.GetType() {
	case master.Call_GROW_VOLUME:
		if call.GrowVolume.AgentId == nil {
			return badOperatorCall("Expecting 'agent_id' to be present")
		}
	case master.Call_SHRINK_VOLUME:
		if call.ShrinkVolume.AgentId == nil {
			return badOperatorCall("Expecting 'agent_id' to be present")
		}
	case master.Call_EXPLAIN:
		if call.GetExplain().GetFrameworkId().GetValue() == "" {
			return badOperatorCall("Expecting 'framework_id' to be present")
		}
	case master.Call_UPDATE_QUOTA:
		return namelessQuota(call)
	}
	return nil
}

func operatorPayload(call *master.Call) (name string, present bool) {
	switch call.GetType() {
	case master.Call_GET_METRICS:
		return "get_metrics", call.GetMetrics != nil
	case master.Call_SET_LOGGING_LEVEL:
		return "set_logging_level", call.SetLoggingLevel != nil
	case master.Call_LIST_FILES:
		return "list_files", call.ListFiles != nil
	case master.Call_READ_FILE:
		return "read_file", call.ReadFile != nil
	case master.Call_UPDATE_WEIGHTS:
		return "update_weights", call.UpdateWeights != nil
	case master.Call_RESERVE_RESOURCES:
		return "reserve_resources", call.ReserveResources != nil
	case master.Call_UNRESERVE_RESOURCES:
		return "unreserve_resources", call.UnreserveResources != nil
	case master.Call_CREATE_VOLUMES:
		return "create_volumes", call.CreateVolumes != nil
	case master.Call_DESTROY_VOLUMES:
		return "destroy_volumes", call.DestroyVolumes != nil
	case master.Call_GROW_VOLUME:
		return "grow_volume", call.GrowVolume != nil
	case master.Call_SHRINK_VOLUME:
		return "shrink_volume", call.ShrinkVolume != nil
	case master.Call_UPDATE_MAINTENANCE_SCHEDULE:
		return "update_maintenance_schedule", call.UpdateMaintenanceSchedule != nil
	case master.Call_START_MAINTENANCE:
		return "start_maintenance", call.StartMaintenance != nil
	case master.Call_STOP_MAINTENANCE:
		return "stop_maintenance", call.StopMaintenance != nil
	case master.Call_DRAIN_AGENT:
		return "drain_agent", call.DrainAgent != nil
	case master.Call_DEACTIVATE_AGENT:
		return "deactivate_agent", call.DeactivateAgent != nil
	case master.Call_REACTIVATE_AGENT:
		return "reactivate_agent", call.ReactivateAgent != nil
	case master.Call_UPDATE_QUOTA:
		return "update_quota", call.UpdateQuota != nil
	case master.Call_SET_QUOTA:
		return "set_quota", call.SetQuota != nil
	case master.Call_REMOVE_QUOTA:
		return "remove_quota", call.RemoveQuota != nil
	case master.Call_TEARDOWN:
		return "teardown", call.Teardown != nil
	case master.Call_MARK_AGENT_GONE:
		return "mark_agent_gone", call.MarkAgentGone != nil
	case master.Call_EXPLAIN:
		return "explain", call.Explain != nil
	}
	return "", true
}
