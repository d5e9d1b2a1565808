//lint:file-ignore SA1019 The old single role is what frameworks without MULTI_ROLE have.

package core

import (
	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/wire/mesos"
)

// frameworkCaps are the capabilities a framework declared.
type frameworkCaps struct {
	revocable, taskKillingState, gpu, shared           bool
	partitionAware, multiRole, refinement, regionAware bool
}

func frameworkCapsOf(info *mesos.FrameworkInfo) frameworkCaps {
	var c frameworkCaps
	for _, capability := range info.GetCapabilities() {
		switch capability.GetType() {
		case mesos.FrameworkInfo_Capability_REVOCABLE_RESOURCES:
			c.revocable = true
		case mesos.FrameworkInfo_Capability_TASK_KILLING_STATE:
			c.taskKillingState = true
		case mesos.FrameworkInfo_Capability_GPU_RESOURCES:
			c.gpu = true
		case mesos.FrameworkInfo_Capability_SHARED_RESOURCES:
			c.shared = true
		case mesos.FrameworkInfo_Capability_PARTITION_AWARE:
			c.partitionAware = true
		case mesos.FrameworkInfo_Capability_MULTI_ROLE:
			c.multiRole = true
		case mesos.FrameworkInfo_Capability_RESERVATION_REFINEMENT:
			c.refinement = true
		case mesos.FrameworkInfo_Capability_REGION_AWARE:
			c.regionAware = true
		}
	}
	return c
}

// frameworkRoles are the roles a framework is subscribed to: roles for MULTI_ROLE
// frameworks, else the one role, "*" by default.
func frameworkRoles(info *mesos.FrameworkInfo) []string {
	if frameworkCapsOf(info).multiRole {
		return info.GetRoles()
	}
	return []string{info.GetRole()}
}

// agentCaps are the capabilities an agent declared.
type agentCaps struct {
	multiRole, hierarchicalRole, refinement, resourceProvider     bool
	resizeVolume, operationFeedback, draining, taskResourceLimits bool
}

func agentCapsOf(capabilities []*mesos.AgentInfo_Capability) agentCaps {
	var c agentCaps
	for _, capability := range capabilities {
		switch capability.GetType() {
		case mesos.AgentInfo_Capability_MULTI_ROLE:
			c.multiRole = true
		case mesos.AgentInfo_Capability_HIERARCHICAL_ROLE:
			c.hierarchicalRole = true
		case mesos.AgentInfo_Capability_RESERVATION_REFINEMENT:
			c.refinement = true
		case mesos.AgentInfo_Capability_RESOURCE_PROVIDER:
			c.resourceProvider = true
		case mesos.AgentInfo_Capability_RESIZE_VOLUME:
			c.resizeVolume = true
		case mesos.AgentInfo_Capability_AGENT_OPERATION_FEEDBACK:
			c.operationFeedback = true
		case mesos.AgentInfo_Capability_AGENT_DRAINING:
			c.draining = true
		case mesos.AgentInfo_Capability_TASK_RESOURCE_LIMITS:
			c.taskResourceLimits = true
		}
	}
	return c
}

// set is the part of the capabilities that matters for who is offered what.
func (c frameworkCaps) set() cycle.CapSet {
	var set cycle.CapSet
	for _, has := range []struct {
		bit cycle.CapSet
		yes bool
	}{
		{cycle.RevocableResources, c.revocable}, {cycle.GPUResources, c.gpu}, {cycle.SharedResources, c.shared},
		{cycle.MultiRole, c.multiRole}, {cycle.ReservationRefinement, c.refinement}, {cycle.RegionAware, c.regionAware},
	} {
		if has.yes {
			set |= has.bit
		}
	}
	return set
}

func (c agentCaps) set() cycle.AgentCapSet {
	var set cycle.AgentCapSet
	for _, has := range []struct {
		bit cycle.AgentCapSet
		yes bool
	}{
		{cycle.AgentMultiRole, c.multiRole}, {cycle.AgentHierarchicalRole, c.hierarchicalRole},
		{cycle.AgentReservationRefinement, c.refinement}, {cycle.AgentResourceProvider, c.resourceProvider},
		{cycle.AgentResizeVolume, c.resizeVolume}, {cycle.AgentOperationFeedback, c.operationFeedback},
		{cycle.AgentDraining, c.draining}, {cycle.AgentTaskResourceLimits, c.taskResourceLimits},
	} {
		if has.yes {
			set |= has.bit
		}
	}
	return set
}
