package httpd

import (
	"net"
	"sync"
)

// copyLimit is the size up to which copying into one buffer beats a gathering
// write: one memmove against the kernel's and the runtime's handling of vectors.
const copyLimit = 16 << 10

var chunkBuffers = sync.Pool{New: func() any { b := make([]byte, 0, copyLimit+64); return &b }}

// Send writes b, already framed by the caller, as one chunk. It blocks while
// the kernel's buffer is full, for StreamSendTimeout at the longest, and then
// cuts the stream. The error says why the stream has ended. b is not kept.
func (st *Stream) Send(b []byte) error { return st.SendBatch(b) }

// SendBatch writes several framed records as one chunk with one system call.
func (st *Stream) SendBatch(records ...[]byte) error {
	total := 0
	for _, r := range records {
		total += len(r)
	}
	if total == 0 {
		return st.Err() // an empty chunk would end the body
	}
	st.write.Lock()
	err := st.sendLocked(records, total)
	st.write.Unlock()
	if err != nil {
		st.fail(err)
		<-st.closed
		return st.err
	}
	return nil
}

func (st *Stream) sendLocked(records [][]byte, total int) error {
	if st.ended.Load() {
		return net.ErrClosed
	}
	buf := chunkBuffers.Get().(*[]byte)
	defer chunkBuffers.Put(buf)
	b := (*buf)[:0]
	if !st.write.unframed {
		b = appendChunkHead(b, total)
	}
	if total > copyLimit {
		return st.writeVectorLocked(b, records)
	}
	for _, r := range records {
		b = append(b, r...)
	}
	if !st.write.unframed {
		b = append(b, '\r', '\n')
	}
	return st.writeLocked(b)
}

func (st *Stream) writeVectorLocked(head []byte, records [][]byte) error {
	st.extendDeadlineLocked()
	v := make(net.Buffers, 0, len(records)+2)
	if len(head) > 0 {
		v = append(v, head)
	}
	v = append(v, records...)
	if !st.write.unframed {
		v = append(v, []byte("\r\n"))
	}
	_, err := v.WriteTo(st.conn.Conn)
	return err
}

func (st *Stream) writeLocked(b []byte) error {
	st.extendDeadlineLocked()
	_, err := st.conn.Conn.Write(b)
	return err
}

// extendDeadlineLocked moves the write deadline if less than half of the time
// is left: setting it costs a fifth of a small write, reading the clock little.
func (st *Stream) extendDeadlineLocked() {
	clk, timeout := st.srv.opts.Clock, st.srv.opts.StreamSendTimeout
	now := clk.Monotonic()
	if st.write.deadline-now >= timeout/2 {
		return
	}
	st.write.deadline = now + timeout
	_ = st.conn.SetWriteDeadline(clk.Now().Add(timeout))
}
