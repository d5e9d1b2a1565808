package core

import (
	"slices"
	"testing"

	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/executor"
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
	// It came back as it was: the allocator only mentions it.
	w.down(&link.Down{Body: &link.Down_UpdateFramework{UpdateFramework: &link.UpdateFramework{Framework: fwInfo}}})
	w.rest()
	if got() != 6 {
		t.Fatalf("sent %d times, want again when the framework is mentioned", got())
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

// A machine that comes back from a reboot as another one, as far as its resources go, is the same
// agent, also if it restarts once more before it has told anybody.
func TestRebootWithOtherResourcesAndOneMoreRestart(t *testing.T) {
	w := newWorld(t)
	w.connect()
	w.launchCommand()
	w.rest()
	w.startOne(0, false)
	w.rest()
	w.bootID = "another boot"
	for _, p := range w.procs {
		p.alive, p.status = false, 0
	}
	w.reconfigure = func(o *Options) {
		o.Resources = []*mesos.Resource{o.Resources[0].CloneVT()}
		*o.Resources[0].Scalar.Value = 8
	}
	w.reboot()
	w.reboot()
	w.connect()
	w.rest()
	reg := w.core.registration()
	if w.core.AgentID() != "S0" || reg.Agent.Id.GetValue() != "S0" {
		t.Errorf("the agent is %q and registers as %v, want S0", w.core.AgentID(), reg.Agent.Id)
	}
	if len(reg.Total) != 1 || reg.Total[0].GetScalar().GetValue() != 8 {
		t.Errorf("it has %v, want 8 CPUs and nothing else", reg.Total)
	}
	if last := w.core.frameworks["F"].tasks["cmd0"].state(); last != mesos.TaskState_TASK_FAILED {
		t.Errorf("the task of the first boot is %v", last)
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

// An executor that is shut down while it is being launched never runs a task.
func TestExecutorIsShutDownWhileItIsLaunched(t *testing.T) {
	w := newWorld(t)
	w.connect()
	w.launchExecutor("custom")
	w.rest()
	var ex *mesos.ExecutorID
	for _, ct := range w.core.containers {
		ex = ct.rec.Executor.ExecutorId
	}
	w.enqueue(&link.Down{Body: &link.Down_ShutdownExecutor{ShutdownExecutor: &link.ShutdownExecutor{FrameworkId: fwInfo.Id, ExecutorId: ex}}})
	w.rest()
	for range 10 {
		for _, id := range w.order {
			w.ack(id)
		}
		w.rest()
	}
	for _, id := range w.order {
		if s := w.alloc[id].states; len(s) != 1 || s[0] != mesos.TaskState_TASK_FAILED {
			t.Errorf("%s went through %v, want TASK_FAILED alone", id, s)
		}
	}
	if len(w.starts) > 0 || len(w.core.containers) > 0 {
		t.Errorf("%d processes were started, %d containers are there", len(w.starts), len(w.core.containers))
	}
}

// A launch that fails is counted, and only so many ended runs of a framework are
// remembered.
func TestEndedRunsAreBounded(t *testing.T) {
	opts := testOptions(1)
	opts.MaxCompleted = 3
	w := newWorld(t)
	w.core = New(opts)
	w.core.Assemble()
	if err := w.core.Recover(w.now, nil); err != nil {
		t.Fatal(err)
	}
	w.connect()
	for range 5 {
		w.launchCommand()
	}
	w.rest()
	for len(w.launching) > 0 {
		w.startOne(0, true)
	}
	for range 10 {
		for _, id := range w.order {
			w.ack(id)
		}
		w.rest()
	}
	if n := w.core.Metrics().LaunchErrors; n != 5 {
		t.Errorf("%d launches failed by the metrics, want 5", n)
	}
	if ended := w.core.View().Ended; len(ended) != 1 || len(ended[0].Completed) != 3 {
		t.Errorf("remembered are %v, want 3 runs of one framework", ended)
	}
	for _, e := range w.core.EndedRuns() {
		if _, kept := w.disk["completed/"+e.ContainerID]; !kept {
			t.Errorf("run %s is remembered and not in the records", e.ContainerID)
		}
	}
}

// Every operation gives the agent's resources another version, a restart alone does
// not.
func TestResourceVersions(t *testing.T) {
	w := newWorld(t)
	w.connect()
	w.rest()
	first := string(w.core.registration().ResourceVersion.GetValue())
	w.reboot()
	w.connect()
	w.rest()
	if again := string(w.core.registration().ResourceVersion.GetValue()); first == "" || again != first {
		t.Errorf("the version is %x after a restart, was %x", again, first)
	}
	w.changeVolume("v0")
	w.rest()
	if next := string(w.core.registration().ResourceVersion.GetValue()); next == first {
		t.Error("the version is the same after an operation")
	}
}

// After a restart an executor has to subscribe before anything else it says counts.
func TestCallsOfExecutorsDuringRecovery(t *testing.T) {
	w := newWorld(t)
	w.connect()
	w.launchExecutor("custom")
	w.rest()
	w.startOne(0, false)
	w.rest()
	var x *simExecutor
	for _, x = range w.executors {
		w.subscribe(x)
	}
	w.rest()
	w.reboot()
	w.replied = nil
	task := w.order[0]
	w.executorCall(x, &executor.Call{Type: executor.Call_UPDATE.Enum(), Update: &executor.Call_Update{Status: &mesos.TaskStatus{
		TaskId: &mesos.TaskID{Value: &task}, State: mesos.TaskState_TASK_FINISHED.Enum(),
		Source: mesos.TaskStatus_SOURCE_EXECUTOR.Enum(), Uuid: []byte("0123456789abcdef"),
	}}})
	w.rest()
	if !slices.Equal(w.replied, []int{503}) || Terminal(w.core.frameworks["F"].tasks[task].state()) {
		t.Fatalf("an update before the subscription was answered %v, want 503 and no effect", w.replied)
	}
	w.subscribe(x)
	w.rest()
	w.replied = nil
	w.executorUpdate(x, task, mesos.TaskState_TASK_FINISHED)
	w.rest()
	if !slices.Equal(w.replied, []int{202}) || !Terminal(w.core.frameworks["F"].tasks[task].state()) {
		t.Fatalf("an update after it was answered %v, want 202 and its effect", w.replied)
	}
}
