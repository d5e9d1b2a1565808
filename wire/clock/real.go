package clock

import "time"

// realClock is the machine's clock. Monotonic counts from the moment the
// program's clock was first made, so values compare across the program.
type realClock struct{ start time.Time }

var theRealClock = &realClock{start: time.Now()}

// Real returns the machine's clock. There is one per process, so Monotonic
// values of any two callers lie on the same scale.
func Real() Clock { return theRealClock }

func (c *realClock) Now() time.Time { return time.Now() }

func (c *realClock) Monotonic() time.Duration { return time.Since(c.start) }

func (c *realClock) NewTimer(d time.Duration) Timer {
	return realTimer{time.NewTimer(d)}
}

func (c *realClock) AfterFunc(d time.Duration, f func()) Timer {
	return realTimer{time.AfterFunc(d, f)}
}

type realTimer struct{ t *time.Timer }

func (t realTimer) C() <-chan time.Time        { return t.t.C }
func (t realTimer) Stop() bool                 { return t.t.Stop() }
func (t realTimer) Reset(d time.Duration) bool { return t.t.Reset(d) }
