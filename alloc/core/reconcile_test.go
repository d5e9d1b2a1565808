package core

import (
	"strings"
	"testing"

	"github.com/caprock/caprock/wire/mesos"
)

// reconcileCases: an explicit question about a task, by a PARTITION_AWARE framework and
// by another, which hear aware and unaware; "" is no answer.
var reconcileCases = []struct{ name, before, task, aware, unaware string }{
	{"known", "launch f1 t1 cpus:1", "t1", "TASK_STAGING", "TASK_STAGING"},
	{"known, and where", "launch f1 t1 cpus:1", "t1@a1", "TASK_STAGING", "TASK_STAGING"},
	{"known, asked for elsewhere", "launch f1 t1 cpus:1", "t1@other", "TASK_STAGING", "TASK_STAGING"},
	{"known, running", "launch f1 t1 cpus:1\napplied a1 1\nupdate a1 f1 t1 TASK_RUNNING uuid=u1", "t1", "TASK_RUNNING", "TASK_RUNNING"},
	{"the state last told, not the latest", "launch f1 t1 cpus:1\napplied a1 1\nupdate a1 f1 t1 TASK_STARTING uuid=u1 latest=TASK_RUNNING", "t1", "TASK_STARTING", "TASK_STARTING"},
	{"ended, not acknowledged", "launch f1 t1 cpus:1\napplied a1 1\nupdate a1 f1 t1 TASK_FINISHED uuid=u1", "t1", "TASK_FINISHED", "TASK_FINISHED"},
	{"ended and acknowledged", "launch f1 t1 cpus:1\napplied a1 1\nupdate a1 f1 t1 TASK_FINISHED uuid=u1\nack f1 a1 t1 u1", "t1@a1", "TASK_GONE", "TASK_LOST"},
	{"agent away", "launch f1 t1 cpus:1\ndisconnect a1", "t1", "TASK_STAGING", "TASK_STAGING"},
	{"recovered agent not back", "restart\nsubscribe f1", "x@a1", "", ""},
	{"some agent not back, none named", "restart\nsubscribe f1", "x", "", ""},
	{"some agent not back, another named", "restart\nsubscribe f1", "x@other", "TASK_UNKNOWN", "TASK_LOST"},
	{"recovered agent back", "restart\nsubscribe f1\nreregister a1", "x@a1", "TASK_GONE", "TASK_LOST"},
	{"recovered agent back, none named", "restart\nsubscribe f1\nreregister a1", "x", "TASK_UNKNOWN", "TASK_LOST"},
	{"agent registered, task unknown", "", "x@a1", "TASK_GONE", "TASK_LOST"},
	{"agent unreachable, task unknown", "tick 80s", "x@a1", "TASK_UNREACHABLE", "TASK_LOST"},
	{"agent unreachable, task remembered", "launch f1 t1 cpus:1\ntick 80s", "t1@a1", "TASK_UNREACHABLE", "TASK_LOST"},
	{"agent unreachable, not named", "launch f1 t1 cpus:1\ntick 80s", "t1", "TASK_UNKNOWN", "TASK_LOST"},
	{"agent gone", "launch f1 t1 cpus:1\noperator " + agentCall("MARK_AGENT_GONE", ""), "t1@a1", "TASK_GONE_BY_OPERATOR", "TASK_LOST"},
	{"agent unknown", "", "x@other", "TASK_UNKNOWN", "TASK_LOST"},
	{"agent removed", "launch f1 t1 cpus:1\nunregister a1", "t1@a1", "TASK_UNKNOWN", "TASK_LOST"},
}

func TestReconcileTasks(t *testing.T) {
	for _, c := range reconcileCases {
		for caps, want := range map[string]string{"MULTI_ROLE,PARTITION_AWARE": c.aware, "MULTI_ROLE": c.unaware} {
			s := story{name: c.name + " " + caps, before: "subscribe f1 caps=" + caps + " failover=10000\nagent a1 cpus:1\n" + c.before, line: "reconcile f1 " + c.task, want: "reply 202"}
			if task, _, _ := strings.Cut(c.task, "@"); want == "" {
				s.unwanted = "UPDATE"
			} else {
				s.want, s.unwanted = s.want+"\nUPDATE "+task+" "+want+" MASTER RECONCILIATION", "uuid"
			}
			t.Run(s.name, s.run)
		}
	}
}

// implicit questions are answered for what is live.
var implicitStories = []story{
	{nil, "live ones", twoOnA1 + "\nlaunch f1 t1,t2 cpus:1", "reconcile f1", "t1 TASK_STAGING MASTER RECONCILIATION\nt2 TASK_STAGING MASTER RECONCILIATION", ""},
	{nil, "not unreachable ones", oneTask + "\ntick 80s", "reconcile f1", "reply 202", "UPDATE"},
	{nil, "ended ones until they are acknowledged", running + "\nupdate a1 f1 t1 TASK_FINISHED uuid=u2", "reconcile f1", "t1 TASK_FINISHED", ""},
	{nil, "not completed ones", running + "\nupdate a1 f1 t1 TASK_FINISHED uuid=u2\nack f1 a1 t1 u2", "reconcile f1", "reply 202", "UPDATE"},
	{nil, "none", "subscribe f1 failover=10", "reconcile f1", "reply 202", "UPDATE"},
	{nil, "another's are not", oneTask + "\nsubscribe f2 failover=10", "reconcile f2", "reply 202", "UPDATE"},
}

