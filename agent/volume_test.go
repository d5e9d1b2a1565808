package agent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/agent"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

// reserved is disk that a principal has reserved for role r, and with an id the
// volume on it.
func reserved(size float64, id string, edit ...func(*mesos.Resource)) *mesos.Resource {
	r := &mesos.Resource{
		Name: new("disk"), Type: mesos.Value_SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: &size},
		Reservations: []*mesos.Resource_ReservationInfo{{Type: mesos.Resource_ReservationInfo_DYNAMIC.Enum(), Role: new("r"), Principal: new("p")}},
	}
	if id != "" {
		r.Disk = &mesos.Resource_DiskInfo{
			Persistence: &mesos.Resource_DiskInfo_Persistence{Id: &id, Principal: new("p")},
			Volume:      &mesos.Volume{ContainerPath: new("data"), Mode: mesos.Volume_RW.Enum()},
		}
	}
	for _, fn := range edit {
		fn(r)
	}
	return r
}

func shared(r *mesos.Resource) { r.Shared = &mesos.Resource_SharedInfo{} }

func readOnly(r *mesos.Resource) { r.Disk.Volume.Mode = mesos.Volume_RO.Enum() }

func onDisk(source *mesos.Resource_DiskInfo_Source) func(*mesos.Resource) {
	return func(r *mesos.Resource) {
		if r.Disk == nil {
			r.Disk = &mesos.Resource_DiskInfo{}
		}
		r.Disk.Source = source
	}
}

func (a *allocator) operate(op *mesos.Offer_Operation) {
	a.mu.Lock()
	n := len(a.outbox)
	a.mu.Unlock()
	a.send(&link.Down{Body: &link.Down_ApplyOperation{ApplyOperation: &link.ApplyOperation{
		OperationUuid: &mesos.UUID{Value: fmt.Appendf(nil, "operation %6d", n)}, Info: op,
	}}})
}

func (a *allocator) reserve(r *mesos.Resource) {
	a.operate(&mesos.Offer_Operation{Type: mesos.Offer_Operation_RESERVE.Enum(),
		Reserve: &mesos.Offer_Operation_Reserve{Resources: []*mesos.Resource{r}}})
}

func (a *allocator) createVolume(v *mesos.Resource) {
	a.operate(&mesos.Offer_Operation{Type: mesos.Offer_Operation_CREATE.Enum(),
		Create: &mesos.Offer_Operation_Create{Volumes: []*mesos.Resource{v}}})
}

func (a *allocator) destroyVolume(v *mesos.Resource) {
	a.operate(&mesos.Offer_Operation{Type: mesos.Offer_Operation_DESTROY.Enum(),
		Destroy: &mesos.Offer_Operation_Destroy{Volumes: []*mesos.Resource{v}}})
}

// applied waits until everything in the outbox is.
func (a *allocator) allApplied() {
	a.t.Helper()
	a.wait("the outbox to be applied", func() bool { return a.applied >= uint64(len(a.outbox)) })
}

func on(task *mesos.TaskInfo, volumes ...*mesos.Resource) *mesos.TaskInfo {
	for _, v := range volumes {
		v = v.CloneVT()
		v.AllocationInfo = &mesos.Resource_AllocationInfo{Role: new("r")}
		task.Resources = append(task.Resources, v)
	}
	return task
}

func (n *node) volume(id string) string { return filepath.Join(n.dir, "volumes", "roles", "r", id) }

