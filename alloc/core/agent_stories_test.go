package core

import (
	"strings"
	"testing"
)

const drainA1 = `operator {"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"$a1"}}}`

// What an agent brings when it registers again.
func TestReturningAgentChanges(t *testing.T) {
	runStories(t, []story{
		{nil, "more resources", twoOnA1 + "\ndisconnect a1", "reregister a1 total=cpus:8;mem:2048", "put agent m-S0 REGISTERED cpus:8;mem:2048\nOFFERS [m-O1 on m-S0 to r cpus(allocated: r):8;mem(allocated: r):2048]", ""},
		{nil, "less resources than are used", oneTask + "\ndisconnect a1", "reregister a1 total=cpus:0.5;mem:16 tasks=f1/t1:TASK_RUNNING", "put agent m-S0 REGISTERED cpus:0.5;mem:16", "OFFERS"},
		{nil, "after a restart of the allocator", twoOnA1 + "\nrestart\nsubscribe f1", "reregister a1 total=cpus:8;mem:2048", "put agent m-S0 REGISTERED cpus:8;mem:2048\nOFFERS", ""},
		{nil, "registers twice", oneTask, "reregister a1 tasks=f1/t1:TASK_STAGING", "registered m-S0", "UPDATE\nFAILURE\nput task"},
		{nil, "it has rebooted, and has nothing", running + "\ndisconnect a1", "reregister a1 instance=i2", "registered m-S0\nreconcile t1", ""},
	})
	w := newWorld(t)
	w.must(strings.Split(twoOnA1, "\n")...)
	w.must("watch", "disconnect a1")
	w.agents["a1"].register.Agent.Attributes = mustAttributes(t, "rack:r7")
	if got := w.must("reregister a1"); !strings.Contains(got, "OFFERS") {
		t.Errorf("with another attribute got %s, want offers", got)
	}
	if got := w.core.agents["m-S0"].info().GetAttributes()[0].GetText().GetValue(); got != "r7" {
		t.Errorf("got rack %s, want r7", got)
	}
}

// A fresh agent at the address of one that is away takes its place.
func TestAFreshAgentAtTheSameAddress(t *testing.T) {
	runStories(t, []story{
		{nil, "the old one is away", running + "\nwatch\ndisconnect a1", "agent a2 cpus:4 host=host-a1", "drop agent m-S0\nput agent m-S1\nUPDATE t1 TASK_LOST MASTER AGENT_REMOVED\nFAILURE m-S0\nAGENT_REMOVED m-S0\nreplaced m-S0\nregistered m-S1", ""},
		{nil, "after a restart", running + "\nrestart\nsubscribe f1", "agent a2 cpus:4 host=host-a1", "drop agent m-S0\nUPDATE t1 TASK_LOST MASTER AGENT_REMOVED\nregistered m", ""},
		{nil, "the old one is connected", running, "agent a2 cpus:4 host=host-a1", "registered m-S1", "drop agent\nTASK_LOST\nreplaced"},
		{nil, "the old one is unreachable", running + "\ntick 80s", "agent a2 cpus:4 host=host-a1", "registered m-S1", "drop agent\nTASK_LOST\nreplaced"},
		{nil, "another host", running + "\ndisconnect a1", "agent a2 cpus:4", "registered m-S1", "drop agent\nTASK_LOST\nreplaced"},
		{nil, "it brings its id", running + "\ndisconnect a1", "agent a2 cpus:4 host=host-a1 id=mine", "registered mine", "drop agent\nTASK_LOST\nreplaced"},
	})
}

// An agent that is unreachable when the allocator ends is unreachable to the next one.
func TestUnreachableAcrossRestarts(t *testing.T) {
	const before = oneTask + "\ntick 80s\nrestart\nsubscribe f1"
	runStories(t, []story{
		{nil, "asked for", before, "reconcile f1 t1@a1", "t1 TASK_UNREACHABLE MASTER RECONCILIATION on m-S0 since=75s", ""},
		{nil, "its id is taken", before + "\nagent a2 cpus:1", "launch f1 t1 cpus:1 on=a2", "t1 TASK_ERROR MASTER TASK_INVALID", ""},
		{nil, "back", before, "reregister a1 tasks=f1/t1:TASK_RUNNING", "t1 TASK_RUNNING MASTER AGENT_REREGISTERED", ""},
		{nil, "gone meanwhile", before + "\noperator " + agentCall("MARK_AGENT_GONE", ""), "reregister a1", "refused shutdown=true", "registered"},
		{nil, "a new allocator that has lost its store", "subscribe f1 failover=1000\nagent a1 cpus:1\nlaunch f1 t1 cpus:1\ntick 80s", "reregister a1 tasks=f1/t1:TASK_RUNNING", "AGENT_REREGISTERED", ""},
	})
}

