package httpd

import (
	"errors"
	"net"
	"syscall"
)

// roomForChunk is what the lines around a chunk take at most.
const roomForChunk = 16 + 4

// SendSoon is SendBatch for one who has many streams to serve and must wait for none. It
// reports whether all was written, the usual case. If not, because the peer does not keep
// up or there is much to write, a goroutine of its own goes on, which keeps the records
// until it has called then with what SendBatch would have returned. An error says why the
// stream has ended; then is not called.
func (st *Stream) SendSoon(then func(error), records ...[]byte) (done bool, err error) {
	size := 0
	for _, r := range records {
		size += len(r) + roomForChunk
	}
	if st.raw == nil || size > copyLimit || !st.write.TryLock() {
		go func() { then(st.SendBatch(records...)) }()
		return false, nil
	}
	buf := chunkBuffers.Get().(*[]byte)
	var rest []byte
	err = net.ErrClosed
	if !st.ended.Load() {
		b, _ := st.frameLocked((*buf)[:0], records) // writes nothing: it is short
		rest, err = st.tryLocked(b)
	}
	if err != nil || len(rest) == 0 {
		st.write.Unlock()
		chunkBuffers.Put(buf)
		if err == nil {
			return true, st.Err()
		}
		st.fail(err)
		<-st.closed
		return false, st.err
	}
	go func() {
		err := st.writeLocked(rest)
		st.write.Unlock()
		chunkBuffers.Put(buf)
		if err != nil {
			st.fail(err)
			<-st.closed
		}
		then(st.Err())
	}()
	return false, nil
}

// tryLocked writes what the kernel takes at once and returns the rest.
func (st *Stream) tryLocked(b []byte) (rest []byte, err error) {
	st.extendDeadlineLocked()
	var n int
	var writing error
	err = st.raw.Write(func(fd uintptr) bool {
		for {
			if n, writing = syscall.Write(int(fd), b); writing != syscall.EINTR {
				return true
			}
		}
	})
	if err == nil && !errors.Is(writing, syscall.EAGAIN) {
		err = writing
	}
	return b[max(n, 0):], err
}
