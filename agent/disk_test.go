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

// A task that fills its disk ends, alone; so does a pod whose member does.
func TestDiskQuota(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, func(o *agent.Options) {
		o.EnforceDiskQuota, o.SandboxWatchInterval = true, 20*time.Millisecond
	})
	const fill = "head -c 6000000 /dev/zero >f; sleep 1000"
	alloc.launch(framework(), withDisk(shell("small", "while :; do echo x >>f; sleep 0.02; done"), 1), shell("unbounded", fill), withDisk(shell("full", fill), 3))
	st := alloc.await("full", mesos.TaskState_TASK_FAILED)
	if st.GetReason() != mesos.TaskStatus_REASON_CONTAINER_LIMITATION_DISK || st.Limitation.GetResources()[0].GetName() != "disk" ||
		!strings.Contains(st.GetMessage(), "exceeds quota (3MB)") {
		t.Errorf("got %v", st)
	}
	n.eventually("the others' disk usage", func() bool {
		_, body := n.get("/monitor/statistics")
		return strings.Contains(body, `"disk_limit_bytes":1048576`) && strings.Contains(body, `"disk_used_bytes":`)
	})
	size := func() int64 {
		info, err := os.Stat(filepath.Join(n.sandbox("small"), "f"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	was := size()
	n.eventually("the neighbour to go on writing", func() bool { return size() > was })
	for _, id := range []string{"small", "unbounded"} {
		if st := alloc.last(id); st.GetState() != mesos.TaskState_TASK_RUNNING {
			t.Errorf("%s: got %v, want it to run on", id, st)
		}
	}

	ex := &mesos.ExecutorInfo{
		Type: mesos.ExecutorInfo_DEFAULT.Enum(), ExecutorId: &mesos.ExecutorID{Value: new("pod")},
		FrameworkId: &mesos.FrameworkID{Value: new("fw")},
		Resources:   []*mesos.Resource{scalar("cpus", 0.1), scalar("mem", 32), scalar("disk", 1)},
	}
	alloc.send(&link.Down{Body: &link.Down_Launch{Launch: &link.Launch{
		Framework: framework(), Executor: ex, Group: new(true), LaunchExecutor: new(true),
		Tasks: []*mesos.TaskInfo{shell("a", "sleep 1000"), withDisk(shell("b", fill), 2)},
	}}})
	for _, id := range []string{"a", "b"} {
		if st := alloc.await(id, mesos.TaskState_TASK_FAILED); st.GetReason() != mesos.TaskStatus_REASON_CONTAINER_LIMITATION_DISK {
			t.Errorf("%s: got %v", id, st)
		}
	}
}
