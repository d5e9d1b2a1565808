package core

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

// launchOnto gives one more task to a custom executor that was launched before.
func (w *world) launchOnto(executor *mesos.ExecutorInfo) {
	w.enqueue(&link.Down{Body: &link.Down_Launch{Launch: &link.Launch{
		Framework: fwInfo, Executor: executor, Tasks: []*mesos.TaskInfo{w.newTask("custom")},
	}}})
}

// customExecutors are those that were ever asked for.
func (w *world) customExecutors() (out []*mesos.ExecutorInfo) {
	for _, d := range w.outbox {
		if l := d.GetLaunch(); l.GetLaunchExecutor() && l.Executor.GetType() == mesos.ExecutorInfo_CUSTOM {
			out = append(out, l.Executor)
		}
	}
	return out
}

// limit has the kernel bound a container; one that is not there it cannot.
func (w *world) limit(id string, limits Limits) {
	if w.procs[id] != nil {
		w.limits[id] = limits
	}
}

// limitsHold checks that the kernel bounds everything that runs as the core counts it.
func (w *world) limitsHold() {
	for _, id := range slices.Sorted(maps.Keys(w.procs)) {
		p := w.core.processes[id]
		if p == nil || !p.running() || !w.procs[id].alive || p.annex != nil || p.ct.over() || p.task != nil && p.task.rec.NestedId != nil {
			continue
		}
		if got, want := w.limits[id], w.core.limits(p.ct); !reflect.DeepEqual(got, want) {
			w.t.Fatalf("container %s is bounded by %+v, want %+v", id, got, want)
		}
	}
}

// What tasks bring and take while their executor is being started holds once it runs,
// also if the agent dies before it has heard of that, or has done anything about it.
func TestLimitsFollowTasksOfAStartingExecutor(t *testing.T) {
	for _, dies := range []string{"never", "while it starts", "before it hears", "before it acts"} {
		w := newWorld(t)
		w.connect()
		w.launchExecutor("custom")
		w.rest()
		w.launchOnto(w.customExecutors()[0])
		w.rest()
		id := w.launching[0].ID
		if got := w.launching[0].Limits.MemBytes >> 20; got != 128 {
			t.Fatalf("launched with %d MiB, want those of its first two tasks", got)
		}
		after := -1
		switch dies {
		case "while it starts":
			w.reboot()
		case "before it acts":
			after = 0
		}
		w.startOne(0, false)
		if dies == "before it hears" {
			w.reboot()
		} else {
			w.tell(after)
		}
		w.connect()
		w.rest()
		if got := w.limits[id].MemBytes >> 20; got != 192 {
			t.Errorf("the agent dies %s: bounded by %d MiB, want those of three tasks", dies, got)
		}
		w.kill("custom0")
		w.rest()
		if got := w.limits[id].MemBytes >> 20; got != 128 {
			t.Errorf("the agent dies %s: bounded by %d MiB when one was killed, want those of two", dies, got)
		}
	}
}
