package httpd

import (
	"encoding/binary"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// newWatcher makes the server's watcher: epoll for TCP sockets, a reading
// goroutine for the rest.
func newWatcher() watcher {
	others := &readerWatcher{}
	sockets, err := newEpollWatcher()
	if err != nil { // out of descriptors: slower, not wrong
		return others
	}
	return &splitWatcher{sockets: sockets, others: others}
}

// epollWatcher waits for hang-ups of all streams on one goroutine. The sockets
// are in the Go runtime's poller too, which does not mind. The epoll descriptor itself waits
// in the runtime's poller, so that no thread is spent either.
type epollWatcher struct {
	epoll *os.File
	done  chan struct{}

	mu struct {
		sync.Mutex
		// streams by id. Events carry the id, not the descriptor: a descriptor
		// can be reused between an event and its handling, an id cannot.
		streams map[uint64]*Stream
	}
}

func newEpollWatcher() (*epollWatcher, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // lets os.NewFile use the poller
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	w := &epollWatcher{epoll: os.NewFile(uintptr(fd), "stream watcher"), done: make(chan struct{})}
	w.mu.streams = map[uint64]*Stream{}
	go w.run()
	return w, nil
}

func (w *epollWatcher) add(st *Stream) {
	w.mu.Lock()
	w.mu.streams[st.id] = st
	w.mu.Unlock()
	if st.ended.Load() { // ended before it was in the table
		w.remove(st)
		return
	}
	ev := unix.EpollEvent{Events: unix.EPOLLRDHUP | unix.EPOLLET}
	// The kernel keeps 64 bits for us, which x/sys names Fd and Pad.
	var id [8]byte
	binary.NativeEndian.PutUint64(id[:], st.id)
	ev.Fd = int32(binary.NativeEndian.Uint32(id[:4]))
	ev.Pad = int32(binary.NativeEndian.Uint32(id[4:]))
	if err := w.register(st.conn.Conn.(*net.TCPConn), &ev); err != nil {
		st.peerGone()
	}
}

func (w *epollWatcher) register(c *net.TCPConn, ev *unix.EpollEvent) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	epoll, err := w.epoll.SyscallConn()
	if err != nil {
		return err
	}
	var ctlErr error
	outer := raw.Control(func(fd uintptr) {
		err = epoll.Control(func(epfd uintptr) {
			ctlErr = unix.EpollCtl(int(epfd), unix.EPOLL_CTL_ADD, int(fd), ev)
		})
	})
	if outer != nil {
		return outer
	}
	if err != nil {
		return err
	}
	return ctlErr
}

// remove forgets the stream; the kernel forgets the socket when it is closed.
func (w *epollWatcher) remove(st *Stream) {
	w.mu.Lock()
	delete(w.mu.streams, st.id)
	w.mu.Unlock()
}

func (w *epollWatcher) stop() {
	_ = w.epoll.Close()
	<-w.done
}

func (w *epollWatcher) run() {
	defer close(w.done)
	raw, err := w.epoll.SyscallConn()
	if err != nil {
		return
	}
	events := make([]unix.EpollEvent, 128)
	var n int
	poll := func(fd uintptr) bool {
		n, err = unix.EpollWait(int(fd), events, 0)
		return err != nil && err != unix.EINTR || n > 0
	}
	for {
		if raw.Read(poll) != nil || err != nil && err != unix.EINTR {
			return // closed by stop
		}
		for _, ev := range events[:max(n, 0)] {
			w.hungUp(ev)
		}
	}
}

func (w *epollWatcher) hungUp(ev unix.EpollEvent) {
	var id [8]byte
	binary.NativeEndian.PutUint32(id[:4], uint32(ev.Fd))
	binary.NativeEndian.PutUint32(id[4:], uint32(ev.Pad))
	w.mu.Lock()
	st := w.mu.streams[binary.NativeEndian.Uint64(id[:])]
	w.mu.Unlock()
	if st != nil {
		st.peerGone()
	}
}

// tuneStream makes a dead peer noticeable and bounds what the kernel swallows
// for a peer that does not read. Failures leave the kernel's defaults.
func tuneStream(c net.Conn, o *Options) {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: o.KeepAlive, Interval: o.KeepAlive, Count: 2})
	_ = tcp.SetWriteBuffer(o.StreamBufferBytes)
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(o.UserTimeout/time.Millisecond))
	})
}

// waitForReader undoes the bound that tuneStream sets on the time that the peer's window may be closed.
func waitForReader(c net.Conn) {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	if raw, err := tcp.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 0) })
	}
}

// lastRites says goodbye in order: unread bytes from the peer are discarded
// first, as closing over them would reset the connection and could take what
// we sent last with it.
func lastRites(c net.Conn) {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	_ = tcp.CloseWrite()
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Read(func(fd uintptr) bool {
		var b [4 << 10]byte
		for range 64 {
			if n, err := unix.Read(int(fd), b[:]); n <= 0 || err != nil {
				break
			}
		}
		return true
	})
}
