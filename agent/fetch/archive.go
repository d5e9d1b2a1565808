package fetch

import (
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"

	"github.com/caprock/caprock/agent/sandbox"
)

// kind of archive, by the suffix of its name.
type kind struct {
	suffixes []string
	unpack   func(x *extraction, name string, file *os.File) error
	// keep the archive beside what it held, also when it comes from the cache: Mesos
	// does not unpack this kind, and who is used to that looks for the archive.
	keep bool
}

var kinds = [...]kind{
	{suffixes: []string{".tar"}, unpack: tarOf(newPlain)},
	{suffixes: []string{".tgz", ".tar.gz"}, unpack: tarOf(newGzip)},
	{suffixes: []string{".tbz2", ".tar.bz2"}, unpack: tarOf(newBzip2)},
	{suffixes: []string{".txz", ".tar.xz"}, unpack: tarOf(newXz)},
	{suffixes: []string{".tzst", ".tar.zst"}, unpack: tarOf(newZstd), keep: true},
	{suffixes: []string{".zip"}, unpack: (*extraction).zip},
	// Single compressed files; after their tar kinds, as the first match counts.
	{suffixes: []string{".gz"}, unpack: single(newGzip)},
	{suffixes: []string{".bz2"}, unpack: single(newBzip2), keep: true},
	{suffixes: []string{".xz"}, unpack: single(newXz), keep: true},
	{suffixes: []string{".zst"}, unpack: single(newZstd), keep: true},
}

// archiveKind is the kind that name's suffix tells, or nil.
func archiveKind(name string) *kind {
	lower := strings.ToLower(name)
	for i := range kinds {
		for _, s := range kinds[i].suffixes {
			if strings.HasSuffix(lower, s) && len(path.Base(lower)) > len(s) {
				return &kinds[i]
			}
		}
	}
	return nil
}

// What decoders may hold in memory for one archive, whatever its header asks for.
const (
	zstdMemory   = 256 << 20
	xzDictionary = 64 << 20
)

func newPlain(r io.Reader) (io.Reader, error) { return r, nil }
func newGzip(r io.Reader) (io.Reader, error)  { return gzip.NewReader(r) }
func newBzip2(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }

func newXz(r io.Reader) (io.Reader, error) { return xz.NewReader(r, xzDictionary) }

func newZstd(r io.Reader) (io.Reader, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(zstdMemory))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// smallBytes may be unpacked from any archive, whatever its ratio.
const smallBytes = 64 << 20

// unpack extracts file, an archive, to where name is in the sandbox.
func (f *Fetcher) unpack(ctx context.Context, box *os.Root, name string, file *os.File, owner sandbox.Owner) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	x := &extraction{
		ctx: ctx, box: box, owner: owner, opts: f.opts, dir: filepath.Dir(name),
		limit: min(f.opts.MaxBytes, max(smallBytes, info.Size()*f.opts.MaxRatio)),
	}
	if err := archiveKind(name).unpack(x, name, file); err != nil {
		return fmt.Errorf("unpack %s: %w", name, err)
	}
	return nil
}

// extraction unpacks one archive into dir of box and keeps count.
type extraction struct {
	ctx     context.Context
	box     *os.Root
	owner   sandbox.Owner
	opts    Options
	dir     string
	limit   int64 // of bytes
	entries int
	bytes   int64
}

// single unpacks one compressed file, to its name without the suffix.
func single(inflate func(io.Reader) (io.Reader, error)) func(*extraction, string, *os.File) error {
	return func(x *extraction, name string, file *os.File) error {
		r, err := inflate(file)
		if err != nil {
			return err
		}
		if c, ok := r.(io.Closer); ok {
			defer c.Close()
		}
		return x.file(strings.TrimSuffix(name, filepath.Ext(name)), r, 0o644)
	}
}

// entry counts an entry and returns where it goes; "" is the directory itself.
func (x *extraction) entry(name string) (string, error) {
	if err := x.ctx.Err(); err != nil {
		return "", err
	}
	if x.entries++; x.entries > x.opts.MaxEntries {
		return "", fmt.Errorf("archive has more than %d entries", x.opts.MaxEntries)
	}
	clean := filepath.Clean(name)
	if clean == "." {
		return "", nil
	}
	if !filepath.IsLocal(name) {
		return "", fmt.Errorf("entry %q leads out of the sandbox", name)
	}
	return filepath.Join(x.dir, clean), nil
}

func (x *extraction) file(name string, r io.Reader, mode os.FileMode) error {
	if err := x.clear(name); err != nil {
		return err
	}
	// The bits that change the user of a program are not taken over.
	mode &= 0o777
	out, err := x.box.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode|0o200)
	if err != nil {
		return err
	}
	defer out.Close()
	n, err := io.Copy(out, io.LimitReader(r, x.limit-x.bytes+1))
	if err != nil {
		return err
	}
	if x.bytes += n; x.bytes > x.limit {
		return fmt.Errorf("archive unpacks to more than %d bytes", x.limit)
	}
	if err := out.Chmod(mode); err != nil {
		return err
	}
	if err := x.owner.Give(x.box, name); err != nil {
		return err
	}
	return out.Close()
}

// clear makes way for an entry: its directory exists and its name is free.
func (x *extraction) clear(name string) error {
	if dir := filepath.Dir(name); dir != "." {
		if err := mkdirs(x.box, dir, x.owner); err != nil {
			return err
		}
	}
	if err := x.box.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// symlink makes a link if it stays inside the directory that is unpacked into.
func (x *extraction) symlink(name, target string) error {
	rel, err := filepath.Rel(x.dir, name)
	if err != nil {
		return err
	}
	if path.IsAbs(target) || !filepath.IsLocal(filepath.Join(filepath.Dir(rel), target)) {
		return fmt.Errorf("entry %q links to %q, out of the sandbox", rel, target)
	}
	if err := x.clear(name); err != nil {
		return err
	}
	if err := x.box.Symlink(target, name); err != nil {
		return err
	}
	return x.owner.Give(x.box, name)
}

func (x *extraction) hardlink(name, target string) error {
	if !filepath.IsLocal(target) {
		return fmt.Errorf("entry %q links to %q, out of the sandbox", name, target)
	}
	if err := x.clear(name); err != nil {
		return err
	}
	return x.box.Link(filepath.Join(x.dir, target), name)
}
