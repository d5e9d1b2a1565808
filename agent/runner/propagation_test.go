package runner_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/runner"
	"github.com/caprock/caprock/wire/mesos"
)

// What a task mounts below a volume with BIDIRECTIONAL propagation is mounted on the host,
// if the host shares the mount that the volume is on; otherwise nothing is launched.
func TestMountsOfTasksReachTheHost(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIP-ENV: mounts, which takes root")
	}
	host := t.TempDir()
	if err := unix.Mount("host", host, "tmpfs", 0, ""); err != nil {
		t.Skipf("SKIP-ENV: no tmpfs can be mounted: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(host, unix.MNT_DETACH) })
	if err := errors.Join(unix.Mount("", host, "", unix.MS_PRIVATE, ""), os.Mkdir(host+"/inner", 0o755)); err != nil {
		t.Fatal(err)
	}
	everything := ^uint64(0) >> (63 - unix.CAP_LAST_CAP)
	r := newRunsWith(t, runner.KernelOptions{Isolation: runner.Auto, Rights: runner.Rights{Unconfined: true, NewPrivs: true, Bounding: &everything}})
	v := hostPath(host, "data", mesos.Volume_RW)
	v.Source.HostPath.MountPropagation = &mesos.MountPropagation{Mode: mesos.MountPropagation_BIDIRECTIONAL.Enum()}
	box := &mesos.ContainerInfo{Volumes: []*mesos.Volume{v}}
	const line = "mount -t tmpfs inner data/inner && echo x >data/inner/f && echo mounted"
	if got, why := r.run(t, core.Launch{ID: "private", Container: box}, line); got != "" || !strings.Contains(why, "to be on a mount that is shared") {
		t.Errorf("on a private mount: got %q, %q; want no launch", got, why)
	}
	if err := unix.Mount("", host, "", unix.MS_SHARED, ""); err != nil {
		t.Fatal(err)
	}
	for _, c := range []core.Launch{{ID: "command", Container: box}, {ID: "member", Pod: "pod", Container: box}} {
		if got, why := r.run(t, c, line); got != "mounted\n" {
			t.Errorf("%s: got %q, %q", c.ID, got, why)
		}
		if b, err := os.ReadFile(host + "/inner/f"); err != nil || string(b) != "x\n" {
			t.Errorf("%s: on the host: got %q, %v", c.ID, b, err)
		}
		if err := unix.Unmount(host+"/inner", unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}
	// Without that it stays the container's own.
	plain := &mesos.ContainerInfo{Volumes: []*mesos.Volume{hostPath(host, "data", mesos.Volume_RW)}}
	if got, why := r.run(t, core.Launch{ID: "plain", Container: plain}, line); got != "mounted\n" {
		t.Errorf("got %q, %q", got, why)
	}
	if _, err := os.Stat(host + "/inner/f"); err == nil {
		t.Error("the mount of a volume without propagation reached the host")
	}
}
