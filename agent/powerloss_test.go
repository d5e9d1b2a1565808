package agent_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/agent"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

const (
	lossesPerFileSystem = 10
	// fsShutdown is FS_IOC_SHUTDOWN of XFS and of ext4; noLogFlush makes it lose what
	// was not synced, as a power loss does.
	fsShutdown = 0x8004587d
	noLogFlush = 2
)

// A real agent on a real file system loses its power at random moments. What it had
// confirmed to the allocator is there afterwards, and every checkpoint is whole:
// with Strict it would not start on one that is not.
func TestPowerLoss(t *testing.T) {
	for name, mkfs := range map[string][]string{
		"xfs":  {"mkfs.xfs", "-q", "-f"},
		"ext4": {"mkfs.ext4", "-q", "-F"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newLoseableDisk(t, mkfs)
			for seed := range uint64(lossesPerFileSystem) {
				d.losePower(seed)
			}
			d.finish()
			if d.confirmed == 0 {
				t.Error("nothing was confirmed before any of the losses, so they showed nothing")
			}
			t.Logf("%d losses of power, %d frames confirmed before them", lossesPerFileSystem, d.confirmed)
		})
	}
}

// loseableDisk is a file system on a loop device.
type loseableDisk struct {
	t           *testing.T
	image, root string
	alloc       *allocator
	volumes     int
	confirmed   uint64
	copies      int // made of the image
	options     string
}

