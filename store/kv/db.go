package kv

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sys/unix"
)

// ErrInUse is in the chain of the error that a second opener of a directory
// gets.
var ErrInUse = errors.New("work dir is in use by another process")

// DB is one open store. All methods are safe for concurrent use, except that
// batches become visible in the order of their Apply calls and the caller
// orders those.
type DB struct {
	dir    string
	opts   Options
	log    *slog.Logger
	peb    *pebble.DB
	lock   *pebble.Lock
	logs   *logFiles
	tables *tableFiles

	failed chan struct{} // closed by the first failure
	mu     struct {
		sync.Mutex
		err    error // the first failure; guarded by mu
		closed bool  // guarded by mu
	}
}

// Open opens the store in dir, creating both as needed. If another process (or
// this one) has it open already, the error wraps ErrInUse and names dir.
func Open(dir string, opts Options) (*DB, error) {
	opts.EnsureDefaults()
	if err := opts.Validate(); err != nil {
		return nil, fmt.Errorf("store options: %w", err)
	}
	d := &DB{dir: dir, opts: opts, log: opts.Logger, failed: make(chan struct{})}
	if err := opts.FS.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create store directory %s: %w", dir, err)
	}
	lock, err := pebble.LockDirectory(dir, opts.FS)
	if err != nil {
		return nil, lockError(dir, opts.FS, err)
	}
	d.lock = lock
	d.logs = newLogFiles(opts.FS, dir, opts.MemTableBytes, opts.Clock)
	d.tables = newTableFiles(d.logs, opts.Clock)
	po := opts.pebble(d)
	po.Lock = lock
	if d.peb, err = openPebble(dir, po); err != nil {
		d.tables.hurry()
		d.logs.close()
		_ = lock.Close()
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	return d, nil
}

// openPebble turns the library's panics at open (impossible states on a damaged
// disk) into errors: the operator gets a sentence, not a stack.
func openPebble(dir string, po *pebble.Options) (peb *pebble.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			peb, err = nil, fmt.Errorf("the store is damaged: %v", r)
		}
	}()
	return pebble.Open(dir, po)
}

// lockError words a failure to lock dir: in use (with the holder's pid where
// the kernel knows it), or the plain error if it is of another kind.
func lockError(dir string, f vfs.FS, err error) error {
	var path *fs.PathError
	switch {
	case err.Error() == "lock held by current process":
		return fmt.Errorf("%w: %s is open in this one (pid %d)", ErrInUse, dir, os.Getpid())
	case !errors.As(err, &path) && (errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES)):
		if pid := lockHolder(f, dir); pid > 0 {
			return fmt.Errorf("%w: %s is held by pid %d", ErrInUse, dir, pid)
		}
		return fmt.Errorf("%w: %s", ErrInUse, dir)
	}
	return fmt.Errorf("lock store %s: %w", dir, err)
}

// lockHolder asks the kernel which process holds dir's lock; 0 if unknown. It
// must not run in the process that holds it: closing any descriptor of a file
// drops the process' own POSIX locks on that file.
func lockHolder(f vfs.FS, dir string) int {
	if f != vfs.Default {
		return 0
	}
	file, err := os.Open(filepath.Join(dir, "LOCK"))
	if err != nil {
		return 0
	}
	defer file.Close()
	spec := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(file.Fd(), unix.F_GETLK, &spec); err != nil || spec.Type == unix.F_UNLCK {
		return 0
	}
	return int(spec.Pid)
}

// Dir returns the directory the store was opened in.
func (d *DB) Dir() string { return d.dir }

// Failed is closed when the store met an error it cannot survive; Err says
// which. The process should end.
func (d *DB) Failed() <-chan struct{} { return d.failed }

// Err returns the failure announced by Failed, or nil.
func (d *DB) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mu.err
}

// fail records the first failure and wakes those who watch for it.
func (d *DB) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.err != nil || d.mu.closed {
		return
	}
	d.mu.err = fmt.Errorf("store %s: %w", d.dir, err)
	close(d.failed)
}

// Get returns a copy of the value of key, and whether there is one.
func (d *DB) Get(key []byte) ([]byte, bool, error) {
	value, closer, err := d.peb.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("store %s: get %q: %w", d.dir, key, err)
	}
	out := append([]byte(nil), value...)
	return out, true, closer.Close()
}

// Iterate calls fn for every key in [lower, upper) in key order; nil bounds
// are open. The slices are valid during the call only. It sees the store as it
// was when Iterate began. An error of fn ends the walk and is returned as is.
func (d *DB) Iterate(lower, upper []byte, fn func(key, value []byte) error) error {
	it, err := d.peb.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return fmt.Errorf("store %s: iterate: %w", d.dir, err)
	}
	for it.First(); it.Valid(); it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			break
		}
		if err := fn(it.Key(), value); err != nil {
			_ = it.Close()
			return err
		}
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return fmt.Errorf("store %s: iterate: %w", d.dir, err)
	}
	return nil
}

// Close flushes nothing and waits for nothing but running background work:
// what was waited for is durable already. Closing a failed store only drops
// it, because the library's own shutdown would write again.
func (d *DB) Close() error {
	d.mu.Lock()
	if d.mu.closed {
		d.mu.Unlock()
		return nil
	}
	d.mu.closed = true
	failed := d.mu.err
	d.mu.Unlock()
	d.tables.hurry()
	if failed != nil {
		d.logs.stop()
		return nil
	}
	d.logs.close()
	if err := errors.Join(d.peb.Close(), d.lock.Close()); err != nil {
		return fmt.Errorf("close store %s: %w", d.dir, err)
	}
	return nil
}

// pebbleLogger carries the library's log into ours and turns its "end the
// process now" into a failure of the store.
type pebbleLogger struct{ d *DB }

// Infof drops the library's chatter: compactions, flushes, file creations.
func (l pebbleLogger) Infof(string, ...any) {}

// Errorf is for trouble that the library survives.
func (l pebbleLogger) Errorf(format string, args ...any) {
	l.d.log.Warn(fmt.Sprintf(format, args...), "component", "store")
}

// Fatalf may not return to its caller. It records the failure and ends the
// goroutine; whoever watches Failed ends the process.
func (l pebbleLogger) Fatalf(format string, args ...any) {
	l.d.fail(fmt.Errorf(format, args...))
	runtime.Goexit()
}
