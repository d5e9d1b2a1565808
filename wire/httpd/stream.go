package httpd

import (
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// Errors that Stream.Err and Stream.Send return.
var (
	// ErrPeerClosed: the peer ended the connection, in an orderly way or not.
	ErrPeerClosed = errors.New("stream closed by the peer")
	// ErrStreamClosed: Close or Abort was called on this side.
	ErrStreamClosed = errors.New("stream closed")
	// ErrSlowReader: the peer left a send unread for StreamSendTimeout.
	ErrSlowReader = errors.New("stream cut: the peer does not read")
)

// Header is one header of a stream's response.
type Header struct{ Name, Value string }

// Stream is an endless chunked response. Sends are serialized; every method
// may be called from any goroutine. An open stream costs no goroutine.
type Stream struct {
	conn *conn
	raw  syscall.RawConn // of the socket; nil if the connection is not one
	srv  *Server
	id   uint64

	// ended decides who ends the stream; closed is closed after err is set.
	ended  atomic.Bool
	closed chan struct{}
	err    error

	onClose struct {
		sync.Mutex
		f func()
	}
	write struct {
		sync.Mutex
		// deadline of the socket's writes on the clock's monotonic scale.
		deadline time.Duration
		// unframed streams answer HTTP/1.0, which knows no chunks.
		unframed bool
		// patient streams have no deadline.
		patient bool
	}
}

// streamIDs numbers streams across servers of the process.
var streamIDs atomic.Uint64

// Stream answers 200 with an endless body. After the handler has returned and
// the header is sent, fn is called on a goroutine of its own with the open
// stream; it may return at once and leave the stream to others. Requests that
// the client has sent behind this one are never answered. The Ctx is not valid in fn.
func (c *Ctx) Stream(headers []Header, contentType string, fn func(*Stream)) {
	conn := connOf(c.RequestCtx)
	if conn == nil {
		panic("BUG: httpd: Stream on a request without a connection")
	}
	s := c.srv
	st := &Stream{conn: conn, srv: s, id: streamIDs.Add(1), closed: make(chan struct{})}
	st.write.unframed = !c.Request.Header.IsHTTP11()
	head := s.appendStreamHead(nil, headers, contentType, st.write.unframed)
	c.HijackSetNoResponse(true)
	c.Hijack(func(nc net.Conn) {
		defer func() {
			if p := recover(); p != nil {
				s.panicked("stream", p)
				st.Abort(ErrStreamClosed)
			}
		}()
		leftover(conn, nc)
		st.open(head)
		fn(st)
	})
}

func (s *Server) appendStreamHead(b []byte, headers []Header, contentType string, unframed bool) []byte {
	b = append(b, "HTTP/1.1 200 OK\r\nDate: "...)
	b = fasthttp.AppendHTTPDate(b, s.opts.Clock.Now())
	// The end of the stream is that of the connection, which RFC 9112 §9.6 wants told.
	b = append(b, "\r\nConnection: close"...)
	if !unframed {
		b = append(b, "\r\nTransfer-Encoding: chunked"...)
	}
	b = append(b, "\r\nContent-Type: "...)
	b = append(b, headerSafe(contentType)...)
	for _, h := range headers {
		b = append(b, "\r\n"...)
		b = append(b, headerSafe(h.Name)...)
		b = append(b, ": "...)
		b = append(b, headerSafe(h.Value)...)
	}
	return append(b, "\r\n\r\n"...)
}

// leftover takes a connection from fasthttp and returns what was read from it
// beyond the request.
func leftover(c *conn, hijacked io.Reader) []byte {
	c.mode.Store(draining)
	rest, _ := io.ReadAll(hijacked) // ends with errDrained
	c.mode.Store(detached)
	return rest
}

// open sends the header and puts the stream under watch. Failures end the
// stream; fn learns it as it would later.
func (st *Stream) open(head []byte) {
	st.conn.stream.Store(st)
	st.srv.metrics.streams.Add(1)
	st.srv.metrics.openStreams.Add(1)
	if socket, ok := st.conn.Conn.(*net.TCPConn); ok {
		st.raw, _ = socket.SyscallConn()
	}
	tuneStream(st.conn.Conn, &st.srv.opts)
	st.write.Lock()
	err := st.writeLocked(head)
	st.write.Unlock()
	if err != nil {
		st.fail(err)
		return
	}
	st.srv.watch.add(st)
}

// Patient lets sends wait for as long as the peer is there, reading or not: for a stream whose
// producer waits for this one peer and for nobody else. A peer that is gone is noticed as ever, one that
// cannot be reached while nothing can be sent to it after the kernel's own time, some 15 minutes.
func (st *Stream) Patient() {
	st.write.Lock()
	defer st.write.Unlock()
	st.write.patient = true
	_ = st.conn.SetWriteDeadline(time.Time{})
	waitForReader(st.conn.Conn)
}

// ID returns a number that no other stream of this process has.
func (st *Stream) ID() uint64 { return st.id }

// RemoteAddr returns the peer's address.
func (st *Stream) RemoteAddr() net.Addr { return st.conn.RemoteAddr() }

// Closed is closed when the stream has ended for whatever reason.
func (st *Stream) Closed() <-chan struct{} { return st.closed }

// Err says why the stream ended; nil while it is open.
func (st *Stream) Err() error {
	select {
	case <-st.closed:
		return st.err
	default:
		return nil
	}
}

// OnClose has f called once when the stream has ended, at once if it has
// already. f runs on the goroutine that noticed and must not block. It spares
// a goroutine per stream that waits for Closed. Only one f is kept.
func (st *Stream) OnClose(f func()) {
	st.onClose.Lock()
	st.onClose.f = f
	st.onClose.Unlock()
	select {
	case <-st.closed:
		st.callOnClose()
	default:
	}
}

func (st *Stream) callOnClose() {
	st.onClose.Lock()
	f := st.onClose.f
	st.onClose.f = nil
	st.onClose.Unlock()
	if f != nil {
		f()
	}
}

// Close ends the stream in order: what was sent arrives, followed by the end of
// the body. It waits for a send in progress.
func (st *Stream) Close() {
	st.write.Lock()
	if !st.ended.Load() && !st.write.unframed {
		_ = st.writeLocked([]byte("0\r\n\r\n"))
	}
	st.write.Unlock()
	if st.ended.Swap(true) {
		return
	}
	lastRites(st.conn.Conn)
	st.finish(ErrStreamClosed)
}

// Abort ends the stream at once, even if a send is in progress; data that the
// peer has not read is dropped. Err will return cause.
func (st *Stream) Abort(cause error) {
	if st.ended.Swap(true) {
		return
	}
	if tcp, ok := st.conn.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	st.finish(cause)
}

// endWith closes the connection as it is and reports cause.
func (st *Stream) endWith(cause error) {
	if !st.ended.Swap(true) {
		st.finish(cause)
	}
}

// peerGone is the watcher's report.
func (st *Stream) peerGone() { st.endWith(ErrPeerClosed) }

// fail ends the stream after a failed write.
func (st *Stream) fail(err error) {
	var netErr net.Error
	if errors.As(err, &netErr) && netErr.Timeout() {
		if !st.ended.Load() {
			st.srv.metrics.streamsCut.Add(1)
		}
		st.Abort(ErrSlowReader)
		return
	}
	st.peerGone()
}

// finish runs once, by whoever set ended.
func (st *Stream) finish(cause error) {
	st.err = cause
	st.srv.watch.remove(st)
	_ = st.conn.closeNow()
	st.srv.metrics.openStreams.Add(-1)
	close(st.closed)
	st.callOnClose()
}

// appendChunkHead writes "<hex length>\r\n".
func appendChunkHead(b []byte, n int) []byte {
	return append(strconv.AppendInt(b, int64(n), 16), '\r', '\n')
}
