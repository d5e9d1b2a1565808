package fanout

import (
	"context"
	"sync"
	"time"
)

// queue holds subscribers in the order in which their heartbeats are due.
type queue struct {
	wake chan struct{} // holds a token when the queue stopped being empty

	mu struct {
		sync.Mutex
		items []beat // guarded by mu; items[head:] are live
		head  int    // guarded by mu
	}
}

type beat struct {
	sub *Subscriber
	at  time.Duration // on the clock's monotonic scale
}

func (q *queue) push(s *Subscriber, at time.Duration) {
	q.mu.Lock()
	first := q.mu.head == len(q.mu.items)
	q.mu.items = append(q.mu.items, beat{s, at})
	q.mu.Unlock()
	if first {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
}

// pop takes the first one if it is due, and otherwise says when the first is;
// ok is false if there is none at all.
func (q *queue) pop(now time.Duration) (s *Subscriber, next time.Duration, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.mu.head == len(q.mu.items) {
		return nil, 0, false
	}
	b := q.mu.items[q.mu.head]
	if b.at > now {
		return nil, b.at, true
	}
	q.mu.items[q.mu.head] = beat{}
	q.mu.head++
	if q.mu.head > len(q.mu.items)/2 {
		n := copy(q.mu.items, q.mu.items[q.mu.head:])
		clear(q.mu.items[n:])
		q.mu.items, q.mu.head = q.mu.items[:n], 0
	}
	return b.sub, 0, true
}

// Run sends heartbeats until ctx ends.
func (f *Fanout) Run(ctx context.Context) {
	timer := f.opts.Clock.NewTimer(f.opts.Interval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.due.wake:
		case <-timer.C():
		}
		timer.Reset(f.beatAll())
	}
}

// beatAll beats every subscriber that is due and returns how long to sleep.
func (f *Fanout) beatAll() time.Duration {
	now := f.opts.Clock.Monotonic()
	for {
		s, next, ok := f.due.pop(now)
		if !ok {
			return f.opts.Interval
		}
		if s == nil {
			return max(time.Millisecond, next-now)
		}
		if s.ended() {
			continue
		}
		f.due.push(s, now+f.opts.Interval)
		f.metrics.heartbeats.Add(1)
		s.beat()
	}
}

// beat sends a heartbeat, unless events are waiting: they say as much.
func (s *Subscriber) beat() {
	kind := 0
	if s.operator {
		kind = 1
	}
	s.mu.Lock()
	if len(s.mu.pending) == 0 && !s.mu.over && !s.mu.ending && s.mu.first == nil {
		s.appendLocked(s.pendingLocked(), s.fan.beats[kind][s.codec])
	}
	s.mu.Unlock()
	s.schedule()
}
