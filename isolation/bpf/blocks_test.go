package bpf

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/isolation/cgroup"
)

// disk is a block device of our own, or a file on one.
func disk(t testing.TB) (path string, d cgroup.Device) {
	t.Helper()
	image := filepath.Join(t.TempDir(), "image")
	own := os.Getenv("CAPROCK_TEST_XFS") // what a test machine has instead of loop devices
	if own != "" {
		image = filepath.Join(own, fmt.Sprintf("image-%d", time.Now().UnixNano()))
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

func (b *kernelBench) transfers(t *testing.T, d cgroup.Device) cgroup.BlockUsage {
	t.Helper()
	list, ok := b.a.Blocks(b.id)
	if !ok {
		t.Fatal("the account of transfers is not complete")
	}
	for _, u := range list {
		if u.Device == d {
			return u
		}
	}
	return cgroup.BlockUsage{Device: d}
}

func TestBlockTransfersAreCounted(t *testing.T) {
	b := newKernelBench(t)
	if !b.a.CountsBlocks() {
		t.Skipf("SKIP-ENV: %v", b.a.Missing()[featureBlocks])
	}
	disk, device := disk(t)
	if err := b.a.Register(b.id, 0, false); err != nil {
		t.Fatal(err)
	}
	dd := func(args string) {
		t.Helper()
		if out, err := b.command("exec dd " + args).CombinedOutput(); err != nil {
			t.Fatal(err, string(out))
		}
	}
	dd(fmt.Sprintf("if=%s of=/dev/null iflag=direct bs=64k count=4", disk))
	dd(fmt.Sprintf("if=/dev/zero of=%s oflag=direct conv=notrunc bs=4k count=5", disk))
	got := b.transfers(t, device)
	if got.Bytes.Read != 4<<16 || got.Ops.Read < 4 || got.Bytes.Write < 5<<12 || got.Ops.Write < 5 || got.Bytes.Discard != 0 {
		t.Errorf("got %+v, want 4 reads of 64 KiB and at least 5 writes of 4 KiB", got)
	}
	if got.Bytes.Sync < 4<<16+5<<12 || got.Bytes.Sync+got.Bytes.Async != got.Bytes.Total() {
		t.Errorf("got %+v, want both to be synchronous", got)
	}

	// What another cgroup does is not ours, and counting goes on while nobody watches.
	if out, err := exec.Command("dd", "if="+disk, "of=/dev/null", "iflag=direct", "bs=64k", "count=1").CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	b.reopen(t, func() { dd(fmt.Sprintf("if=%s of=/dev/null iflag=direct bs=4k count=1", disk)) })
	if after := b.transfers(t, device); after.Bytes.Read != got.Bytes.Read+4096 {
		t.Errorf("got %d bytes read, want 4096 more than %d", after.Bytes.Read, got.Bytes.Read)
	}
}

// Who was at work before its account was opened is not told half the truth, and
// neither is whoever uses a ninth device.
func TestIncompleteAccountsOfTransfersSaySo(t *testing.T) {
	b := newKernelBench(t)
	if !b.a.CountsBlocks() {
		t.Skipf("SKIP-ENV: %v", b.a.Missing()[featureBlocks])
	}
	if err := b.a.Register(b.id, 0, true); err != nil {
		t.Fatal(err)
	}
	if list, ok := b.a.Blocks(b.id); ok {
		t.Errorf("an account that was opened late says %+v", list)
	}
	if err := b.a.Unregister(b.id); err != nil {
		t.Fatal(err)
	}
	if err := b.a.Register(b.id, 0, false); err != nil {
		t.Fatal(err)
	}
	var full kernelBlockAccount
	for i := range full.Devices {
		full.Devices[i].Device = 1<<63 | uint64(i)
	}
	if err := b.a.maps[kernelMapBlocks].Put(b.a.mu.slots[b.id], full); err != nil {
		t.Fatal(err)
	}
	if list, ok := b.a.Blocks(b.id); !ok || len(list) != len(full.Devices) {
		t.Errorf("got %d devices, %t; want %d", len(list), ok, len(full.Devices))
	}
	disk, _ := disk(t)
	if out, err := b.command("exec dd if=" + disk + " of=/dev/null iflag=direct bs=4k count=1").CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	if _, ok := b.a.Blocks(b.id); ok {
		t.Error("a ninth device was lost without a word")
	}
}

// The successor of an agent that did not count transfers knows that it does not know.
func TestAccountsWithoutTransfersAreTakenOver(t *testing.T) {
	b := newKernelBench(t)
	if !b.a.CountsBlocks() {
		t.Skipf("SKIP-ENV: %v", b.a.Missing()[featureBlocks])
	}
	if err := b.a.Register(b.id, time.Second, false); err != nil {
		t.Fatal(err)
	}
	b.reopen(t, func() {
		if err := os.Remove(filepath.Join(b.opts.PinDir, mapsDir, kernelMapBlocks)); err != nil {
			t.Fatal(err)
		}
	})
	if list, ok := b.a.Blocks(b.id); ok {
		t.Errorf("got %+v of a group that is older than the map", list)
	}
	if used, ok := b.a.CPU(b.id); !ok || used < time.Second {
		t.Errorf("got %v, %t; want its other books kept", used, ok)
	}
	// Also for the next one; and who comes new is counted.
	b.reopen(t, func() {})
	if _, ok := b.a.Blocks(b.id); ok {
		t.Error("after a second restart the group counts as known")
	}
	if err := b.a.Unregister(b.id); err != nil {
		t.Fatal(err)
	}
	if err := b.a.Register(b.id, 0, false); err != nil {
		t.Fatal(err)
	}
	if list, ok := b.a.Blocks(b.id); !ok || len(list) != 0 {
		t.Errorf("got %+v, %t of a new group", list, ok)
	}
}

// How long requests took is what the device's own counters say, and only ours are ours;
// counting goes on while nobody watches.
func TestBlockTimesAreThoseOfTheDevice(t *testing.T) {
	b := newKernelBench(t)
	if err := b.a.Missing()[featureTimes]; err != nil {
		t.Skipf("SKIP-ENV: %v", err)
	}
	disk, device := disk(t)
	if err := b.a.Register(b.id, 0, false); err != nil {
		t.Fatal(err)
	}
	dd := func(args string) time.Duration {
		t.Helper()
		began := time.Now()
		if out, err := b.command("exec dd " + args).CombinedOutput(); err != nil {
			t.Fatal(err, string(out))
		}
		return time.Since(began)
	}
	before := ticks(t, device)
	took := dd(fmt.Sprintf("if=%s of=/dev/null iflag=direct bs=4k count=256", disk))
	b.reopen(t, func() { took += dd(fmt.Sprintf("if=%s of=/dev/null iflag=direct bs=4k count=256", disk)) })
	kernel := ticks(t, device) - before
	u := b.transfers(t, device)
	ours := time.Duration(u.WaitNanos.Read + u.ServiceNanos.Read)
	if !u.Timed || u.ServiceNanos.Read == 0 || ours > took || u.WaitNanos.Write+u.ServiceNanos.Write > 0 {
		t.Errorf("got %+v in %v, want the reads to have taken no longer", u, took)
	}
	if u.WaitNanos.Sync != u.WaitNanos.Read || u.ServiceNanos.Sync != u.ServiceNanos.Read {
		t.Errorf("got %+v, want all of it synchronous", u)
	}
	// The kernel looks at its clock a moment later, and tells milliseconds.
	if os.Getenv("CAPROCK_TEST_XFS") == "" && (ours > kernel+2*time.Millisecond || ours < kernel/2-2*time.Millisecond) {
		t.Errorf("got %v, the device says %v", ours, kernel)
	}
	t.Logf("waited %v, served %v; the device says %v, dd %v", time.Duration(u.WaitNanos.Read), time.Duration(u.ServiceNanos.Read), kernel, took)

	if out, err := exec.Command("dd", "if="+disk, "of=/dev/null", "iflag=direct", "bs=64k", "count=4").CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	if after := b.transfers(t, device); after != u {
		t.Errorf("got %+v when another group has read, before %+v", after, u)
	}
	took = dd(fmt.Sprintf("if=/dev/zero of=%s oflag=direct conv=notrunc bs=4k count=5", disk))
	if after := b.transfers(t, device); after.ServiceNanos.Write == 0 || after.ServiceNanos.Write+after.WaitNanos.Write > 2*uint64(took) || after.ServiceNanos.Read != u.ServiceNanos.Read {
		t.Errorf("got %+v after writes of %v, before %+v", after, took, u)
	}
}

// So does the successor of one that did not time them: of who is new it knows the times.
func TestAccountsWithoutTimesAreTakenOver(t *testing.T) {
	b := newKernelBench(t)
	if err := b.a.Missing()[featureTimes]; err != nil {
		t.Skipf("SKIP-ENV: %v", err)
	}
	disk, device := disk(t)
	read := func() {
		t.Helper()
		if out, err := b.command("exec dd if=" + disk + " of=/dev/null iflag=direct bs=4k count=2").CombinedOutput(); err != nil {
			t.Fatal(err, string(out))
		}
	}
	if err := b.a.Register(b.id, 0, false); err != nil {
		t.Fatal(err)
	}
	read()
	b.reopen(t, func() {
		if err := os.Remove(filepath.Join(b.opts.PinDir, mapsDir, kernelMapTimes)); err != nil {
			t.Fatal(err)
		}
	})
	read()
	if u := b.transfers(t, device); u.Timed || u.ServiceNanos.Read > 0 || u.Bytes.Read != 4*4096 {
		t.Errorf("got %+v, want all transfers and no times", u)
	}
	if err := b.a.Unregister(b.id); err != nil {
		t.Fatal(err)
	}
	if err := b.a.Register(b.id, 0, false); err != nil {
		t.Fatal(err)
	}
	read()
	if u := b.transfers(t, device); !u.Timed || u.ServiceNanos.Read == 0 || u.Bytes.Read != 2*4096 {
		t.Errorf("got %+v, want the times of a new group", u)
	}
}

// ticks is how long reads from a device have taken, as the kernel counts it.
func ticks(t *testing.T, d cgroup.Device) time.Duration {
	t.Helper()
	text, err := os.ReadFile("/sys/dev/block/" + d.String() + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	var n, ms int64
	if _, err := fmt.Sscan(string(text), &n, &n, &n, &ms); err != nil {
		t.Fatal(err)
	}
	return time.Duration(ms) * time.Millisecond
}
