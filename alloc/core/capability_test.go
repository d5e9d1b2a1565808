package core

import (
	"testing"

	"github.com/caprock/caprock/wire/mesos"
)

// capabilityStories: what each capability of a framework changes, as a pair of stories
// or more, with it and without.
var capabilityStories = map[mesos.FrameworkInfo_Capability_Type][]story{
	mesos.FrameworkInfo_Capability_REVOCABLE_RESOURCES: {
		{nil, "with", "subscribe f1 caps=MULTI_ROLE,REVOCABLE_RESOURCES failover=10\nagent a1 cpus:1\ndecline f1 refuse=0", "resources a1 revocable=cpus:2", "OFFERS\n(allocated: r){REV}", ""},
		{nil, "without", "subscribe f1 caps=MULTI_ROLE failover=10\nagent a1 cpus:1\ndecline f1 refuse=0", "resources a1 revocable=cpus:2", "OFFERS", "(allocated: r){REV}"},
	},
	mesos.FrameworkInfo_Capability_GPU_RESOURCES: {
		{nil, "with", "subscribe f1 caps=MULTI_ROLE,GPU_RESOURCES failover=10", "agent a1 cpus:1;gpus:1", "OFFERS\ngpus", ""},
		{nil, "without", "subscribe f1 caps=MULTI_ROLE failover=10", "agent a1 cpus:1;gpus:1", "registered", "OFFERS"},
	},
	mesos.FrameworkInfo_Capability_SHARED_RESOURCES: {
		{nil, "with", "subscribe f1 caps=MULTI_ROLE,RESERVATION_REFINEMENT,SHARED_RESOURCES failover=10\n" + withAgent, `accept f1 {"operations":[` + operation("RESERVE", list("resources", plainDisk)) + "," + operation("CREATE", list("volumes", sharedVolume)) + `]}`, "apply CREATE", "OPERATION_ERROR"},
		{nil, "with, offered", sharedOnA1, "subscribe f1 caps=MULTI_ROLE,RESERVATION_REFINEMENT,SHARED_RESOURCES failover=10", "OFFERS\nshared:p", ""},
		{nil, "without", "subscribe f1 caps=MULTI_ROLE,RESERVATION_REFINEMENT failover=10\n" + withAgent, `accept f1 {"operations":[` + operation("RESERVE", list("resources", plainDisk)) + "," + operation("CREATE", list("volumes", sharedVolume)) + `]}`, "OPERATION_ERROR\nSHARED_RESOURCES", ""},
		{nil, "without, offered", sharedOnA1, "subscribe f1 caps=MULTI_ROLE,RESERVATION_REFINEMENT failover=10", "OFFERS", "shared:p"},
	},
	mesos.FrameworkInfo_Capability_PARTITION_AWARE: {
		{nil, "with", "subscribe f1 caps=MULTI_ROLE,PARTITION_AWARE failover=1000\nagent a1 cpus:1\nlaunch f1 t1 cpus:1", "tick 80s", "TASK_UNREACHABLE MASTER AGENT_REMOVED", "TASK_LOST"},
		{nil, "without", "subscribe f1 caps=MULTI_ROLE failover=1000\nagent a1 cpus:1\nlaunch f1 t1 cpus:1", "tick 80s", "TASK_LOST MASTER AGENT_REMOVED", "TASK_UNREACHABLE"},
	},
	mesos.FrameworkInfo_Capability_MULTI_ROLE: {
		{nil, "with", "subscribe f1 caps=MULTI_ROLE roles=r,s failover=10", "agent a1 cpus:1", "OFFERS [m-O0 on m-S0 to r\nallocated: r", ""},
		{nil, "with, and no roles", "subscribe f1 caps=MULTI_ROLE roles= failover=10", "agent a1 cpus:1", "registered", "OFFERS"},
		{nil, "without", "subscribe f1 caps= role=r failover=10", "agent a1 cpus:1", "OFFERS [m-O0 on m-S0", "to r\nallocated"},
		{nil, "with, and an old agent", "subscribe f1 caps=MULTI_ROLE roles=r failover=10", "agent a1 cpus:1 caps=none", "registered", "OFFERS"},
		{nil, "without, and an old agent", "subscribe f1 caps= role=r failover=10", "agent a1 cpus:1 caps=none", "OFFERS", ""},
		{nil, "a nested role, and an agent that does not know them", "subscribe f1 caps=MULTI_ROLE roles=r/s failover=10", "agent a1 cpus:1 caps=MULTI_ROLE", "registered", "OFFERS"},
	},
	mesos.FrameworkInfo_Capability_RESERVATION_REFINEMENT: {
		{nil, "with", "subscribe f1 caps=MULTI_ROLE,RESERVATION_REFINEMENT roles=r/s failover=10\nagent a1 cpus(r):8;mem:64\ndecline f1 refuse=0\noperator " + refineOnA1, "tick 2s", "OFFERS\n(reservations: [(STATIC,r),(DYNAMIC,r/s)])", "role="},
		{nil, "without", "subscribe f1 caps=MULTI_ROLE roles=r/s failover=10\nagent a1 cpus(r):8;mem:64\ndecline f1 refuse=0\noperator " + refineOnA1, "tick 2s", "OFFERS\nrole=", "(allocated: r/s)(reservations: [(STATIC,r),(DYNAMIC,r/s)])"},
	},
	mesos.FrameworkInfo_Capability_TASK_KILLING_STATE: {
		{nil, "agents are told the framework's capabilities", "subscribe f1 caps=MULTI_ROLE,TASK_KILLING_STATE failover=10\nagent a1 cpus:1", "launch f1 t1 cpus:1", "launch t1", ""},
	},
}

const refineOnA1 = `{"type":"RESERVE_RESOURCES","reserve_resources":{"agent_id":{"value":"m-S0"},"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":1},"reservations":[{"type":"STATIC","role":"r"},{"type":"DYNAMIC","role":"r/s"}]}]}}`

const sharedOnA1 = withAgent + "\noperator " + reserveOf + "\noperator " + `{"type":"CREATE_VOLUMES","create_volumes":{"agent_id":{"value":"m-S0"},"volumes":[` + sharedVolume + `]}}`

func TestCapabilities(t *testing.T) {
	for n, name := range mesos.FrameworkInfo_Capability_Type_name {
		kind := mesos.FrameworkInfo_Capability_Type(n)
		switch {
		case kind == mesos.FrameworkInfo_Capability_UNKNOWN, kind == mesos.FrameworkInfo_Capability_REGION_AWARE:
			continue // REGION_AWARE: TestRegions
		case len(capabilityStories[kind]) == 0:
			t.Errorf("no story tells what %s changes", name)
		}
		t.Run(name, func(t *testing.T) { runStories(t, capabilityStories[kind]) })
	}
}
