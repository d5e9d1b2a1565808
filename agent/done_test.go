package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/agent"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

// A member of a pod that is over is read while the pod lives on, also by an agent that was
// started after its end, and after the pod's.
func TestEndedMembersAreReadAfterARestart(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	n.pod(alloc, true, shell("long", "sleep 1000"))
	alloc.await("long", mesos.TaskState_TASK_RUNNING)
	n.pod(alloc, false, shell("short", "echo said"))
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

// With GCMembers the sandbox of a member goes while its pod lives on, by the agent that
// saw its end or by the next; without it goes with the pod.
func TestSandboxesOfEndedMembersGo(t *testing.T) {
	for name, c := range map[string]struct{ members, restarted bool }{
		"at once": {true, false}, "after a restart": {true, true}, "with the pod": {false, false},
	} {
		t.Run(name, func(t *testing.T) {
			alloc := newAllocator(t)
			var keep time.Duration
			n := startNode(t, alloc, func(o *agent.Options) {
				o.GCMembers, o.GCDelay, o.DiskWatchInterval = c.members, time.Nanosecond+keep, 20*time.Millisecond
			})
			if c.restarted {
				n.halt()
				keep = time.Hour
				n.start()
			}
			n.pod(alloc, true, shell("long", "sleep 1000"))
			alloc.await("long", mesos.TaskState_TASK_RUNNING)
			n.pod(alloc, false, shell("short", "echo said"))
			alloc.await("short", mesos.TaskState_TASK_FINISHED)
			if c.restarted {
				n.halt()
				keep = 0
				n.start()
			}
			boxes := func() int {
				list, err := os.ReadDir(filepath.Join(n.sandbox("pod"), "containers"))
				if err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
				return len(list)
			}
			if c.members {
				n.eventually("the member's sandbox gone", func() bool { return boxes() == 1 })
				n.eventually("the member forgotten", func() bool { _, b := n.get("/state"); return !strings.Contains(b, `"id":"short"`) })
				if code, _ := n.get("/tasks/file?framework_id=fw&task_id=long&path=stdout"); code != 200 {
					t.Errorf("the other member's output: got %d", code)
				}
			} else {
				n.eventually("a look at the disk", func() bool {
					_, b := n.get("/metrics/snapshot")
					return strings.Contains(b, `"slave/executor_directory_max_allowed_age_secs":0`)
				})
				if boxes() != 2 {
					t.Errorf("%d sandboxes of members are there, want both", boxes())
				}
			}
			alloc.kill("long")
			alloc.await("long", mesos.TaskState_TASK_KILLED)
			n.eventually("the pod's sandbox gone", func() bool { _, err := os.Lstat(n.sandbox("pod")); return os.IsNotExist(err) })
		})
	}
}

// pod launches a task in the executor "pod", which is made with the first.
func (n *node) pod(alloc *allocator, first bool, task *mesos.TaskInfo) {
	alloc.send(&link.Down{Body: &link.Down_Launch{Launch: &link.Launch{
		Framework: framework(), LaunchExecutor: &first, Group: new(true), Tasks: []*mesos.TaskInfo{task},
		Executor: &mesos.ExecutorInfo{Type: mesos.ExecutorInfo_DEFAULT.Enum(), ExecutorId: &mesos.ExecutorID{Value: new("pod")}},
	}}})
}
