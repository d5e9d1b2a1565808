package core

import (
	"testing"

	"github.com/caprock/caprock/wire/mesos/scheduler"
)

const (
	inverseOffered = "subscribe f1 failover=1000\n" + withAgent + "\nlaunch f1 t1 cpus:1 refuse=1000\noperator " +
		`{"type":"UPDATE_MAINTENANCE_SCHEDULE","update_maintenance_schedule":{"schedule":{"windows":[{"machine_ids":[` + a1Machine + `],"unavailability":{"start":{"nanoseconds":1}}}]}}}`
	onExecutor = twoOnA1 + "\naccept f1 " + `{"operations":[{"type":"LAUNCH","launch":{"task_infos":[{"name":"n","task_id":{"value":"t1"},"agent_id":{"value":"m-S0"},` + someResources + `,"executor":{"executor_id":{"value":"e"},"command":{"value":"x"}}}]}}]}` +
		"\napplied a1 1"
	withOperation = twoOnA1 + "\naccept f1 " + `{"operations":[{"type":"RESERVE","id":{"value":"op"},"reserve":{"resources":[` + reservedCPU + `]}}],"filters":{"refuse_seconds":1000}}` + "\napplied a1 1"
	finished      = withOperation + "\noperation a1 OPERATION_FINISHED uuid=s1"
	ackOperation  = `call f1 {"type":"ACKNOWLEDGE_OPERATION_STATUS","acknowledge_operation_status":{"agent_id":{"value":"$a1"},"operation_id":{"value":"op"},"uuid":"czEAAAAAAAAAAAAAAAAAAA=="}}`
	moreOnA1      = twoOnA1 + "\nreregister a1 total=cpus:6;mem:2048;disk:512\ntick 1s" // a second offer of a1
)

