package clock

import (
	"container/heap"
	"sync"
	"time"
)

// Sim is a clock that moves only when told to. The zero value is not ready;
// use NewSim.
type Sim struct {
	mu struct {
		sync.Mutex
		start   time.Time
		elapsed time.Duration
		// skew is what StepWall added to the wall clock.
		skew time.Duration
		// created numbers timers, so that equal deadlines keep their order.
		created uint64
		pending timerHeap
	}
}

// NewSim returns a simulated clock that shows start and stands still.
func NewSim(start time.Time) *Sim {
	s := &Sim{}
	s.mu.start = start
	return s
}

// Now returns the simulated wall-clock time.
func (s *Sim) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nowLocked()
}

func (s *Sim) nowLocked() time.Time { return s.mu.start.Add(s.mu.elapsed + s.mu.skew) }

// Monotonic returns how far the clock was advanced since NewSim.
func (s *Sim) Monotonic() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.elapsed
}

// StepWall jumps the wall clock by d, back or forth, as an operator or NTP
// does; Monotonic and the timers do not notice.
func (s *Sim) StepWall(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.skew += d
}

// Advance moves the clock by d and fires what falls due on the way, in order,
// each at its own moment: a function that runs reads the time it asked for,
// and a timer it starts still fires in this Advance if it falls due. Negative
// d is a programming error.
func (s *Sim) Advance(d time.Duration) {
	if d < 0 {
		panic("BUG: clock.Sim advanced by a negative duration: " + d.String())
	}
	s.mu.Lock()
	target := s.mu.elapsed + d
	s.mu.Unlock()
	for s.fireNext(target) {
	}
	s.mu.Lock()
	s.mu.elapsed = max(s.mu.elapsed, target)
	s.mu.Unlock()
}

// Next returns the deadline of the earliest pending timer on the Monotonic
// scale, and false if no timer is pending.
func (s *Sim) Next() (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mu.pending) == 0 {
		return 0, false
	}
	return s.mu.pending[0].due, true
}

// AdvanceToNext moves to the earliest pending timer and fires everything due
// at that moment. It reports whether there was one.
func (s *Sim) AdvanceToNext() bool {
	due, ok := s.Next()
	if !ok {
		return false
	}
	s.Advance(max(0, due-s.Monotonic()))
	return true
}

// fireNext fires the earliest timer due at or before target, without holding
// the lock while its function runs.
func (s *Sim) fireNext(target time.Duration) bool {
	s.mu.Lock()
	if len(s.mu.pending) == 0 || s.mu.pending[0].due > target {
		s.mu.Unlock()
		return false
	}
	t := heap.Pop(&s.mu.pending).(*simTimer)
	s.mu.elapsed = max(s.mu.elapsed, t.due)
	now := s.nowLocked()
	if t.f == nil {
		// The channel holds one; a timer fires once per Reset, and Reset drains.
		t.c <- now
	}
	s.mu.Unlock()
	if t.f != nil {
		t.f()
	}
	return true
}

// NewTimer implements Clock.
func (s *Sim) NewTimer(d time.Duration) Timer {
	t := &simTimer{clock: s, c: make(chan time.Time, 1), index: -1}
	t.Reset(d)
	return t
}

// AfterFunc implements Clock.
func (s *Sim) AfterFunc(d time.Duration, f func()) Timer {
	t := &simTimer{clock: s, f: f, index: -1}
	t.Reset(d)
	return t
}

type simTimer struct {
	clock *Sim
	c     chan time.Time
	f     func()
	// Guarded by clock.mu:
	due   time.Duration
	order uint64
	index int // position in the heap, -1 when not pending
}

func (t *simTimer) C() <-chan time.Time { return t.c }

func (t *simTimer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	return t.stopLocked()
}

func (t *simTimer) stopLocked() bool {
	if t.f == nil {
		select {
		case <-t.c:
		default:
		}
	}
	if t.index < 0 {
		return false
	}
	heap.Remove(&t.clock.mu.pending, t.index)
	return true
}

func (t *simTimer) Reset(d time.Duration) bool {
	s := t.clock
	s.mu.Lock()
	defer s.mu.Unlock()
	pending := t.stopLocked()
	s.mu.created++
	t.due, t.order = s.mu.elapsed+max(0, d), s.mu.created
	heap.Push(&s.mu.pending, t)
	return pending
}

// timerHeap orders timers by deadline, then by the order they were armed in.
type timerHeap []*simTimer

func (h timerHeap) Len() int { return len(h) }

func (h timerHeap) Less(i, j int) bool {
	if h[i].due != h[j].due {
		return h[i].due < h[j].due
	}
	return h[i].order < h[j].order
}

func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *timerHeap) Push(x any) {
	t := x.(*simTimer)
	t.index = len(*h)
	*h = append(*h, t)
}

func (h *timerHeap) Pop() any {
	old := *h
	n := len(old) - 1
	t := old[n]
	old[n] = nil
	*h = old[:n]
	t.index = -1
	return t
}
