package quota_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/isolation/quota"
	"github.com/caprock/caprock/isolation/quota/quotatest"
)

func onXFS(t testing.TB) (*quota.FS, string) {
	t.Helper()
	dir, err := quotatest.Dir(t)
	if err != nil {
		t.Skipf("SKIP-ENV: no XFS with project quotas: %v", err)
	}
	f, err := quota.Open(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, dir
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func assign(t *testing.T, path string, id uint32) {
	t.Helper()
	dir, err := os.Open(path)
	must(t, err)
	defer dir.Close()
	must(t, quota.Assign(dir, id))
}

func read(t *testing.T, f *quota.FS, id uint32) quota.Quota {
	t.Helper()
	q, err := f.Read(id)
	must(t, err)
	return q
}

// A directory's project bounds what is written anywhere below it, and nothing else; what
// was there before counts too.
func TestProjectBoundsWhatIsBelow(t *testing.T) {
	f, dir := onXFS(t)
	const id, limit = 7001, 4 << 20
	box, other := filepath.Join(dir, "box"), filepath.Join(dir, "other")
	must(t, os.MkdirAll(filepath.Join(box, "old/deep"), 0o755), os.Mkdir(other, 0o755),
		os.WriteFile(filepath.Join(box, "old/deep/f"), make([]byte, 1<<20), 0o644),
		os.WriteFile(filepath.Join(other, "secret"), make([]byte, 1<<20), 0o644),
		os.Symlink(other, filepath.Join(box, "away")), unix.Mkfifo(filepath.Join(box, "pipe"), 0o644))
	must(t, f.SetLimits(id, limit, limit))
	assign(t, box, id)
	if q := read(t, f, id); q.UsedBytes < 1<<20 || q.UsedBytes > limit || q.HardBytes != limit || q.SoftBytes != limit || q.Files < 4 {
		t.Errorf("got %+v, want what was there counted", q)
	}
	err := os.WriteFile(filepath.Join(box, "old/new"), make([]byte, limit), 0o644)
	if !errors.Is(err, unix.EDQUOT) && !errors.Is(err, unix.ENOSPC) {
		t.Errorf("got %v, want the write refused", err)
	}
	if q := read(t, f, id); q.UsedBytes > limit {
		t.Errorf("got %d bytes used, want at most %d", q.UsedBytes, limit)
	}
	must(t, os.WriteFile(filepath.Join(other, "large"), make([]byte, 2*limit), 0o644))
	// A higher limit holds at once, and so does none.
	must(t, f.SetLimits(id, 2*limit, 2*limit), os.WriteFile(filepath.Join(box, "old/new"), make([]byte, limit), 0o644))
	must(t, f.SetLimits(id, 0, 0), os.WriteFile(filepath.Join(box, "more"), make([]byte, 3*limit), 0o644))
	// Files made below are of the project, those elsewhere are not.
	for name, want := range map[string]uint32{"box/more": id, "box/old/deep/f": id, "other/secret": 0, "other": 0} {
		file, err := os.Open(filepath.Join(dir, name))
		must(t, err)
		if got, err := quota.Of(file); err != nil || got != want {
			t.Errorf("%s: got project %d, %v; want %d", name, got, err, want)
		}
		file.Close()
	}
	must(t, os.RemoveAll(box))
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		// The kernel frees what was removed a moment later.
		if q := read(t, f, id); q.Idle() {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("got %+v, want nothing left", q)
		}
	}
}

func TestProjectsThatTheFileSystemKnows(t *testing.T) {
	f, _ := onXFS(t)
	must(t, f.SetLimits(7100, 1<<20, 2<<20), f.SetLimits(7105, 0, 3<<20))
	defer func() { must(t, f.SetLimits(7100, 0, 0), f.SetLimits(7105, 0, 0)) }()
	q, ok, err := f.Next(7100)
	if err != nil || !ok || q.ID != 7100 || q.SoftBytes != 1<<20 || q.HardBytes != 2<<20 {
		t.Errorf("got %+v, %t, %v", q, ok, err)
	}
	if q, ok, err = f.Next(7101); err != nil || !ok || q.ID != 7105 || q.HardBytes != 3<<20 {
		t.Errorf("got %+v, %t, %v", q, ok, err)
	}
	if q, ok, err = f.Next(4_000_000_000); err != nil || ok {
		t.Errorf("got %+v, %t, %v; want none", q, ok, err)
	}
}

// What a file system cannot do is said when it is opened.
func TestFileSystemsWithoutQuotas(t *testing.T) {
	for dir, want := range map[string]string{"/proc": "is no XFS file system", filepath.Join(t.TempDir(), "none"): "no such file"} {
		if f, err := quota.Open(dir, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, %v; want %q", dir, f, err, want)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	f, _ := onXFS(b)
	for b.Loop() {
		if _, err := f.Read(7001); err != nil {
			b.Fatal(err)
		}
	}
}
