//lint:file-ignore SA1019 Deprecated calls are still made.

package core

import (
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/master"
)

// operatorCall executes an operator's call that changes something. Operations on
// resources are answered by 202, since the agent has yet to follow.
func (c *Core) operatorCall(cmd *OperatorCall) {
	status := 200
	var fault *CallError
	switch call := cmd.Call; call.GetType() {
	case master.Call_TEARDOWN:
		fault = c.teardownCall(call.GetTeardown().GetFrameworkId().GetValue())
	case master.Call_UPDATE_WEIGHTS:
		fault = c.updateWeights(call.GetUpdateWeights().GetWeightInfos())
	case master.Call_UPDATE_QUOTA:
		fault = c.updateQuota(call.GetUpdateQuota())
	case master.Call_SET_QUOTA:
		fault = c.setQuota(call.GetSetQuota().GetQuotaRequest())
	case master.Call_REMOVE_QUOTA:
		fault = c.removeQuota(call.GetRemoveQuota().GetRole())
	case master.Call_RESERVE_RESOURCES, master.Call_UNRESERVE_RESOURCES, master.Call_CREATE_VOLUMES,
		master.Call_DESTROY_VOLUMES, master.Call_GROW_VOLUME, master.Call_SHRINK_VOLUME:
		status = 202
		agent, op := operatorOperation(call)
		fault = c.operateForOperator(agent, op, cmd.Principal)
	case master.Call_DRAIN_AGENT:
		fault = c.drainAgent(call.GetDrainAgent())
	case master.Call_DEACTIVATE_AGENT:
		fault = c.deactivateAgentCall(call.GetDeactivateAgent().GetAgentId().GetValue())
	case master.Call_REACTIVATE_AGENT:
		fault = c.reactivateAgentCall(call.GetReactivateAgent().GetAgentId().GetValue())
	case master.Call_MARK_AGENT_GONE:
		fault = c.markAgentGoneCall(call.GetMarkAgentGone().GetAgentId().GetValue())
	case master.Call_UPDATE_MAINTENANCE_SCHEDULE:
		fault = c.updateSchedule(call.GetUpdateMaintenanceSchedule().GetSchedule())
	case master.Call_START_MAINTENANCE:
		fault = c.startMaintenance(call.GetStartMaintenance().GetMachines())
	case master.Call_STOP_MAINTENANCE:
		fault = c.stopMaintenance(call.GetStopMaintenance().GetMachines())
	default:
		fault = &CallError{Status: 501, Text: "501 Not Implemented."}
	}
	if fault != nil {
		c.reply(cmd.Reply, fault.Status, fault.Text)
		return
	}
	c.reply(cmd.Reply, status, "")
}

func (c *Core) teardownCall(id string) *CallError {
	f := c.frameworks[id]
	if f == nil {
		return &CallError{Status: 400, Text: "No framework found with specified ID"}
	}
	c.removeFramework(f)
	return nil
}

// operatorOperation is the offer operation that an operator's call amounts to.
func operatorOperation(call *master.Call) (agent string, op *mesos.Offer_Operation) {
	switch call.GetType() {
	case master.Call_RESERVE_RESOURCES:
		r := call.GetReserveResources()
		return r.GetAgentId().GetValue(), &mesos.Offer_Operation{Type: mesos.Offer_Operation_RESERVE.Enum(),
			Reserve: &mesos.Offer_Operation_Reserve{Source: r.GetSource(), Resources: r.GetResources()}}
	case master.Call_UNRESERVE_RESOURCES:
		r := call.GetUnreserveResources()
		return r.GetAgentId().GetValue(), &mesos.Offer_Operation{Type: mesos.Offer_Operation_UNRESERVE.Enum(),
			Unreserve: &mesos.Offer_Operation_Unreserve{Resources: r.GetResources()}}
	case master.Call_CREATE_VOLUMES:
		r := call.GetCreateVolumes()
		return r.GetAgentId().GetValue(), &mesos.Offer_Operation{Type: mesos.Offer_Operation_CREATE.Enum(),
			Create: &mesos.Offer_Operation_Create{Volumes: r.GetVolumes()}}
	case master.Call_DESTROY_VOLUMES:
		r := call.GetDestroyVolumes()
		return r.GetAgentId().GetValue(), &mesos.Offer_Operation{Type: mesos.Offer_Operation_DESTROY.Enum(),
			Destroy: &mesos.Offer_Operation_Destroy{Volumes: r.GetVolumes()}}
	case master.Call_GROW_VOLUME:
		r := call.GetGrowVolume()
		return r.GetAgentId().GetValue(), &mesos.Offer_Operation{Type: mesos.Offer_Operation_GROW_VOLUME.Enum(),
			GrowVolume: &mesos.Offer_Operation_GrowVolume{Volume: r.GetVolume(), Addition: r.GetAddition()}}
	default:
		r := call.GetShrinkVolume()
		return r.GetAgentId().GetValue(), &mesos.Offer_Operation{Type: mesos.Offer_Operation_SHRINK_VOLUME.Enum(),
			ShrinkVolume: &mesos.Offer_Operation_ShrinkVolume{Volume: r.GetVolume(), Subtract: r.GetSubtract()}}
	}
}
