package core

import (
	"fmt"
	"testing"

	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// TestCompletedTasksAreBounded: the oldest are forgotten, in memory and in the journal.
func TestCompletedTasksAreBounded(t *testing.T) {
	w := newWorld(t)
	w.quiet = true
	w.opts.MaxCompletedTasks = 3
	w.start()
	w.execute("subscribe f1 failover=10")
	w.execute("agent a1 cpus:8;mem:1024")
	for i := range 6 {
		w.execute("tick 1s")
		w.execute(fmt.Sprintf("launch f1 t%d cpus:1;mem:32 refuse=0", i))
		w.execute(fmt.Sprintf("update a1 f1 t%d TASK_FINISHED uuid=u", i))
		w.execute(fmt.Sprintf("ack f1 a1 t%d u", i))
	}
	done := w.core.frameworks[w.frameworks["f1"].id].done
	if len(done) != 3 || done[0].ID() != "t3" || done[2].ID() != "t5" {
		t.Errorf("got %d completed tasks, want t3 to t5", len(done))
	}
	w.checkReload(w.core.Hash())
}

func TestCompletedFrameworksAreBounded(t *testing.T) {
	w := newWorld(t)
	w.quiet = true
	w.opts.MaxCompletedFrameworks = 2
	w.start()
	for i := range 4 {
		w.execute(fmt.Sprintf("subscribe f%d failover=10", i))
		w.execute(fmt.Sprintf("teardown f%d", i))
	}
	if len(w.core.completed) != 2 || w.core.completed["m-0003"] == nil || w.core.completed["m-0002"] == nil {
		t.Errorf("got %v, want the last two", sortedKeys(w.core.completed))
	}
	w.checkReload(w.core.Hash())
}

func TestUnreachableTasksAreBounded(t *testing.T) {
	w := newWorld(t)
	w.quiet = true
	w.opts.MaxUnreachableTasks = 2
	w.start()
	w.execute("subscribe f1 failover=1000")
	for i := range 4 {
		w.execute(fmt.Sprintf("agent a%d cpus:1;mem:32", i))
		w.execute(fmt.Sprintf("launch f1 t%d cpus:1;mem:32", i))
		w.execute("tick 80s")
	}
	left := w.core.frameworks["m-0000"].sortedTasks()
	if len(left) != 2 || left[0].ID() != "t2" || left[1].ID() != "t3" {
		t.Errorf("got %d unreachable tasks, want t2 and t3", len(left))
	}
	w.checkReload(w.core.Hash())
}

// TestOldAgentsAreForgotten: unreachable agents are remembered for two weeks.
func TestOldAgentsAreForgotten(t *testing.T) {
	w := newWorld(t)
	w.quiet = true
	w.execute("subscribe f1 failover=10000000")
	w.execute("agent a1 cpus:1;mem:32")
	w.execute("launch f1 t1 cpus:1;mem:32")
	w.execute("tick 100s")
	if !w.core.agents["m-S0"].unreachable() {
		t.Fatal("the agent is not unreachable")
	}
	w.now.Mono += int64(DefaultRememberedAgentAge)
	w.now.Wall += int64(DefaultRememberedAgentAge)
	w.execute("tick 20m")
	if len(w.core.agents) != 0 || len(w.core.frameworks["m-0000"].tasks) != 0 {
		t.Error("the agent or its task is still remembered")
	}
	w.checkReload(w.core.Hash())
}

// TestAllocations bounds what the hot paths allocate, so that nothing creeps in.
func TestAllocations(t *testing.T) {
	w, f, a := benchWorld(t)
	w.execute("launch f1 t0 cpus:1;mem:32 refuse=0")
	update := testing.AllocsPerRun(200, func() {
		up := &link.Up{Body: &link.Up_StatusUpdate{StatusUpdate: &link.StatusUpdate{
			FrameworkId: &mesos.FrameworkID{Value: &f.id}, LatestState: mesos.TaskState_TASK_RUNNING.Enum(),
			Status: &mesos.TaskStatus{TaskId: &mesos.TaskID{Value: ptr("t0")}, AgentId: &mesos.AgentID{Value: &a.id},
				State: mesos.TaskState_TASK_RUNNING.Enum(), Uuid: uuidOf("u")},
		}}}
		ack := &scheduler.Call{Type: scheduler.Call_ACKNOWLEDGE.Enum(), FrameworkId: &mesos.FrameworkID{Value: &f.id},
			Acknowledge: &scheduler.Call_Acknowledge{AgentId: &mesos.AgentID{Value: &a.id}, TaskId: &mesos.TaskID{Value: ptr("t0")}, Uuid: uuidOf("u")}}
		w.out.Reset()
		w.core.Step(w.now, &AgentFrame{Channel: a.channel, Up: up}, &w.out)
		w.core.Step(w.now, &SchedulerCall{StreamID: f.streamID, Call: ack, Reply: 1}, &w.out)
	})
	if update > 45 {
		t.Errorf("an update and its acknowledgement allocate %v times, want at most 45", update)
	}
}
