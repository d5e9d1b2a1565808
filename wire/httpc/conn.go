package httpc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/valyala/fasthttp"
)

// readBufferBytes bounds the header of an answer.
const readBufferBytes = 8 << 10

// conn is a connection to a server, kept or fresh.
type conn struct {
	net.Conn
	br     *bufio.Reader
	reused bool
}

func (c *Client) dial(ctx context.Context, t target) (*conn, error) {
	nc, err := c.opts.Dial(ctx, t.scheme, t.addr())
	if err != nil {
		return nil, err
	}
	return &conn{Conn: nc, br: bufio.NewReaderSize(nc, readBufferBytes)}, nil
}

// guard closes the connection when ctx ends; the returned function ends the
// guard and reports whether the connection is still whole.
func (c *conn) guard(ctx context.Context) (release func() bool) {
	if ctx.Done() == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(ctx, func() { _ = c.Conn.Close() })
}

// errUnsent marks failures before the server can have seen a request.
var errUnsent = errors.New("not sent")

func (c *Client) roundTrip(ctx context.Context, req *Request, t target) (*Response, error) {
	for {
		cn, err := c.pool.get(t)
		if cn == nil && err == nil {
			cn, err = c.dial(ctx, t)
		}
		if err != nil {
			return nil, err
		}
		r, keep, err := c.exchange(ctx, cn, req, t)
		if err == nil {
			if keep {
				c.pool.put(t, cn)
			}
			return r, nil
		}
		if !cn.reused || ctx.Err() != nil || !repeatable(req, err) {
			return nil, err
		}
	}
}

// repeatable: the request had no effect, or may have it twice.
func repeatable(req *Request, err error) bool {
	m := req.method()
	return errors.Is(err, errUnsent) || m == "GET" || m == "HEAD"
}

// exchange sends req and reads the whole answer. It closes the connection
// unless keep.
func (c *Client) exchange(ctx context.Context, cn *conn, req *Request, t target) (r *Response, keep bool, err error) {
	release := cn.guard(ctx)
	defer func() {
		if !release() {
			keep = false
		}
		if !keep {
			_ = cn.Close()
		}
	}()
	if err := c.send(cn, req, t, ""); err != nil {
		return nil, false, err
	}
	resp := fasthttp.AcquireResponse()
	defer fasthttp.ReleaseResponse(resp)
	resp.SkipBody = req.method() == "HEAD"
	if err := resp.ReadLimitBody(cn.br, c.opts.MaxResponseBytes); err != nil {
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("connection closed before the answer: %w", io.ErrUnexpectedEOF)
		}
		return nil, false, err
	}
	r = &Response{Status: resp.StatusCode(), Header: copyHeader(&resp.Header), Body: append([]byte(nil), resp.Body()...), URL: t.url()}
	return r, !resp.ConnectionClose() && cn.br.Buffered() == 0, nil
}

func copyHeader(h *fasthttp.ResponseHeader) Header {
	out := make(Header, 0, h.Len())
	for k, v := range h.All() {
		out = append(out, Field{string(k), string(v)})
	}
	return out
}

var sendBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// send writes the request; upgrade is the protocol asked for, or "".
func (c *Client) send(cn *conn, req *Request, t target, upgrade string) error {
	buf := sendBuffers.Get().(*[]byte)
	defer sendBuffers.Put(buf)
	b, err := c.appendHead((*buf)[:0], req, t, upgrade)
	if err != nil {
		return err
	}
	const copyLimit = 32 << 10
	var n int64
	if len(req.Body) <= copyLimit {
		b = append(b, req.Body...)
		var m int
		m, err = cn.Write(b)
		n = int64(m)
	} else {
		v := net.Buffers{b, req.Body}
		n, err = v.WriteTo(cn.Conn)
	}
	*buf = b[:0]
	if err != nil && n == 0 {
		return fmt.Errorf("%w: %w", errUnsent, err)
	}
	return err
}

func (c *Client) appendHead(b []byte, req *Request, t target, upgrade string) ([]byte, error) {
	b = append(append(append(b, req.method()...), ' '), t.path...)
	b = append(append(b, " HTTP/1.1\r\nHost: "...), t.host...)
	var err error
	field := func(name, value string) {
		if strings.ContainsAny(name, "\r\n: ") || strings.ContainsAny(value, "\r\n\x00") {
			err = fmt.Errorf("got header %q: %q, wanted a name and a value on one line", name, value)
			return
		}
		b = append(append(append(append(b, "\r\n"...), name...), ": "...), value...)
	}
	if req.ContentType != "" {
		field("Content-Type", req.ContentType)
	}
	for _, f := range c.opts.Headers {
		field(f.Name, f.Value)
	}
	for _, f := range req.Headers {
		field(f.Name, f.Value)
	}
	if upgrade != "" {
		field("Connection", "Upgrade")
		field("Upgrade", upgrade)
	}
	if len(req.Body) > 0 || req.method() != "GET" && req.method() != "HEAD" {
		b = append(b, "\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(len(req.Body)), 10)
	}
	return append(b, "\r\n\r\n"...), err
}