func newLoseableDisk(t *testing.T, mkfs []string) *loseableDisk {
	if testing.Short() || os.Geteuid() != 0 {
		t.Skip("SKIP-ENV: power loss needs root, for a loop device and its mount")
	}
	if _, err := exec.LookPath(mkfs[0]); err != nil {
		t.Skipf("SKIP-ENV: power loss needs %s: %v", mkfs[0], err)
	}
	dir := t.TempDir()
	d := &loseableDisk{t: t, image: filepath.Join(dir, "image"), root: filepath.Join(dir, "root"), alloc: newAllocator(t)}
	if mkfs[0] == "mkfs.xfs" {
		d.options = ",nouuid" // a copy has the id of what it is one of
	}
	f, err := os.Create(d.image)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(320 << 20); err != nil { // XFS takes no less than 300 MiB
		t.Fatal(err)
	}
	f.Close()
	if err := os.Mkdir(d.root, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(mkfs[0], append(mkfs[1:], d.image)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", mkfs, err, out)
	}
	if out, err := d.mount(); err != nil {
		t.Skipf("SKIP-ENV: power loss needs loop devices: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		d.killTasks()
		_ = unix.Unmount(d.root, unix.MNT_DETACH)
	})
	return d
}

func (d *loseableDisk) mount() ([]byte, error) {
	return exec.Command("mount", "-o", "loop"+d.options, d.image, d.root).CombinedOutput()
}

func (d *loseableDisk) workDir() string { return filepath.Join(d.root, "work") }

// losePower runs an agent on what the loss before left, has it work, and cuts the
// power in the middle.
func (d *loseableDisk) losePower(seed uint64) {
	d.t.Helper()
	random := rand.New(rand.NewPCG(seed, 0))
	registers := len(d.alloc.registers)
	n := d.node()
	n.start()
	d.check(registers)
	d.work()
	time.Sleep(time.Duration(random.IntN(40)) * time.Millisecond) // the moment is what is random here
	d.alloc.mu.Lock()
	before := d.alloc.applied
	d.alloc.mu.Unlock()
	d.shutdown()
	n.stop()
	<-n.done // it may have met the dead disk, or not
	d.killTasks()
	d.remount()
	d.confirmed = before
}

// finish starts a last agent, and lets it leave nothing behind.
func (d *loseableDisk) finish() {
	d.t.Helper()
	registers := len(d.alloc.registers)
	n := d.node()
	n.start()
	d.check(registers)
	n.leave("test is over")
}

func (d *loseableDisk) node() *node {
	return &node{t: d.t, alloc: d.alloc, dir: d.workDir(), opts: func(o *agent.Options) {
		o.Strict, o.BPFPinDir = true, "none"
	}}
}

// check compares what the agent has with what it had confirmed before the loss.
func (d *loseableDisk) check(registers int) {
	d.t.Helper()
	d.alloc.mu.Lock()
	defer d.alloc.mu.Unlock()
	r := d.alloc.registers[registers]
	if registers > 0 && r.Agent.Id == nil {
		d.t.Fatal("the agent has forgotten its id")
	}
	if r.GetAppliedSeq() < d.confirmed {
		d.t.Fatalf("the agent has applied frames up to %d, and had confirmed %d", r.GetAppliedSeq(), d.confirmed)
	}
	for _, res := range r.Total {
		id := res.GetDisk().GetPersistence().GetId()
		if id == "" {
			continue
		}
		path := filepath.Join(d.workDir(), "volumes", "roles", "r", id)
		if info, err := os.Stat(path); err != nil || !info.IsDir() {
			d.t.Errorf("the agent has volume %s, and its directory is lost: %v", id, err)
		}
	}
}

// work gives the agent a bit of everything that it checkpoints.
func (d *loseableDisk) work() {
	for range 3 {
		d.volumes++
		id := fmt.Sprint("v", d.volumes)
		d.alloc.reserve(reserved(1, ""))
		d.alloc.createVolume(reserved(1, id))
		d.alloc.launch(framework(), on(shell("task-"+id, "echo x > data/x; sleep 100"), reserved(1, id)), shell("short-"+id, "true"))
		if d.volumes > 3 {
			d.alloc.kill(fmt.Sprint("task-v", d.volumes-3))
		}
	}
	d.alloc.send(&link.Down{Body: &link.Down_UpdateFramework{UpdateFramework: &link.UpdateFramework{Framework: framework()}}})
	d.alloc.await(fmt.Sprint("short-v", d.volumes-2), mesos.TaskState_TASK_FINISHED)
}

func (d *loseableDisk) shutdown() {
	d.t.Helper()
	dir, err := os.Open(d.root)
	if err != nil {
		d.t.Fatal(err)
	}
	defer dir.Close()
	if err := unix.IoctlSetPointerInt(int(dir.Fd()), fsShutdown, noLogFlush); err != nil {
		d.t.Skipf("SKIP-ENV: this kernel's file system cannot be shut down: %v", err)
	}
}

// killTasks ends what ran on the machine that lost its power.
func (d *loseableDisk) killTasks() {
	o := agent.Options{WorkDir: d.workDir()}
	o.EnsureDefaults()
	for range 2000 {
		lists, _ := filepath.Glob(filepath.Join("/sys/fs/cgroup/*", o.CgroupsRoot, "*", "cgroup.procs"))
		v2, _ := filepath.Glob(filepath.Join("/sys/fs/cgroup", o.CgroupsRoot, "*", "cgroup.procs"))
		alive := 0
		for _, list := range append(lists, v2...) {
			b, _ := os.ReadFile(list)
			for field := range strings.FieldsSeq(string(b)) {
				if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
					alive++
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			}
		}
		if alive == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// remount gives the file system its power back: its journal is replayed.
func (d *loseableDisk) remount() {
	d.t.Helper()
	var err error
	for range 2000 {
		if err = unix.Unmount(d.root, 0); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond) // the dying still hold it
	}
	if err != nil {
		d.t.Fatalf("unmount: %v", err)
	}
	// Tasks of other tests may have a mount namespace that was made while this disk was
	// mounted, which keeps it as it is, without power, until they end.
	held := true
	for range 200 {
		out, err := exec.Command("losetup", "--associated", d.image).Output()
		if held = err == nil && len(out) > 0; !held {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if held {
		// They may be tests of another process and take their time: go on with a copy,
		// which is what reached the disk.
		d.copies++
		image := fmt.Sprintf("%s-%d", d.image, d.copies)
		if out, err := exec.Command("cp", "--sparse=always", d.image, image).CombinedOutput(); err != nil {
			d.t.Fatalf("copy the disk: %v\n%s", err, out)
		}
		d.image = image
	}
	if out, err := d.mount(); err != nil {
		d.t.Fatalf("mount after the loss: %v\n%s", err, out)
	}
}
