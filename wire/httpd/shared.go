package httpd

import (
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/caprock/caprock/wire/clock"
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
	c.Response.SetBodyStream(&sharedReader{body: b, srv: c.srv}, len(b.bytes))
}

// sharedReader is what one answer reads the body by.
type sharedReader struct {
	body   *SharedBody
	srv    *Server
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

const (
	// sharedPiece is written at a time of a body that is longer than that. A body of tens of
	// megabytes, written at once, keeps a core here and one at a reader on the same machine busy for as
	// many milliseconds, and calls wait for both.
	sharedPiece = 512 << 10
	// sharedPause is between two pieces: it bounds what one reader gets to some 400 MB a second.
	sharedPause = time.Millisecond
)

// WriteTo writes what is left, with pauses. A peer that has not taken everything when
// WriteTimeout is over is cut, as is one that takes nothing for as long.
func (r *sharedReader) WriteTo(w io.Writer) (int64, error) {
	var by time.Duration // on the clock's monotonic scale
	var pause clock.Timer
	for first := r.at; ; <-pause.C() {
		piece := r.body.bytes[r.at:]
		n, err := w.Write(piece[:min(len(piece), sharedPiece)])
		r.at += n
		if err != nil || r.at == len(r.body.bytes) {
			return int64(r.at - first), err
		}
		o := &r.srv.opts
		switch now := o.Clock.Monotonic(); {
		case pause == nil:
			by, pause = now+o.WriteTimeout, o.Clock.NewTimer(sharedPause)
			defer pause.Stop()
		case now > by:
			return int64(r.at - first), os.ErrDeadlineExceeded
		default:
			pause.Reset(sharedPause)
		}
	}
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
