package kv

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/caprock/caprock/wire/clock"
)

// reserved waits for the store's reserve and reports whether it came.
func reserved(d *DB) bool {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		d.logs.mu.Lock()
		ready := d.logs.mu.ready
		d.logs.mu.Unlock()
		if ready {
			return true
		}
	}
	return false
}

// sizes of the logs in a store's directory, by name.
func sizes(t *testing.T, fs vfs.FS, dir string) map[string]int64 {
	t.Helper()
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	logs := map[string]int64{}
	for _, name := range names {
		if info, err := fs.Stat(fs.PathJoin(dir, name)); err == nil && isLog(name) {
			logs[name] = info.Size()
		}
	}
	return logs
}

func write(t *testing.T, d *DB, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		b := d.NewBatch(0)
		b.Set(fmt.Appendf(nil, "%05d", i), make([]byte, 1000))
		if err := b.Commit(); err != nil {
			t.Fatal(err)
		}
	}
}

// A log that begins in the reserve has its full size from its first record on, and
// what is behind the last one means nothing to who reads it after a power loss.
func TestLogsOverwriteAReserve(t *testing.T) {
	const size, some = 256 << 10, 100
	fs := NewCrashableFS()
	d := open(t, "d", Options{FS: fs.MemFS, MemTableBytes: size})
	write(t, d, 0, some)
	if !reserved(d) {
		t.Fatalf("no reserve after %d bytes", some*1000)
	}
	for at := some; ; at++ {
		if at > 10*some {
			t.Fatalf("no log of full size after %d bytes: %v", at*1000, sizes(t, fs, "d"))
		}
		write(t, d, at, at+1)
		full := 0
		for _, n := range sizes(t, fs, "d") {
			if n == size {
				full++
			}
		}
		if full == 0 {
			continue
		}
		after := open(t, "d", Options{FS: fs.Crash(0, 1).MemFS, MemTableBytes: size})
		if got := strings.Count(contents(t, after, nil, nil), "="); got != at+1 {
			t.Fatalf("after a power loss %d of %d records are there", got, at+1)
		}
		return
	}
}

// Small logs that the library would use again make room for the reserve, large ones do not.
func TestOnlySmallLogsAreReplaced(t *testing.T) {
	fs := vfs.NewMem()
	l := newLogFiles(fs, "", 1000, clock.Real())
	create := func(name string, size int) {
		t.Helper()
		f, err := fs.Create(name, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err = f.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	reuse := func(from, to string) int64 {
		t.Helper()
		f, err := l.ReuseForWrite(from, to, "")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	l.wrote(reserveAfter)
	l.idle.Wait()
	create("1.log", 900)
	create("2.log", 500)
	if got := reuse("1.log", "3.log"); got != 900 {
		t.Fatalf("a large log was used again with %d bytes, wanted its own 900", got)
	}
	if got := reuse("2.log", "4.log"); got != 1000 {
		t.Fatalf("a small log was used again with %d bytes, wanted the reserve's 1000", got)
	}
	if _, err := fs.Stat("2.log"); err == nil {
		t.Fatal("the small log is still there")
	}
	l.idle.Wait()
	if _, err := fs.Stat(reserveName); err != nil {
		t.Fatalf("no reserve was made for the next: %v", err)
	}
	l.close()
	if _, err := fs.Stat(reserveName); err == nil {
		t.Fatal("the reserve outlives the store")
	}
}

// What a killed process left of a reserve is not taken for one.
func TestReservesOfTheDeadAreRemoved(t *testing.T) {
	fs := vfs.NewMem()
	f, err := fs.Create(reserveName, "")
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	newLogFiles(fs, "", 1000, clock.Real())
	if _, err := fs.Stat(reserveName); err == nil {
		t.Fatal("it is still there")
	}
}
