package loop

import (
	"context"
	"errors"
	"sync"

	"github.com/caprock/caprock/alloc/core"
)

// ErrFull says that the inbox cannot take a call now: try again later.
var ErrFull = errors.New("the allocator is busy: its inbox is full")

// ErrStopped says that the loop has ended and takes nothing more.
var ErrStopped = errors.New("the allocator is stopping")

// class tells producers apart, so that a storm of one kind leaves room for the
// other: a hundred thousand agents registering must not refuse schedulers.
type class uint8

const (
	calls  class = iota // over HTTP
	frames              // of agents
	classes
)

// item is a command and what it weighs.
type item struct {
	cmd   core.Command
	bytes int
	class class
}

// inbox is a queue of commands with many producers and one consumer. Order is
// order of arrival; each class is bounded by count and bytes.
type inbox struct {
	maxItems, maxBytes int           // per class
	wake               chan struct{} // holds one token while there is something to take

	mu struct {
		sync.Mutex
		items   []item       // guarded by mu
		count   [classes]int // guarded by mu
		bytes   [classes]int // guarded by mu
		stopped bool         // guarded by mu
		// room is closed and replaced when the inbox has been drained, for
		// those who wait. Guarded by mu.
		room chan struct{}
	}
}

func newInbox(maxItems, maxBytes int) *inbox {
	q := &inbox{maxItems: maxItems, maxBytes: maxBytes, wake: make(chan struct{}, 1)}
	q.mu.room = make(chan struct{})
	return q
}

// offer puts the command in if it fits; otherwise it returns ErrFull and a
// channel that is closed when it is worth trying again. A single command may
// exceed the byte bound if it is alone in its class.
func (q *inbox) offer(it item, always bool) (<-chan struct{}, error) {
	q.mu.Lock()
	if q.mu.stopped {
		q.mu.Unlock()
		return nil, ErrStopped
	}
	count, bytes := &q.mu.count[it.class], &q.mu.bytes[it.class]
	full := *count >= q.maxItems || *count > 0 && *bytes+it.bytes > q.maxBytes
	if full && !always {
		room := q.mu.room
		q.mu.Unlock()
		return room, ErrFull
	}
	q.mu.items = append(q.mu.items, it)
	*count++
	*bytes += it.bytes
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return nil, nil
}

// wait is offer that waits for room.
func (q *inbox) wait(ctx context.Context, it item) error {
	for {
		room, err := q.offer(it, false)
		if !errors.Is(err, ErrFull) {
			return err
		}
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// drain takes commands up to a number and a weight, and at least one, appended
// to into. It leaves the wake token if more are left.
func (q *inbox) drain(into []item, limit, bytes int) []item {
	q.mu.Lock()
	n := 0
	for n < min(limit, len(q.mu.items)) && (n == 0 || q.mu.items[n].bytes <= bytes) {
		bytes -= q.mu.items[n].bytes
		n++
	}
	into = append(into, q.mu.items[:n]...)
	left := copy(q.mu.items, q.mu.items[n:])
	clear(q.mu.items[left:])
	q.mu.items = q.mu.items[:left]
	for _, it := range into[len(into)-n:] {
		q.mu.count[it.class]--
		q.mu.bytes[it.class] -= it.bytes
	}
	room := q.mu.room
	q.mu.room = make(chan struct{})
	q.mu.Unlock()
	close(room)
	if left > 0 {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
	return into
}

// depth returns the number of waiting commands and their bytes.
func (q *inbox) depth() (items, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.mu.items), q.mu.bytes[calls] + q.mu.bytes[frames]
}

// stop refuses everything from now on and wakes those who wait for room.
func (q *inbox) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.mu.stopped {
		q.mu.stopped = true
		close(q.mu.room)
		q.mu.room = make(chan struct{})
	}
}
