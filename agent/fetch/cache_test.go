package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caprock/caprock/agent/sandbox"
	"github.com/caprock/caprock/wire/mesos"
)

// origin serves bodies by path and counts what it was asked.
type origin struct {
	*httptest.Server
	asked atomic.Int32
}

func newOrigin(t *testing.T, bodies map[string][]byte) *origin {
	o := &origin{}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.asked.Add(1)
		body, ok := bodies[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Write(body)
	}))
	t.Cleanup(o.Close)
	return o
}

func cached(value string) *mesos.CommandInfo_URI {
	yes := true
	return &mesos.CommandInfo_URI{Value: &value, Cache: &yes}
}

func fetchInto(t *testing.T, f *Fetcher, uris ...*mesos.CommandInfo_URI) (box, error) {
	b := newBox(t)
	return b, f.Fetch(context.Background(), b.root, uris, sandbox.Owner{})
}

func TestCachedFileIsFetchedOnce(t *testing.T) {
	o := newOrigin(t, map[string][]byte{"/app": []byte("program"), "/app.tar": makeTar(t, member{name: "inside", body: "unpacked"})})
	f := New(Options{CacheDir: t.TempDir()})
	for range 3 {
		b, err := fetchInto(t, f, cached(o.URL+"/app"), cached(o.URL+"/app.tar"))
		if err != nil {
			t.Fatal(err)
		}
		if got := b.read(t, "app"); got != "program" {
			t.Errorf("app holds %q, want %q", got, "program")
		}
		if got := b.read(t, "inside"); got != "unpacked" {
			t.Errorf("inside holds %q, want %q", got, "unpacked")
		}
		if _, err := b.root.Stat("app.tar"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the archive of a cached URI is in the sandbox: %v", err)
		}
	}
	if got := o.asked.Load(); got != 2 {
		t.Errorf("the server was asked %d times, want once for each of 2 files", got)
	}
	m := f.Metrics()
	if m.Succeeded != 3 || m.Failed != 0 || m.CacheUsed == 0 || m.CacheBytes != 2<<30 {
		t.Errorf("metrics are %+v, want 3 successes, no failure, some bytes used of 2 GiB", m)
	}
}

func TestUsersDoNotShareTheCache(t *testing.T) {
	o := newOrigin(t, map[string][]byte{"/app": []byte("program")})
	opts := Options{}
	it, err := opts.parse(cached(o.URL + "/app"))
	if err != nil {
		t.Fatal(err)
	}
	root, other := sandbox.Owner{}, sandbox.Owner{Other: true, UID: 1000, GID: 1000}
	if it.key(root) == it.key(other) {
		t.Errorf("both users have the key %q", it.key(root))
	}
}

func TestConcurrentFetchesShareOneTransfer(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			close(begun)
		}
		<-finish
		w.Write([]byte("program"))
	}))
	defer server.Close()
	f := New(Options{CacheDir: t.TempDir()})
	var all sync.WaitGroup
	one := func(ctx context.Context) error {
		b := newBox(t)
		return f.Fetch(ctx, b.root, []*mesos.CommandInfo_URI{cached(server.URL + "/app")}, sandbox.Owner{})
	}
	// The first, for whom the transfer was begun, gives up; the others still get it.
	impatient, giveUp := context.WithCancel(context.Background())
	all.Go(func() {
		if err := one(impatient); !errors.Is(err, context.Canceled) {
			t.Errorf("the fetch that was given up: got %v, want %v", err, context.Canceled)
		}
	})
	<-begun
	for range 8 {
		all.Go(func() {
			if err := one(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	waitFor(t, func() bool {
		f.cache.mu.Lock()
		defer f.cache.mu.Unlock()
		for _, e := range f.cache.entries {
			return e.users == 9
		}
		return false
	})
	giveUp()
	close(finish)
	all.Wait()
	if got := asked.Load(); got != 1 {
		t.Errorf("the server was asked %d times, want once", got)
	}
}

func TestTransferEndsWhenNobodyWaits(t *testing.T) {
	gone := make(chan struct{})
	begun := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		<-r.Context().Done()
		close(gone)
	}))
	defer server.Close()
	f := New(Options{CacheDir: t.TempDir()})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		b := newBox(t)
		done <- f.Fetch(ctx, b.root, []*mesos.CommandInfo_URI{cached(server.URL + "/app")}, sandbox.Owner{})
	}()
	<-begun
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	<-gone
	waitFor(t, func() bool { return f.Metrics().CacheUsed == 0 })
}

