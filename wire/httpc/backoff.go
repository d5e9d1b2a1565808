package httpc

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/caprock/caprock/wire/clock"
)

// Backoff spaces attempts: from Min, doubling, to Max, each a random part
// between half of that and all of it, so that the clients of a restarted server
// do not come back in step. It belongs to one goroutine.
type Backoff struct {
	// Min and Max of the interval. Defaults 0.5 s and 30 s.
	Min, Max time.Duration
	// Rand gives the jitter; required. Seed it: a simulation repeats.
	Rand *rand.Rand
	// Clock to wait on. Default clock.Real().
	Clock clock.Clock

	failures int
}

// Reset makes the next interval the shortest again, after a success.
func (b *Backoff) Reset() { b.failures = 0 }

// Next counts a failure and returns how long to wait after it.
func (b *Backoff) Next() time.Duration {
	lo, hi := b.Min, b.Max
	if lo <= 0 {
		lo = 500 * time.Millisecond
	}
	if hi < lo {
		hi = max(lo, 30*time.Second)
	}
	d := hi
	if b.failures < 32 && lo<<b.failures > 0 {
		d = min(hi, lo<<b.failures)
	}
	b.failures++
	return d/2 + time.Duration(b.Rand.Int64N(int64(d/2)+1))
}

// Wait sleeps for Next, or until ctx ends and then returns its error.
func (b *Backoff) Wait(ctx context.Context) error { return b.sleep(ctx, b.Next()) }

func (b *Backoff) sleep(ctx context.Context, d time.Duration) error {
	clk := b.Clock
	if clk == nil {
		clk = clock.Real()
	}
	t := clk.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
