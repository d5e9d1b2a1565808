package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/agent"
	"github.com/caprock/caprock/agent/logs"
	"github.com/caprock/caprock/wire/mesos"
)

func TestRunningTasksAreKeptWithinTheirLogSize(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, func(o *agent.Options) {
		p := logs.Policy{MaxBytes: 1 << 20, Keep: 2}
		o.Logs, o.LogsInterval = &logs.Policies{Stdout: p, Stderr: p}, 20*time.Millisecond
	})
	task := shell("chatty", `yes "all work and no play" | head -c 300000; exec sleep 1000`)
	task.Command.Environment = &mesos.Environment{Variables: []*mesos.Environment_Variable{
		{Name: new("CONTAINER_LOGGER_MAX_STDOUT_SIZE"), Value: new("64KB")},
		{Name: new("CONTAINER_LOGGER_MAX_STDERR_SIZE"), Value: new("much")}, // complained about, not obeyed
	}}
	alloc.launch(framework(), task)
	alloc.await("chatty", mesos.TaskState_TASK_RUNNING)
	n.eventually("stdout rotated", func() bool {
		box := n.sandbox("chatty")
		info, err := os.Stat(filepath.Join(box, "stdout"))
		_, errOld := os.Stat(filepath.Join(box, "stdout.1"))
		return err == nil && errOld == nil && info.Size() <= 64<<10
	})
	n.eventually("the metrics to tell of a rotation without failure", func() bool {
		_, metrics := n.get("/metrics/snapshot")
		return !strings.Contains(metrics, `"containerizer/logs/rotated":0`) && strings.Contains(metrics, `"containerizer/logs/failed":0`)
	})
	alloc.kill("chatty")
	alloc.await("chatty", mesos.TaskState_TASK_KILLED)
}

func TestOldSandboxesGo(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, func(o *agent.Options) {
		o.GCDelay, o.DiskWatchInterval = time.Nanosecond, 20*time.Millisecond
	})
	alloc.launch(framework(), shell("short", "true"), shell("long", "exec sleep 1000"))
	alloc.await("short", mesos.TaskState_TASK_FINISHED)
	alloc.await("long", mesos.TaskState_TASK_RUNNING)
	executors := filepath.Dir(filepath.Dir(filepath.Dir(n.sandbox("long"))))
	n.eventually("the sandbox of the ended run gone", func() bool {
		_, err := os.Lstat(filepath.Join(executors, "short"))
		return os.IsNotExist(err)
	})
	if _, err := os.Stat(filepath.Join(n.sandbox("long"), "stdout")); err != nil {
		t.Errorf("the sandbox of the running task: %v", err)
	}
	n.eventually("the removal counted", func() bool {
		_, metrics := n.get("/metrics/snapshot")
		return strings.Contains(metrics, `"gc/path_removals_succeeded":1`) && strings.Contains(metrics, `"gc/path_removals_pending":0`)
	})
	alloc.kill("long")
	alloc.await("long", mesos.TaskState_TASK_KILLED)
}
