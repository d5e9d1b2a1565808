package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/caprock/caprock/wire/clock"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/recordio"
)

// Protocol is the name in the Upgrade header, Path where the allocator serves it.
const (
	Protocol = "caprock-link"
	Path     = "/api/v1/link"
)

// MaxFrameBytes bounds one frame.
const MaxFrameBytes = 16 << 20

var (
	// ErrBacklog: the peer has not read for so long that Options.MaxPending
	// bytes gathered; the link is cut.
	ErrBacklog = errors.New("link cut: the peer does not read")
	// ErrClosed: Close was called on this side.
	ErrClosed = errors.New("link closed")
)

// Options configure a Conn. The zero value of each field means its default.
type Options struct {
	// Clock computes socket deadlines. Default: clock.Real().
	Clock clock.Clock
	// MaxPending bounds encoded bytes that wait to be written. It must hold the
	// largest frame. Default 64 MiB.
	MaxPending int
	// WriteTimeout is how long the peer may leave one write unread. Default 10 s.
	WriteTimeout time.Duration
	// ReadTimeout makes Recv fail when no frame arrives for so long; 0 waits
	// for ever. The allocator pings, so an agent can tell a dead link by it.
	ReadTimeout time.Duration
}

// EnsureDefaults fills in what is zero.
func (o *Options) EnsureDefaults() {
	if o.Clock == nil {
		o.Clock = clock.Real()
	}
	if o.MaxPending == 0 {
		o.MaxPending = 64 << 20
	}
	if o.WriteTimeout == 0 {
		o.WriteTimeout = 10 * time.Second
	}
}

// frame is what both directions can be encoded from.
type frame interface {
	SizeVT() int
	MarshalToSizedBufferVT([]byte) (int, error)
}

// received is a pointer to what a direction is decoded to.
type received[R any] interface {
	*R
	UnmarshalVT([]byte) error
}

// Conn is one end of a link: it sends S and receives *R. Send, Flush and Close
// may be called from any goroutine, Recv from one at a time.
type Conn[S frame, R any, PR received[R]] struct {
	nc      net.Conn
	opts    Options
	records *recordio.Reader

	mu struct {
		sync.Mutex
		pending []byte // encoded frames that no write has taken
		spare   []byte // the buffer of the last write, empty
		writing bool   // a goroutine writes
		err     error  // why the link has ended
		// idle is closed when nothing is pending or being written, or on err;
		// made by Flush.
		idle chan struct{}
	}
}

// AgentConn is the agent's end, AllocatorConn the allocator's.
type (
	AgentConn     = Conn[*link.Up, link.Down, *link.Down]
	AllocatorConn = Conn[*link.Down, link.Up, *link.Up]
)

func newConn[S frame, R any, PR received[R]](nc net.Conn, r io.Reader, o Options) *Conn[S, R, PR] {
	o.EnsureDefaults()
	c := &Conn[S, R, PR]{nc: nc, opts: o}
	c.records = recordio.NewReaderLimit(&timedReader{r: r, nc: nc, opts: &c.opts}, MaxFrameBytes)
	return c
}

// RemoteAddr returns the peer's address.
func (c *Conn[S, R, PR]) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// Recv returns the next frame, which is the caller's. At the peer's orderly end
// the error is io.EOF. Any error is final and ends the link.
func (c *Conn[S, R, PR]) Recv() (*R, error) {
	b, err := c.records.Next()
	if err != nil {
		return nil, c.end(err)
	}
	m := PR(new(R))
	if err := m.UnmarshalVT(b); err != nil {
		return nil, c.end(fmt.Errorf("link: got a frame of %d bytes that does not decode: %w", len(b), err))
	}
	return (*R)(m), nil
}

// Buffered reports whether bytes of a further frame have been read already, so that Recv
// is likely not to wait. It is for Recv's goroutine.
func (c *Conn[S, R, PR]) Buffered() bool { return c.records.Buffered() > 0 }

// Send queues frames in order, all or none. It does not wait for the network.
// An error means that the link has ended, except for a frame that is
// larger than MaxFrameBytes, which is the caller's mistake.
func (c *Conn[S, R, PR]) Send(frames ...S) error {
	total := 0
	for _, f := range frames {
		n := f.SizeVT()
		if n > MaxFrameBytes {
			return fmt.Errorf("link: got a frame of %d bytes, wanted at most %d", n, MaxFrameBytes)
		}
		total += recordio.HeaderSize(n) + n
	}
	c.mu.Lock()
	if c.mu.err != nil {
		defer c.mu.Unlock()
		return c.mu.err
	}
	if len(c.mu.pending) > 0 && len(c.mu.pending)+total > c.opts.MaxPending {
		c.mu.Unlock()
		return c.end(ErrBacklog)
	}
	before := len(c.mu.pending)
	if err := c.encodeLocked(frames); err != nil {
		c.mu.pending = c.mu.pending[:before]
		c.mu.Unlock()
		return err
	}
	start := !c.mu.writing && len(c.mu.pending) > 0
	c.mu.writing = c.mu.writing || start
	c.mu.Unlock()
	if start {
		go c.write()
	}
	return nil
}