func TestCacheDropsWhatWasUsedLongestAgo(t *testing.T) {
	bodies := map[string][]byte{}
	for _, name := range []string{"/a", "/b", "/c"} {
		bodies[name] = make([]byte, 400)
	}
	bodies["/huge"] = make([]byte, 2000)
	o := newOrigin(t, bodies)
	f := New(Options{CacheDir: t.TempDir(), CacheBytes: 1000})
	for _, step := range []struct {
		path  string
		asked int32 // in all, after it
	}{
		{"/a", 1}, {"/b", 2}, {"/a", 2},
		{"/c", 3}, // b goes: a was used after it
		{"/a", 3},
		{"/b", 4},            // c goes
		{"/huge", 6},         // begun for the cache, then fetched past it
		{"/a", 6}, {"/b", 6}, // which cost nobody a place
	} {
		if _, err := fetchInto(t, f, cached(o.URL+step.path)); err != nil {
			t.Fatalf("%s: %v", step.path, err)
		}
		if got := o.asked.Load(); got != step.asked {
			t.Fatalf("after %s the server was asked %d times, want %d", step.path, got, step.asked)
		}
		if used := f.Metrics().CacheUsed; used > 1000 {
			t.Fatalf("after %s the cache holds %d bytes, want at most 1000", step.path, used)
		}
	}
}

func TestFailureIsNotCached(t *testing.T) {
	bodies := map[string][]byte{}
	o := newOrigin(t, bodies)
	f := New(Options{CacheDir: t.TempDir()})
	if _, err := fetchInto(t, f, cached(o.URL+"/late")); err == nil {
		t.Fatal("a file that is not there was fetched")
	}
	bodies["/late"] = []byte("here")
	if _, err := fetchInto(t, f, cached(o.URL+"/late")); err != nil {
		t.Fatal(err)
	}
	if m := f.Metrics(); m.Failed != 1 || m.Succeeded != 1 {
		t.Errorf("metrics are %+v, want one failure and one success", m)
	}
}

func TestCacheBeginsEmpty(t *testing.T) {
	dir := t.TempDir()
	half, notes := filepath.Join(dir, entryPrefix+"1"), filepath.Join(dir, "notes.txt")
	for _, name := range []string{half, half + "1", notes} {
		if err := os.WriteFile(name, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := newOrigin(t, map[string][]byte{"/app": []byte("whole")})
	b, err := fetchInto(t, New(Options{CacheDir: dir}), cached(o.URL+"/app"))
	if err != nil {
		t.Fatal(err)
	}
	if got := b.read(t, "app"); got != "whole" {
		t.Errorf("got %q, want %q", got, "whole")
	}
	left, err := filepath.Glob(filepath.Join(dir, entryPrefix+"*"))
	if err != nil || len(left) != 1 {
		t.Errorf("the cache has the files %v (%v), want one", left, err)
	}
	if _, err := os.Stat(notes); err != nil {
		t.Errorf("a file that is not the cache's is gone: %v", err)
	}
}

// Many tasks, few URIs, little room, some impatient: books and disk must agree.
func TestCacheUnderPressure(t *testing.T) {
	bodies := map[string][]byte{}
	for i := range 6 {
		bodies[fmt.Sprintf("/%d", i)] = make([]byte, 300+i)
	}
	o := newOrigin(t, bodies)
	dir := t.TempDir()
	f := New(Options{CacheDir: dir, CacheBytes: 1000})
	var all sync.WaitGroup
	for i := range 120 {
		all.Go(func() {
			b := newBox(t)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if i%7 == 0 {
				cancel()
			}
			path := fmt.Sprintf("/%d", i%6)
			err := f.Fetch(ctx, b.root, []*mesos.CommandInfo_URI{cached(o.URL + path)}, sandbox.Owner{})
			switch {
			case i%7 == 0:
			case err != nil:
				t.Errorf("%s: %v", path, err)
			case len(b.read(t, path[1:])) != len(bodies[path]):
				t.Errorf("%s: got %d bytes, want %d", path, len(b.read(t, path[1:])), len(bodies[path]))
			}
		})
	}
	all.Wait()
	waitFor(t, func() bool {
		files, err := filepath.Glob(filepath.Join(dir, entryPrefix+"*"))
		if err != nil {
			t.Fatal(err)
		}
		var onDisk int64
		for _, name := range files {
			if info, err := os.Stat(name); err == nil {
				onDisk += info.Size()
			}
		}
		used := f.Metrics().CacheUsed
		return onDisk == used && used <= 1000
	})
}
