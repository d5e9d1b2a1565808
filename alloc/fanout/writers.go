package fanout

import (
	"runtime"
	"sync"
)

// writers are the few goroutines that write to all streams. A goroutine each would be
// simpler, but a cycle makes offers to hundreds of frameworks at once, and whoever is in
// the middle of a call would wait behind as many writers. These take half of the
// machine at most, and what their sockets do not take at once goes on elsewhere.
type writers struct {
	limit int
	mu    sync.Mutex
	queue []*Subscriber // each at most once, so no longer than there are streams; guarded by mu
	next  int           // in queue; guarded by mu
	busy  int           // how many run; guarded by mu
}

func newWriters() *writers {
	return &writers{limit: max(1, runtime.NumCPU()/2)}
}

// add has s written to soon.
func (w *writers) add(s *Subscriber) {
	w.mu.Lock()
	if w.next > 0 && len(w.queue) == cap(w.queue) { // before it grows: those who were served make room
		n := copy(w.queue, w.queue[w.next:])
		clear(w.queue[n:])
		w.queue, w.next = w.queue[:n], 0
	}
	w.queue = append(w.queue, s)
	start := w.busy < w.limit
	if start {
		w.busy++
	}
	w.mu.Unlock()
	if start {
		go w.run()
	}
}

func (w *writers) run() {
	for s := w.take(); s != nil; s = w.take() {
		s.write()
	}
}

// take returns who is next, or nil if there is nobody: then the writer has ended.
func (w *writers) take() *Subscriber {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next == len(w.queue) {
		w.queue, w.next = w.queue[:0], 0
		w.busy--
		return nil
	}
	s := w.queue[w.next]
	w.queue[w.next] = nil
	w.next++
	return s
}
