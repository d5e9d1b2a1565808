package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/wire/clock"
)

func write(t *testing.T, path string, size int) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("x", size)), 0o644); err != nil {
		t.Fatal(err)
	}
}

func measure(t *testing.T, dir string) int64 {
	t.Helper()
	n, err := Measure(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The sum is that of du: blocks, each inode once, no links followed.
func TestMeasureIsWhatDuSays(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	write(t, outside+"/large", 1<<20)
	write(t, dir+"/a/b/c", 100_000)
	write(t, dir+"/one", 1)
	for _, err := range []error{os.Link(dir+"/a/b/c", dir+"/again"), os.Symlink(outside, dir+"/away"), os.Symlink(dir, dir+"/a/loop"),
		unix.Mkfifo(dir+"/pipe", 0o644), os.Truncate(dir+"/one", 1<<40)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command("du", "-s", "-B1", "-x", dir).Output()
	if err != nil {
		t.Skipf("SKIP-ENV: no du: %v", err)
	}
	var want int64
	fmt.Sscan(string(out), &want)
	if got := measure(t, dir); got != want || want < 100_000 || want > 1<<20 {
		t.Errorf("got %d, want %d", got, want)
	}
}

func TestMeasureCrossesNoMount(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIP-ENV: needs root to mount")
	}
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/volume", 0o755); err != nil {
		t.Fatal(err)
	}
	before := measure(t, dir)
	if err := unix.Mount("volume", dir+"/volume", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(dir+"/volume", 0)
	write(t, dir+"/volume/data", 1<<20)
	if got := measure(t, dir); got > before {
		t.Errorf("got %d with a mounted volume, before %d", got, before)
	}
}

func TestMeasureIsBounded(t *testing.T) {
	dir := t.TempDir()
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range maxDepth + 2 {
		if err := unix.Mkdirat(fd, "d", 0o755); err != nil {
			t.Fatal(err)
		}
		next, err := unix.Openat(fd, "d", unix.O_RDONLY|unix.O_DIRECTORY, 0)
		unix.Close(fd)
		if err != nil {
			t.Fatal(err)
		}
		fd = next
	}
	unix.Close(fd)
	if _, err := Measure(t.Context(), dir); !errors.Is(err, ErrTooDeep) {
		t.Errorf("got %v, want ErrTooDeep", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Measure(ctx, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want an end with the context", err)
	}
	if _, err := Measure(t.Context(), dir+"/none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	// A container that nests so deep is taken to exceed its quota.
	var told []core.Limited
	w := New(Options{Boxes: func() ([]core.DiskBox, error) {
		return []core.DiskBox{{ID: "deep", Directory: dir, QuotaBytes: 1 << 40, Enforced: true}}, nil
	}, Exceeded: func(x core.Limited) { told = append(told, x) }, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	w.Round(t.Context())
	if len(told) != 1 || !strings.Contains(told[0].Disk.Message, "cannot be measured") {
		t.Errorf("got %+v", told)
	}
}

func TestRounds(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/small/f", 10)
	write(t, dir+"/large/f", 3<<20)
	write(t, dir+"/data/f", 2<<20)
	sim := clock.NewSim(clock.Real().Now())
	boxes := []core.DiskBox{
		{ID: "small", Directory: dir + "/small", QuotaBytes: 1 << 20, Enforced: true},
		{ID: "large", Directory: dir + "/large", QuotaBytes: 1 << 20, Enforced: true},
		{ID: "unbounded", Directory: dir + "/large"},
		{ID: "volume", Directory: dir + "/small", QuotaBytes: 1 << 20, Enforced: true, Volumes: []core.DiskVolume{
			{Path: dir + "/data", QuotaBytes: 4 << 20, Enforced: true}, {Path: dir + "/data", QuotaBytes: 1 << 20}}},
		{ID: "full volume", Directory: dir + "/small", QuotaBytes: 1 << 20, Enforced: true, Volumes: []core.DiskVolume{
			{Path: dir + "/data", QuotaBytes: 1 << 20, Enforced: true}}},
		{ID: "vanished", Directory: dir + "/none", QuotaBytes: 1 << 20, Enforced: true},
	}
	told := make(chan core.Limited, 8)
	rounds := make(chan struct{})
	w := New(Options{Interval: 15e9, Clock: sim, Exceeded: func(x core.Limited) { told <- x }, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Boxes: func() ([]core.DiskBox, error) { rounds <- struct{}{}; return boxes, nil }})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx) }()
	for range 2 {
		advanceUntil(t, sim, rounds)
		for _, want := range []string{"large", "full volume"} {
			if x := <-told; x.ID != want || x.Disk.QuotaBytes != 1<<20 || x.UsedBytes <= 1<<20 || !strings.Contains(x.Disk.Message, "exceeds quota (1MB)") {
				t.Errorf("got %+v, want %s", x, want)
			}
		}
	}
	cancel()
	<-done
	if u, ok := w.Used("volume"); !ok || u.SandboxBytes <= 0 || u.QuotaBytes != 1<<20 || len(u.Volumes) != 2 || u.Volumes[1].UsedBytes < 2<<20 {
		t.Errorf("got %+v, %t", u, ok)
	}
	if _, ok := w.Used("vanished"); ok {
		t.Error("what is not there was measured")
	}
}

// advanceUntil moves the clock on until a round begins.
func advanceUntil(t *testing.T, sim *clock.Sim, round <-chan struct{}) {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		select {
		case <-round:
			return
		case <-deadline:
			t.Fatal("no round began")
		default:
			sim.Advance(1e9)
			runtime.Gosched()
		}
	}
}
