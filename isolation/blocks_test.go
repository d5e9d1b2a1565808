package isolation

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/isolation/cgroup"
	"github.com/caprock/caprock/isolation/probe"
)

// disk is a block device of our own, or a file on one.
func disk(t *testing.T) (path string, d cgroup.Device) {
	t.Helper()
	image := filepath.Join(t.TempDir(), "image")
	own := os.Getenv("CAPROCK_TEST_XFS") // what a test machine has instead of loop devices
	if own != "" {
		image = filepath.Join(own, "image-of-blocks")
		t.Cleanup(func() { os.Remove(image) })
	}
	f, err := os.Create(image)
	if err == nil {
		_, err = f.Write(make([]byte, 1<<20))
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if own != "" {
		if err := unix.Stat(image, &st); err != nil {
			t.Fatal(err)
		}
		return image, cgroup.Device{Major: unix.Major(st.Dev), Minor: unix.Minor(st.Dev)}
	}
	out, err := exec.Command("losetup", "--find", "--show", image).Output()
	if err != nil {
		t.Skipf("SKIP-ENV: no loop device: %v", err)
	}
	path = strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if err := exec.Command("losetup", "--detach", path).Run(); err != nil {
			t.Error(err)
		}
	})
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return path, cgroup.Device{Major: unix.Major(st.Rdev), Minor: unix.Minor(st.Rdev)}
}

// What BPF counts is what the controller's files say, where those count at all.
func TestBlockTransfersAgreeWithTheFiles(t *testing.T) {
	o := testOptions(t, true)
	if !probe.Host().Cgroups.Has("blkio") {
		t.Skip("SKIP-ENV: needs the blkio or io controller")
	}
	o.Controllers = []string{"cpu", "memory", "blkio"}
	h := openHost(t, o)
	t.Cleanup(func() { removeHost(t, h) })
	if h.BlockSource() != SourceBPF {
		t.Skipf("SKIP-ENV: BPF accounting is refused here:\n%s", h.Probe())
	}
	disk, device := disk(t)
	// v1 counts only where something is limited.
	g, err := h.Create("c", Limits{Block: []cgroup.BlockLimit{{Device: device, ReadBytes: 1 << 30}}})
	if err != nil {
		t.Fatal(err)
	}
	line := "dd if=" + disk + " of=/dev/null iflag=direct bs=64k count=3; exec dd if=/dev/zero of=" + disk + " oflag=direct conv=notrunc bs=8k count=5"
	p, err := h.Start(g, Spec{Path: "/bin/sh", Args: []string{"sh", "-c", line}, Env: []string{"PATH=/usr/bin:/bin"}})
	if err != nil {
		t.Fatal(err)
	}
	if s := <-p.Exited(); s.WaitStatus != 0 {
		t.Fatal(s)
	}
	of := func(list []BlockUsage) BlockUsage {
		i := slices.IndexFunc(list, func(u BlockUsage) bool { return u.Device == device })
		if i < 0 {
			t.Fatalf("got %+v, want transfers of %s", list, device)
		}
		return list[i]
	}
	byBPF, err := g.Usage()
	if err != nil || byBPF.BlockSource != SourceBPF {
		t.Fatalf("counted by %q, %v; want BPF", byBPF.BlockSource, err)
	}
	byFiles, err := g.Group.Usage()
	if err != nil {
		t.Fatal(err)
	}
	got, want := of(byBPF.Block), of(byFiles.Block)
	if got.Bytes.Read != want.Bytes.Read || got.Bytes.Write != want.Bytes.Write || got.Ops.Read != want.Ops.Read {
		t.Errorf("BPF says %+v and %+v, the files %+v and %+v", got.Bytes, got.Ops, want.Bytes, want.Ops)
	}
	t.Logf("BPF %+v %+v, files %+v %+v", got.Bytes, got.Ops, want.Bytes, want.Ops)

	// A group that was there before is read from the files.
	if err := h.bpf.Unregister(g.V2ID()); err != nil {
		t.Fatal(err)
	}
	again, err := h.Group("c")
	if err != nil {
		t.Fatal(err)
	}
	if u, err := again.Usage(); err != nil || u.BlockSource != SourceCgroup || of(u.Block) != want {
		t.Errorf("got %+v from %q, %v; want %+v from the files", u.Block, u.BlockSource, err, want)
	}
}