func TestReconcileImplicitly(t *testing.T) { runStories(t, implicitStories) }

// An agent that returns without tasks that it should have is asked to answer for them.
func TestAgentsAnswerForWhatTheyLack(t *testing.T) {
	runStories(t, []story{
		{nil, "a task that was running", running, "reregister a1", "reconcile t1", "completed-task"},
		{nil, "a task whose launch is on its way", twoOnA1 + "\nlaunch f1 t1 cpus:1\ndisconnect a1", "reregister a1", "#1 launch t1", "reconcile"},
		{nil, "a task that has ended there, acknowledged", running + "\nupdate a1 f1 t1 TASK_FINISHED uuid=u2\ndisconnect a1", "reregister a1", "completed-task", "reconcile"},
		{nil, "an executor", onExecutor, "reregister a1", "drop executor", ""},
		{nil, "an operation", withOperation, "reregister a1", "UPDATE_OPERATION_STATUS op OPERATION_FINISHED", "OPERATION_DROPPED"},
		{nil, "its answer reaches the framework", running + "\nreregister a1", "update a1 f1 t1 TASK_DROPPED uuid=u3 reason=REASON_RECONCILIATION", "t1 TASK_DROPPED EXECUTOR RECONCILIATION on m-S0 uuid=u3", ""},
	})
}

// operationReconcileCases: a question about an operation and the state answered.
var operationReconcileCases = []struct {
	name, before, asked string
	want                mesos.OperationState
}{
	{"pending", withOperation, `{"operation_id":{"value":"op"}}`, mesos.OperationState_OPERATION_PENDING},
	{"finished", finished, `{"operation_id":{"value":"op"},"agent_id":{"value":"$a1"}}`, mesos.OperationState_OPERATION_FINISHED},
	{"acknowledged", finished + "\n" + ackOperation, `{"operation_id":{"value":"op"},"agent_id":{"value":"$a1"}}`, mesos.OperationState_OPERATION_UNKNOWN},
	{"unknown, agent registered", twoOnA1, `{"operation_id":{"value":"x"},"agent_id":{"value":"$a1"}}`, mesos.OperationState_OPERATION_UNKNOWN},
	{"unknown, agent not named", twoOnA1, `{"operation_id":{"value":"x"}}`, mesos.OperationState_OPERATION_UNKNOWN},
	{"unknown, agent recovered", twoOnA1 + "\nrestart\nsubscribe f1", `{"operation_id":{"value":"x"},"agent_id":{"value":"$a1"}}`, mesos.OperationState_OPERATION_RECOVERING},
	{"agent unreachable", withOperation + "\ntick 80s", `{"operation_id":{"value":"op"},"agent_id":{"value":"$a1"}}`, mesos.OperationState_OPERATION_UNREACHABLE},
	{"agent gone", withOperation + "\noperator " + agentCall("MARK_AGENT_GONE", ""), `{"operation_id":{"value":"op"},"agent_id":{"value":"$a1"}}`, mesos.OperationState_OPERATION_GONE_BY_OPERATOR},
	{"agent unknown", twoOnA1, `{"operation_id":{"value":"x"},"agent_id":{"value":"other"}}`, mesos.OperationState_OPERATION_UNKNOWN},
	{"known after a restart", withOperation + "\nrestart\nsubscribe f1", `{"operation_id":{"value":"op"},"agent_id":{"value":"$a1"}}`, mesos.OperationState_OPERATION_PENDING},
}

func TestReconcileOperations(t *testing.T) {
	for _, c := range operationReconcileCases {
		id, _, _ := strings.Cut(strings.TrimPrefix(c.asked, `{"operation_id":{"value":"`), `"`)
		s := story{name: c.name, before: c.before, line: `call f1 {"type":"RECONCILE_OPERATIONS","reconcile_operations":{"operations":[` + c.asked + `]}}`,
			want: "UPDATE_OPERATION_STATUS " + id + " " + c.want.String(), unwanted: "uuid"}
		t.Run(s.name, s.run)
	}
}

// What becomes of operations when their agent is lost is told once, without uuid.
func TestOperationsOfLostAgents(t *testing.T) {
	runStories(t, []story{
		{nil, "unreachable", withOperation, "tick 80s", "UPDATE_OPERATION_STATUS op OPERATION_UNREACHABLE", "OPERATION_UNREACHABLE uuid"},
		{nil, "gone", withOperation, "operator " + agentCall("MARK_AGENT_GONE", ""), "UPDATE_OPERATION_STATUS op OPERATION_GONE_BY_OPERATOR", "BY_OPERATOR uuid"},
		{nil, "without id nothing is told", twoOnA1 + "\naccept f1 " + `{"operations":[{"type":"RESERVE","reserve":{"resources":[` + reservedCPU + `]}}]}`, "tick 80s", "FAILURE", "UPDATE_OPERATION_STATUS"},
	})
}
