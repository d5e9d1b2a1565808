package httpd

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// ReadBody returns the request's body, inflated if Content-Encoding says so.
// It is valid until the handler returns. The error is a *Refusal: 413 if
// the inflated body is over the limit, 415 for an unknown encoding, 400 for a
// broken one.
func (c *Ctx) ReadBody() ([]byte, error) {
	body := c.Request.Body()
	enc := c.Request.Header.ContentEncoding()
	switch {
	case len(enc) == 0 || equalFold(enc, "identity"):
		return body, nil
	case equalFold(enc, "gzip"), equalFold(enc, "x-gzip"):
		return c.gunzip(body)
	case equalFold(enc, "zstd"):
		return c.unzstd(body)
	}
	return nil, Refusef(415, "got Content-Encoding %q, wanted gzip, zstd or none", clip(enc))
}

var gzipReaders sync.Pool

func (c *Ctx) gunzip(body []byte) ([]byte, error) {
	r, _ := gzipReaders.Get().(*gzip.Reader)
	if r == nil {
		r = new(gzip.Reader)
	}
	defer gzipReaders.Put(r)
	if err := r.Reset(bytes.NewReader(body)); err != nil {
		return nil, Refusef(400, "got a body that is not gzip (%v), wanted what Content-Encoding says", err)
	}
	return c.inflate(r, len(body), "gzip")
}

func (c *Ctx) unzstd(body []byte) ([]byte, error) {
	// One goroutine-free decoder per body: a pooled one would hold its window.
	r, err := zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderMaxMemory(uint64(c.srv.opts.MaxBodyBytes)), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, Refusef(400, "got a body that is not zstd (%v), wanted what Content-Encoding says", err)
	}
	defer r.Close()
	return c.inflate(r, len(body), "zstd")
}

// inflate reads r to its end, but never more than the limit and one byte.
func (c *Ctx) inflate(r io.Reader, compressed int, name string) ([]byte, error) {
	limit := c.srv.opts.MaxBodyBytes
	var out bytes.Buffer
	out.Grow(min(limit+1, 4*compressed+bytes.MinRead))
	_, err := out.ReadFrom(io.LimitReader(r, int64(limit)+1))
	switch {
	case out.Len() > limit,
		errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return nil, Refusef(413, "got a %s body that inflates to more than %d bytes, wanted at most that", name, limit)
	case err != nil:
		return nil, Refusef(400, "got a broken %s body (%v), wanted what Content-Encoding says", name, err)
	}
	return out.Bytes(), nil
}