func TestUnreachableWhileAway(t *testing.T) {
	runStories(t, []story{
		{nil, "the framework is not there to hear it, and asks", oneTask + "\nclose f1\ntick 80s\nsubscribe f1", "reconcile f1 t1@a1", "t1 TASK_UNREACHABLE", ""},
		{nil, "both come back", oneTask + "\nclose f1\ntick 80s\nsubscribe f1", "reregister a1 tasks=f1/t1:TASK_RUNNING", "t1 TASK_RUNNING MASTER AGENT_REREGISTERED", ""},
	})
}

// Frames of an agent that was declared unreachable are not taken any more: it has to
// register first.
func TestUpdatesOfUnreachableAgents(t *testing.T) {
	w := newWorld(t)
	w.must(strings.Split(oneTask, "\n")...)
	a := w.agents["a1"]
	channel := a.channel
	w.must("tick 80s")
	a.channel = channel
	w.channels[channel] = a
	got := w.up(a, statusUp(w.frameworks["f1"], a, "t1", "TASK_RUNNING", map[string]string{"uuid": "u9"}))
	if !strings.Contains(got, "ping connected=false") || strings.Contains(got, "UPDATE") {
		t.Errorf("got %s, want only that it is not registered", got)
	}
}

func TestEndedWhileUnreachable(t *testing.T) {
	for _, caps := range []string{"MULTI_ROLE,PARTITION_AWARE", "MULTI_ROLE"} {
		before := "subscribe f1 caps=" + caps + " failover=1000\nagent a1 cpus:1\nlaunch f1 t1 cpus:1\napplied a1 1\ntick 80s"
		runStories(t, []story{
			{nil, caps + ": reported as ended", before, "reregister a1 tasks=f1/t1:TASK_FINISHED", "t1 TASK_FINISHED MASTER AGENT_REREGISTERED", ""},
			{nil, caps + ": its own update follows", before + "\nreregister a1 tasks=f1/t1:TASK_FINISHED", "update a1 f1 t1 TASK_FINISHED uuid=u1", "t1 TASK_FINISHED EXECUTOR on m-S0 uuid=u1", ""},
		})
	}
}

func TestEndedThenUnreachable(t *testing.T) {
	story{name: "an ended task is completed, not unreachable", before: running + "\nupdate a1 f1 t1 TASK_FINISHED uuid=u2", line: "tick 80s",
		want: "put completed-task", unwanted: "TASK_UNREACHABLE"}.run(t)
}

func TestUpdatesOfUnknownTasks(t *testing.T) {
	story{before: twoOnA1, line: "update a1 f1 unknown TASK_RUNNING uuid=u1", want: "UPDATE unknown TASK_RUNNING EXECUTOR on m-S0 uuid=u1", unwanted: "put task"}.run(t)
}

func TestTasksOfEndedFrameworksReturn(t *testing.T) {
	runStories(t, []story{
		{nil, "with an agent that was unreachable", running + "\ntick 80s\nteardown f1", "reregister a1 tasks=f1/t1:TASK_RUNNING", "shutdown framework m-0000", "put task"},
		{nil, "with an agent that was away", running + "\ndisconnect a1\nteardown f1", "reregister a1 tasks=f1/t1:TASK_RUNNING", "shutdown framework m-0000", "put task"},
		{nil, "after a restart", running + "\ndisconnect a1\nteardown f1\nrestart", "reregister a1 tasks=f1/t1:TASK_RUNNING", "shutdown framework m-0000", "put task"},
	})
}

func TestTeardownAfterARestart(t *testing.T) {
	runStories(t, []story{
		{nil, "a framework that is not back", running + "\nrestart", `operator {"type":"TEARDOWN","teardown":{"framework_id":{"value":"m-0000"}}}`, "shutdown framework m-0000\nput framework m-0000 completed\nreply 200", ""},
	})
}

