package kv

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

func open(t *testing.T, dir string, o Options) *DB {
	t.Helper()
	d, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func contents(t *testing.T, d *DB, lower, upper []byte) string {
	t.Helper()
	var b strings.Builder
	err := d.Iterate(lower, upper, func(k, v []byte) error {
		fmt.Fprintf(&b, "%s=%s ", k, v)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWhatWasCommittedIsReadInKeyOrder(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir, Options{})
	b := d.NewBatch(0)
	b.Set([]byte("b"), []byte("2"))
	b.Set([]byte("a"), []byte("1"))
	b.Grow([]byte("c"), 3, func(v []byte) { copy(v, "333") })
	if b.Count() != 3 || b.Bytes() == 0 {
		t.Fatalf("batch holds %d writes in %d bytes, wanted 3 in some", b.Count(), b.Bytes())
	}
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
	b = d.NewBatch(0)
	b.Delete([]byte("b"))
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, d, nil, nil); got != "a=1 c=333 " {
		t.Fatalf("store holds %q", got)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	d = open(t, dir, Options{})
	if got := contents(t, d, []byte("b"), []byte("d")); got != "c=333 " {
		t.Fatalf("[b, d) after reopening holds %q", got)
	}
	if v, ok, err := d.Get([]byte("a")); string(v) != "1" || !ok || err != nil {
		t.Fatalf("Get a: %q %t %v", v, ok, err)
	}
	if _, ok, err := d.Get([]byte("b")); ok || err != nil {
		t.Fatalf("Get of a deleted key: %t %v", ok, err)
	}
	stop := errors.New("enough")
	if err := d.Iterate(nil, nil, func(_, _ []byte) error { return stop }); err != stop {
		t.Fatalf("Iterate returned %v, wanted the callback's error", err)
	}
	if s := d.Metrics().String(); !strings.Contains(s, "wal=") {
		t.Fatalf("metrics print as %q", s)
	}
}

// The second opener is another process: POSIX locks do not conflict within
// one. The test binary plays it when the variable is set.
func TestSecondOpenerIsRefused(t *testing.T) {
	if dir := os.Getenv("KV_SECOND_OPENER"); dir != "" {
		_, err := Open(dir, Options{})
		fmt.Println(err)
		return
	}
	dir := t.TempDir()
	open(t, dir, Options{})
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Fatalf("second opener in this process got %v", err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestSecondOpenerIsRefused$")
	cmd.Env = append(os.Environ(), "KV_SECOND_OPENER="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := fmt.Sprintf("work dir is in use by another process: %s is held by pid %d", dir, os.Getpid())
	if !strings.Contains(string(out), want) {
		t.Fatalf("second process was told %q, wanted %q", out, want)
	}
}

func TestSecondOpenerInMemory(t *testing.T) {
	fs := NewCrashableFS()
	open(t, "d", Options{FS: fs.MemFS})
	if _, err := Open("d", Options{FS: fs.MemFS}); !errors.Is(err, ErrInUse) {
		t.Fatalf("second opener got %v, wanted ErrInUse", err)
	}
}

func TestOpenFailuresNameTheDirectory(t *testing.T) {
	file := t.TempDir() + "/plain"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(file, Options{})
	if err == nil || !strings.Contains(err.Error(), file) || errors.Is(err, ErrInUse) {
		t.Fatalf("opening a plain file: %v", err)
	}
	_, err = Open(t.TempDir(), Options{MemTableBytes: 1, MaxOpenFiles: 1, CacheBytes: -1})
	for _, word := range []string{"MemTableBytes", "MaxOpenFiles", "CacheBytes"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Fatalf("options: %v does not name %s", err, word)
		}
	}
}

// A batch is durable after Wait and gone before: the same power loss takes the
// one and leaves the other.
func TestPowerLoss(t *testing.T) {
	fs := NewCrashableFS()
	d := open(t, "d", Options{FS: fs.MemFS})
	durable := d.NewBatch(0)
	durable.Set([]byte("durable"), nil)
	if err := durable.Commit(); err != nil {
		t.Fatal(err)
	}
	after := open(t, "d", Options{FS: fs.Crash(0, 1).MemFS})
	if got := contents(t, after, nil, nil); got != "durable= " {
		t.Fatalf("after the power loss the store holds %q", got)
	}

	loose := open(t, "e", Options{FS: fs.MemFS, NoSync: true})
	lost := loose.NewBatch(0)
	lost.Set([]byte("lost"), nil)
	if err := lost.Commit(); err != nil {
		t.Fatal(err)
	}
	after = open(t, "e", Options{FS: fs.Crash(0, 1).MemFS})
	if got := contents(t, after, nil, nil); got != "" {
		t.Fatalf("unsynced batch survived as %q: the file system does not forget", got)
	}
}

func TestSyncErrorIsFinal(t *testing.T) {
	broken := errors.New("disk on fire")
	failing := false
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if failing && (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData) {
			return broken
		}
		return nil
	}))
	d := open(t, "d", Options{FS: fs})
	first := d.NewBatch(0)
	first.Set([]byte("a"), nil)
	if err := first.Commit(); err != nil {
		t.Fatal(err)
	}
	failing = true
	second := d.NewBatch(0)
	second.Set([]byte("b"), nil)
	if err := second.Commit(); err == nil || !strings.Contains(err.Error(), broken.Error()) {
		t.Fatalf("commit on a failing disk returned %v", err)
	}
	select {
	case <-d.Failed():
	default:
		t.Fatal("the failure was not announced")
	}
	failing = false
	third := d.NewBatch(0)
	third.Set([]byte("c"), nil)
	if err := third.Commit(); err == nil {
		t.Fatal("a store that failed accepted another batch")
	}
}
