package httpd

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
	"sync/atomic"
	"time"
)

// ErrInterrupted: Incoming.Interrupt was called.
var ErrInterrupted = errors.New("reading of the request's body was interrupted")

// errLostBody: the body ended in the middle of a chunk or of its framing.
var errLostBody = Refusef(400, "got the end of the connection within the body, wanted the last chunk first")

// Incoming is the body of a request that is read while the client still writes
// it. Nothing is read ahead but what fits into a small buffer, so a handler that
// reads slowly slows the client down.
type Incoming struct {
	conn *conn
	r    *bufio.Reader
	// framer checks the framing of chunks with the rules of any other body, but
	// for the limit on their sum.
	framer framer
	// decoy is what the parser is told instead of the body.
	decoy       []byte
	interrupted atomic.Bool
	err         error // sticky
	// whole holds a body that was complete before the handler ran.
	whole *bytes.Reader
}

// incomingBuffer holds a chunk-size line at the least.
const incomingBuffer = 4 << 10

// newIncoming takes the connection after the header of a request; held is what
// came behind it in the same read.
func newIncoming(c *conn, held []byte) *Incoming {
	b := &Incoming{conn: c, decoy: []byte("0\r\n\r\n")}
	b.framer = framer{maxHeader: c.framer.maxHeader, maxBody: math.MaxInt, phase: atChunkSize}
	rest := bytes.NewReader(bytes.Clone(held))
	b.r = bufio.NewReaderSize(io.MultiReader(rest, c.Conn), incomingBuffer)
	return b
}

// pretend lets the parser find an empty body.
func (b *Incoming) pretend(p []byte) (int, error) {
	if len(b.decoy) == 0 {
		return 0, errDrained
	}
	n := copy(p, b.decoy)
	b.decoy = b.decoy[n:]
	return n, nil
}

// Incoming returns the body of a request to be read as it comes. With
// Options.StreamRecordIO that is so for chunked bodies of the type
// application/recordio, whatever their length and however long they take; any
// other body is whole already. The connection ends with the answer.
func (c *Ctx) Incoming() (*Incoming, error) {
	if conn := connOf(c.RequestCtx); conn != nil && conn.incoming != nil {
		if enc := c.Request.Header.ContentEncoding(); len(enc) > 0 && !equalFold(enc, "identity") {
			return nil, Refusef(415, "got Content-Encoding %q on a body that is read as it comes, wanted none", clip(enc))
		}
		_ = conn.SetReadDeadline(time.Time{})
		tuneStream(conn.Conn, &c.srv.opts)
		return conn.incoming, nil
	}
	body, err := c.ReadBody()
	if err != nil {
		return nil, err
	}
	return &Incoming{whole: bytes.NewReader(body)}, nil
}

// Interrupt makes a Read that waits, and every later one, return ErrInterrupted.
// It may be called from any goroutine.
func (b *Incoming) Interrupt() {
	b.interrupted.Store(true)
	if b.conn != nil {
		_ = b.conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// Read returns bytes of the body, io.EOF at its end, and a *Refusal if it breaks
// the rules of framing.
func (b *Incoming) Read(p []byte) (int, error) {
	if b.whole != nil {
		if b.interrupted.Load() {
			return 0, ErrInterrupted
		}
		return b.whole.Read(p)
	}
	if len(p) == 0 || b.err != nil {
		return 0, b.err
	}
	n, err := b.read(p)
	switch {
	case err != nil && b.interrupted.Load():
		err = ErrInterrupted
	case errors.Is(err, io.EOF) && b.framer.phase != atRequestLine:
		err = errLostBody
	}
	b.err = err
	return n, err
}

func (b *Incoming) read(p []byte) (int, error) {
	f := &b.framer
	for f.phase != inChunk {
		if f.phase == atRequestLine { // the trailer has ended
			return 0, io.EOF
		}
		if err := b.line(); err != nil {
			return 0, err
		}
	}
	if data := f.left - 2; data > 0 {
		n, err := b.r.Read(p[:min(int64(len(p)), data)])
		f.left -= int64(n)
		return n, err
	}
	var end [2]byte
	if _, err := io.ReadFull(b.r, end[:]); err != nil {
		return 0, unexpectedEnd(err)
	}
	if string(end[:]) != "\r\n" {
		return 0, Refusef(400, "got %q behind a chunk, wanted CR LF", end[:])
	}
	f.skip(2)
	return b.read(p)
}

func unexpectedEnd(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return io.EOF
	}
	return err
}

// line reads the size of a chunk or a line of the trailer.
func (b *Incoming) line() error {
	line, err := b.r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		b.framer.tooLong()
	case err != nil:
		return err
	default:
		b.framer.line(line[:len(line)-1])
	}
	if b.framer.refusal != nil {
		return b.framer.refusal
	}
	return nil
}

// unread reports whether the client may still be sending.
func (b *Incoming) unread() bool { return b.framer.phase != atRequestLine }
