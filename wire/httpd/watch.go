package httpd

import (
	"net"
	"sync"
)

// watcher notices when the peers of streams close.
type watcher interface {
	add(*Stream)
	remove(*Stream)
	stop()
}

// readerWatcher spends a goroutine on each stream that reads until the end. It
// serves connections that are no TCP sockets, and systems without epoll.
type readerWatcher struct{ readers sync.WaitGroup }

func (w *readerWatcher) add(st *Stream) {
	w.readers.Add(1)
	go func() {
		defer w.readers.Done()
		var b [64]byte
		for {
			// What a client says behind its subscription has no meaning.
			if _, err := st.conn.Conn.Read(b[:]); err != nil {
				st.peerGone()
				return
			}
		}
	}()
}

// remove has nothing to do: closing the connection ends the reader.
func (w *readerWatcher) remove(*Stream) {}

func (w *readerWatcher) stop() { w.readers.Wait() }

// splitWatcher sends each stream to the cheapest watcher that can serve it.
type splitWatcher struct {
	sockets watcher
	others  watcher
}

func (w *splitWatcher) of(st *Stream) watcher {
	if _, ok := st.conn.Conn.(*net.TCPConn); ok {
		return w.sockets
	}
	return w.others
}

func (w *splitWatcher) add(st *Stream)    { w.of(st).add(st) }
func (w *splitWatcher) remove(st *Stream) { w.of(st).remove(st) }

func (w *splitWatcher) stop() {
	w.sockets.stop()
	w.others.stop()
}
