package agent_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/caprock/caprock/agent"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

// pod launches members on one DEFAULT executor with 32 MiB of its own; the first
// launch makes it.
func (a *allocator) pod(id string, first bool, members ...*mesos.TaskInfo) {
	a.send(&link.Down{Body: &link.Down_Launch{Launch: &link.Launch{
		Framework: framework(), LaunchExecutor: &first, Group: new(true), Tasks: members,
		Executor: &mesos.ExecutorInfo{
			Type: mesos.ExecutorInfo_DEFAULT.Enum(), ExecutorId: &mesos.ExecutorID{Value: &id},
			Resources: []*mesos.Resource{scalar("cpus", 0.1), scalar("mem", 32)},
		},
	}}})
}

// podLimit is the memory limit of the one pod on the machine's agent, in MiB; 0 if
// there is none.
func (n *node) podLimit() int64 {
	o := agent.Options{WorkDir: n.dir}
	o.EnsureDefaults()
	for _, pattern := range []string{
		filepath.Join("/sys/fs/cgroup/memory", o.CgroupsRoot, "*-*", "memory.limit_in_bytes"),
		filepath.Join("/sys/fs/cgroup", o.CgroupsRoot, "*-*", "memory.max"),
	} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			b, _ := os.ReadFile(file)
			if limit, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil {
				return limit >> 20
			}
		}
	}
	return 0
}

func needsMemoryLimits(t *testing.T) {
	if os.Geteuid() != 0 || isolationForTest() != "auto" {
		t.Skip("SKIP-ENV: limits need root and cgroups")
	}
	b, _ := os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
	if _, err := os.Stat("/sys/fs/cgroup/memory"); err != nil && !strings.Contains(string(b), "memory") {
		t.Skip("SKIP-ENV: no memory controller")
	}
}

// The members of a pod share what they and their executor were given; it grows and
// shrinks as members come and go, also for an agent that took the pod over.
func TestPodSharesItsMemory(t *testing.T) {
	needsMemoryLimits(t)
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	limit := func(want int64) {
		t.Helper()
		n.eventually(fmt.Sprintf("a limit of %d MiB; it is %d", want, n.podLimit()), func() bool { return n.podLimit() == want })
	}
	hold := "while [ ! -e stop ]; do sleep 0.02; done"
	// More than its own 64 MiB, less than those of all.
	alloc.pod("p", true, shell("greedy", "head -c 90000000 /dev/zero | tail | wc -c; "+hold), shell("modest", hold))
	alloc.await("modest", mesos.TaskState_TASK_RUNNING)
	limit(32 + 64 + 64)
	alloc.pod("p", false, shell("later", hold))
	alloc.await("later", mesos.TaskState_TASK_RUNNING)
	limit(32 + 3*64)
	n.halt()
	n.start()
	limit(32 + 3*64)
	alloc.kill("later")
	alloc.await("later", mesos.TaskState_TASK_KILLED)
	limit(32 + 2*64)
	n.eventually("the greedy member to have had its memory", func() bool {
		return strings.Contains(n.podFile("greedy", "stdout"), "90000000")
	})
	alloc.kill("greedy")
	alloc.await("modest", mesos.TaskState_TASK_KILLED)
	n.eventually("the pod's cgroup to go", func() bool { return n.podLimit() == 0 })
}

func (n *node) podFile(member, file string) string {
	b, _ := os.ReadFile(filepath.Join(n.sandbox("p"), "tasks", member, file))
	return string(b)
}

// A pod that uses more than all were given ends as a whole, each member for the
// same reason.
func TestPodOutOfMemory(t *testing.T) {
	needsMemoryLimits(t)
	alloc := newAllocator(t)
	startNode(t, alloc, nil)
	alloc.pod("p", true, shell("greedy", "head -c 400000000 /dev/zero | tail"), shell("victim", "sleep 100"))
	for _, id := range []string{"greedy", "victim"} {
		st := alloc.await(id, mesos.TaskState_TASK_FAILED)
		if st.GetReason() != mesos.TaskStatus_REASON_CONTAINER_LIMITATION_MEMORY || !strings.Contains(st.GetMessage(), "Requested: 160MB") {
			t.Errorf("%s: got %v, want that the limit of 160 MB was exceeded", id, st)
		}
	}
}

// limitIn reads the memory limit of the cgroup that a process is in, in MiB; a
// bound beyond the machine is none.
func limitIn(t *testing.T, pid string) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/" + strings.TrimSpace(pid) + "/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if parts[1] != "memory" && parts[0] != "0" {
			continue
		}
		// With v2 a member that shares the limits of its pod has no file of its own.
		for dir := parts[2]; ; dir = filepath.Dir(dir) {
			for _, file := range []string{
				filepath.Join("/sys/fs/cgroup/memory", dir, "memory.limit_in_bytes"), filepath.Join("/sys/fs/cgroup", dir, "memory.max"),
			} {
				v, err := os.ReadFile(file)
				if err != nil {
					continue
				}
				if limit, err := strconv.ParseInt(strings.TrimSpace(string(v)), 10, 64); err == nil && limit < 1<<50 {
					return limit >> 20
				}
				return 0
			}
			if dir == "/" {
				break
			}
		}
	}
	t.Fatalf("no memory cgroup among %s", b)
	return 0
}

// A task's limits bound it in place of its request, infinity not at all; and a member
// that does not share the cgroups of its pod is bounded alone.
func TestLimitsReachTheKernel(t *testing.T) {
	needsMemoryLimits(t)
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	line := "echo $$ > pid; exec sleep 1000"
	bounded, unbounded, alone := shell("bounded", line), shell("unbounded", line), shell("alone", line)
	bounded.Limits = map[string]*mesos.Value_Scalar{"mem": {Value: new(96.0)}}
	unbounded.Limits = map[string]*mesos.Value_Scalar{"mem": {Value: new(math.Inf(1))}}
	alone.Container = &mesos.ContainerInfo{Type: mesos.ContainerInfo_MESOS.Enum(), LinuxInfo: &mesos.LinuxInfo{ShareCgroups: new(false)}}
	alloc.launch(framework(), shell("plain", line), bounded, unbounded)
	alloc.pod("p", true, alone, shell("shares", line))
	for id, want := range map[string]int64{"plain": 64, "bounded": 96, "unbounded": 0} {
		alloc.await(id, mesos.TaskState_TASK_RUNNING)
		n.eventually("the pid of "+id, func() bool { return n.exists(id, "pid") })
		if got := limitIn(t, n.read(id, "pid")); got != want {
			t.Errorf("%s: bounded by %d MiB, want %d (0: none)", id, got, want)
		}
	}
	for id, want := range map[string]int64{"alone": 32 + 64, "shares": 32 + 2*64} {
		alloc.await(id, mesos.TaskState_TASK_RUNNING)
		n.eventually("the pid of "+id, func() bool { return n.podFile(id, "pid") != "" })
		if got := limitIn(t, n.podFile(id, "pid")); got != want {
			t.Errorf("%s: bounded by %d MiB, want %d", id, got, want)
		}
	}
}
