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

// class tells producers apart, so that a storm of one kind leaves room and time for
// the other: a hundred thousand agents registering must neither refuse schedulers
// nor keep them waiting.
type class uint8

const (
	calls  class = iota // over HTTP, and what becomes of streams
	frames              // of agents, and what becomes of their channels
	classes
)

// classOf is where a notice belongs: behind what it is about. The end of a channel
// that overtook the registration on it would leave an agent connected to nothing.
func classOf(cmd core.Command) class {
	if _, ok := cmd.(*core.ChannelClosed); ok {
		return frames
	}
	return calls
}

// item is a command and what it weighs.
type item struct {
	cmd   core.Command
	bytes int
	class class
}

// inbox holds commands of many producers for one consumer. Within a class order is
// order of arrival; no producer puts in both, and what comes over two connections
// has no order. Each class is bounded by count and bytes.
type inbox struct {
	maxItems, maxBytes int           // per class
	wake               chan struct{} // holds one token while there is something to take

	mu struct {
		sync.Mutex
		items   [classes][]item // guarded by mu
		bytes   [classes]int    // guarded by mu
		stopped bool            // guarded by mu
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
	count, bytes := len(q.mu.items[it.class]), &q.mu.bytes[it.class]
	full := count >= q.maxItems || count > 0 && *bytes+it.bytes > q.maxBytes
	if full && !always {
		room := q.mu.room
		q.mu.Unlock()
		return room, ErrFull
	}
	q.mu.items[it.class] = append(q.mu.items[it.class], it)
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

// drain takes commands up to a number and a weight, and at least one of each class
// that has any, appended to into. Each class has half of both for sure, and what the
// other leaves. It leaves the wake token if more are left.
func (q *inbox) drain(into []item, limit, bytes int) []item {
	q.mu.Lock()
	var taken [classes]int
	halfLimit, halfBytes := max(1, limit/int(classes)), bytes/int(classes)
	for c := range classes {
		n, weight := fitting(q.mu.items[c], halfLimit, halfBytes)
		if n == 0 && len(q.mu.items[c]) > 0 {
			n, weight = 1, q.mu.items[c][0].bytes
		}
		taken[c] = n
		limit, bytes = limit-n, bytes-weight
	}
	left := 0
	for c := range classes {
		n, weight := fitting(q.mu.items[c][taken[c]:], limit, bytes)
		limit, bytes = limit-n, bytes-weight
		into = q.takeLocked(into, c, taken[c]+n)
		left += len(q.mu.items[c])
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

// fitting is how many of the first items fit a number and a weight, and what they weigh.
func fitting(items []item, limit, bytes int) (n, weight int) {
	for n < min(limit, len(items)) && weight+items[n].bytes <= bytes {
		weight += items[n].bytes
		n++
	}
	return n, weight
}

// takeLocked moves the first n of a class to into.
func (q *inbox) takeLocked(into []item, c class, n int) []item {
	items := q.mu.items[c]
	into = append(into, items[:n]...)
	for _, it := range items[:n] {
		q.mu.bytes[c] -= it.bytes
	}
	left := copy(items, items[n:])
	clear(items[left:])
	q.mu.items[c] = items[:left]
	return into
}

// depth returns the number of waiting commands and their bytes.
func (q *inbox) depth() (items, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.mu.items[calls]) + len(q.mu.items[frames]), q.mu.bytes[calls] + q.mu.bytes[frames]
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
