package fetch

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// errBypass says that the cache has no room for a file: it is to be fetched
// directly.
var errBypass = errors.New("no room in the cache")

// entryPrefix marks the files of a cache, so that emptying removes nothing else.
const entryPrefix = "cached-"

// cache keeps files by key within a bound. What was used longest ago goes first;
// what is being read or fetched stays. Those who want the same file at the same
// time share one transfer.
//
// Nothing outlives the process: a file that a crash left half written must not be
// taken for a whole one.
type cache struct {
	dir    string
	budget int64

	mu      sync.Mutex
	ready   bool // guarded by mu, as all below: the directory is there and empty
	used    int64
	next    int
	entries map[string]*entry
	recent  *list.List // of *entry that are whole; the last used in front
}

// entry is one file. Its fields are guarded by the cache's mu, but err and done:
// err is set before done is closed and not changed after.
type entry struct {
	key    string
	path   string
	size   int64
	users  int
	cancel context.CancelFunc
	done   chan struct{}
	err    error
	place  *list.Element // in recent; nil while it is fetched
}

func newCache(dir string, budget int64) *cache {
	return &cache{dir: dir, budget: budget, entries: map[string]*entry{}, recent: list.New()}
}

func (c *cache) bytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.used
}

// cachedFile is open for reading; Close lets the cache drop it.
type cachedFile struct {
	*os.File
	release func()
}

func (f *cachedFile) Close() error {
	err := f.File.Close()
	f.release()
	return err
}

// get opens the file of key, which fill writes if it is not there. It fails with
// errBypass if the cache cannot hold it.
func (c *cache) get(ctx context.Context, key string, fill func(context.Context, io.Writer) error) (*cachedFile, error) {
	e, err := c.join(key, fill)
	if err != nil {
		return nil, err
	}
	select {
	case <-e.done:
	case <-ctx.Done():
		c.leave(e)
		return nil, ctx.Err()
	}
	if e.err != nil {
		c.leave(e)
		return nil, e.err
	}
	file, err := os.Open(e.path)
	if err != nil {
		c.leave(e)
		return nil, err
	}
	return &cachedFile{file, func() { c.leave(e) }}, nil
}

// join finds the entry of key or starts its transfer, which goes on for as long
// as somebody waits for it.
func (c *cache) join(key string, fill func(context.Context, io.Writer) error) (*entry, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.entries[key]; ok {
		e.users++
		if e.place != nil {
			c.recent.MoveToFront(e.place)
		}
		return e, nil
	}
	if err := c.prepare(); err != nil {
		return nil, err
	}
	c.next++
	ctx, cancel := context.WithCancel(context.Background())
	e := &entry{
		key: key, path: filepath.Join(c.dir, entryPrefix+strconv.Itoa(c.next)),
		users: 1, cancel: cancel, done: make(chan struct{}),
	}
	c.entries[key] = e
	go c.transfer(ctx, e, fill)
	return e, nil
}

// prepare makes and empties the directory at the first use.
func (c *cache) prepare() error {
	if c.ready {
		return nil
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return fmt.Errorf("make the fetcher's cache: %w", err)
	}
	left, err := os.ReadDir(c.dir)
	if err != nil {
		return fmt.Errorf("empty the fetcher's cache: %w", err)
	}
	for _, f := range left {
		if strings.HasPrefix(f.Name(), entryPrefix) {
			if err := os.Remove(filepath.Join(c.dir, f.Name())); err != nil {
				return fmt.Errorf("empty the fetcher's cache: %w", err)
			}
		}
	}
	c.ready = true
	return nil
}

func (c *cache) transfer(ctx context.Context, e *entry, fill func(context.Context, io.Writer) error) {
	err := c.write(ctx, e, fill)
	e.cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.forget(e)
		_ = os.Remove(e.path)
	} else {
		e.place = c.recent.PushFront(e)
	}
	e.err = err
	close(e.done)
}

func (c *cache) write(ctx context.Context, e *entry, fill func(context.Context, io.Writer) error) error {
	file, err := os.OpenFile(e.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := fill(ctx, &reserving{c, e, file}); err != nil {
		return err
	}
	return file.Close()
}

// reserving takes room in the cache before it writes.
type reserving struct {
	c    *cache
	e    *entry
	file *os.File
}

func (w *reserving) Write(b []byte) (int, error) {
	if err := w.c.reserve(w.e, int64(len(b))); err != nil {
		return 0, err
	}
	return w.file.Write(b)
}

// reserve makes room for n bytes of e, at the cost of files that nobody uses.
func (c *cache) reserve(e *entry, n int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.size+n > c.budget {
		return errBypass
	}
	for at := c.recent.Back(); c.used+n > c.budget && at != nil; {
		old := at.Value.(*entry)
		at = at.Prev()
		if old.users == 0 {
			c.drop(old)
		}
	}
	if c.used+n > c.budget {
		return errBypass
	}
	c.used += n
	e.size += n
	return nil
}

// drop removes a whole file that nobody uses.
func (c *cache) drop(e *entry) {
	c.forget(e)
	c.recent.Remove(e.place)
	_ = os.Remove(e.path)
}

// forget takes e out of the books. Another may have its key by now.
func (c *cache) forget(e *entry) {
	if c.entries[e.key] == e {
		delete(c.entries, e.key)
	}
	c.used -= e.size
	e.size = 0
}

// leave ends a use; a transfer that nobody waits for any more is ended.
func (c *cache) leave(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.users--; e.users > 0 || e.place != nil {
		return
	}
	e.cancel()
	if c.entries[e.key] == e {
		delete(c.entries, e.key) // who comes next starts anew
	}
}
