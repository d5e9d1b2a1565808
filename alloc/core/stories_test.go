package core

import (
	"strings"
	"testing"
)

// story is what a command leads to after others: what its outcome contains, and what
// not.
type story struct {
	rows     rows
	name     string
	before   string // lines
	line     string
	want     string // lines, all of which are in the outcome, in this order
	unwanted string // lines, none of which is
}

func (s story) run(t *testing.T) {
	t.Helper()
	w := newWorld(t)
	w.must(strings.Split(s.before, "\n")...)
	got := w.must(s.line)
	rest := got
	for line := range strings.SplitSeq(s.want, "\n") {
		_, after, found := strings.Cut(rest, line)
		if !found {
			t.Errorf("want %q, got\n%s", line, got)
			return
		}
		rest = after
	}
	for line := range strings.SplitSeq(s.unwanted, "\n") {
		if line != "" && strings.Contains(got, line) {
			t.Errorf("want no %q, got\n%s", line, got)
		}
	}
	w.checkReload(w.core.Hash())
}

func runStories(t *testing.T, stories []story) {
	for _, s := range stories {
		t.Run(s.name, s.run)
	}
}

const (
	twoOnA1     = "subscribe f1 failover=1000\nagent a1 cpus:4;mem:1024;disk:512"
	oneTask     = twoOnA1 + "\nlaunch f1 t1 cpus:1;mem:32\napplied a1 1"
	running     = oneTask + "\nupdate a1 f1 t1 TASK_RUNNING uuid=u1"
	oneTaskJSON = `{"operations":[{"type":"LAUNCH","launch":{"task_infos":[{"name":"n","task_id":{"value":"t1"},"agent_id":{"value":"$a1"},` + someResources + "," + someCommand + `}]}}]}`
)

// updateFrameworkCall is an UPDATE_FRAMEWORK of f1 that changes nothing but members.
func updateFrameworkCall(members string) string {
	return `call f1 {"type":"UPDATE_FRAMEWORK","update_framework":{"framework_info":{"id":{"value":"$f1"},"name":"f1","roles":["r"],"failover_timeout":1000,` +
		`"capabilities":[{"type":"MULTI_ROLE"},{"type":"RESERVATION_REFINEMENT"},{"type":"PARTITION_AWARE"}],` + members + `}}}`
}

