package core

import (
	"strings"
	"testing"

	"github.com/caprock/caprock/wire/mesos"
)

// reasonStories: how each reason that the allocator gives comes about. What agents and
// executors give as reasons is shown by the tests of agent/core; tools/conform lists all.
var reasonStories = map[mesos.TaskStatus_Reason][]story{
	mesos.TaskStatus_REASON_INVALID_OFFERS: {
		{nil, "PARTITION_AWARE", twoOnA1 + "\ndecline f1", "launch f1 t1 cpus:1", "t1 TASK_DROPPED MASTER INVALID_OFFERS", ""},
		{nil, "not PARTITION_AWARE", "subscribe f1 caps= failover=10", "launch f1 t1 cpus:1", "t1 TASK_LOST MASTER INVALID_OFFERS", ""},
	},
	mesos.TaskStatus_REASON_AGENT_DISCONNECTED: {
		{nil, "tasks of frameworks without checkpointing, if asked for", "options lose_uncheckpointed=1s\n" + oneTask, "disconnect a1", "t1 TASK_LOST MASTER AGENT_DISCONNECTED", ""},
	},
	mesos.TaskStatus_REASON_AGENT_REMOVED: {
		{nil, "unreachable", oneTask, "tick 80s", "t1 TASK_UNREACHABLE MASTER AGENT_REMOVED on m-S0 since=75s", ""},
		{nil, "unreachable, not PARTITION_AWARE", "subscribe f1 caps= failover=1000\nagent a1 cpus:1\nlaunch f1 t1 cpus:1", "tick 80s", "t1 TASK_LOST MASTER AGENT_REMOVED on m-S0 since=75s", ""},
		{nil, "unregistered", oneTask, "unregister a1", "t1 TASK_LOST MASTER AGENT_REMOVED", "TASK_UNREACHABLE"},
		{nil, "machine down", oneTask + "\noperator " + scheduleCall(window(a1Machine)), "operator " + machinesCall("START_MAINTENANCE", a1Machine), "t1 TASK_LOST MASTER AGENT_REMOVED", "TASK_UNREACHABLE"},
		{nil, "gone, not PARTITION_AWARE", "subscribe f1 caps= failover=1000\nagent a1 cpus:1\nlaunch f1 t1 cpus:1", "operator " + agentCall("MARK_AGENT_GONE", ""), "t1 TASK_LOST MASTER AGENT_REMOVED", "BY_OPERATOR"},
	},
	mesos.TaskStatus_REASON_AGENT_REMOVED_BY_OPERATOR: {
		{nil, "gone", oneTask, "operator " + agentCall("MARK_AGENT_GONE", ""), "t1 TASK_GONE_BY_OPERATOR MASTER AGENT_REMOVED_BY_OPERATOR", ""},
		{nil, "gone when it was unreachable", oneTask + "\ntick 80s", "operator " + agentCall("MARK_AGENT_GONE", ""), "t1 TASK_GONE_BY_OPERATOR MASTER AGENT_REMOVED_BY_OPERATOR", ""},
		{nil, "gone after draining", oneTask + "\n" + `operator {"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"$a1"},"mark_gone":true}}` + "\nupdate a1 f1 t1 TASK_GONE_BY_OPERATOR uuid=u1", "ack f1 a1 t1 u1", "put agent m-S0 GONE", ""},
	},
	mesos.TaskStatus_REASON_AGENT_REREGISTERED: {
		{nil, "unreachable and back", oneTask + "\ntick 80s", "reregister a1 tasks=f1/t1:TASK_RUNNING", "t1 TASK_RUNNING MASTER AGENT_REREGISTERED", "uuid"},
		{nil, "unreachable and back, not PARTITION_AWARE", "subscribe f1 caps= failover=1000\nagent a1 cpus:1\nlaunch f1 t1 cpus:1\napplied a1 1\ntick 80s", "reregister a1 tasks=f1/t1:TASK_RUNNING", "t1 TASK_RUNNING MASTER AGENT_REREGISTERED", "uuid"},
	},
	mesos.TaskStatus_REASON_TASK_INVALID: {
		{nil, "no resources", twoOnA1, `accept f1 {"operations":[{"type":"LAUNCH","launch":{"task_infos":[` + member("t1", someCommand) + `]}}]}`, "t1 TASK_ERROR MASTER TASK_INVALID", ""},
	},
	mesos.TaskStatus_REASON_TASK_GROUP_INVALID: {
		{nil, "one member of two", twoOnA1, `accept f1 {"operations":[{"type":"LAUNCH_GROUP","launch_group":{"executor":` + groupExecutor + `,"task_group":{"tasks":[` + member("t1", someResources+","+someCommand) + "," + member("t2", someCommand) + `]}}}]}`, "t1 TASK_ERROR MASTER TASK_GROUP_INVALID\nt2 TASK_ERROR MASTER TASK_GROUP_INVALID", ""},
	},
	mesos.TaskStatus_REASON_FRAMEWORK_REMOVED: {
		{nil, "teardown", running + "\nwatch", "teardown f1", "operators: TASK_UPDATED t1 TASK_KILLED MASTER FRAMEWORK_REMOVED", "stream 1: UPDATE"},
		{nil, "teardown of what has ended", running + "\nwatch\nupdate a1 f1 t1 TASK_FINISHED uuid=u2", "teardown f1", "operators: TASK_UPDATED t1 TASK_KILLED MASTER FRAMEWORK_REMOVED", "stream 1: UPDATE"},
		{nil, "failover timeout", running + "\nwatch\nclose f1", "tick 1000s", "operators: TASK_UPDATED t1 TASK_KILLED MASTER FRAMEWORK_REMOVED", ""},
	},
	mesos.TaskStatus_REASON_RECONCILIATION: {
		{nil, "asked", running, "reconcile f1 t1", "t1 TASK_RUNNING MASTER RECONCILIATION", "uuid"},
	},
}

func TestReasons(t *testing.T) {
	for _, reason := range sortedReasons() {
		t.Run(strings.TrimPrefix(reason.String(), "REASON_"), func(t *testing.T) { runStories(t, reasonStories[reason]) })
	}
}

func sortedReasons() (all []mesos.TaskStatus_Reason) {
	for n := range int32(len(mesos.TaskStatus_Reason_name) + 10) {
		if len(reasonStories[mesos.TaskStatus_Reason(n)]) > 0 {
			all = append(all, mesos.TaskStatus_Reason(n))
		}
	}
	return all
}

// TestLegalStates: a task goes through these; once it has ended nothing changes that.
func TestLegalStates(t *testing.T) {
	w := newWorld(t)
	w.must(strings.Split(oneTask, "\n")...)
	state := func() string { return w.core.frameworks["m-0000"].tasks["t1"].State().String() }
	for i, s := range []string{"TASK_STARTING", "TASK_RUNNING", "TASK_RUNNING", "TASK_KILLING", "TASK_RUNNING", "TASK_FINISHED"} {
		w.must("update a1 f1 t1 " + s + " uuid=u" + string(rune('a'+i)))
		if state() != s {
			t.Errorf("after %s the task is %s", s, state())
		}
	}
	w.must("update a1 f1 t1 TASK_FAILED uuid=v")
	if state() != "TASK_FINISHED" {
		t.Errorf("an ended task became %s", state())
	}
	if got := len(w.core.frameworks["m-0000"].tasks["t1"].Info().Statuses); got != 6 {
		t.Errorf("got %d statuses, want 6: equal ones in a row are one", got)
	}
}
