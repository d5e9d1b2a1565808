package core

import (
	"strings"
	"testing"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/resource"
)

func mustAttributes(t *testing.T, text string) []*mesos.Attribute {
	t.Helper()
	a, err := resource.ParseAttributes(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func reserveOp(resources ...string) string {
	return operation("RESERVE", list("resources", resources...))
}

// accept is an ACCEPT of f1's offers with these operations and no filter.
func acceptAll(ops ...string) string {
	return `accept f1 {"operations":[` + strings.Join(ops, ",") + `],"filters":{"refuse_seconds":0}}`
}

func launchOp(id string, resources ...string) string {
	return `{"type":"LAUNCH","launch":{"task_infos":[` + member(id, resourcesOf(resources...)+","+someCommand) + `]}}`
}

func TestReserveToUnreserve(t *testing.T) {
	double := strings.Replace(reservedCPU, `"value":1`, `"value":2.5`, 1)
	runStories(t, []story{
		{nil, "reserved twice, it adds up", twoOnA1 + "\n" + acceptAll(reserveOp(double)) + "\ntick 2s", acceptAll(reserveOp(strings.Replace(reservedCPU, `"value":1`, `"value":1.5`, 1))), "cpus(reservations: [(DYNAMIC,r)]):4", "OPERATION_ERROR"},
		{nil, "reserved, created, used", twoOnA1, acceptAll(reserveOp(plainDisk), operation("CREATE", list("volumes", volume)), launchOp("t1", one("cpus", 1, ""), volume)), "apply RESERVE\napply CREATE\nlaunch t1", "ERROR"},
		{nil, "used: not to be unreserved", twoOnA1, acceptAll(reserveOp(reservedCPU), launchOp("t1", reservedCPU), operation("UNRESERVE", list("resources", reservedCPU))), "launch t1", "apply UNRESERVE"},
		{nil, "used no more: unreserved", twoOnA1 + "\n" + acceptAll(reserveOp(reservedCPU), launchOp("t1", reservedCPU)) + "\napplied a1 2\nupdate a1 f1 t1 TASK_FINISHED uuid=u1\ntick 2s", acceptAll(operation("UNRESERVE", list("resources", reservedCPU))), "put agent m-S0 REGISTERED cpus:4;mem:1024;disk:512", "OPERATION_ERROR"},
		{nil, "destroyed, then unreserved", twoOnA1 + "\n" + acceptAll(reserveOp(plainDisk), operation("CREATE", list("volumes", volume))) + "\ntick 2s", acceptAll(operation("DESTROY", list("volumes", volume)), operation("UNRESERVE", list("resources", plainDisk))), "put agent m-S0 REGISTERED cpus:4;mem:1024;disk:512", "OPERATION_ERROR"},
	})
}

func TestReservationsAreTheRoles(t *testing.T) {
	const reserved = "subscribe f1 failover=10\nagent a1 cpus:4;mem:64\naccept f1 " + `{"operations":[{"type":"RESERVE","reserve":{"resources":[` + reservedCPU + `]}}],"filters":{"refuse_seconds":1000}}`
	runStories(t, []story{
		{nil, "another framework of the role is offered them", reserved + "\nsuppress f1", "subscribe f2 failover=10", "OFFERS\n(reservations: [(DYNAMIC,r)])", ""},
		{nil, "one of another role is not", reserved + "\nsuppress f1", "subscribe f2 roles=s failover=10", "OFFERS", "DYNAMIC"},
		{nil, "one below the role is", reserved + "\nsuppress f1", "subscribe f2 roles=r/s failover=10", "OFFERS\n(reservations: [(DYNAMIC,r)])", ""},
	})
}

func TestReservationsSurvive(t *testing.T) {
	made := twoOnA1 + "\n" + acceptAll(reserveOp(plainDisk), operation("CREATE", list("volumes", volume))) + "\napplied a1 2"
	total := "\nreregister a1 total=cpus:4;mem:1024;disk:504"
	runStories(t, []story{
		{nil, "a restart of the allocator, before the agent is back", made + "\nrestart", "state", "disk(reservations: [(DYNAMIC,r)])[pv:p]:8", ""},
		{nil, "an order that the agent has not applied", twoOnA1 + "\n" + acceptAll(reserveOp(plainDisk)) + "\ndisconnect a1", "reregister a1", "put agent m-S0 REGISTERED cpus:4;mem:1024;disk:504;disk(reservations: [(DYNAMIC,r)]):8\napply RESERVE", ""},
		{nil, "an order that is sent by the next process", twoOnA1 + "\n" + acceptAll(reserveOp(plainDisk)) + "\nrestart\nsubscribe f1", "reregister a1", "apply RESERVE\nOFFERS\n(reservations: [(DYNAMIC,r)])", ""},
		{nil, "what the agent says is what there is", made + "\ndisconnect a1" + total, "tick 2s", "", "DYNAMIC"},
		{nil, "not the agent's removal", made + "\nunregister a1", "agent a1 cpus:4;mem:1024;disk:512", "REGISTERED cpus:4;mem:1024;disk:512", "DYNAMIC"},
	})
}

func TestOperatorsTakeOffersBack(t *testing.T) {
	four := strings.Replace(reservedCPU, `"value":1`, `"value":4`, 1)
	runStories(t, []story{
		{nil, "all of it is offered", twoOnA1, "operator " + reserveCall(four), "RESCIND m-O0\nreply 202", "OFFERS"},
		{nil, "a part is offered", twoOnA1 + "\ndecline f1 refuse=0\nreregister a1 total=cpus:5;mem:1024;disk:512\ntick 2s", "operator " + reserveCall(four), "RESCIND\nreply 202", ""},
		{nil, "unreserving what is offered", twoOnA1 + "\n" + acceptAll(reserveOp(reservedCPU)) + "\ntick 2s", "operator " + agentCall("UNRESERVE_RESOURCES", `"resources":[`+reservedCPU+`]`), "RESCIND\nreply 202", ""},
		{nil, "the framework is not asked for 5 s", twoOnA1 + "\noperator " + reserveCall(reservedCPU), "tick 4900ms", "", "cpus(allocated: r):4"},
		{nil, "a volume larger than what is reserved", twoOnA1 + "\noperator " + reserveCall(plainDisk), "operator " + agentCall("CREATE_VOLUMES", `"volumes":[`+strings.Replace(volume, `"value":8`, `"value":9`, 1)+`]`), "reply 409", "apply"},
	})
}

func TestOperatorsPrincipals(t *testing.T) {
	of := func(p string) string {
		return strings.Replace(reservedCPU, `"role":"r"`, `"role":"r","principal":"`+p+`"`, 1)
	}
	runStories(t, []story{
		{nil, "one's own", withAgent, "operator alice " + reserveCall(of("alice")), "reply 202", ""},
		{nil, "another's", withAgent, "operator alice " + reserveCall(of("bob")), "reply 400", "apply"},
		{nil, "two of one role", withAgent + "\noperator alice " + reserveCall(of("alice")), "operator bob " + reserveCall(of("bob")), "(reservations: [(DYNAMIC,r,alice)]):1\nreply 202", "reply 400"},
	})
}

func TestResizedVolumesAreForLater(t *testing.T) {
	smaller := strings.Replace(volume, `"value":8`, `"value":6`, 1)
	made := twoOnA1 + "\n" + acceptAll(reserveOp(plainDisk), operation("CREATE", list("volumes", volume))) + "\ntick 2s"
	shrink := operation("SHRINK_VOLUME", `{"volume":`+volume+`,"subtract":{"value":2}}`)
	runStories(t, []story{
		{nil, "a task on the new size in the same call", made, acceptAll(shrink, launchOp("t1", one("cpus", 1, ""), smaller)), "t1 TASK_ERROR MASTER TASK_INVALID", "launch"},
		{nil, "a task on the new size later", made + "\n" + acceptAll(shrink) + "\ntick 2s", acceptAll(launchOp("t1", one("cpus", 1, ""), smaller)), "launch t1", "TASK_ERROR"},
		{nil, "a task on the old size in the same call", made, acceptAll(shrink, launchOp("t1", one("cpus", 1, ""), volume)), "t1 TASK_ERROR MASTER TASK_INVALID", "launch"},
	})
}

func TestVolumesOnStaticReservations(t *testing.T) {
	static := strings.Replace(volume, "DYNAMIC", "STATIC", 1)
	runStories(t, []story{
		{nil, "created", "agent a1 cpus:4;disk(r):64", "operator " + agentCall("CREATE_VOLUMES", `"volumes":[`+static+`]`), "disk(reservations: [(STATIC,r)])[pv:p]:8\nreply 202", ""},
		{nil, "destroyed", "agent a1 cpus:4;disk(r):64\noperator " + agentCall("CREATE_VOLUMES", `"volumes":[`+static+`]`), "operator " + agentCall("DESTROY_VOLUMES", `"volumes":[`+static+`]`), "disk(reservations: [(STATIC,r)]):64\nreply 202", ""},
		{nil, "static reservations are not unreserved", "agent a1 cpus:4;disk(r):64", "operator " + agentCall("UNRESERVE_RESOURCES", `"resources":[`+strings.Replace(plainDisk, "DYNAMIC", "STATIC", 1)+`]`), "reply 400", "apply"},
	})
}

func TestOperatorsAndFrameworksShareVolumes(t *testing.T) {
	runStories(t, []story{
		{nil, "made by a framework, destroyed by an operator", twoOnA1 + "\n" + acceptAll(reserveOp(plainDisk), operation("CREATE", list("volumes", volume))) + "\ntick 2s", "operator " + agentCall("DESTROY_VOLUMES", `"volumes":[`+volume+`]`), "RESCIND\nreply 202", ""},
		{nil, "made by an operator, destroyed by a framework", "subscribe f1 failover=10\n" + withVolume + "\ntick 6s", acceptAll(operation("DESTROY", list("volumes", volume))), "apply DESTROY", "OPERATION_ERROR"},
	})
}

func TestOperationsOfEndedFrameworks(t *testing.T) {
	runStories(t, []story{
		{nil, "acknowledged when the agent reports", withOperation + "\nteardown f1", "operation a1 OPERATION_FINISHED uuid=s1", "acknowledge operation s1", "UPDATE_OPERATION_STATUS"},
		{nil, "acknowledged at the end of the framework", finished, "teardown f1", "acknowledge operation s1", ""},
	})
}

func TestOperationStatusesNameTheAgent(t *testing.T) {
	w := newWorld(t)
	w.must(strings.Split(withOperation, "\n")...)
	named := func() (n int) {
		for _, e := range w.out.Effects {
			if e, ok := e.(*Event); ok && e.Event.GetUpdateOperationStatus().GetStatus().GetAgentId().GetValue() == "m-S0" {
				n++
			}
		}
		return n
	}
	w.must("operation a1 OPERATION_FINISHED uuid=s1")
	if named() != 1 {
		t.Error("an update of the agent does not name it")
	}
	w.must(`call f1 {"type":"RECONCILE_OPERATIONS","reconcile_operations":{}}`)
	if named() != 1 {
		t.Error("an answer does not name the agent")
	}
}

func TestOfferTimeouts(t *testing.T) {
	runStories(t, []story{
		{nil, "unanswered", "options offer_timeout=30s\n" + twoOnA1, "tick 31s", "RESCIND m-O0\nOFFERS", ""},
		{nil, "used", "options offer_timeout=30s\n" + twoOnA1 + "\nlaunch f1 t1 cpus:4;mem:1024;disk:512", "tick 31s", "", "RESCIND"},
		{nil, "declined", "options offer_timeout=30s\n" + twoOnA1 + "\ndecline f1 refuse=1000", "tick 31s", "", "RESCIND"},
	})
}

func TestOffersShow(t *testing.T) {
	runStories(t, []story{
		{nil, "ephemeral ports", "subscribe f1 failover=10", "agent a1 cpus:1;ephemeral_ports:[1-2]", "OFFERS", "(allocated: r):[1-2]"},
		{nil, "executors that run there", onExecutor, "tick 6s", "OFFERS\nexecutor=e", ""},
		{nil, "what an ended task had", running, "update a1 f1 t1 TASK_FINISHED uuid=u2\ntick 6s", "UPDATE t1 TASK_FINISHED", ""},
		{nil, "what an ended task had, without acknowledgement", twoOnA1 + "\nlaunch f1 t1 cpus:4;mem:1024;disk:512 refuse=0\napplied a1 1\nupdate a1 f1 t1 TASK_FAILED uuid=u2", "tick 1s", "OFFERS\ncpus(allocated: r):4", ""},
		{nil, "what an ended framework had", twoOnA1 + "\nlaunch f1 t1 cpus:4\nsubscribe f2 failover=10\nteardown f1", "tick 1s", "OFFERS\ncpus(allocated: r):4", ""},
		{nil, "what a refused task wanted", twoOnA1 + "\nlaunch f1 t1 cpus:100 refuse=0", "tick 1s", "OFFERS\ncpus(allocated: r):4", ""},
	})
}

func TestRolesAfterComingBack(t *testing.T) {
	runStories(t, []story{
		{nil, "to MULTI_ROLE", "subscribe f1 caps= role=r failover=1000\nagent a1 cpus:1\nclose f1", "subscribe f1 caps=MULTI_ROLE roles=r,s failover=1000", "SUBSCRIBED m-0000\nOFFERS [m-O1 on m-S0 to", "ERROR"},
		{nil, "from MULTI_ROLE", "subscribe f1 caps=MULTI_ROLE roles=r,s failover=1000\nagent a1 cpus:1\nclose f1", "subscribe f1 caps= role=r failover=1000", "SUBSCRIBED m-0000\nOFFERS [m-O1 on m-S0", "ERROR\nto r"},
		{nil, "other roles", twoOnA1 + "\nclose f1", "subscribe f1 roles=x failover=1000", "SUBSCRIBED m-0000\nOFFERS [m-O1 on m-S0 to x", "ERROR"},
		{nil, "other roles after a restart", twoOnA1 + "\nrestart\nsubscribe f1 roles=x failover=1000", "reregister a1", "OFFERS\nto x", ""},
	})
}

func TestTwoExecutors(t *testing.T) {
	one := executorTaskJSON("t1", "x")
	runStories(t, []story{
		{nil, "of two ids on one agent", twoOnA1 + "\naccept f1 " + one + "\ntick 6s", "accept f1 " + strings.Replace(executorTaskJSON("t2", "y"), `"executor_id":{"value":"e"}`, `"executor_id":{"value":"e2"}`, 1), "launch executor=e2 new=true t2", "TASK_ERROR"},
		{nil, "of one id and two descriptions on two agents", twoOnA1 + "\naccept f1 " + one + "\nsuppress f1\nrevive f1\nagent a2 cpus:4;mem:64", "accept f1 " + secondAgentsOffer(strings.Replace(executorTaskJSON("t2", "y"), "$a1", "$a2", 1)), "launch executor=e new=true t2", "TASK_ERROR"},
	})
}

// secondAgentsOffer names the one offer that the second agent is in.
func secondAgentsOffer(accept string) string {
	return `{"offer_ids":[{"value":"m-O2"}],` + accept[1:]
}

func TestExecutorEnvironment(t *testing.T) {
	bad := `"environment":{"variables":[{"name":"a","type":"SECRET"}]}`
	runStories(t, []story{
		{nil, "of a LAUNCH", twoOnA1, "accept f1 " + strings.Replace(executorTaskJSON("t1", "x"), `"value":"x"`, `"value":"x",`+bad, 1), "t1 TASK_ERROR MASTER TASK_INVALID\nSECRET", "launch"},
		{nil, "of a group", twoOnA1, "accept f1 " + strings.Replace(groupJSON("t1", ""), `"type":"DEFAULT"`, `"type":"CUSTOM","command":{"value":"x",`+bad+`}`, 1), "t1 TASK_ERROR MASTER TASK_GROUP_INVALID\nSECRET", "launch"},
	})
}

func TestGroupsDoNotMixRevocable(t *testing.T) {
	group := func(first, second string) string {
		return `accept f1 {"operations":[{"type":"LAUNCH_GROUP","launch_group":{"executor":` + groupExecutor + `,"task_group":{"tasks":[` +
			member("t1", resourcesOf(one("cpus", 1, first))+","+someCommand) + "," + member("t2", resourcesOf(one("cpus", 1, second))+","+someCommand) + `]}}}]}`
	}
	runStories(t, []story{
		{nil, "in members", twoOnA1, group("", `,"revocable":{}`), "t1 TASK_ERROR MASTER TASK_GROUP_INVALID\nt2 TASK_ERROR MASTER TASK_GROUP_INVALID", "launch"},
		{nil, "in members and executor", twoOnA1, group(`,"revocable":{}`, `,"revocable":{}`), "t1 TASK_ERROR MASTER TASK_GROUP_INVALID", "launch"},
	})
}

// A status goes to the framework as the agent sent it.
func TestStatusesPassUnchanged(t *testing.T) {
	w := newWorld(t)
	w.must(strings.Split(oneTask, "\n")...)
	a := w.agents["a1"]
	up := statusUp(w.frameworks["f1"], a, "t1", "TASK_RUNNING", map[string]string{"uuid": "u1", "data": "d"})
	s := up.GetStatusUpdate().Status
	s.Labels = &mesos.Labels{Labels: []*mesos.Label{{Key: ptr("k"), Value: ptr("v")}}}
	s.ContainerStatus = &mesos.ContainerStatus{NetworkInfos: []*mesos.NetworkInfo{{IpAddresses: []*mesos.NetworkInfo_IPAddress{{IpAddress: ptr("10.1.2.3")}}}}}
	s.Healthy, s.Message = ptr(true), ptr("fine")
	w.up(a, up)
	for _, e := range w.out.Effects {
		if e, ok := e.(*Event); ok && e.Event.GetType() == scheduler.Event_UPDATE {
			if !e.Event.Update.Status.EqualVT(s) {
				t.Errorf("got %v, want %v", e.Event.Update.Status, s)
			}
			if kept := w.core.frameworks["m-0000"].tasks["t1"].Info().Statuses[0]; kept.Data != nil || kept.Labels == nil || kept.ContainerStatus == nil {
				t.Errorf("kept is %v, want all of it but the data", kept)
			}
			return
		}
	}
	t.Error("there was no UPDATE")
}

func TestSubscribedSaysWhoTheMasterIs(t *testing.T) {
	w := newWorld(t)
	w.must("subscribe f1 failover=10")
	for _, e := range w.out.Effects {
		if e, ok := e.(*Event); ok && e.Event.GetType() == scheduler.Event_SUBSCRIBED {
			s := e.Event.Subscribed
			if s.GetFrameworkId().GetValue() != "m-0000" || s.GetHeartbeatIntervalSeconds() != 15 || !s.GetMasterInfo().EqualVT(w.opts.MasterInfo) {
				t.Errorf("got %v", s)
			}
			return
		}
	}
	t.Error("there was no SUBSCRIBED")
}