// Refusals that depend on what happened before.
var refusalStories = []story{
	{rows{34}, "subscribing after the end", "subscribe f1 failover=10\nteardown f1", "subscribe f1", "open stream\nERROR Framework has been removed\nclose stream", "SUBSCRIBED"},
	{rows{38}, "another principal", "subscribe f1 failover=10 principal=p\nclose f1", "subscribe f1 failover=10 principal=q", "ERROR Changing framework's principal\nclose stream", "SUBSCRIBED"},
	{rows{38}, "no principal any more", "subscribe f1 failover=10 principal=p\nclose f1", "subscribe f1 failover=10", "ERROR Changing framework's principal\nclose stream", "SUBSCRIBED"},
	{rows{38}, "UPDATE_FRAMEWORK with a principal", "subscribe f1 failover=10", updateFrameworkCall(`"user":"u","principal":"p"`), "reply 400\nprincipal", ""},
	{rows{39}, "UPDATE_FRAMEWORK with another user", "subscribe f1 failover=10", updateFrameworkCall(`"user":"v"`), "reply 400\n'FrameworkInfo.user'", "put framework"},
	{rows{39}, "UPDATE_FRAMEWORK with checkpoint", "subscribe f1 failover=10", updateFrameworkCall(`"user":"u","checkpoint":true`), "reply 400\n'FrameworkInfo.checkpoint'", "put framework"},
	{rows{40}, "SUPPRESS of a role that it does not have", "subscribe f1 failover=10", "suppress f1 r s", "reply 202", "put framework"},
	{rows{40}, "SUPPRESS of a bad role", "subscribe f1 failover=10", "suppress f1 r a//b", "reply 202", "put framework"},
	{rows{40}, "REVIVE of a role that it does not have", "subscribe f1 failover=10\nsuppress f1", "revive f1 r s", "reply 202", "put framework"},
	{rows{40}, "REVIVE of a bad role", "subscribe f1 failover=10\nsuppress f1", "revive f1 r a//b", "reply 202", "put framework"},
	{rows{53}, "ACCEPT of an offer that was used", twoOnA1 + "\ndecline f1", `call f1 {"type":"ACCEPT","accept":{"offer_ids":[{"value":"m-O0"}],` + oneTaskJSON[1:] + `}`, "t1 TASK_DROPPED MASTER INVALID_OFFERS", "put task"},
	{rows{53}, "ACCEPT of an offer of an agent that is away", twoOnA1 + "\ndisconnect a1", `call f1 {"type":"ACCEPT","accept":{"offer_ids":[{"value":"m-O0"}],` + oneTaskJSON[1:] + `}`, "t1 TASK_DROPPED MASTER INVALID_OFFERS", "put task"},
	{rows{51}, "ACCEPT without offers, not PARTITION_AWARE", "subscribe f1 caps= failover=10", `call f1 {"type":"ACCEPT","accept":` + strings.Replace(oneTaskJSON, "$a1", "a", 1) + `}`, "t1 TASK_LOST MASTER INVALID_OFFERS", ""},
	{rows{58}, "the known one of inverse offers of all kinds is answered", inverseOffered + "\ntick 1s\n" +
		`call f1 {"type":"ACCEPT_INVERSE_OFFERS","accept_inverse_offers":{"inverse_offer_ids":[{"value":"nosuch"},{"value":"m-O0"},{"value":"m-O1"},{"value":"m-O1"}]}}`, "tick 7s", "INVERSE_OFFERS", "ERROR"},
	{rows{58}, "answer to no inverse offers", "subscribe f1 failover=1000", `call f1 {"type":"DECLINE_INVERSE_OFFERS","decline_inverse_offers":{"inverse_offer_ids":[]}}`, "reply 202", "ERROR"},
	{rows{59}, "malformed resources in a group", twoOnA1, `accept f1 {"operations":[{"type":"LAUNCH_GROUP","launch_group":{"executor":` + groupExecutor + `,"task_group":{"tasks":[` + member("t1", someResources+","+someCommand) + "," + member("t2", `"resources":[{"name":"cpus","type":"TEXT"}],`+someCommand) + `]}}}]}`,
		"t1 TASK_ERROR MASTER TASK_GROUP_INVALID\nt2 TASK_ERROR MASTER TASK_GROUP_INVALID", "launch"},
	{rows{59}, "malformed resources of one task of several", twoOnA1, `accept f1 {"operations":[{"type":"LAUNCH","launch":{"task_infos":[` + member("t1", someResources+","+someCommand) + "," + member("t2", `"resources":[{"name":"cpus","type":"TEXT"}],`+someCommand) + `]}}]}`,
		"t1 TASK_ERROR MASTER TASK_INVALID\nt2 TASK_ERROR MASTER TASK_INVALID", "launch"},
	{rows{63}, "feedback without RESOURCE_PROVIDER", "subscribe f1 caps= role=r failover=10\nagent a1 cpus:8;mem:1024 caps=none", `accept f1 {"operations":[` + operation("RESERVE", list("resources", reservedCPU)) + `]}`, "op OPERATION_ERROR\nRESOURCE_PROVIDER", "apply"},
	{rows{64}, "feedback without AGENT_OPERATION_FEEDBACK", "subscribe f1 caps= role=r failover=10\nagent a1 cpus:8;mem:1024 caps=RESOURCE_PROVIDER", `accept f1 {"operations":[` + operation("RESERVE", list("resources", reservedCPU)) + `]}`, "op OPERATION_ERROR\nAGENT_OPERATION_FEEDBACK", "apply"},
	{rows{66}, "a refused operation does not stop the next", twoOnA1, `accept f1 {"operations":[` + operation("UNRESERVE", list("resources", reservedCPU)) + "," + oneTaskJSON[len(`{"operations":[`):], "op OPERATION_ERROR\nlaunch t1", ""},
	{rows{68}, "operation UNKNOWN", twoOnA1, `accept f1 {"operations":[{"type":"UNKNOWN","id":{"value":"op"}}]}`, "reply 202", "OPERATION"},
	{rows{97}, "id of a live task", oneTask + "\ntick 6s", "launch f1 t1 cpus:1", "t1 TASK_ERROR MASTER TASK_INVALID\nduplicate", "launch t1"},
	{rows{97}, "one id twice in a LAUNCH", twoOnA1, "launch f1 t1,t1 cpus:1", "t1 TASK_ERROR MASTER TASK_INVALID\n#1 launch t1", ""},
	{rows{98}, "id of an unreachable task", oneTask + "\ntick 80s\nagent a2 cpus:1", "launch f1 t1 cpus:1 on=a2", "t1 TASK_ERROR MASTER TASK_INVALID\nunreachable", "launch t1"},
	{nil, "id of a completed task", running + "\nupdate a1 f1 t1 TASK_FINISHED uuid=u2\nack f1 a1 t1 u2\ntick 6s", "launch f1 t1 cpus:1", "launch t1", "TASK_ERROR"},
	{rows{99}, "id of another agent", twoOnA1, "accept f1 " + strings.Replace(oneTaskJSON, "$a1", "other", 1), "t1 TASK_ERROR MASTER TASK_INVALID on other\ninvalid agent other", "launch"},
	{rows{107}, "limits for an old agent", "subscribe f1 caps= role=r failover=10\nagent a1 cpus:8;mem:1024 caps=none", "accept f1 " + strings.Replace(oneTaskJSON, `"name":"n"`, `"limits":{"cpus":{"value":2}},"name":"n"`, 1), "t1 TASK_ERROR MASTER TASK_INVALID\nTASK_RESOURCE_LIMITS", "launch"},
	{rows{122}, "another executor with a live one's id", twoOnA1 + "\naccept f1 " + executorTaskJSON("t1", "x") + "\ntick 6s", "accept f1 " + executorTaskJSON("t2", "y"), "t2 TASK_ERROR MASTER TASK_INVALID\nnot compatible", "launch"},
	{nil, "the same executor again", twoOnA1 + "\naccept f1 " + executorTaskJSON("t1", "x") + "\ntick 6s", "accept f1 " + executorTaskJSON("t2", "x"), "launch executor=e new=false t2", "TASK_ERROR"},
	{rows{132}, "cgroups shared unlike the executor's live tasks", twoOnA1 + "\naccept f1 " + groupJSON("t1", "") + "\ntick 6s", "accept f1 " + groupJSON("t2", `,"container":{"type":"MESOS","linux_info":{"share_cgroups":false}}`), "t2 TASK_ERROR MASTER TASK_GROUP_INVALID\nunder an executor", "launch"},
	{rows{152}, "RESERVE for a role that was left", "subscribe f1 roles=r,s failover=10\nagent a1 cpus:4", `accept f1 {"operations":[` + operation("RESERVE", list("resources", strings.ReplaceAll(reservedCPU, `"r"`, `"x"`))) + `]}`, "op OPERATION_ERROR\nrole", "apply"},
}

func executorTaskJSON(id, command string) string {
	return `{"operations":[{"type":"LAUNCH","launch":{"task_infos":[` + member(id, someResources+`,"executor":{"executor_id":{"value":"e"},"command":{"value":"`+command+`"}}`) + `]}}]}`
}

func groupJSON(id, container string) string {
	return `{"operations":[{"type":"LAUNCH_GROUP","launch_group":{"executor":` + groupExecutor + `,"task_group":{"tasks":[` + member(id, someResources+","+someCommand+container) + `]}}}]}`
}

func TestRefusalsThatDependOnHistory(t *testing.T) { runStories(t, refusalStories) }

// What SUBSCRIBE silently keeps.
func TestUserAndCheckpointStay(t *testing.T) {
	w := newWorld(t)
	w.must("subscribe f1 failover=10 user=u", "close f1", "subscribe f1 failover=10 user=v checkpoint=true")
	if info := w.core.frameworks["m-0000"].info(); info.GetUser() != "u" || info.GetCheckpoint() {
		t.Errorf("got user %s and checkpoint %v, want what they were: u and false", info.GetUser(), info.GetCheckpoint())
	}
}
