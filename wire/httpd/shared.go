package httpd

import (
	"io"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// SharedBody is the body of an answer that several requests get: made and compressed
// once, sent to each without a copy. Its memory belongs to its maker, who gets it back when
// the last of the requests has sent it or has gone away.
type SharedBody struct {
	bytes    []byte
	encoding Encoding
	users    atomic.Int32
	free     func()
}

// NewSharedBody makes the body of users answers, each of which must reach ReplyShared
// once. free is called after the last, on any goroutine, and is the time to use the
// memory again; nil if nobody wants it.
func NewSharedBody(bytes []byte, e Encoding, users int, free func()) *SharedBody {
	b := &SharedBody{bytes: bytes, encoding: e, free: free}
	b.users.Store(int32(users))
	return b
}

func (b *SharedBody) done() {
	if b.users.Add(-1) == 0 && b.free != nil {
		b.free()
	}
}

// ReplyShared answers with a complete body that others are answered with too.
func (c *Ctx) ReplyShared(status int, contentType string, b *SharedBody) {
	c.SetStatusCode(status)
	c.SetContentType(contentType)
	if name := b.encoding.name(); name != "" {
		c.markEncoded(name)
	}
	c.Response.SetBodyStream(&sharedReader{body: b}, len(b.bytes))
}

// sharedReader is what one answer reads the body by.
type sharedReader struct {
	body   *SharedBody
	at     int
	closed bool
}

func (r *sharedReader) Read(p []byte) (int, error) {
	n := copy(p, r.body.bytes[r.at:])
	r.at += n
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// WriteTo writes what is left in one piece: how long a peer may take for an answer
// counts from one write to the next.
func (r *sharedReader) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(r.body.bytes[r.at:])
	r.at += n
	return int64(n), err
}

// Close is called when the answer has been sent, and when it cannot be.
func (r *sharedReader) Close() error {
	if !r.closed {
		r.closed = true
		r.body.done()
	}
	return nil
}

// Encoding returns how the client wants a long body.
func (c *Ctx) Encoding() Encoding { return chooseEncoding(c.Request.Header.Peek("Accept-Encoding")) }

// Append appends a body in this encoding and tells which one it is in: a short one, or
// one that is wanted as it is, is not appended at all, and stays what it was.
func (e Encoding) Append(dst, body []byte) ([]byte, Encoding) {
	if len(body) < minCompressBytes {
		return dst, identity
	}
	switch e {
	case gzipped:
		a := &appender{dst}
		w := gzipWriters.Get().(*gzip.Writer)
		w.Reset(a)
		_, _ = w.Write(body) // into memory: cannot fail
		_ = w.Close()
		dst, a.b = a.b, nil // the writer remembers the appender
		gzipWriters.Put(w)
		return dst, e
	case zstandard:
		w := zstdWriters.Get().(*zstd.Encoder)
		dst = w.EncodeAll(body, dst)
		zstdWriters.Put(w)
		return dst, e
	}
	return dst, identity
}

// Plain says that a body is sent as it is.
func (e Encoding) Plain() bool { return e == identity }

func (e Encoding) name() string {
	switch e {
	case gzipped:
		return "gzip"
	case zstandard:
		return "zstd"
	}
	return ""
}

// appender is memory that is written to.
type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}
