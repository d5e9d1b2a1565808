package core

import (
	"slices"
	"testing"

	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

// When a framework subscribes again, what it has not acknowledged is sent at once,
// and the intervals of repetition start anew.
func TestUpdatesAreSentAgainWhenTheFrameworkReturns(t *testing.T) {
	w := newWorld(t)
	w.connect()
	w.launchCommand()
	w.rest()
	w.startOne(0, false)
	w.rest()
	got := func() int { return w.sends["cmd0"] }
	if got() != 1 {
		t.Fatalf("sent %d updates, want the first", got())
	}
	w.advance(10 * second)
	w.advance(20 * second)
	if got() != 3 {
		t.Fatalf("sent %d times within 30 s, want 3", got())
	}
	w.enqueue(&link.Down{Body: &link.Down_UpdateFramework{UpdateFramework: &link.UpdateFramework{Framework: fwInfo}}})
	w.rest()
	if got() != 4 {
		t.Fatalf("sent %d times, want again when the framework is back", got())
	}
	w.advance(10 * second)
	if got() != 5 {
		t.Fatalf("sent %d times, want again 10 s later", got())
	}
}

// After a reboot nothing that ran is there, whatever process has its number now; the
// agent is the same, and what was to be started is not.
func TestReboot(t *testing.T) {
	w := newWorld(t)
	w.connect()
	w.launchCommand()
	w.rest()
	w.startOne(0, false)
	w.launchCommand()
	w.rest() // asked for, not started
	w.bootID = "another boot"
	for _, p := range w.procs {
		p.alive, p.status = false, 0
	}
	w.reboot()
	if id := w.core.AgentID(); id != "S0" {
		t.Errorf("the agent is %q now", id)
	}
	f := w.core.frameworks["F"]
	for id, want := range map[string]mesos.TaskStatus_Reason{
		"cmd0": mesos.TaskStatus_REASON_EXECUTOR_TERMINATED, "cmd1": mesos.TaskStatus_REASON_CONTAINER_LAUNCH_FAILED,
	} {
		last := f.tasks[id].pending[len(f.tasks[id].pending)-1]
		if last.GetState() != mesos.TaskState_TASK_FAILED || last.GetReason() != want {
			t.Errorf("%s: got %v, want TASK_FAILED for %v", id, last, want)
		}
	}
	if len(w.launching) > 0 {
		t.Errorf("%d launches were made again", len(w.launching))
	}
}

// The kernel's objects of what is known to have ended go also if the agent died
// before they did.
func TestContainersOfTheDeadAreDestroyedAgain(t *testing.T) {
	w := newWorld(t)
	w.connect()
	w.launchExecutor("group")
	w.rest()
	for len(w.launching) > 0 {
		w.startOne(0, false)
	}
	w.rest()
	var ids []string
	for id := range w.core.processes {
		ids = append(ids, id)
	}
	for id := range w.core.containers {
		ids = append(ids, id)
	}
	for _, id := range ids {
		w.end(id, 0)
	}
	for len(w.inbox) > 1 {
		w.tell(-1)
	}
	w.tell(0) // committed, and nothing of it done
	for _, id := range ids {
		if !slices.Contains(w.destroyed, id) {
			t.Errorf("container %s was not destroyed", id)
		}
	}
}

// A subscribed executor hears from the agent every 30 minutes, for the first time 30
// minutes after it subscribed.
func TestHeartbeatsOfExecutors(t *testing.T) {
	w := newWorld(t)
	w.connect()
	w.launchExecutor("custom")
	w.rest()
	w.startOne(0, false)
	w.rest()
	for _, x := range w.executors {
		w.subscribe(x)
	}
	w.rest()
	w.advance(30*minute - second)
	if w.heartbeats != 0 {
		t.Fatalf("%d heartbeats before 30 minutes", w.heartbeats)
	}
	w.advance(second)
	w.advance(30 * minute)
	if w.heartbeats != 2 {
		t.Fatalf("%d heartbeats within an hour, want 2", w.heartbeats)
	}
}