// A volume's data outlives tasks, their sandboxes, failed launches and the agent's
// restarts, and nothing but DESTROY ends it.
func TestVolumeOutlivesItsTasks(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	v := reserved(64, "db")
	alloc.reserve(reserved(64, ""))
	alloc.createVolume(v)
	alloc.launch(framework(), on(shell("writer", "echo kept > data/file"), v))
	alloc.await("writer", mesos.TaskState_TASK_FINISHED)
	alloc.launch(framework(), on(&mesos.TaskInfo{
		Name: new("none"), TaskId: &mesos.TaskID{Value: new("none")}, AgentId: &mesos.AgentID{Value: new(agentID)},
		Command: &mesos.CommandInfo{Shell: new(false), Value: new("no-such-program")},
	}, v))
	alloc.await("none", mesos.TaskState_TASK_FAILED)
	n.halt()
	n.start()
	if got := len(alloc.registers[len(alloc.registers)-1].Total); got < 4 {
		t.Errorf("the restarted agent registered with %d resources, want the volume among them: %v", got, alloc.registers[len(alloc.registers)-1].Total)
	}
	alloc.launch(framework(), on(shell("reader", "cat data/file; rm -rf data/../nothing"), v))
	alloc.await("reader", mesos.TaskState_TASK_FINISHED)
	if got := n.read("reader", "stdout"); got != "kept\n" {
		t.Errorf("the reader found %q", got)
	}
	// The end of the framework and of its sandboxes.
	alloc.send(&link.Down{Body: &link.Down_ShutdownFramework{ShutdownFramework: &link.ShutdownFramework{FrameworkId: framework().Id}}})
	alloc.allApplied()
	if b, err := os.ReadFile(filepath.Join(n.volume("db"), "file")); err != nil || string(b) != "kept\n" {
		t.Fatalf("the volume holds %q, %v", b, err)
	}
	alloc.destroyVolume(v)
	alloc.allApplied()
	n.eventually("the volume to be removed", func() bool {
		left, err := os.ReadDir(filepath.Join(n.dir, "volumes"))
		_, verr := os.Stat(n.volume("db"))
		return err == nil && len(left) == 1 && os.IsNotExist(verr)
	})
}

// A read-only volume cannot be written by its task, not even by root; the members
// of a group and several tasks can use one that is shared.
func TestSharedAndReadOnlyVolumes(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	v := reserved(64, "pool", shared)
	alloc.reserve(reserved(64, ""))
	alloc.createVolume(v)
	alloc.launch(framework(), on(shell("one", "echo from one > data/one; while [ ! -e data/stop ]; do sleep 0.02; done"), v))
	member := on(shell("member", "while [ ! -e data/one ]; do sleep 0.02; done; cat data/one; touch data/stop"), v)
	alloc.send(&link.Down{Body: &link.Down_Launch{Launch: &link.Launch{
		Framework: framework(), LaunchExecutor: new(true), Group: new(true), Tasks: []*mesos.TaskInfo{member},
		Executor: &mesos.ExecutorInfo{Type: mesos.ExecutorInfo_DEFAULT.Enum(), ExecutorId: &mesos.ExecutorID{Value: new("pod")}},
	}}})
	alloc.await("member", mesos.TaskState_TASK_FINISHED)
	alloc.await("one", mesos.TaskState_TASK_FINISHED)
	if os.Geteuid() != 0 {
		t.Skip("SKIP-ENV: a volume is read only for those that may not mount only by agreement")
	}
	alloc.launch(framework(), on(shell("ro", "cat data/one && ! touch data/two"), reserved(64, "pool", shared, readOnly)))
	alloc.await("ro", mesos.TaskState_TASK_FINISHED)
	if got := n.read("ro", "stdout"); got != "from one\n" {
		t.Errorf("the reader found %q, stderr %q", got, n.read("ro", "stderr"))
	}
	if _, err := os.Stat(filepath.Join(n.volume("pool"), "two")); !os.IsNotExist(err) {
		t.Errorf("a read-only volume was written: %v", err)
	}
}

