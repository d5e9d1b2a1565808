package fanout

import (
	"errors"
	"fmt"
	"time"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/wire/clock"
	"github.com/caprock/caprock/wire/codec"
)

// Options tune a Fanout. The zero value of a field means its default.
type Options struct {
	// FrameworkBytes bounds what waits for one framework; default 128 MiB. Of a large
	// fleet more may wait: see Fanout.Expect.
	FrameworkBytes int
	// OperatorBytes bounds what waits for one operator stream besides its
	// snapshot; default 4 MiB.
	OperatorBytes int
	// Records bounds the events that wait for one subscriber; default 131,072. For
	// frameworks of a large fleet more may wait: see Fanout.Expect.
	Records int
	// Operators bounds the operator streams; one more ends the oldest. Default
	// 1,000, as in Mesos.
	Operators int

	// Interval of heartbeats; default 15 s, which SUBSCRIBED promises.
	Interval time.Duration
	// FrameworkHeartbeat and OperatorHeartbeat are the events to beat with.
	FrameworkHeartbeat, OperatorHeartbeat codec.Message

	// Ended is told once of each stream that ended, unless End ended it. It
	// must not block.
	Ended func(ref core.StreamRef, operator bool)

	// Clock is where time is read; default the machine's.
	Clock clock.Clock
}

// What may wait for a framework for each agent: a whole fleet may be offered to one framework at once, in
// offers of up to 1.2 kB, and before it has read them all may be taken back, a
// record each, and offered again.
const (
	BytesPerAgent   = 2560
	RecordsPerAgent = 2
)

// EnsureDefaults replaces zero fields by their defaults.
func (o *Options) EnsureDefaults() {
	orInt := func(p *int, d int) {
		if *p == 0 {
			*p = d
		}
	}
	orInt(&o.FrameworkBytes, 128<<20)
	orInt(&o.OperatorBytes, 4<<20)
	orInt(&o.Records, 128<<10)
	orInt(&o.Operators, 1000)
	if o.Interval == 0 {
		o.Interval = core.HeartbeatInterval
	}
	if o.Clock == nil {
		o.Clock = clock.Real()
	}
	if o.Ended == nil {
		o.Ended = func(core.StreamRef, bool) {}
	}
}

// Validate reports every fault at once.
func (o *Options) Validate() error {
	var errs []error
	for _, f := range []struct {
		name  string
		value int
	}{
		{"FrameworkBytes", o.FrameworkBytes}, {"OperatorBytes", o.OperatorBytes},
		{"Records", o.Records}, {"Operators", o.Operators}, {"Interval", int(o.Interval)},
	} {
		if f.value < 1 {
			errs = append(errs, fmt.Errorf("%s: got %d, want at least 1", f.name, f.value))
		}
	}
	if o.FrameworkHeartbeat == nil || o.OperatorHeartbeat == nil {
		errs = append(errs, errors.New("heartbeat events: got none, want both"))
	}
	return errors.Join(errs...)
}
