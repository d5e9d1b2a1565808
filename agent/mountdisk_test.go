package agent_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/agent"
	"github.com/caprock/caprock/wire/mesos"
)

// mountDisk is a file system of its own, 8 MiB large, and what an agent says it has with
// it: a disk of 4 MiB, beside the usual.
func mountDisk(t *testing.T) (root, resources string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIP-ENV: mounts a file system, which takes root")
	}
	root = t.TempDir()
	if err := unix.Mount("tmpfs", root, "tmpfs", 0, "size=8m"); err != nil {
		t.Skipf("SKIP-ENV: no tmpfs can be mounted: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(root, unix.MNT_DETACH) })
	return root, fmt.Sprintf(`[{"name":"disk","type":"SCALAR","scalar":{"value":4},"disk":{"source":{"type":"MOUNT","mount":{"root":%q}}}},
		{"name":"disk","type":"SCALAR","scalar":{"value":100}},
		{"name":"cpus","type":"SCALAR","scalar":{"value":2}},{"name":"mem","type":"SCALAR","scalar":{"value":512}}]`, root)
}

// fillMountDisk has a task write more to its MOUNT disk than the agent says that this
// has: it is counted and shown, and nobody's quota; the sandbox is counted without it.
func fillMountDisk(t *testing.T, alloc *allocator, n *node, root string) {
	t.Helper()
	source := &mesos.Resource_DiskInfo_Source{Type: mesos.Resource_DiskInfo_Source_MOUNT.Enum(),
		Mount: &mesos.Resource_DiskInfo_Source_Mount{Root: &root}}
	v := reserved(4, "m", onDisk(source))
	alloc.reserve(reserved(4, "", onDisk(source)))
	alloc.createVolume(v)
	alloc.launch(framework(), on(withDisk(shell("t", "dd if=/dev/zero of=data/f bs=64k count=96 2>/dev/null && echo yes >whole; exec sleep 1000"), 2), v))
	alloc.await("t", mesos.TaskState_TASK_RUNNING)
	const mib = 1 << 20
	n.eventually("the statistics of the MOUNT disk", func() bool {
		used, limit, volumeUsed, volumeLimit := n.diskOf("t")
		return used < mib && limit == 2*mib && volumeUsed >= 6*mib && volumeUsed < 7*mib && volumeLimit == 4*mib
	})
	n.eventually("the task to have written all, as there was room", func() bool { return n.exists("t", "whole") })
	n.shows("/monitor/statistics", fmt.Sprintf(`[{"statistics": {"disk_statistics": [
		{"source": {"type": "MOUNT", "mount": {"root": %q}}, "persistence": {"id": "m"}}]}}]`, root))
	if st := alloc.last("t"); st.GetState() != mesos.TaskState_TASK_RUNNING {
		t.Errorf("got %v, want it to run on", st)
	}
	alloc.kill("t")
	alloc.await("t", mesos.TaskState_TASK_KILLED)
}

func TestDiskQuotaIgnoresMountDisks(t *testing.T) {
	root, resources := mountDisk(t)
	alloc := newAllocator(t)
	n := startNode(t, alloc, func(o *agent.Options) {
		o.Resources, o.EnforceDiskQuota, o.SandboxWatchInterval = resources, true, 20*time.Millisecond
	})
	fillMountDisk(t, alloc, n, root)
}

// A MOUNT disk need not be XFS, and takes no id of a project.
func TestProjectQuotaIgnoresMountDisks(t *testing.T) {
	root, resources := mountDisk(t)
	alloc := newAllocator(t)
	n := onXFS(t, alloc, func(o *agent.Options) {
		o.Resources, o.KillOverQuota, o.QuotaHeadroom = resources, true, 2<<20
	})
	fillMountDisk(t, alloc, n, root)
	n.eventually("the id of the sandbox to be free", func() bool { return n.metric("containerizer/mesos/disk/project_ids_free") == 10 })
}