// Volumes on PATH and MOUNT disks lie on those; the root of a mount survives
// DESTROY.
func TestVolumesOnDisks(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIP-ENV: mounts a file system, which takes root")
	}
	path, mount := t.TempDir(), t.TempDir()
	if err := unix.Mount("tmpfs", mount, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("SKIP-ENV: no tmpfs can be mounted: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(mount, unix.MNT_DETACH) })
	alloc := newAllocator(t)
	n := startNode(t, alloc, func(o *agent.Options) {
		o.Resources = fmt.Sprintf(`[{"name":"disk","type":"SCALAR","scalar":{"value":100},"disk":{"source":{"type":"PATH","path":{"root":%q}}}},
			{"name":"disk","type":"SCALAR","scalar":{"value":1},"disk":{"source":{"type":"MOUNT","mount":{"root":%q}}}},
			{"name":"cpus","type":"SCALAR","scalar":{"value":2}},{"name":"mem","type":"SCALAR","scalar":{"value":512}}]`, path, mount)
	})
	onPath := onDisk(&mesos.Resource_DiskInfo_Source{Type: mesos.Resource_DiskInfo_Source_PATH.Enum(),
		Path: &mesos.Resource_DiskInfo_Source_Path{Root: &path}})
	onMount := onDisk(&mesos.Resource_DiskInfo_Source{Type: mesos.Resource_DiskInfo_Source_MOUNT.Enum(),
		Mount: &mesos.Resource_DiskInfo_Source_Mount{Root: &mount}})
	volumes := []*mesos.Resource{reserved(10, "p", onPath), reserved(1, "m", onMount)}
	volumes[1].Disk.Volume.ContainerPath = new("deep/mounted")
	alloc.reserve(reserved(10, "", onPath))
	alloc.reserve(reserved(1, "", onMount))
	for _, v := range volumes {
		alloc.createVolume(v)
	}
	alloc.launch(framework(), on(shell("t", "echo p > data/f; echo m > deep/mounted/f"), volumes...))
	alloc.await("t", mesos.TaskState_TASK_FINISHED)
	for _, file := range []string{filepath.Join(path, "volumes", "roles", "r", "p", "f"), filepath.Join(mount, "f")} {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
	for _, v := range volumes {
		alloc.destroyVolume(v)
	}
	alloc.allApplied()
	n.eventually("both volumes to be empty", func() bool {
		inMount, err := os.ReadDir(mount)
		inPath, perr := os.ReadDir(filepath.Join(path, "volumes", "roles", "r"))
		return err == nil && perr == nil && len(inMount)+len(inPath) == 0
	})
}

// Where the operator takes away what a volume is made of, the agent does not start,
// and says why; given back, everything is there.
func TestResourcesThatNoLongerFit(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	alloc.reserve(reserved(512, ""))
	v := reserved(512, "db")
	alloc.createVolume(v)
	alloc.launch(framework(), on(shell("t", "echo kept > data/f; sleep 100"), v))
	alloc.await("t", mesos.TaskState_TASK_RUNNING)
	n.halt()
	for resources, want := range map[string]string{
		"cpus:2;mem:1024;disk:256": "do not hold the reservations and volumes",
		"cpus:2;mem:32;disk:1024":  "do not hold what runs: mem:32 of",
	} {
		err := runOnce(t, n, func(o *agent.Options) { o.Resources = resources })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("with %s: got %v, want %q", resources, err, want)
		}
	}
	n.opts = func(o *agent.Options) { o.Resources, o.Attributes = "cpus:1;mem:512;disk:600", "rack:r2" }
	n.start()
	alloc.wait("the smaller total", func() bool {
		r := alloc.registers[len(alloc.registers)-1]
		return len(r.Tasks) == 1 && r.Agent.Attributes[0].Text.GetValue() == "r2" && strings.Contains(fmt.Sprint(r.Total), "db")
	})
	alloc.kill("t")
	alloc.await("t", mesos.TaskState_TASK_KILLED)
}

// A custom executor sees the volumes of its tasks in its sandbox while they live. One
// that cannot be shown what a task needs is ended: it must not run with less.
func TestVolumesOfCustomExecutors(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	one, two := reserved(8, "one"), reserved(8, "two")
	alloc.reserve(reserved(16, ""))
	alloc.createVolume(one)
	alloc.createVolume(two)
	ex := customExecutor(t, "ex", "json")
	alloc.launchOn(ex, true, false, on(custom("t1", "long"), one))
	alloc.await("t1", mesos.TaskState_TASK_RUNNING)
	link := filepath.Join(n.sandbox("ex"), "data")
	if got, err := os.Readlink(link); err != nil || got != n.volume("one") {
		t.Errorf("the executor sees %q, %v; want the volume", got, err)
	}
	alloc.kill("t1")
	alloc.await("t1", mesos.TaskState_TASK_KILLED)
	n.eventually("the link to go", func() bool { _, err := os.Lstat(link); return os.IsNotExist(err) })
	alloc.launchOn(ex, false, false, on(custom("t2", "long"), one))
	alloc.await("t2", mesos.TaskState_TASK_RUNNING)
	alloc.launchOn(ex, false, false, on(custom("t3", "long"), two)) // at the same path
	for _, id := range []string{"t2", "t3"} {
		st := alloc.await(id, mesos.TaskState_TASK_LOST)
		if st.GetReason() != mesos.TaskStatus_REASON_CONTAINER_UPDATE_FAILED || !strings.Contains(st.GetMessage(), "volume at data") {
			t.Errorf("%s: got %v", id, st)
		}
	}
}

// A task of another user owns the volume that it uses.
func TestVolumeBelongsToTheUserOfTheTask(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIP-ENV: runs a task as another user, which takes root")
	}
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	v := reserved(8, "mine")
	alloc.reserve(reserved(8, ""))
	alloc.createVolume(v)
	task := on(shell("t", "echo x > data/f && id -un && stat -c %U data/"), v)
	task.Command.User = new("nobody")
	alloc.launch(framework(), task)
	alloc.await("t", mesos.TaskState_TASK_FINISHED)
	if got := n.read("t", "stdout"); got != "nobody\nnobody\n" {
		t.Errorf("got %q", got)
	}
}

