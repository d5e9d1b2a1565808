package agent_test

import (
	"strings"
	"testing"

	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

// A member of a pod that is over is read while the pod lives on, also by an agent that was
// started after its end, and after the pod's.
func TestEndedMembersAreReadAfterARestart(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	pod := &mesos.ExecutorInfo{Type: mesos.ExecutorInfo_DEFAULT.Enum(), ExecutorId: &mesos.ExecutorID{Value: new("pod")}}
	group := func(first bool, task *mesos.TaskInfo) {
		alloc.send(&link.Down{Body: &link.Down_Launch{Launch: &link.Launch{
			Framework: framework(), LaunchExecutor: &first, Group: new(true), Tasks: []*mesos.TaskInfo{task}, Executor: pod,
		}}})
	}
	group(true, shell("long", "sleep 1000"))
	alloc.await("long", mesos.TaskState_TASK_RUNNING)
	group(false, shell("short", "echo said"))
	alloc.await("short", mesos.TaskState_TASK_FINISHED)
	said := func(when string) {
		t.Helper()
		if code, body := n.get("/tasks/file?framework_id=fw&task_id=short&path=stdout"); code != 200 || body != "said\n" {
			t.Errorf("%s: got %d %q, want what the member said", when, code, body)
		}
		if _, body := n.get("/state"); !strings.Contains(body, `"id":"short"`) {
			t.Errorf("%s: /state does not tell of the member", when)
		}
	}
	n.eventually("it is filed away", func() bool { _, b := n.get("/state"); return strings.Contains(b, `"completed_tasks":[{`) })
	said("before")
	n.halt()
	n.start()
	n.eventually("the agent is back", func() bool { code, _ := n.get("/health"); return code == 200 })
	said("after a restart")
	alloc.kill("long")
	alloc.await("long", mesos.TaskState_TASK_KILLED)
	n.eventually("the pod is over", func() bool {
		_, b := n.get("/state")
		return strings.Contains(b, `"executors":[]`) || strings.Contains(b, `"frameworks":[]`)
	})
	said("after the pod")
	n.halt()
	n.start()
	n.eventually("the agent is back again", func() bool { code, _ := n.get("/health"); return code == 200 })
	said("after the pod and a restart")
}
