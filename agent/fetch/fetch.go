package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/caprock/caprock/agent/sandbox"
	"github.com/caprock/caprock/wire/mesos"
)

// Fetcher fetches; it may be used by several goroutines.
type Fetcher struct {
	opts  Options
	web   *web
	cache *cache // nil: off
	// unpacking bounds how many archives are unpacked at a time, and with that the
	// memory of their decoders. Who finds it full waits for as long as its task does.
	unpacking chan struct{}

	succeeded, failed atomic.Int64
}

// Metrics of a Fetcher.
type Metrics struct {
	Succeeded, Failed     int64 // calls of Fetch with at least one URI
	CacheBytes, CacheUsed int64 // its bound and what it holds
}

// New returns a Fetcher. It touches no disk before the first Fetch.
func New(opts Options) *Fetcher {
	opts.EnsureDefaults()
	f := &Fetcher{opts: opts, web: newWeb(opts), unpacking: make(chan struct{}, maxUnpacking)}
	if opts.CacheDir != "" {
		f.cache = newCache(opts.CacheDir, opts.CacheBytes)
	}
	return f
}

// Metrics are the counts since New.
func (f *Fetcher) Metrics() Metrics {
	m := Metrics{Succeeded: f.succeeded.Load(), Failed: f.failed.Load()}
	if f.cache != nil {
		m.CacheBytes, m.CacheUsed = f.opts.CacheBytes, f.cache.bytes()
	}
	return m
}

// Fetch brings every URI into the sandbox, in order, for owner. The first failure
// ends it; what came before stays.
func (f *Fetcher) Fetch(ctx context.Context, box *os.Root, uris []*mesos.CommandInfo_URI, owner sandbox.Owner) error {
	if len(uris) == 0 {
		return nil
	}
	if err := f.all(ctx, box, uris, owner); err != nil {
		f.failed.Add(1)
		return err
	}
	f.succeeded.Add(1)
	return nil
}

func (f *Fetcher) all(ctx context.Context, box *os.Root, uris []*mesos.CommandInfo_URI, owner sandbox.Owner) error {
	items := make([]item, len(uris))
	taken := make(map[string]string, len(uris))
	for i, uri := range uris {
		it, err := f.opts.parse(uri)
		if err != nil {
			return fmt.Errorf("fetch %s: %w", shown(uri.GetValue()), err)
		}
		if first, ok := taken[it.name]; ok {
			return fmt.Errorf("fetch %s: it would become %s, as %s does; give one of them an output_file",
				shown(uri.GetValue()), shown(it.name), shown(first))
		}
		taken[it.name] = uri.GetValue()
		items[i] = it
	}
	for i := range items {
		if err := f.one(ctx, box, &items[i], owner); err != nil {
			return fmt.Errorf("fetch %s: %w", shown(uris[i].GetValue()), err)
		}
	}
	return nil
}

func (f *Fetcher) one(ctx context.Context, box *os.Root, it *item, owner sandbox.Owner) error {
	if dir := filepath.Dir(it.name); dir != "." {
		if _, err := mkdirs(box, dir, owner); err != nil {
			return err
		}
	}
	if it.cached && f.cache != nil {
		err := f.fromCache(ctx, box, it, owner)
		if !errors.Is(err, errBypass) {
			return err
		}
	}
	src, err := f.open(ctx, it, owner)
	if err != nil {
		return err
	}
	defer src.Close()
	file, err := f.save(box, it, src, owner)
	if err != nil {
		return err
	}
	defer file.Close()
	if !it.unpacked() {
		return file.Close()
	}
	return f.unpack(ctx, box, it.name, file, owner)
}

// fromCache takes the file from the cache, which fetches it if it has to. As in
// Mesos, an archive is unpacked from there and not kept in the sandbox.
func (f *Fetcher) fromCache(ctx context.Context, box *os.Root, it *item, owner sandbox.Owner) error {
	file, err := f.cache.get(ctx, it.key(owner), func(ctx context.Context, w io.Writer) error {
		src, err := f.open(ctx, it, owner)
		if err != nil {
			return err
		}
		defer src.Close()
		return f.copy(w, it, src)
	})
	if err != nil {
		return err
	}
	defer file.Close()
	if it.kept() {
		copied, err := f.save(box, it, file, owner)
		if err != nil {
			return err
		}
		if err := copied.Close(); err != nil {
			return err
		}
	}
	if !it.unpacked() {
		return nil
	}
	return f.unpack(ctx, box, it.name, file.File, owner)
}

// save writes src to a new file and returns it open: what has that name afterwards may
// be something else, if another container shares the sandbox.
func (f *Fetcher) save(box *os.Root, it *item, src io.Reader, owner sandbox.Owner) (*os.File, error) {
	// A file of that name is replaced and not written through: it may be a link.
	if err := box.Remove(it.name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	mode := os.FileMode(0o644)
	if it.executable {
		mode = 0o755
	}
	out, err := box.OpenFile(it.name, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return nil, err
	}
	err = f.copy(out, it, src)
	if err == nil {
		err = errors.Join(out.Chmod(mode), owner.GiveFile(out))
	}
	if err != nil {
		out.Close()
		return nil, err
	}
	return out, nil
}

// copy copies within the limit and compares the checksum.
func (f *Fetcher) copy(dst io.Writer, it *item, src io.Reader) error {
	if it.sum != nil {
		sum := it.sum.algorithm()
		src = io.TeeReader(src, sum)
		n, err := f.bounded(dst, src)
		if err == nil {
			err = it.sum.compare(sum.Sum(nil), n)
		}
		return err
	}
	_, err := f.bounded(dst, src)
	return err
}

func (f *Fetcher) bounded(dst io.Writer, src io.Reader) (int64, error) {
	n, err := io.Copy(dst, io.LimitReader(src, f.opts.MaxBytes+1))
	if err == nil && n > f.opts.MaxBytes {
		err = fmt.Errorf("file is longer than %d bytes", f.opts.MaxBytes)
	}
	return n, err
}

// mkdirs makes dir and its parents for owner, and tells how many were not there.
func mkdirs(box *os.Root, dir string, owner sandbox.Owner) (made int, err error) {
	at := ""
	for part := range strings.SplitSeq(filepath.ToSlash(dir), "/") {
		at = path.Join(at, part)
		err := box.Mkdir(at, 0o755)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err == nil {
			made++
			err = owner.Give(box, at)
		}
		if err != nil {
			return made, err
		}
	}
	return made, nil
}
