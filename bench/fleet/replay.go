package fleet

import (
	"context"
	"time"

	"github.com/caprock/caprock/bench/world"
)

// Replay is what arrives, in the order of its time.
type Replay struct {
	Arrivals []Arrival
	next     int
	began    time.Time
}

// Arrival is a task that somebody wanted.
type Arrival struct {
	// At is the time since the run's begin, Sleep how long the task runs; 0 for ever.
	At, Sleep time.Duration
	// Group is the number of the group it arrives at.
	Group int
	world.Amount
}

// play makes tasks arrive until ctx ends; the next call goes on where this one ended.
func (r *Replay) play(ctx context.Context, parties []*party) {
	if r.began.IsZero() {
		r.began = time.Now()
	}
	for r.next < len(r.Arrivals) {
		a := &r.Arrivals[r.next]
		due := r.began.Add(a.At)
		if wait := time.Until(due); wait > 0 {
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
		}
		if ctx.Err() != nil {
			return
		}
		r.next++
		parties[a.Group].arrive(arrival{Amount: a.Amount, sleep: a.Sleep, since: due})
	}
}
