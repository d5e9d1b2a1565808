package fetch

import (
	"archive/tar"
	"archive/zip"
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

	"github.com/caprock/caprock/agent/sandbox"
)

// unpack extracts name, if its suffix says that it is an archive, beside it.
func (f *Fetcher) unpack(ctx context.Context, box *os.Root, name string, owner sandbox.Owner) error {
	x := &extraction{ctx: ctx, box: box, owner: owner, opts: f.opts, dir: filepath.Dir(name)}
	lower := strings.ToLower(name)
	has := func(suffixes ...string) bool {
		for _, s := range suffixes {
			if strings.HasSuffix(lower, s) {
				return true
			}
		}
		return false
	}
	var err error
	switch {
	case has(".tar"):
		err = x.tar(name, func(r io.Reader) (io.Reader, error) { return r, nil })
	case has(".tgz", ".tar.gz"):
		err = x.tar(name, func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) })
	case has(".tbz2", ".tar.bz2"):
		err = x.tar(name, func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil })
	case has(".tzst", ".tar.zst"):
		err = x.tar(name, newZstd)
	case has(".txz", ".tar.xz"):
		err = errors.New("xz archives are not supported, want tar, tar.gz, tar.bz2, tar.zst or zip")
	case has(".zip"):
		err = x.zip(name)
	case has(".gz"):
		err = x.gunzip(name)
	}
	if err != nil {
		return fmt.Errorf("unpack %s: %w", name, err)
	}
	return nil
}

func newZstd(r io.Reader) (io.Reader, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// extraction unpacks one archive into dir of box and keeps count.
type extraction struct {
	ctx     context.Context
	box     *os.Root
	owner   sandbox.Owner
	opts    Options
	dir     string
	entries int
	bytes   int64
}

func (x *extraction) tar(name string, inflate func(io.Reader) (io.Reader, error)) error {
	file, err := x.box.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	plain, err := inflate(file)
	if err != nil {
		return err
	}
	if c, ok := plain.(io.Closer); ok && plain != io.Reader(file) {
		defer c.Close()
	}
	r := tar.NewReader(plain)
	for {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := x.tarEntry(h, r); err != nil {
			return err
		}
	}
}

func (x *extraction) tarEntry(h *tar.Header, r io.Reader) error {
	name, err := x.entry(h.Name)
	if err != nil || name == "" {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return mkdirs(x.box, name, x.owner)
	case tar.TypeReg:
		return x.file(name, r, os.FileMode(h.Mode))
	case tar.TypeSymlink:
		return x.symlink(name, h.Linkname)
	case tar.TypeLink:
		return x.hardlink(name, h.Linkname)
	case tar.TypeXGlobalHeader:
		return nil
	}
	return fmt.Errorf("entry %q is of type %q, want a file, a directory or a link", h.Name, h.Typeflag)
}

func (x *extraction) zip(name string) error {
	file, err := x.box.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	z, err := zip.NewReader(file, info.Size())
	if err != nil {
		return err
	}
	for _, e := range z.File {
		if err := x.zipEntry(e); err != nil {
			return err
		}
	}
	return nil
}

// maxLinkBytes bounds the target of a symbolic link in a zip file.
const maxLinkBytes = 4096

func (x *extraction) zipEntry(e *zip.File) error {
	name, err := x.entry(e.Name)
	if err != nil || name == "" {
		return err
	}
	mode := e.Mode()
	if mode.IsDir() {
		return mkdirs(x.box, name, x.owner)
	}
	r, err := e.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	switch {
	case mode.IsRegular():
		return x.file(name, r, mode.Perm())
	case mode.Type() == os.ModeSymlink:
		target, err := io.ReadAll(io.LimitReader(r, maxLinkBytes))
		if err != nil {
			return err
		}
		return x.symlink(name, string(target))
	}
	return fmt.Errorf("entry %q is a %s, want a file, a directory or a link", e.Name, mode.Type())
}

// gunzip unpacks a single compressed file beside it, without its suffix.
func (x *extraction) gunzip(name string) error {
	file, err := x.box.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	r, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	return x.file(name[:len(name)-len(".gz")], r, 0o644)
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
	n, err := io.Copy(out, io.LimitReader(r, x.opts.MaxBytes-x.bytes+1))
	if err != nil {
		return err
	}
	if x.bytes += n; x.bytes > x.opts.MaxBytes {
		return fmt.Errorf("archive unpacks to more than %d bytes", x.opts.MaxBytes)
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
