package fetch

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/url"
	"path"
	"path/filepath"
	"strings"

	"github.com/caprock/caprock/agent/sandbox"
	"github.com/caprock/caprock/wire/mesos"
)

// item is one URI, understood: where its file comes from and what becomes of it.
type item struct {
	url                         *url.URL
	name                        string // in the sandbox
	sum                         *checksum
	executable, extract, cached bool
}

// parse understands a URI. Its file goes to its output_file, or is named as the
// last part of its path.
func (o *Options) parse(uri *mesos.CommandInfo_URI) (item, error) {
	it := item{executable: uri.GetExecutable(), extract: uri.GetExtract(), cached: uri.GetCache()}
	// Blanks before a URI are passed over, as in Mesos: people write them in lists.
	u, err := o.location(strings.TrimLeft(uri.GetValue(), " \t\r\n"))
	if err != nil {
		return item{}, err
	}
	if it.sum, err = parseChecksum(u.Fragment); err != nil {
		return item{}, err
	}
	if it.sum != nil {
		u.Fragment, u.RawFragment = "", ""
	}
	it.url = u
	if it.name = uri.GetOutputFile(); it.name == "" {
		if it.name = path.Base(path.Clean("/" + u.Path)); it.name == "/" {
			return item{}, errors.New("URI names no file")
		}
	}
	if err := checkName(it.name); err != nil || filepath.Clean(it.name) == "." {
		return item{}, fmt.Errorf("output file is %s, want a relative path inside the sandbox: %w", shown(it.name), cmp.Or(err, errNoName))
	}
	it.name = filepath.Clean(it.name)
	return it, nil
}

// location turns plain paths into file URLs and takes URLs as they are.
func (o *Options) location(text string) (*url.URL, error) {
	if strings.HasPrefix(text, "/") {
		return &url.URL{Scheme: "file", Path: text}, nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.Unwrap(err) // without the URI, which the error of the fetch tells
	case u.Scheme != "":
		return u, nil
	case o.Home == "":
		return nil, errors.New("relative URI, want an absolute path or a URI with a scheme (or an agent with --frameworks_home)")
	case !filepath.IsLocal(text):
		return nil, errors.New("relative URI leads out of the agent's --frameworks_home")
	}
	return &url.URL{Scheme: "file", Path: filepath.Join(o.Home, text)}, nil
}

// unpacked reports whether the file is an archive that is to be unpacked.
func (it *item) unpacked() bool { return it.extract && !it.executable && archiveKind(it.name) != nil }

// kept reports whether the file itself is wanted in the sandbox when it comes from
// the cache.
func (it *item) kept() bool { return !it.unpacked() || archiveKind(it.name).keep }

// key is what two URIs must share to share a file in the cache. The user is in it:
// one user must not be given what only another may read.
func (it *item) key(owner sandbox.Owner) string {
	sum := ""
	if it.sum != nil {
		sum = it.sum.name + "=" + hex.EncodeToString(it.sum.want)
	}
	return fmt.Sprintf("%t %d %d %s %s", owner.Other, owner.UID, owner.GID, sum, it.url)
}

// open begins to fetch.
func (f *Fetcher) open(ctx context.Context, it *item, owner sandbox.Owner) (io.ReadCloser, error) {
	switch scheme := it.url.Scheme; scheme {
	case "http", "https":
		return f.web.get(ctx, it.url)
	case "file":
		if h := it.url.Host; h != "" && h != "localhost" {
			return nil, fmt.Errorf("file URI names host %q, want none", h)
		}
		return openLocal(it.url.Path, owner)
	default:
		command, ok := f.opts.Plugins[scheme]
		if !ok {
			return nil, fmt.Errorf("scheme is %s, want file, http, https%s", shown(scheme), f.opts.pluginNames())
		}
		return runPlugin(ctx, command, it.url.String(), owner, f.opts.StallTimeout)
	}
}

// checksum is what a file must sum up to: the fragment of its URI, as in
// https://host/app.tgz#sha256=9f86d0…
type checksum struct {
	name      string
	algorithm func() hash.Hash
	want      []byte
}

func parseChecksum(fragment string) (*checksum, error) {
	name, text, ok := strings.Cut(fragment, "=")
	if !ok {
		return nil, nil
	}
	c := &checksum{name: name}
	switch name {
	case "sha256":
		c.algorithm = sha256.New
	case "sha512":
		c.algorithm = sha512.New
	default:
		return nil, nil
	}
	want, err := hex.DecodeString(text)
	if size := c.algorithm().Size(); err != nil || len(want) != size {
		return nil, fmt.Errorf("checksum is %q, want %s= and %d hexadecimal digits", fragment, name, 2*size)
	}
	c.want = want
	return c, nil
}

func (c *checksum) compare(got []byte, length int64) error {
	if !bytes.Equal(got, c.want) {
		return fmt.Errorf("%s of its %d bytes is %x, want %x", c.name, length, got, c.want)
	}
	return nil
}
