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
	{suffixes: []string{".tar"}, unpack: (*extraction).plainTar},
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

// What decoders may hold in memory for one archive, whatever its header asks for: what
// the tools that write them take at their highest ordinary settings.
const (
	zstdMemory   = 128 << 20
	xzDictionary = 64 << 20
)

// maxUnpacking bounds the archives that are unpacked at a time.
const maxUnpacking = 4

// inflater begins to decompress.
type inflater func(io.Reader) (io.ReadCloser, error)

func newGzip(r io.Reader) (io.ReadCloser, error) {
	d, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	return &members{ReadCloser: d, foreign: func(err error) bool { return errors.Is(err, gzip.ErrHeader) }}, nil
}

func newBzip2(r io.Reader) (io.ReadCloser, error) {
	return &members{ReadCloser: io.NopCloser(bzip2.NewReader(r)), foreign: func(err error) bool {
		return strings.HasSuffix(err.Error(), "in continuation file")
	}}, nil
}

func newXz(r io.Reader) (io.ReadCloser, error) {
	d, err := xz.NewReader(r, xzDictionary)
	if err != nil {
		return nil, err
	}
	return &members{ReadCloser: io.NopCloser(d), foreign: func(err error) bool { return errors.Is(err, xz.ErrFormat) }}, nil
}

func newZstd(r io.Reader) (io.ReadCloser, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(zstdMemory))
	if err != nil {
		return nil, err
	}
	return &members{ReadCloser: d.IOReadCloser(), foreign: func(err error) bool { return errors.Is(err, zstd.ErrMagicMismatch) }}, nil
}

// members reads the compressed streams that follow one another in a file. What comes
// behind a whole one and is none itself ends the file: padding, a signature. The tools
// that people unpack with pass over it too.
type members struct {
	io.ReadCloser
	foreign func(error) bool // the error says that no stream begins here
	begun   bool
}

func (m *members) Read(p []byte) (int, error) {
	n, err := m.ReadCloser.Read(p)
	m.begun = m.begun || n > 0
	if err != nil && err != io.EOF && m.begun && m.foreign(err) {
		err = io.EOF
	}
	return n, err
}

// smallBytes may be unpacked from any archive, whatever its ratio.
const smallBytes = 64 << 20

// unpack extracts file, an archive, to where name is in the sandbox.
func (f *Fetcher) unpack(ctx context.Context, box *os.Root, name string, file *os.File, owner sandbox.Owner) (err error) {
	select {
	case f.unpacking <- struct{}{}:
		defer func() { <-f.unpacking }()
	case <-ctx.Done():
		return ctx.Err()
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	x := &extraction{
		ctx: ctx, box: box, owner: owner, opts: f.opts, dir: filepath.Dir(name),
		limit: min(f.opts.MaxBytes, max(smallBytes, info.Size()*f.opts.MaxRatio)),
	}
	// The decoders are others' work and their input is anybody's: a panic in one is a
	// fault of this archive, not the end of everything that runs here.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("unpack %s: the decoder gave up: %v", shown(name), p)
		}
	}()
	if err := archiveKind(name).unpack(x, name, file); err != nil {
		return fmt.Errorf("unpack %s: %w", shown(name), err)
	}
	return nil
}

// single unpacks one compressed file, to its name without the suffix.
func single(inflate inflater) func(*extraction, string, *os.File) error {
	return func(x *extraction, name string, file *os.File) error {
		r, err := inflate(file)
		if err != nil {
			return err
		}
		defer r.Close()
		return bare(x.file(strings.TrimSuffix(name, filepath.Ext(name)), x.meter(r), 0o644))
	}
}
