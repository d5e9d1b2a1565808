package kv

import (
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/caprock/caprock/wire/clock"
)

// Flushes and compactions want a core for tens of milliseconds, every few seconds. Where there
// are two, whoever waits for an answer notices. Nothing is waiting for them, though: what they
// write is in the log. So they work in bursts with pauses between, as long as memtables fill
// slowly; when many records come, or the store closes, they go at full speed.
const (
	tableBurst = 300 * time.Microsecond
	tablePause = 3 * time.Millisecond
	// calmFill is how long a memtable must have taken to fill for the next ones to be flushed
	// with pauses, pausedShare the share of that time, one part in, that all pauses
	// may take until the next one is full, and mostPaused what they may take at most: so background work
	// keeps up with what it is for.
	calmFill    = 500 * time.Millisecond
	pausedShare = 2
	mostPaused  = 2 * time.Second
)

// tableFiles is the file system of a store: everything passes, but who writes tables is slowed
// down.
type tableFiles struct {
	vfs.FS
	clock   clock.Clock
	hurried chan struct{} // closed when the store closes

	mu struct {
		sync.Mutex
		rotated time.Duration // when the last log began, on the monotonic scale; guarded by mu
		budget  time.Duration // left for pauses until the next one; guarded by mu
	}
}

func newTableFiles(fs vfs.FS, c clock.Clock) *tableFiles {
	return &tableFiles{FS: fs, clock: c, hurried: make(chan struct{})}
}

// Create implements vfs.FS.
func (t *tableFiles) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if isLog(name) {
		t.rotated()
	}
	f, err := t.FS.Create(name, category)
	if err != nil || !strings.HasSuffix(name, ".sst") {
		return f, err
	}
	return &tableFile{File: f, of: t, began: t.clock.Monotonic()}, nil
}

// ReuseForWrite implements vfs.FS.
func (t *tableFiles) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	t.rotated()
	return t.FS.ReuseForWrite(oldname, newname, category)
}

// rotated is called when a memtable is full: another log begins then.
func (t *tableFiles) rotated() {
	now := t.clock.Monotonic()
	t.mu.Lock()
	defer t.mu.Unlock()
	filled := now - t.mu.rotated
	if t.mu.rotated == 0 || filled < calmFill {
		filled = 0
	}
	t.mu.rotated, t.mu.budget = now, min(filled/pausedShare, mostPaused)
}

// spend takes a pause out of the budget.
func (t *tableFiles) spend() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.budget < tablePause {
		return false
	}
	t.mu.budget -= tablePause
	return true
}

// hurry ends all pauses, and those to come: they would find the channel closed. It is called once.
func (t *tableFiles) hurry() { close(t.hurried) }

// tableFile is a table being written. One goroutine does that.
type tableFile struct {
	vfs.File
	of    *tableFiles
	began time.Duration // of the burst
	timer clock.Timer
}

// Write implements vfs.File.
func (f *tableFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	if f.of.clock.Monotonic()-f.began >= tableBurst {
		f.pause()
		f.began = f.of.clock.Monotonic()
	}
	return n, err
}

func (f *tableFile) pause() {
	if !f.of.spend() {
		return
	}
	if f.timer == nil {
		f.timer = f.of.clock.NewTimer(tablePause)
	} else {
		f.timer.Reset(tablePause)
	}
	select {
	case <-f.timer.C():
	case <-f.of.hurried:
		f.timer.Stop()
	}
}
