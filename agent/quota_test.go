package agent_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/agent"
	"github.com/caprock/caprock/isolation/quota"
	"github.com/caprock/caprock/isolation/quota/quotatest"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

// onXFS starts an agent with disk/xfs that removes what has ended at once.
func onXFS(t *testing.T, alloc *allocator, opts func(*agent.Options)) *node {
	t.Helper()
	dir, err := quotatest.Dir(t)
	if err != nil {
		t.Skipf("SKIP-ENV: no XFS with project quotas: %v", err)
	}
	return startNodeIn(t, alloc, dir, func(o *agent.Options) {
		o.Isolation, o.ProjectRange = "disk/xfs,cgroups/cpu,cgroups/mem,cgroups/pids", "[6000-6009]"
		o.EnforceDiskQuota, o.SandboxWatchInterval = true, 50*time.Millisecond
		o.GCDelay, o.DiskWatchInterval = time.Millisecond, 50*time.Millisecond
		if opts != nil {
			opts(o)
		}
	})
}

func withDisk(task *mesos.TaskInfo, mib float64) *mesos.TaskInfo {
	task.Resources = append(task.Resources, scalar("disk", mib))
	return task
}

func (n *node) metric(name string) float64 {
	n.t.Helper()
	_, body := n.get("/metrics/snapshot")
	var all map[string]float64
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		n.t.Fatal(err)
	}
	return all[name]
}

// diskOf is what the statistics say of the disk space of an executor.
func (n *node) diskOf(executor string) (used, limit, volumeUsed, volumeLimit float64) {
	n.t.Helper()
	_, body := n.get("/monitor/statistics")
	var list []struct {
		ID         string `json:"executor_id"`
		Statistics struct {
			Used    float64 `json:"disk_used_bytes"`
			Limit   float64 `json:"disk_limit_bytes"`
			Volumes []struct {
				Used  float64 `json:"used_bytes"`
				Limit float64 `json:"limit_bytes"`
			} `json:"disk_statistics"`
		} `json:"statistics"`
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		n.t.Fatalf("%v in %s", err, body)
	}
	for _, e := range list {
		if e.ID == executor {
			if len(e.Statistics.Volumes) > 0 {
				volumeUsed, volumeLimit = e.Statistics.Volumes[0].Used, e.Statistics.Volumes[0].Limit
			}
			return e.Statistics.Used, e.Statistics.Limit, volumeUsed, volumeLimit
		}
	}
	return 0, 0, 0, 0
}

