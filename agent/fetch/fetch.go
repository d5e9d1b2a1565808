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
	f := &Fetcher{opts: opts, web: newWeb(opts)}
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
			return fmt.Errorf("fetch %q: %w", uri.GetValue(), err)
		}
		if first, ok := taken[it.name]; ok {
			return fmt.Errorf("fetch %q: it would become %q, as %q does; give one of them an output_file", uri.GetValue(), it.name, first)
		}
		taken[it.name] = uri.GetValue()
		items[i] = it
	}
	for i := range items {
		if err := f.one(ctx, box, &items[i], owner); err != nil {
			return fmt.Errorf("fetch %q: %w", uris[i].GetValue(), err)
		}
	}
	return nil
}

func (f *Fetcher) one(ctx context.Context, box *os.Root, it *item, owner sandbox.Owner) error {
	if dir := filepath.Dir(it.name); dir != "." {
		if err := mkdirs(box, dir, owner); err != nil {
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
	if err := f.save(box, it, src, owner); err != nil {
		return err
	}
	if !it.unpacked() {
		return nil
	}
	file, err := box.Open(it.name)
	if err != nil {
		return err
	}
	defer file.Close()
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
		if err := f.save(box, it, file, owner); err != nil {
			return err
		}
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return err
		}
	}
	if !it.unpacked() {
		return nil
	}
	return f.unpack(ctx, box, it.name, file.File, owner)
}

// save writes src to a new file.
func (f *Fetcher) save(box *os.Root, it *item, src io.Reader, owner sandbox.Owner) error {
	// A file of that name is replaced and not written through: it may be a link.
	if err := box.Remove(it.name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	mode := os.FileMode(0o644)
	if it.executable {
		mode = 0o755
	}
	out, err := box.OpenFile(it.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := f.copy(out, it, src); err != nil {
		return err
	}
	if err := out.Chmod(mode); err != nil {
		return err
	}
	if err := owner.Give(box, it.name); err != nil {
		return err
	}
	return out.Close()
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

// mkdirs makes dir and its parents for owner.
func mkdirs(box *os.Root, dir string, owner sandbox.Owner) error {
	made := ""
	for part := range strings.SplitSeq(filepath.ToSlash(dir), "/") {
		made = path.Join(made, part)
		err := box.Mkdir(made, 0o755)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err == nil {
			err = owner.Give(box, made)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
