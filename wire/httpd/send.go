package httpd

import (
	"net"
	"sync"
)

// copyLimit is the size up to which records are copied into one buffer: one
// memmove is cheaper than a system call.
const copyLimit = 16 << 10

var chunkBuffers = sync.Pool{New: func() any { b := make([]byte, 0, copyLimit+64); return &b }}

// Send writes b, already framed by the caller, as one chunk. It blocks while
// the kernel's buffer is full, for StreamSendTimeout at the longest, and then
// cuts the stream, unless it is Patient. The error says why the stream has ended. b is not kept.
func (st *Stream) Send(b []byte) error { return st.SendBatch(b) }

// SendBatch writes several framed records, each as a chunk of its own, in as few
// system calls as their sizes allow. Clients exist that take one chunk for one
// record, as a real Mesos writes them; so records share packets, not chunks.
func (st *Stream) SendBatch(records ...[]byte) error {
	st.write.Lock()
	err := st.sendLocked(records)
	st.write.Unlock()
	if err != nil {
		st.fail(err)
		<-st.closed
		return st.err
	}
	return st.Err()
}

func (st *Stream) sendLocked(records [][]byte) error {
	if st.ended.Load() {
		return net.ErrClosed
	}
	buf := chunkBuffers.Get().(*[]byte)
	defer chunkBuffers.Put(buf)
	b, err := st.frameLocked((*buf)[:0], records)
	if err != nil {
		return err
	}
	return st.writeLocked(b)
}

// frameLocked appends the chunks of records to b, and writes what goes beyond copyLimit.
func (st *Stream) frameLocked(b []byte, records [][]byte) ([]byte, error) {
	for _, r := range records {
		if len(r) == 0 {
			continue // an empty chunk would end the body
		}
		if !st.write.unframed {
			b = appendChunkHead(b, len(r))
		}
		if len(b)+len(r) > copyLimit {
			if err := st.piecesLocked(b, r); err != nil {
				return nil, err
			}
			b = b[:0]
		} else {
			b = append(b, r...)
		}
		if !st.write.unframed {
			b = append(b, '\r', '\n')
		}
	}
	return b, nil
}

// piece is the most bytes of one write: the time a peer has to read applies to
// each, so that one who reads a large record slowly but steadily is not cut.
const piece = 256 << 10

// piecesLocked writes what was gathered so far and then a record that is too
// long to copy.
func (st *Stream) piecesLocked(gathered, record []byte) error {
	if err := st.writeLocked(gathered); err != nil {
		return err
	}
	for len(record) > 0 {
		n := min(piece, len(record))
		if err := st.writeLocked(record[:n]); err != nil {
			return err
		}
		record = record[n:]
	}
	return nil
}

func (st *Stream) writeLocked(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	st.extendDeadlineLocked()
	_, err := st.conn.Conn.Write(b)
	return err
}

// extendDeadlineLocked moves the write deadline if less than half of the time
// is left: setting it costs a fifth of a small write, reading the clock little.
func (st *Stream) extendDeadlineLocked() {
	if st.write.patient {
		return
	}
	clk, timeout := st.srv.opts.Clock, st.srv.opts.StreamSendTimeout
	now := clk.Monotonic()
	if st.write.deadline-now >= timeout/2 {
		return
	}
	st.write.deadline = now + timeout
	_ = st.conn.SetWriteDeadline(clk.Now().Add(timeout))
}
