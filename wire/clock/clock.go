package clock

import "time"

// Clock tells the time and wakes its callers. All methods are safe for
// concurrent use.
type Clock interface {
	// Now returns the wall-clock time. It may jump; use it for what people
	// or other programs read, not to measure or to decide when to act.
	Now() time.Time
	// Monotonic returns the time passed since the clock was made.
	Monotonic() time.Duration
	// NewTimer returns a timer that sends on its channel once, d from now.
	// A d of zero or less fires at once (Real) or at the next Advance (Sim).
	NewTimer(d time.Duration) Timer
	// AfterFunc calls f once, d from now: on its own goroutine (Real), or on
	// the goroutine that advances the clock (Sim).
	AfterFunc(d time.Duration, f func()) Timer
}

// Timer is a pending wake-up.
type Timer interface {
	// C is the channel the timer fires on; nil for timers of AfterFunc.
	C() <-chan time.Time
	// Stop cancels the timer and reports whether it was still pending. After
	// Stop nothing is received from C, fired or not.
	Stop() bool
	// Reset moves the timer to d from now and reports whether it was still
	// pending. A fire that was not received yet is dropped.
	Reset(d time.Duration) bool
}
