package agent_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/caprock/caprock/agent"
	"github.com/caprock/caprock/wire/mesos"
)

// quota is the CFS quota, in thousandths of a core, of the one container on the machine's
// agent; 0 if there is none.
func (n *node) quota() int64 {
	o := agent.Options{WorkDir: n.dir}
	o.EnsureDefaults()
	files, _ := filepath.Glob(filepath.Join("/sys/fs/cgroup/cpu", o.CgroupsRoot, "*-*", "cpu.cfs_quota_us"))
	v2, _ := filepath.Glob(filepath.Join("/sys/fs/cgroup", o.CgroupsRoot, "*-*", "cpu.max"))
	if files = append(files, v2...); len(files) == 0 {
		return -1
	}
	b, _ := os.ReadFile(files[0])
	first, _, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	us, _ := strconv.ParseInt(first, 10, 64)
	return max(us, 0) / 100 // "max" and -1 are none
}

// The bounds of a running task can be changed, are the kernel's when the call is answered,
// and hold over a restart of the agent; what the kernel refuses changes nothing.
func TestResizeOfARunningTask(t *testing.T) {
	needsMemoryLimits(t)
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	alloc.launch(framework(), shell("c", "head -c 50000000 /dev/zero | tail -c 50000000 | (sleep 1000; cat) & echo $$ > pid; exec sleep 1000"))
	alloc.await("c", mesos.TaskState_TASK_RUNNING)
	n.eventually("the pid", func() bool { return n.exists("c", "pid") })
	path := "/tasks/limits?framework_id=" + framework().GetId().GetValue() + "&task_id="
	resize := func(task, body string, status int, text string) {
		t.Helper()
		if got, answer, _ := n.post(path+task, "application/json", "", body); got != status || !strings.Contains(answer, text) {
			t.Errorf("%s: got %d %q, want %d %q", body, got, answer, status, text)
		}
	}
	bounds := func(when string, mem, cpu int64) {
		t.Helper()
		if m, q := limitIn(t, n.read("c", "pid")), n.quota(); m != mem || q != cpu {
			t.Errorf("%s: bounded by %d MiB and %d mCPU, want %d and %d", when, m, q, mem, cpu)
		}
	}
	bounds("at first", 64, 0)
	resize("c", `{"limits": {"mem": 96, "cpus": 1.5}}`, 200, "")
	bounds("resized", 96, 1500)
	resize("c", `{"limits": {"mem": 32}}`, 400, "want at least the 64")
	resize("c", `{"limits": {"gpus": 1}}`, 400, "want cpus or mem")
	resize("c", `{"limits": {"mem": "lots"}}`, 400, `"Infinity"`)
	resize("c", `{"memory": 1}`, 400, "unknown field")
	resize("c", `{"block": [{"device": "/dev/null"}]}`, 400, "want the path of a block device")
	resize("nobody", `{"limits": {}}`, 404, "not known here")
	// The device is one, but not of this machine; or nothing bounds transfers here.
	resize("c", `{"limits": {"cpus": 3}, "block": [{"device": "4094:1", "read_bytes_per_sec": 1000}]}`, 409, "")
	bounds("after what was refused", 96, 1500)
	n.halt()
	n.start()
	bounds("after a restart", 96, 1500)
	if status, text := n.call(`{"type": "GET_TASKS"}`); status != 200 || !strings.Contains(text, `"mem":{"value":96`) {
		t.Errorf("GET_TASKS: got %d %s, want 96 MiB", status, text)
	}
	resize("c", `{"limits": {"mem": "Infinity", "cpus": null}}`, 200, "")
	bounds("without bounds", 0, 0)
	resize("c", `{"limits": {"mem": null}}`, 200, "")
	bounds("as offered", 64, 0)
	alloc.kill("c")
	alloc.await("c", mesos.TaskState_TASK_KILLED)
}

// Transfers are bounded where the controller is in use.
func TestResizeOfBlockTransfers(t *testing.T) {
	needsMemoryLimits(t)
	if _, err := os.Stat("/sys/fs/cgroup/blkio"); err != nil {
		t.Skip("SKIP-ENV: needs v1's blkio controller where distributions mount it")
	}
	alloc := newAllocator(t)
	n := startNode(t, alloc, func(o *agent.Options) { o.Isolation = "cgroups/blkio,cgroups/cpu" })
	alloc.launch(framework(), shell("c", "echo $$ > pid; exec sleep 1000"))
	alloc.await("c", mesos.TaskState_TASK_RUNNING)
	devices, _ := filepath.Glob("/sys/block/*/dev")
	if len(devices) == 0 {
		t.Skip("SKIP-ENV: no block device")
	}
	b, err := os.ReadFile(devices[0])
	if err != nil {
		t.Fatal(err)
	}
	device := strings.TrimSpace(string(b))
	o := agent.Options{WorkDir: n.dir}
	o.EnsureDefaults()
	throttle := func() string {
		files, _ := filepath.Glob(filepath.Join("/sys/fs/cgroup/blkio", o.CgroupsRoot, "*-*", "blkio.throttle.write_bps_device"))
		if len(files) == 0 {
			return "no container"
		}
		b, _ := os.ReadFile(files[0])
		return strings.TrimSpace(string(b))
	}
	path := "/tasks/limits?framework_id=" + framework().GetId().GetValue() + "&task_id=c"
	body := `{"block": [{"device": "` + device + `", "write_bytes_per_sec": 1048576}]}`
	if status, text, _ := n.post(path, "application/json", "", body); status != 200 || throttle() != device+" 1048576" {
		t.Errorf("%s: got %d %q and %q", body, status, text, throttle())
	}
	n.halt()
	n.start()
	if got := throttle(); got != device+" 1048576" {
		t.Errorf("after a restart: got %q", got)
	}
	if status, text, _ := n.post(path, "application/json", "", `{"block": []}`); status != 200 || throttle() != "" {
		t.Errorf("got %d %q and %q, want no bound", status, text, throttle())
	}
}

// A task that comes while its executor is still being started raises the limits of that,
// as soon as it runs.
func TestTasksOfAStartingExecutorRaiseItsLimits(t *testing.T) {
	needsMemoryLimits(t)
	asked, release := make(chan struct{}), make(chan struct{})
	ask := sync.OnceFunc(func() { close(asked) })
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			ask()
			<-release
		}
		fmt.Fprint(w, "late")
	}))
	defer slow.Close()
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	ex := customExecutor(t, "ex", "json")
	ex.Command.Uris = append(ex.Command.Uris, &mesos.CommandInfo_URI{Value: new(slow.URL + "/late")})
	alloc.launchOn(ex, true, false, custom("t1", "long"))
	<-asked
	alloc.launchOn(ex, false, false, custom("t2", "long"))
	alloc.allApplied()
	close(release)
	alloc.await("t2", mesos.TaskState_TASK_RUNNING)
	n.eventually("the limits of both tasks", func() bool { return n.podLimit() == 256+32+32 })
	alloc.kill("t1")
	alloc.await("t1", mesos.TaskState_TASK_KILLED)
	n.eventually("the limits of one task", func() bool { return n.podLimit() == 256+32 })
}
