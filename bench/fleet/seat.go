package fleet

import (
	"sync"
	"time"

	"github.com/caprock/caprock/bench/world"
)

// arrival is a task that is wanted.
type arrival struct {
	world.Amount
	sleep time.Duration
	since time.Time
}

const (
	// manyWaiting bounds the tasks that wait at a framework; more are shed and counted.
	manyWaiting = 100_000
	// lookAhead is how many waiting tasks are tried on an offer that the first does not
	// fit into.
	lookAhead = 32
)

// seat is where tasks wait that arrive at one framework. The framework suppresses itself
// while there are none, and revives when one comes.
type seat struct {
	framework *world.Framework
	mood      *world.Turns[struct{}]

	mu      sync.Mutex
	waiting []arrival    // guarded by mu
	sum     world.Amount // of waiting; guarded by mu
	awake   bool         // asks for offers; guarded by mu
}

func newSeat(f *world.Framework, failed func(error)) *seat {
	s := &seat{framework: f, awake: true}
	s.mood = world.NewTurns(func([]struct{}) error { return s.follow() }, failed)
	return s
}

// follow suppresses or revives, if what waits asks for that.
func (s *seat) follow() (err error) {
	s.mu.Lock()
	want := len(s.waiting) > 0
	same := want == s.awake
	s.awake = want
	s.mu.Unlock()
	switch {
	case same:
	case want:
		_, err = s.framework.Revive()
	default:
		_, err = s.framework.Suppress()
	}
	return err
}

// arrive adds a task; false if too many wait.
func (s *seat) arrive(a arrival) bool {
	s.mu.Lock()
	full := len(s.waiting) >= manyWaiting
	if !full {
		s.waiting = append(s.waiting, a)
		s.sum = s.sum.Plus(a.Amount, 1)
	}
	asleep := !s.awake
	s.mu.Unlock()
	if asleep {
		s.mood.Put(struct{}{})
	}
	return !full
}

// give takes up to most waiting tasks that fit, and tells each to take.
func (s *seat) give(room *world.Room, most int, take func(a arrival, reserved bool)) {
	s.mu.Lock()
	given := 0
	for i := 0; i < len(s.waiting) && i < given+lookAhead && given < most; i++ {
		fits, reserved := room.Take(s.waiting[i].Amount)
		if !fits {
			continue
		}
		a := s.waiting[i]
		copy(s.waiting[given+1:i+1], s.waiting[given:i]) // those before it stay in their order
		s.waiting[given] = a
		s.sum = s.sum.Plus(a.Amount, -1)
		take(a, reserved)
		given++
	}
	s.waiting = s.waiting[given:]
	idle := len(s.waiting) == 0 && s.awake
	s.mu.Unlock()
	if idle {
		s.mood.Put(struct{}{})
	}
}

// waits is what waits.
func (s *seat) waits() (world.Amount, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sum, len(s.waiting)
}
