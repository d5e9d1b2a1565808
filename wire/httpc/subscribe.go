package httpc

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/caprock/caprock/wire/recordio"
	"github.com/valyala/fasthttp"
)

// StatusError is an answer other than the one that Subscribe or Upgrade wants.
type StatusError struct {
	Status int
	Header Header
	Text   string // beginning of the body
}

// Error implements error.
func (e *StatusError) Error() string {
	return fmt.Sprintf("got status %d %s: %s", e.Status, fasthttp.StatusMessage(e.Status), e.Text)
}

// Subscription is an open stream of records. It belongs to one goroutine, but
// Close may be called from any.
type Subscription struct {
	// StreamID is the Mesos-Stream-Id that later calls must carry; "" on
	// streams that have none.
	StreamID string
	Header   Header
	// URL that answered, after redirects: the leader's, for later calls.
	URL string

	cn      *conn
	release func() bool
	ctx     context.Context
	records *recordio.Reader
	silence silenceReader
}

// Subscribe sends req and returns the stream that answers it. Any status but
// 200 is a *StatusError. The stream ends with ctx. Options.Timeout bounds the
// time until the header of the answer.
func (c *Client) Subscribe(ctx context.Context, req *Request) (*Subscription, error) {
	return redirected(c, req, func(t target) (*Subscription, string, error) {
		cn, release, resp, err := c.open(ctx, req, t, "")
		if err != nil {
			return nil, "", err
		}
		defer fasthttp.ReleaseResponse(resp)
		h := copyHeader(&resp.Header)
		if resp.StatusCode() == 200 {
			return c.newSubscription(ctx, cn, release, h, t, resp.Header.ContentLength()), "", nil
		}
		defer cn.Close()
		defer release()
		if next := redirection(resp.StatusCode(), h); next != "" {
			return nil, next, nil
		}
		return nil, "", c.statusError(cn, resp, h)
	})
}

// open dials, sends and reads the header of the answer.
func (c *Client) open(ctx context.Context, req *Request, t target, upgrade string) (*conn, func() bool, *fasthttp.Response, error) {
	cn, err := c.dial(ctx, t)
	if err != nil {
		return nil, nil, nil, wrapContext(ctx, err)
	}
	release := cn.guard(ctx)
	resp := fasthttp.AcquireResponse()
	_ = cn.SetDeadline(c.opts.Clock.Now().Add(c.opts.Timeout))
	if err = c.send(cn, req, t, upgrade); err == nil {
		err = resp.Header.Read(cn.br)
	}
	if err == nil {
		err = cn.SetDeadline(time.Time{})
	}
	if err != nil {
		release()
		_ = cn.Close()
		fasthttp.ReleaseResponse(resp)
		return nil, nil, nil, wrapContext(ctx, err)
	}
	return cn, release, resp, nil
}

// statusError reads the beginning of the body that explains a status.
func (c *Client) statusError(cn *conn, resp *fasthttp.Response, h Header) error {
	_ = cn.SetReadDeadline(c.opts.Clock.Now().Add(time.Second))
	text, _ := io.ReadAll(io.LimitReader(bodyReader(cn, resp.Header.ContentLength()), 4<<10))
	return &StatusError{Status: resp.StatusCode(), Header: h, Text: string(text)}
}

// bodyReader reads a body of the given Content-Length; -1 means chunked and
// other negative values mean until the end of the connection.
func bodyReader(cn *conn, contentLength int) io.Reader {
	switch {
	case contentLength == -1:
		return &chunkReader{br: cn.br}
	case contentLength >= 0:
		return io.LimitReader(cn.br, int64(contentLength))
	}
	return cn.br
}

func (c *Client) newSubscription(ctx context.Context, cn *conn, release func() bool, h Header, t target, contentLength int) *Subscription {
	s := &Subscription{StreamID: h.Get("Mesos-Stream-Id"), Header: h, URL: t.url(), cn: cn, release: release, ctx: ctx}
	s.silence = silenceReader{from: bodyReader(cn, contentLength), conn: cn, opts: &c.opts}
	s.records = recordio.NewReaderLimit(&s.silence, c.opts.MaxRecordBytes)
	return s
}

// Next returns the next record, valid until the following call. At the end of
// the stream the error is io.EOF; it is the context's if that ended the stream.
// Any error is final and the stream is closed.
func (s *Subscription) Next() ([]byte, error) {
	record, err := s.records.Next()
	if err != nil {
		err = wrapContext(s.ctx, err)
		s.Close()
		return nil, err
	}
	return record, nil
}

// SetSilence makes Next fail with a timeout when nothing arrives for d: several
// heartbeat intervals. 0 waits for ever. Call it between calls of Next.
func (s *Subscription) SetSilence(d time.Duration) {
	s.silence.limit = d
	if d == 0 {
		_ = s.cn.SetReadDeadline(time.Time{})
	}
}

// Close ends the stream.
func (s *Subscription) Close() {
	s.release()
	_ = s.cn.Conn.Close()
}

// silenceReader renews the read deadline before each read.
type silenceReader struct {
	from  io.Reader
	conn  net.Conn
	opts  *Options
	limit time.Duration
}

func (r *silenceReader) Read(p []byte) (int, error) {
	if r.limit > 0 {
		_ = r.conn.SetReadDeadline(r.opts.Clock.Now().Add(r.limit))
	}
	return r.from.Read(p)
}
