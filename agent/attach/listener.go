package attach

import (
	"errors"
	"slices"
	"sync"
)

const (
	// maxListeners bounds who listens to one line.
	maxListeners = 64
	// maxQueued is how many bytes may wait for one listener.
	maxQueued = 1 << 20
)

var (
	// ErrSlow: a listener did not keep up and was cut.
	ErrSlow = errors.New("output was not read in time")
	// ErrCrowded: too many listen already.
	ErrCrowded = errors.New("too many are attached to the output already")
)

// Chunk is a piece of output. It is shared: change nothing.
type Chunk struct {
	// Error: it came from stderr.
	Error bool
	Data  []byte
}

// Listener gets what a process prints from the moment on that it listens.
type Listener struct {
	line *Line
	// holds: the process waits for this one instead of cutting it.
	holds bool
	wake  chan struct{}

	mu    sync.Mutex
	room  *sync.Cond
	queue []Chunk // guarded by mu
	bytes int     // guarded by mu
	over  bool    // guarded by mu
	err   error   // guarded by mu
}

// Listen adds a listener. The first of a session holds its process back.
func (l *Line) Listen() (*Listener, error) {
	r := &Listener{line: l, wake: make(chan struct{}, 1)}
	r.room = sync.NewCond(&r.mu)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.over:
		r.over = true
		return r, nil
	case len(l.listeners) >= maxListeners:
		return nil, ErrCrowded
	}
	r.holds = l.session && len(l.listeners) == 0
	l.listeners = append(l.listeners, r)
	l.release()
	return r, nil
}

// push queues c, or cuts the listener.
func (r *Listener) push(c Chunk) {
	r.mu.Lock()
	for r.holds && !r.over && r.bytes > maxQueued/2 {
		r.room.Wait()
	}
	slow := r.bytes+len(c.Data) > maxQueued
	if !r.over && !slow {
		r.queue, r.bytes = append(r.queue, c), r.bytes+len(c.Data)
	}
	r.mu.Unlock()
	if slow {
		r.line.board.cut.Add(1)
		r.line.drop(r)
		r.end(ErrSlow)
		return
	}
	r.signal()
}

func (r *Listener) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// end ends the listener after what is queued; an error drops that.
func (r *Listener) end(err error) {
	r.mu.Lock()
	r.over = true
	if err != nil {
		r.queue, r.bytes, r.err = nil, 0, err
	}
	r.room.Broadcast()
	r.mu.Unlock()
	r.signal()
}

func (l *Line) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.listeners)
}

func (l *Line) drop(r *Listener) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.listeners, r); i >= 0 {
		// A copy: deliver works on the old one.
		l.listeners = slices.Delete(slices.Clone(l.listeners), i, i+1)
	}
}

// Holds reports whether the process waits for this listener, however long it takes.
func (r *Listener) Holds() bool { return r.holds }

// Ready is signalled when Take has something to return.
func (r *Listener) Ready() <-chan struct{} { return r.wake }

// Take returns what has come since the last time, and whether that was all: then
// err says whether the output itself is over (nil) or the listener was cut.
func (r *Listener) Take() (chunks []Chunk, over bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	chunks, r.queue, r.bytes = r.queue, nil, 0
	r.room.Broadcast()
	return chunks, r.over, r.err
}

// Close stops listening.
func (r *Listener) Close() {
	r.line.drop(r)
	r.end(nil)
}
