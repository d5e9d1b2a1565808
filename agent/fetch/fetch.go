package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/caprock/caprock/agent/sandbox"
	"github.com/caprock/caprock/wire/mesos"
)

// Options bounds a Fetcher.
type Options struct {
	// StallTimeout ends a transfer that brings no byte for that long; default 1 min.
	StallTimeout time.Duration
	// MaxBytes bounds each file, and what an archive unpacks to; default 10 GiB.
	MaxBytes int64
	// MaxEntries bounds the entries of an archive; default 100,000.
	MaxEntries int
	// DenyPorts are ports on this machine that URIs must not reach: the agent's.
	DenyPorts []int
}

// EnsureDefaults fills what is unset.
func (o *Options) EnsureDefaults() {
	if o.StallTimeout == 0 {
		o.StallTimeout = time.Minute
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 10 << 30
	}
	if o.MaxEntries == 0 {
		o.MaxEntries = 100_000
	}
}

// Fetcher fetches; it may be used by several goroutines.
type Fetcher struct {
	opts Options
	web  *web
}

// New returns a Fetcher.
func New(opts Options) *Fetcher {
	opts.EnsureDefaults()
	return &Fetcher{opts: opts, web: newWeb(opts)}
}

// Fetch brings every URI into the sandbox, in order, for owner. The first failure
// ends it; what came before stays.
func (f *Fetcher) Fetch(ctx context.Context, box *os.Root, uris []*mesos.CommandInfo_URI, owner sandbox.Owner) error {
	for _, uri := range uris {
		if err := f.one(ctx, box, uri, owner); err != nil {
			return fmt.Errorf("fetch %q: %w", uri.GetValue(), err)
		}
	}
	return nil
}

func (f *Fetcher) one(ctx context.Context, box *os.Root, uri *mesos.CommandInfo_URI, owner sandbox.Owner) error {
	name, err := outputName(uri)
	if err != nil {
		return err
	}
	src, err := f.open(ctx, uri.GetValue(), owner)
	if err != nil {
		return err
	}
	defer src.Close()
	if dir := filepath.Dir(name); dir != "." {
		if err := mkdirs(box, dir, owner); err != nil {
			return err
		}
	}
	mode := os.FileMode(0o644)
	if uri.GetExecutable() {
		mode = 0o755
	}
	if err := f.save(box, name, src, mode, owner); err != nil {
		return err
	}
	if uri.GetExecutable() || !uri.GetExtract() {
		return nil
	}
	return f.unpack(ctx, box, name, owner)
}

// save writes src to a new file, within the limit.
func (f *Fetcher) save(box *os.Root, name string, src io.Reader, mode os.FileMode, owner sandbox.Owner) error {
	// A file of that name is replaced and not written through: it may be a link.
	if err := box.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	out, err := box.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer out.Close()
	n, err := io.Copy(out, io.LimitReader(src, f.opts.MaxBytes+1))
	if err != nil {
		return err
	}
	if n > f.opts.MaxBytes {
		return fmt.Errorf("file is longer than %d bytes", f.opts.MaxBytes)
	}
	if err := out.Chmod(mode); err != nil {
		return err
	}
	if err := owner.Give(box, name); err != nil {
		return err
	}
	return out.Close()
}

func (f *Fetcher) open(ctx context.Context, uri string, owner sandbox.Owner) (io.ReadCloser, error) {
	if strings.HasPrefix(uri, "/") {
		return openLocal(uri, owner)
	}
	u, err := url.Parse(uri)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "http", "https":
		return f.web.get(ctx, u)
	case "file":
		if u.Host != "" && u.Host != "localhost" {
			return nil, fmt.Errorf("file URI names host %q, want none", u.Host)
		}
		return openLocal(u.Path, owner)
	case "":
		return nil, errors.New("relative URI, want an absolute path or a URI with a scheme")
	}
	return nil, fmt.Errorf("scheme is %q, want file, http or https", u.Scheme)
}

// outputName is where in the sandbox a URI goes: its output_file, or the last part
// of its path.
func outputName(uri *mesos.CommandInfo_URI) (string, error) {
	name := uri.GetOutputFile()
	if name == "" {
		p := uri.GetValue()
		if u, err := url.Parse(p); err == nil && u.Scheme != "" {
			p = u.Path
		}
		name = path.Base(path.Clean("/" + p))
		if name == "/" {
			return "", errors.New("URI names no file")
		}
	}
	if !filepath.IsLocal(name) || name == "." {
		return "", fmt.Errorf("output file is %q, want a relative path inside the sandbox", name)
	}
	return filepath.Clean(name), nil
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