// projectOf is the project of a directory.
func projectOf(t *testing.T, dir string) uint32 {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	id, err := quota.Of(f)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

const fillDisk = "dd if=/dev/zero of=f bs=64k count=115 2>/dev/null && touch whole; "

// A container can write as much as it was given and not a block more; nobody else
// notices. The bounds outlive the agent, grow with a pod, and go with the sandbox.
func TestProjectQuota(t *testing.T) {
	alloc := newAllocator(t)
	n := onXFS(t, alloc, nil)
	const mib = 1 << 20
	const ids = "containerizer/mesos/disk/project_ids_"
	if total, free := n.metric(ids+"total"), n.metric(ids+"free"); total != 10 || free != 10 {
		t.Fatalf("got %g ids, %g of them free, want 10", total, free)
	}
	alloc.launch(framework(), withDisk(shell("good", "while :; do echo x >>beats; sleep 0.02; done"), 1),
		shell("unbounded", fillDisk+"sleep 1000"), withDisk(shell("full", fillDisk+"sleep 1000"), 3))
	n.eventually("both to have written", func() bool {
		full, _, _, _ := n.diskOf("full")
		unbounded, _, _, _ := n.diskOf("unbounded")
		_, err := os.Stat(filepath.Join(n.sandbox("unbounded"), "whole"))
		return full >= 3*mib-128<<10 && unbounded >= 6_000_000 && err == nil
	})
	check := func(when string) {
		t.Helper()
		if used, limit, _, _ := n.diskOf("full"); limit != 3*mib || used > limit || used < limit-128<<10 {
			t.Errorf("%s: got %g of %g bytes, want nearly all of 3 MiB and no more", when, used, limit)
		}
		if used, limit, _, _ := n.diskOf("unbounded"); limit != 0 || used < 6_000_000 {
			t.Errorf("%s, without a disk resource: got %g of %g bytes", when, used, limit)
		}
		if st := alloc.last("good"); st.GetState() != mesos.TaskState_TASK_RUNNING {
			t.Errorf("%s: the neighbour is %v", when, st)
		}
	}
	check("at first")
	before := projectOf(t, n.sandbox("full")+"/.")
	n.halt()
	n.start()
	n.eventually("the containers to be known again", func() bool {
		full, limit, _, _ := n.diskOf("full")
		unbounded, _, _, _ := n.diskOf("unbounded")
		return limit > 0 && full > 0 && unbounded > 0
	})
	check("after a restart")
	if now := projectOf(t, n.sandbox("full")+"/."); now != before || now < 6000 || now > 6009 {
		t.Errorf("got project %d, before %d", now, before)
	}
	if free := n.metric(ids + "free"); free != 7 {
		t.Errorf("got %g free ids, want 7", free)
	}
	beats := func() int64 {
		info, err := os.Stat(filepath.Join(n.sandbox("good"), "beats"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	was := beats()
	n.eventually("the neighbour to go on writing", func() bool { return beats() > was })

	ex := &mesos.ExecutorInfo{
		Type: mesos.ExecutorInfo_DEFAULT.Enum(), ExecutorId: &mesos.ExecutorID{Value: new("pod")},
		FrameworkId: &mesos.FrameworkID{Value: new("fw")},
		Resources:   []*mesos.Resource{scalar("cpus", 0.1), scalar("mem", 32), scalar("disk", 1)},
	}
	group := func(first bool, tasks ...*mesos.TaskInfo) {
		alloc.send(&link.Down{Body: &link.Down_Launch{Launch: &link.Launch{
			Framework: framework(), Executor: ex, Group: new(true), LaunchExecutor: &first, Tasks: tasks,
		}}})
	}
	group(true, withDisk(shell("a", fillDisk+"sleep 1000"), 2))
	n.eventually("the pod to be full", func() bool {
		used, limit, _, _ := n.diskOf("pod")
		return limit == 3*mib && used > 2.8*mib && used <= limit
	})
	group(false, withDisk(shell("b", fillDisk+"sleep 1000"), 4))
	n.eventually("the pod to have grown", func() bool {
		used, limit, _, _ := n.diskOf("pod")
		return limit == 7*mib && used > 6.8*mib && used <= limit
	})
	for _, id := range []string{"good", "unbounded", "full", "a", "b"} {
		alloc.kill(id)
	}
	n.eventually("all ids to be free again", func() bool { return n.metric(ids+"free") == 10 })
	f, err := quota.Open(n.dir, false)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for id := uint32(6000); id <= 6009; id++ {
		if q, err := f.Read(id); err != nil || !q.Idle() {
			t.Errorf("project %d: got %+v, %v; want nothing left", id, q, err)
		}
	}
}

// A persistent volume has a project of its own from its first use until it is
// destroyed, whoever uses it.
func TestProjectQuotaOfVolumes(t *testing.T) {
	alloc := newAllocator(t)
	n := onXFS(t, alloc, nil)
	const mib = 1 << 20
	alloc.reserve(reserved(4, ""))
	v := reserved(4, "db")
	alloc.createVolume(v)
	alloc.launch(framework(), on(withDisk(shell("w", "cd data; "+fillDisk+"sleep 1000"), 2), v))
	n.eventually("the volume to be full", func() bool {
		used, limit, volumeUsed, volumeLimit := n.diskOf("w")
		return limit == 2*mib && used < mib && volumeLimit == 4*mib && volumeUsed > 3.8*mib && volumeUsed <= volumeLimit
	})
	id := projectOf(t, n.volume("db"))
	alloc.kill("w")
	n.eventually("the sandbox to be gone", func() bool { return n.metric("containerizer/mesos/disk/project_ids_free") == 9 })
	n.halt()
	n.start()
	alloc.launch(framework(), on(shell("r", "dd if=/dev/zero of=data/more bs=64k count=16 2>/dev/null && exit 3; [ -s data/f ]"), v))
	alloc.await("r", mesos.TaskState_TASK_FINISHED)
	if now := projectOf(t, n.volume("db")); now != id {
		t.Errorf("got project %d, before %d", now, id)
	}
	alloc.destroyVolume(v)
	n.eventually("its id to be free", func() bool { return n.metric("containerizer/mesos/disk/project_ids_free") == 10 })
}

// With kills, who is above its share ends for that reason, alone.
func TestProjectQuotaKills(t *testing.T) {
	alloc := newAllocator(t)
	n := onXFS(t, alloc, func(o *agent.Options) { o.KillOverQuota, o.QuotaHeadroom = true, 2<<20 })
	alloc.launch(framework(), withDisk(shell("good", "sleep 1000"), 1), withDisk(shell("full", fillDisk+"sleep 1000"), 3))
	st := alloc.await("full", mesos.TaskState_TASK_FAILED)
	if st.GetReason() != mesos.TaskStatus_REASON_CONTAINER_LIMITATION_DISK || st.Limitation.GetResources()[0].GetName() != "disk" ||
		!strings.Contains(st.GetMessage(), "quota (3MB)") {
		t.Errorf("got %v", st)
	}
	if st := alloc.last("good"); st.GetState() != mesos.TaskState_TASK_RUNNING {
		t.Errorf("the neighbour is %v", st)
	}
	alloc.kill("good")
	n.eventually("the ids to be free", func() bool { return n.metric("containerizer/mesos/disk/project_ids_free") == 10 })
}

// When there are no ids left launches fail and say so; what runs goes on.
func TestProjectIDsRunOut(t *testing.T) {
	alloc := newAllocator(t)
	n := onXFS(t, alloc, func(o *agent.Options) { o.ProjectRange = "[6000-6001]" })
	alloc.launch(framework(), shell("one", "sleep 1000"), shell("two", "sleep 1000"))
	alloc.await("one", mesos.TaskState_TASK_RUNNING)
	alloc.await("two", mesos.TaskState_TASK_RUNNING)
	alloc.launch(framework(), shell("three", "sleep 1000"))
	st := alloc.await("three", mesos.TaskState_TASK_FAILED)
	if st.GetReason() != mesos.TaskStatus_REASON_CONTAINER_LAUNCH_FAILED || !strings.Contains(st.GetMessage(), "all 2 of the range are in use") {
		t.Errorf("got %v", st)
	}
	ex := &mesos.ExecutorInfo{Type: mesos.ExecutorInfo_DEFAULT.Enum(), ExecutorId: &mesos.ExecutorID{Value: new("pod")}, FrameworkId: &mesos.FrameworkID{Value: new("fw")}}
	alloc.send(&link.Down{Body: &link.Down_Launch{Launch: &link.Launch{Framework: framework(), Executor: ex, Group: new(true), LaunchExecutor: new(true),
		Tasks: []*mesos.TaskInfo{shell("member", "sleep 1000")}}}})
	if st := alloc.await("member", mesos.TaskState_TASK_FAILED); !strings.Contains(st.GetMessage(), "all 2 of the range are in use") {
		t.Errorf("got %v", st)
	}
	alloc.kill("one")
	n.eventually("an id to be free", func() bool { return n.metric("containerizer/mesos/disk/project_ids_free") == 1 })
	alloc.launch(framework(), shell("four", "exit 0"))
	alloc.await("four", mesos.TaskState_TASK_FINISHED)
}

// An agent that cannot have what its isolators ask for does not start and says why.
func TestProjectQuotaNeedsXFS(t *testing.T) {
	for isolation, want := range map[string]string{"disk/xfs": "", "disk/du,disk/xfs": ""} {
		a, err := agent.New(agent.Options{Allocator: "http://127.0.0.1:1", Listen: "127.0.0.1:0", WorkDir: t.TempDir(), Isolation: isolation})
		if err != nil {
			t.Fatal(err)
		}
		want = "disk/xfs: quota: "
		if os.Geteuid() != 0 {
			want = "disk/xfs needs root"
		}
		if err := a.Run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", isolation, err, want)
		}
	}
	for _, text := range []string{"", "[0-10]", "[5-4294967296]", "5000", "{a}", "[7-5]"} {
		_, err := agent.New(agent.Options{Allocator: "http://127.0.0.1:1", WorkDir: t.TempDir(), ProjectRange: text})
		if (err == nil) != (text == "") || err != nil && !strings.Contains(fmt.Sprint(err), "xfs_project_range") {
			t.Errorf("%q: got %v", text, err)
		}
	}
}