// callStories: what each call leads to, also when it is ignored. Each type of call
// has one at least.
var callStories = map[scheduler.Call_Type][]story{
	scheduler.Call_SUBSCRIBE: {
		{nil, "a new framework", "", "subscribe f1 failover=10", "put framework m-0000\nopen stream\nSUBSCRIBED m-0000\nHEARTBEAT", "ERROR"},
		{nil, "a takeover", twoOnA1, "subscribe f1", "stream 1: ERROR Framework failed over\nclose stream 1\nopen stream\nSUBSCRIBED m-0000\nHEARTBEAT\nOFFERS", "RESCIND"},
		{nil, "the old stream closes later", twoOnA1 + "\nsubscribe f1", "tick 5s", "", "deadline"},
		{nil, "an id that nobody knows", "", "subscribe f1 id=mine failover=10", "put framework mine\nSUBSCRIBED mine", ""},
		{nil, "back in time", running + "\nclose f1\ntick 999s", "subscribe f1", "SUBSCRIBED m-0000", "completed"},
		{nil, "other roles after coming back", "subscribe f1 failover=10\nclose f1\nsubscribe f1 roles=s failover=10", "agent a1 cpus:1", "OFFERS [m-O0 on m-S0 to s", ""},
		{nil, "suppressed from the start", "subscribe f1 suppressed=r failover=10", "agent a1 cpus:1", "registered", "OFFERS"},
		{nil, "suppression does not outlive SUBSCRIBE", twoOnA1 + "\nsuppress f1\nclose f1", "subscribe f1", "OFFERS", ""},
		{nil, "suppression outlives a disconnection", "subscribe f1 failover=10\nsuppress f1\nclose f1\nsubscribe f1 suppressed=r", "agent a1 cpus:1", "registered", "OFFERS"},
		{nil, "agents get the new description", running, "subscribe f1 failover=77", "update framework m-0000", ""},
	},
	scheduler.Call_TEARDOWN: {
		{nil, "the end", running, "teardown f1", "put framework m-0000 completed\nreply 202\nchannel 2: #2 shutdown framework m-0000\nclose stream 1", ""},
		{nil, "operators see the tasks killed", running + "\nwatch", "teardown f1", "TASK_UPDATED t1 TASK_KILLED MASTER FRAMEWORK_REMOVED\nFRAMEWORK_REMOVED m-0000", "stream 1: UPDATE"},
	},
	scheduler.Call_ACCEPT: {
		{nil, "no operations decline", twoOnA1, `accept f1 {}`, "reply 202", "OFFERS"},
		{nil, "no operations, offered again after 5 s", twoOnA1 + "\naccept f1 {}\ntick 4900ms", "tick 2s", "OFFERS", ""},
		{nil, "filters are for what is left", twoOnA1 + "\nlaunch f1 t1 cpus:1;mem:32 refuse=3\ntick 2900ms", "tick 2s", "OFFERS", ""},
		{nil, "several offers of one agent", moreOnA1, "launch f1 t1 cpus:5;mem:2000", "reply 202\nlaunch t1", "UPDATE"},
		{nil, "a LAUNCH of nothing", twoOnA1, `accept f1 {"operations":[{"type":"LAUNCH","launch":{"task_infos":[]}}]}`, "reply 202", "UPDATE"},
		{nil, "each task for itself", twoOnA1, `accept f1 {"operations":[{"type":"LAUNCH","launch":{"task_infos":[` + member("bad", someCommand) + "," + member("good", someResources+","+someCommand) + `]}}]}`, "bad TASK_ERROR\nlaunch good", "good TASK_ERROR"},
		{nil, "a group starts whole", twoOnA1, "accept f1 " + groupJSON("t1", ""), "launch group executor=d new=true t1", "TASK_ERROR"},
	},
	scheduler.Call_DECLINE: {
		{nil, "for 5 s", twoOnA1 + "\ndecline f1\ntick 4900ms", "tick 2s", "OFFERS", ""},
		{nil, "without filter", twoOnA1 + "\ndecline f1 refuse=0", "tick 1s", "OFFERS", ""},
		{nil, "an unknown offer", twoOnA1, `call f1 {"type":"DECLINE","decline":{"offer_ids":[{"value":"nosuch"}]}}`, "reply 202", "ERROR"},
	},
	scheduler.Call_ACCEPT_INVERSE_OFFERS: {
		{nil, "noted, and asked again after the filter", inverseOffered + "\ntick 1s\n" + `call f1 {"type":"ACCEPT_INVERSE_OFFERS","accept_inverse_offers":{"inverse_offer_ids":[{"value":"m-O1"}],"filters":{"refuse_seconds":3}}}` + "\ntick 2900ms", "tick 2s", "INVERSE_OFFERS", ""},
	},
	scheduler.Call_DECLINE_INVERSE_OFFERS: {
		{nil, "asked again at once", inverseOffered + "\ntick 1s\n" + `call f1 {"type":"DECLINE_INVERSE_OFFERS","decline_inverse_offers":{"inverse_offer_ids":[{"value":"m-O1"}],"filters":{"refuse_seconds":0}}}`, "tick 1s", "INVERSE_OFFERS", ""},
		{nil, "REVIVE ends the filter", inverseOffered + "\ntick 1s\n" + `call f1 {"type":"DECLINE_INVERSE_OFFERS","decline_inverse_offers":{"inverse_offer_ids":[{"value":"m-O1"}],"filters":{"refuse_seconds":1000}}}`, "revive f1", "reply 202\nINVERSE_OFFERS", ""},
	},
	scheduler.Call_REVIVE: {
		{nil, "ends filters", twoOnA1 + "\ndecline f1 refuse=1000", "revive f1", "reply 202\nOFFERS", ""},
		{nil, "ends suppression", "subscribe f1 failover=10\nsuppress f1\nagent a1 cpus:1", "revive f1", "put framework m-0000\nreply 202\nOFFERS", ""},
		{nil, "of one role only", "subscribe f1 roles=r,s failover=10\nsuppress f1\nagent a1 cpus:1", "revive f1 s", "OFFERS [m-O0 on m-S0 to s", "to r"},
	},
	scheduler.Call_SUPPRESS: {
		{nil, "no more offers", twoOnA1 + "\ndecline f1 refuse=0\nsuppress f1", "tick 100s", "", "OFFERS"},
		{nil, "offers that are out stay", twoOnA1, "suppress f1", "reply 202", "RESCIND"},
		{nil, "of one role only", "subscribe f1 roles=r,s failover=10\nsuppress f1 r", "agent a1 cpus:1", "OFFERS [m-O0 on m-S0 to s", ""},
	},
	scheduler.Call_KILL: {
		{nil, "a task", running, "kill f1 t1", "put outbox m-S0 2 #2 kill t1\nreply 202\nchannel 2: #2 kill t1", ""},
		{nil, "a task on an agent that it is not on", running, `call f1 {"type":"KILL","kill":{"task_id":{"value":"t1"},"agent_id":{"value":"other"}}}`, "reply 202", "kill t1\nUPDATE"},
		{nil, "an unknown task", twoOnA1, "kill f1 x", "reply 202\nx TASK_UNKNOWN MASTER RECONCILIATION", ""},
		{nil, "an unknown task, not PARTITION_AWARE", "subscribe f1 caps= failover=10", "kill f1 x", "reply 202\nx TASK_LOST MASTER RECONCILIATION", ""},
		{nil, "an unknown task of a registered agent", twoOnA1, "kill f1 x a1", "x TASK_GONE MASTER RECONCILIATION", ""},
		{nil, "while the agent is away", running + "\ndisconnect a1\nkill f1 t1", "reregister a1 tasks=f1/t1:TASK_RUNNING", "#2 kill t1", ""},
		{nil, "after a restart", running + "\ndisconnect a1\nkill f1 t1\nrestart", "reregister a1 tasks=f1/t1:TASK_RUNNING", "#2 kill t1", ""},
	},
	scheduler.Call_SHUTDOWN: {
		{nil, "an executor", onExecutor, `call f1 {"type":"SHUTDOWN","shutdown":{"agent_id":{"value":"$a1"},"executor_id":{"value":"e"}}}`, "reply 202\nshutdown executor e", ""},
		{nil, "an unknown executor", onExecutor, `call f1 {"type":"SHUTDOWN","shutdown":{"agent_id":{"value":"$a1"},"executor_id":{"value":"x"}}}`, "reply 202", "shutdown\nUPDATE"},
		{nil, "on an unknown agent", onExecutor, `call f1 {"type":"SHUTDOWN","shutdown":{"agent_id":{"value":"x"},"executor_id":{"value":"e"}}}`, "reply 202", "shutdown\nUPDATE"},
	},
	scheduler.Call_ACKNOWLEDGE: {
		{nil, "an update", running, "ack f1 a1 t1 u1", "reply 202\nacknowledge t1 u1", "completed-task"},
		{nil, "an end", running + "\nack f1 a1 t1 u1\nupdate a1 f1 t1 TASK_FINISHED uuid=u2", "ack f1 a1 t1 u2", "drop task m-0000 t1\nput completed-task\nacknowledge t1 u2", ""},
		{nil, "the end with another uuid", running + "\nupdate a1 f1 t1 TASK_FINISHED uuid=u2", "ack f1 a1 t1 u1", "reply 202", "completed-task"},
		{nil, "before anything was sent", oneTask, "ack f1 a1 t1 u1", "reply 202", "acknowledge"},
		{nil, "while the agent is away", running + "\ndisconnect a1", "ack f1 a1 t1 u1", "reply 202", "acknowledge"},
	},
	scheduler.Call_ACKNOWLEDGE_OPERATION_STATUS: {
		{nil, "an end", finished, ackOperation, "drop operation\nreply 202\nacknowledge operation s1", ""},
		{nil, "twice", finished + "\n" + ackOperation, ackOperation, "reply 202", "acknowledge operation"},
		{nil, "before it ended", withOperation, ackOperation, "reply 202", "acknowledge operation"},
		{nil, "while the agent is away", finished + "\ndisconnect a1", ackOperation, "reply 202", "acknowledge operation"},
		{nil, "not at all: told again after 10 s", finished + "\ntick 9900ms", "tick 200ms", "UPDATE_OPERATION_STATUS op OPERATION_FINISHED uuid=s1", ""},
		{nil, "not at all: told again after 20 s more", finished + "\ntick 29900ms", "tick 200ms", "UPDATE_OPERATION_STATUS op OPERATION_FINISHED uuid=s1", ""},
		{nil, "not at all: told again at the next subscription", finished + "\nclose f1", "subscribe f1", "SUBSCRIBED\nUPDATE_OPERATION_STATUS op OPERATION_FINISHED uuid=s1", ""},
		{nil, "not at all: told again after a restart", finished + "\nrestart", "subscribe f1", "SUBSCRIBED\nUPDATE_OPERATION_STATUS op OPERATION_FINISHED uuid=s1", ""},
	},
	scheduler.Call_RECONCILE: {
		{nil, "all tasks", running, "reconcile f1", "reply 202\nt1 TASK_RUNNING MASTER RECONCILIATION", "uuid"},
	},
	scheduler.Call_RECONCILE_OPERATIONS: {
		{nil, "all operations", finished, `call f1 {"type":"RECONCILE_OPERATIONS","reconcile_operations":{}}`, "reply 202\nUPDATE_OPERATION_STATUS op OPERATION_FINISHED", "uuid"},
	},
	scheduler.Call_MESSAGE: {
		{nil, "to an executor", onExecutor, `call f1 {"type":"MESSAGE","message":{"agent_id":{"value":"$a1"},"executor_id":{"value":"e"},"data":"aGk="}}`, `reply 202` + "\n" + `message to e "hi"`, ""},
		{nil, "to an unknown agent", onExecutor, `call f1 {"type":"MESSAGE","message":{"agent_id":{"value":"x"},"executor_id":{"value":"e"},"data":"aGk="}}`, "reply 202", "message"},
		{nil, "to an agent that is away", onExecutor + "\ndisconnect a1", `call f1 {"type":"MESSAGE","message":{"agent_id":{"value":"$a1"},"executor_id":{"value":"e"},"data":"aGk="}}`, "reply 202", "message"},
	},
	scheduler.Call_REQUEST: {
		{nil, "a hint", twoOnA1, "request f1 cpus:100", "reply 202", "ERROR"},
	},
	scheduler.Call_UPDATE_FRAMEWORK: {
		{nil, "another name", "subscribe f1 failover=1000\nwatch", updateFrameworkCall(`"user":"u","webui_url":"http://x"`), "put framework m-0000\nreply 200\nFRAMEWORK_UPDATED m-0000", "ERROR"},
		{nil, "nothing changes", "subscribe f1 failover=1000\nwatch", updateFrameworkCall(`"user":"u"`), "reply 200", "FRAMEWORK_UPDATED"},
		{nil, "a role more", "subscribe f1 roles= failover=1000\nagent a1 cpus:1", updateFrameworkCall(`"user":"u"`), "reply 200\nOFFERS [m-O0 on m-S0 to r", ""},
		{nil, "a role less", "subscribe f1 roles=r,s failover=1000\nsuppress f1 r\nagent a1 cpus:1", updateFrameworkCall(`"user":"u"`), "RESCIND m-O0\nOFFERS [m-O1 on m-S0 to r", ""},
		{nil, "tasks of a role that was left", "subscribe f1 roles=s failover=1000\nagent a1 cpus:1\nlaunch f1 t1 cpus:0.5\n" + updateFrameworkCall(`"user":"u"`), "reconcile f1", "t1 TASK_STAGING", ""},
		{nil, "suppressed", twoOnA1 + "\ndecline f1 refuse=0\n" + suppressByUpdate, "tick 10s", "", "OFFERS"},
		{nil, "not suppressed any more", twoOnA1 + "\ndecline f1 refuse=1000\n" + suppressByUpdate, updateFrameworkCall(`"user":"u"`), "OFFERS", ""},
		{nil, "constraints", "subscribe f1 failover=1000\n" + constrainByUpdate, "agent a1 cpus:1", "registered", "OFFERS"},
		{nil, "no constraints any more", "subscribe f1 failover=1000\n" + constrainByUpdate + "\nagent a1 cpus:1", updateFrameworkCall(`"user":"u"`), "OFFERS", ""},
	},
}