// GROW and SHRINK change what the agent says it has; the data stays.
func TestResizedVolume(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	alloc.reserve(reserved(48, ""))
	alloc.createVolume(reserved(16, "v"))
	alloc.launch(framework(), on(shell("w", "echo kept > data/f"), reserved(16, "v")))
	alloc.await("w", mesos.TaskState_TASK_FINISHED)
	alloc.operate(&mesos.Offer_Operation{Type: mesos.Offer_Operation_GROW_VOLUME.Enum(),
		GrowVolume: &mesos.Offer_Operation_GrowVolume{Volume: reserved(16, "v"), Addition: reserved(32, "")}})
	alloc.operate(&mesos.Offer_Operation{Type: mesos.Offer_Operation_SHRINK_VOLUME.Enum(),
		ShrinkVolume: &mesos.Offer_Operation_ShrinkVolume{Volume: reserved(48, "v"), Subtract: &mesos.Value_Scalar{Value: new(8.0)}}})
	alloc.allApplied()
	n.halt()
	n.start()
	alloc.wait("a volume of 40", func() bool {
		for _, r := range alloc.registers[len(alloc.registers)-1].Total {
			if r.GetDisk().GetPersistence().GetId() == "v" {
				return r.Scalar.GetValue() == 40
			}
		}
		return false
	})
	alloc.launch(framework(), on(shell("r", "cat data/f"), reserved(40, "v")))
	alloc.await("r", mesos.TaskState_TASK_FINISHED)
	if got := n.read("r", "stdout"); got != "kept\n" {
		t.Errorf("the volume holds %q", got)
	}
}

// A volume at an absolute path is mounted there, for its task alone; where nothing can be
// mounted, or nothing is there to be mounted on, the launch fails.
func TestVolumeAtAnAbsolutePath(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIP-ENV: mounts, which takes root")
	}
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	place := t.TempDir()
	at := func(path string) func(*mesos.Resource) {
		return func(r *mesos.Resource) { r.Disk.Volume.ContainerPath = &path }
	}
	v := reserved(8, "far")
	alloc.reserve(reserved(8, ""))
	alloc.createVolume(v)
	alloc.launch(framework(), on(shell("writer", "echo kept > "+place+"/f && ls"), reserved(8, "far", at(place))))
	alloc.await("writer", mesos.TaskState_TASK_FINISHED)
	if got, err := os.ReadFile(filepath.Join(n.volume("far"), "f")); err != nil || string(got) != "kept\n" {
		t.Errorf("the volume holds %q (%v), want what the task wrote", got, err)
	}
	if left, err := os.ReadDir(place); err != nil || len(left) != 0 {
		t.Errorf("the host sees %v (%v) where the volume was mounted, want nothing", left, err)
	}
	alloc.launch(framework(), on(shell("reader", "cat "+place+"/f && ! touch "+place+"/g"), reserved(8, "far", at(place), readOnly)))
	alloc.await("reader", mesos.TaskState_TASK_FINISHED)
	if got := n.read("reader", "stdout"); got != "kept\n" {
		t.Errorf("the reader found %q", got)
	}
	alloc.launch(framework(), on(shell("nowhere", "true"), reserved(8, "far", at(place+"/nothing"))))
	if st := alloc.await("nowhere", mesos.TaskState_TASK_FAILED); !strings.Contains(st.GetMessage(), "must exist") {
		t.Errorf("got %v, want a message that tells what is missing", st)
	}
}