func (c *Conn[S, R, PR]) encodeLocked(frames []S) error {
	for _, f := range frames {
		n := f.SizeVT()
		b := recordio.AppendHeader(c.mu.pending, n)
		b = grow(b, n)
		if _, err := f.MarshalToSizedBufferVT(b[len(b)-n:]); err != nil {
			return fmt.Errorf("link: encode frame: %w", err)
		}
		c.mu.pending = b
	}
	return nil
}

// grow appends n bytes of any content.
func grow(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b[:len(b)+n]
	}
	if len(b)+n > keepBytes {
		if large, ok := largeBuffers.Get().(*[]byte); ok && cap(*large) >= len(b)+n {
			bigger := (*large)[:len(b)+n]
			copy(bigger, b)
			return bigger
		}
	}
	bigger := make([]byte, len(b)+n, max(2*cap(b), len(b)+n, 512))
	copy(bigger, b)
	return bigger
}

// keepBytes is the largest buffer that an idle link holds on to. Larger ones, up to
// lendBytes, are lent to whichever link needs one.
const (
	keepBytes = 4 << 10
	lendBytes = 1 << 20
)

var largeBuffers sync.Pool

func giveBack(b []byte) {
	if cap(b) > keepBytes && cap(b) <= lendBytes {
		largeBuffers.Put(&b)
	}
}

// write sends what is pending until nothing is.
func (c *Conn[S, R, PR]) write() {
	for {
		c.mu.Lock()
		b := c.mu.pending
		if len(b) == 0 || c.mu.err != nil {
			c.restLocked()
			c.mu.Unlock()
			return
		}
		c.mu.pending, c.mu.spare = c.mu.spare, nil
		c.mu.Unlock()

		err := c.nc.SetWriteDeadline(c.opts.Clock.Now().Add(c.opts.WriteTimeout))
		if err == nil {
			_, err = c.nc.Write(b)
		}
		if err != nil {
			_ = c.end(fmt.Errorf("link: %w", err))
			continue
		}
		c.mu.Lock()
		c.mu.spare = b[:0]
		c.mu.Unlock()
	}
}

// restLocked ends the writer: large buffers go, and Flush is told.
func (c *Conn[S, R, PR]) restLocked() {
	c.mu.writing = false
	if cap(c.mu.spare) > keepBytes {
		giveBack(c.mu.spare)
		c.mu.spare = nil
	}
	if cap(c.mu.pending) > keepBytes || c.mu.err != nil {
		giveBack(c.mu.pending)
		c.mu.pending = nil
	}
	if c.mu.idle != nil {
		close(c.mu.idle)
		c.mu.idle = nil
	}
}

// Flush waits until everything sent so far has been given to the kernel, or for
// the end of the link or of ctx, whose error it returns.
func (c *Conn[S, R, PR]) Flush(ctx context.Context) error {
	c.mu.Lock()
	if !c.mu.writing || c.mu.err != nil {
		defer c.mu.Unlock()
		return c.mu.err
	}
	if c.mu.idle == nil {
		c.mu.idle = make(chan struct{})
	}
	idle := c.mu.idle
	c.mu.Unlock()
	select {
	case <-idle:
		return c.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Pending returns how many encoded bytes no write has taken yet.
func (c *Conn[S, R, PR]) Pending() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.mu.pending)
}

// Err says why the link has ended, nil while it is open.
func (c *Conn[S, R, PR]) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.err
}

// Close ends the link at once; what is pending is dropped (Flush before to send
// it). Recv and Send then fail with ErrClosed.
func (c *Conn[S, R, PR]) Close() { _ = c.end(ErrClosed) }

// end closes the connection and returns the first reason given.
func (c *Conn[S, R, PR]) end(cause error) error {
	c.mu.Lock()
	first := c.mu.err == nil
	if first {
		c.mu.err = cause
	}
	cause = c.mu.err
	c.mu.Unlock()
	if first {
		_ = c.nc.Close()
	}
	return cause
}

// timedReader renews the read deadline before each read.
type timedReader struct {
	r    io.Reader
	nc   net.Conn
	opts *Options
}

func (t *timedReader) Read(p []byte) (int, error) {
	if t.opts.ReadTimeout > 0 {
		if err := t.nc.SetReadDeadline(t.opts.Clock.Now().Add(t.opts.ReadTimeout)); err != nil {
			return 0, err
		}
	}
	return t.r.Read(p)
}