// Draining: the agent is told to, nothing is offered, and the end is when nothing is left.
func TestDraining(t *testing.T) {
	const gone = `operator {"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"$a1"},"mark_gone":true}}`
	runStories(t, []story{
		{nil, "tasks run", running + "\ntick 6s", drainA1, "DRAINING\ndrain grace\nRESCIND\nreply 200", "DRAINED"},
		{nil, "nothing runs", twoOnA1, drainA1, "DRAINING\nDRAINED\nRESCIND\nreply 200", ""},
		{nil, "nothing is offered", twoOnA1 + "\n" + drainA1, "tick 10s", "", "OFFERS"},
		{nil, "an end that is not acknowledged holds it up", running + "\n" + drainA1, "update a1 f1 t1 TASK_KILLED uuid=k", "UPDATE t1 TASK_KILLED", "DRAINED"},
		{nil, "the last acknowledgement ends it", running + "\n" + drainA1 + "\nupdate a1 f1 t1 TASK_KILLED uuid=k", "ack f1 a1 t1 k", "DRAINED", ""},
		{nil, "marked gone at the end", running + "\n" + gone + "\nupdate a1 f1 t1 TASK_GONE_BY_OPERATOR uuid=k", "ack f1 a1 t1 k", "put agent m-S0 GONE", ""},
		{nil, "away", running + "\ndisconnect a1", drainA1, "DRAINING\nreply 200", "DRAINED"},
		{nil, "away, then back", running + "\ndisconnect a1\n" + drainA1, "reregister a1 tasks=f1/t1:TASK_RUNNING", "registered m-S0\ndrain grace", "OFFERS"},
		{nil, "unreachable", running + "\ntick 80s", drainA1, "DRAINING\nreply 200", ""},
		{nil, "unreachable, then back", running + "\ntick 80s\n" + drainA1, "reregister a1 tasks=f1/t1:TASK_RUNNING", "registered m-S0\ndrain grace", "OFFERS"},
		{nil, "through a restart", running + "\n" + drainA1 + "\nrestart\nsubscribe f1", "reregister a1 tasks=f1/t1:TASK_RUNNING", "registered m-S0\ndrain grace", "OFFERS"},
		{nil, "drained, through a restart", twoOnA1 + "\n" + drainA1 + "\nrestart\nsubscribe f1", "reregister a1", "registered m-S0", "OFFERS"},
		{nil, "deactivated, through a restart", twoOnA1 + "\noperator " + agentCall("DEACTIVATE_AGENT", "") + "\nrestart\nsubscribe f1", "reregister a1", "registered m-S0", "OFFERS"},
		{nil, "asked again with another grace", running + "\n" + drainA1, `operator {"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"$a1"},"max_grace_period":{"seconds":7}}}`, "drain grace=7000000000", ""},
	})
}

func TestWhatIsNotKeptForFrameworksThatAreAway(t *testing.T) {
	runStories(t, []story{
		{nil, "an update", running + "\nclose f1", "update a1 f1 t1 TASK_FINISHED uuid=u2", "put task", "UPDATE"},
		{nil, "an executor's end", onExecutor + "\nclose f1", "exited a1 f1 e status=0", "drop executor", "FAILURE"},
		{nil, "a message", onExecutor + "\nclose f1", "message a1 f1 e hello", "", "MESSAGE"},
		{nil, "a message after coming back", onExecutor + "\nclose f1\nsubscribe f1", "message a1 f1 e hello", `MESSAGE from e "hello"`, ""},
	})
}

// An agent that leaves in an orderly way just before it is given up is gone once.
func TestAnAgentLeavesBeforeItIsGivenUp(t *testing.T) {
	runStories(t, []story{
		{nil, "it leaves", running + "\ntick 74s", "unregister a1", "UPDATE t1 TASK_LOST MASTER AGENT_REMOVED\nFAILURE m-S0", "TASK_UNREACHABLE"},
		{nil, "its time is over", running + "\ntick 74s\nunregister a1", "tick 100s", "", "UPDATE\nFAILURE\nput agent\nping"},
	})
}
