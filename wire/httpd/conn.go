package httpd

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"
)

var (
	errRefused = errors.New("request refused by the framing checks")
	errDrained = errors.New("no more buffered bytes")
)

// conn is what fasthttp gets instead of the accepted connection.
type conn struct {
	net.Conn
	srv    *Server
	framer framer
	remote hostKey

	// writeBy is the deadline of fasthttp's writes on the clock's monotonic scale.
	writeBy time.Duration

	// readBy is the deadline of the lane's reads on the same scale; 0 if another runs.
	readBy time.Duration
	call   Call // on the lane, being read

	// mode is serving, draining or detached. The connection's goroutine moves it on; Shutdown and
	// the owner of a stream may close the connection at the same time.
	mode atomic.Uint32
	// incoming is the body of a request that its handler reads as it comes. Set
	// before the handler runs; the connection takes no further request.
	incoming *Incoming
	// stream is set when the connection has become one; Shutdown ends it.
	stream atomic.Pointer[Stream]
	// idle: the next request is waited for, and every answer is written. Only
	// Shutdown reads it.
	idle atomic.Bool
	// closed makes Close idempotent: fasthttp, Shutdown and the owner of a
	// stream may all call it.
	closed atomic.Bool
}

// Whose the connection is.
const (
	// serving: requests are read and checked. The zero value.
	serving uint32 = iota
	// draining: reads return what fasthttp has buffered, then errDrained.
	draining
	// detached: the connection belongs to a Stream or to an upgrade; fasthttp's
	// Close has no effect.
	detached
)

// Read delivers the bytes that passed the framing checks.
func (c *conn) Read(p []byte) (int, error) {
	if c.mode.Load() != serving {
		return 0, errDrained
	}
	if c.framer.refusal != nil {
		return 0, errRefused
	}
	if c.incoming != nil {
		return c.incoming.pretend(p)
	}
	if c.framer.atStart() {
		c.idle.Store(true)
	}
	var n int
	var err error
	if c.srv.lane != nil && c.framer.atStart() && len(p) >= c.srv.opts.MaxHeaderBytes {
		c.readBy = 1 // fasthttp has set the deadline of the first read
		n, err = c.readCalls(p)
	} else {
		n, err = c.Conn.Read(p)
	}
	if n > 0 {
		k := c.framer.accept(p[:n])
		if c.framer.refusal != nil {
			c.srv.metrics.refused.Add(1)
			c.idle.Store(false)
			return k, errRefused
		}
		if c.framer.phase == atIncoming {
			c.incoming = newIncoming(c, p[k:n])
			return k, nil
		}
	}
	return n, err
}

// Write sends an answer of fasthttp's. The deadline moves only when half of it
// is used up: setting it costs more than reading the clock. (fasthttp's own
// WriteTimeout sets it for each answer.)
func (c *conn) Write(p []byte) (int, error) {
	o := &c.srv.opts
	if now := o.Clock.Monotonic(); c.writeBy-now < o.WriteTimeout/2 {
		c.writeBy = now + o.WriteTimeout
		if err := c.SetWriteDeadline(o.Clock.Now().Add(o.WriteTimeout)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p)
}

// Close is fasthttp's: it ends a connection that is still its own.
func (c *conn) Close() error {
	if c.mode.Load() == detached {
		return nil
	}
	if (c.framer.refusal != nil || c.incoming != nil && c.incoming.unread()) && !c.closed.Load() {
		c.linger()
	}
	return c.closeNow()
}

// closeNow closes the socket once, from any goroutine, and frees its place in
// the limits.
func (c *conn) closeNow() error {
	if c.closed.Swap(true) {
		return nil
	}
	err := c.Conn.Close()
	c.srv.conns.remove(c)
	return err
}

// linger lets a peer that is still sending read its answer: closing a socket with unread bytes
// makes the kernel send a reset, which can overtake the answer.
func (c *conn) linger() {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	const patience, appetite = 300 * time.Millisecond, 1 << 20
	if c.Conn.SetReadDeadline(c.srv.opts.Clock.Now().Add(patience)) == nil {
		_, _ = io.CopyN(io.Discard, c.Conn, appetite)
	}
}

// end closes the connection for Shutdown, and the stream on it if there is one.
func (c *conn) end() {
	if st := c.stream.Load(); st != nil {
		st.endWith(ErrStreamClosed)
		return
	}
	_ = c.closeNow()
}
