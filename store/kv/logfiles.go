package kv

import (
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/caprock/caprock/wire/clock"
)

// A sync of a file's data takes half as long, and half of the CPU time, where it only
// overwrites: writing behind the end of a file, or into room that was merely set aside, changes
// what the file system keeps about the file, and the sync waits for that to be on the disk too. The
// library uses its log files again for this reason, but those of a store that was just
// opened are new, and then small, and it is minutes before all have been full once. So there
// is one in reserve, written through with zeros in the background, that takes the place of a new
// or a small one.
const (
	reserveName = "reserve.wal"
	// reserveAfter is how much a store must have been written to before it gets a
	// reserve: most stores of tests never do.
	reserveAfter = 64 << 10
	// reserveStride is sent to the disk at a time, with a pause after it, so that the log's own
	// syncs find no long queue there.
	reserveStride = 256 << 10
	reservePause  = 5 * time.Millisecond
	// largeEnough is the part of a full log, in percent, that a file must hold
	// to be used again.
	largeEnough = 75
)

// logFiles is the file system of a store: everything passes but the creation of logs.
type logFiles struct {
	vfs.FS
	clock clock.Clock
	path  string        // of the reserve
	size  int64         // of a full log
	ended chan struct{} // closed, under mu, when there are to be no more reserves

	mu struct {
		sync.Mutex
		written int64 // to logs, up to reserveAfter; guarded by mu
		ready   bool  // the reserve lies at path; guarded by mu
		making  bool  // a goroutine is making it; guarded by mu
	}
	idle sync.WaitGroup // the goroutine
}

func newLogFiles(fs vfs.FS, dir string, size int, c clock.Clock) *logFiles {
	l := &logFiles{FS: fs, clock: c, path: fs.PathJoin(dir, reserveName), size: int64(size), ended: make(chan struct{})}
	_ = fs.Remove(l.path) // of a process that was killed
	return l
}

func isLog(name string) bool { return strings.HasSuffix(filepath.Base(name), ".log") }

// Create implements vfs.FS.
func (l *logFiles) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if !isLog(name) {
		return l.FS.Create(name, category)
	}
	defer l.more()
	if l.take() {
		return l.FS.ReuseForWrite(l.path, name, category)
	}
	return l.FS.Create(name, category)
}

// ReuseForWrite implements vfs.FS.
func (l *logFiles) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if !isLog(newname) || !l.small(oldname) {
		return l.FS.ReuseForWrite(oldname, newname, category)
	}
	defer l.more()
	if l.take() {
		if err := l.FS.Remove(oldname); err != nil {
			return nil, err
		}
		oldname = l.path
	}
	return l.FS.ReuseForWrite(oldname, newname, category)
}

func (l *logFiles) small(name string) bool {
	info, err := l.FS.Stat(name)
	return err == nil && info.Size() < l.size*largeEnough/100
}

// take gives the reserve to the caller, if there is one. Who has moved it away calls more:
// the next one has the same name.
func (l *logFiles) take() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.mu.ready
	l.mu.ready = false
	return taken
}

func (l *logFiles) more() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.makeLocked()
}

// wrote counts what goes to logs.
func (l *logFiles) wrote(bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.written < reserveAfter {
		l.mu.written += int64(bytes)
		l.makeLocked() // the first; nobody has taken one
	}
}

func (l *logFiles) makeLocked() {
	if l.mu.written < reserveAfter || l.mu.ready || l.mu.making || l.stopped() {
		return
	}
	l.mu.making = true
	l.idle.Go(func() {
		made := l.fill()
		l.mu.Lock()
		defer l.mu.Unlock()
		l.mu.making, l.mu.ready = false, made
	})
}

// fill makes the reserve. Where it fails, on a full disk say, the store does without.
func (l *logFiles) fill() bool {
	f, err := l.FS.Create(l.path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return false
	}
	zeros := make([]byte, min(reserveStride, l.size))
	timer := l.clock.NewTimer(0)
	defer timer.Stop()
	for at := int64(0); at < l.size && err == nil && !l.stopped(); {
		n := min(l.size-at, int64(len(zeros)))
		if _, err = f.Write(zeros[:n]); err == nil {
			at += n
			_, err = f.SyncTo(at)
		}
		timer.Reset(reservePause)
		select {
		case <-timer.C():
		case <-l.ended:
		}
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err != nil || cerr != nil || l.stopped() {
		_ = l.FS.Remove(l.path)
		return false
	}
	return true
}

func (l *logFiles) stopped() bool {
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}

// stop has no reserve made from now on. It is called once.
func (l *logFiles) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.ended)
}

// close stops and removes the reserve.
func (l *logFiles) close() {
	l.stop()
	l.idle.Wait()
	if l.take() {
		_ = l.FS.Remove(l.path)
	}
}