// suppressByUpdate and constrainByUpdate are UPDATE_FRAMEWORK with members beside
// framework_info.
const (
	updateInfo        = `{"id":{"value":"m-0000"},"user":"u","name":"f1","roles":["r"],"failover_timeout":1000,"capabilities":[{"type":"MULTI_ROLE"},{"type":"RESERVATION_REFINEMENT"},{"type":"PARTITION_AWARE"}]}`
	suppressByUpdate  = `call f1 {"type":"UPDATE_FRAMEWORK","update_framework":{"framework_info":` + updateInfo + `,"suppressed_roles":["r"]}}`
	constrainByUpdate = `call f1 {"type":"UPDATE_FRAMEWORK","update_framework":{"framework_info":` + updateInfo + `,"offer_constraints":{"role_constraints":{"r":{"groups":[{"attribute_constraints":[{"selector":{"attribute_name":"a"},"predicate":{"exists":{}}}]}]}}}}}`
)

func TestCalls(t *testing.T) {
	for n, name := range scheduler.Call_Type_name {
		kind := scheduler.Call_Type(n)
		if kind == scheduler.Call_UNKNOWN {
			continue
		}
		if len(callStories[kind]) == 0 {
			t.Errorf("no story tells what %s does", name)
		}
		t.Run(name, func(t *testing.T) { runStories(t, callStories[kind]) })
	}
}
