package daemon

import (
	"bytes"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/caprock/caprock/wire/clock"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/units"
)

// Verbosity is the verbosity that SET_LOGGING_LEVEL asked for, in glog's terms: 0
// is what the service was started with, more logs debugging too. It falls back to
// 0 when its time is up. Make it with NewVerbosity.
type Verbosity struct {
	clock clock.Clock
	sink  *slog.LevelVar // of the logger; nil: the level is only remembered
	base  slog.Level     // of sink at start

	mu struct {
		sync.Mutex
		level uint32      // guarded by mu
		timer clock.Timer // ends level; guarded by mu
	}
}

// NewVerbosity changes sink, which may be nil, by clk.
func NewVerbosity(clk clock.Clock, sink *slog.LevelVar) *Verbosity {
	v := &Verbosity{clock: clk, sink: sink}
	if sink != nil {
		v.base = sink.Level()
	}
	return v
}

// Get returns the level that holds.
func (v *Verbosity) Get() uint32 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.mu.level
}

// SetFor makes level hold for d; a later call ends it earlier. Any level is
// accepted, as in Mesos.
func (v *Verbosity) SetFor(level uint32, d time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.mu.timer != nil {
		v.mu.timer.Stop()
	}
	v.setLocked(level)
	var own clock.Timer
	own = v.clock.AfterFunc(d, func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.mu.timer == own { // not replaced while this fired
			v.setLocked(0)
		}
	})
	v.mu.timer = own
}

func (v *Verbosity) setLocked(level uint32) {
	v.mu.level = level
	switch {
	case v.sink == nil:
	case level == 0:
		v.sink.Set(v.base)
	default:
		v.sink.Set(min(v.base, slog.LevelDebug))
	}
}

// Call answers SET_LOGGING_LEVEL.
func (v *Verbosity) Call(level uint32, nanos int64) error {
	if nanos < 0 {
		return httpd.Refusef(400, "got a negative set_logging_level.duration, wanted 0 or more nanoseconds")
	}
	v.SetFor(level, time.Duration(nanos))
	return nil
}

const letters = "abcdefghijklmnopqrstuvwxyz"

// Toggle is /logging/toggle?level=&duration=: without a level it says which one
// holds.
func (v *Verbosity) Toggle(c *httpd.Ctx) {
	level, duration := c.Query("level"), c.Query("duration")
	switch {
	case level == nil && duration == nil:
		c.ReplyText(200, strconv.FormatUint(uint64(v.Get()), 10)+"\n")
		return
	case level == nil:
		c.ReplyText(400, "Expecting 'level=value' in query.\n")
		return
	case duration == nil:
		c.ReplyText(400, "Expecting 'duration=value' in query.\n")
		return
	}
	n, err := strconv.ParseUint(string(level), 10, 32)
	if err != nil {
		c.ReplyText(400, "Failed to convert '"+clip(level)+"' to number.\n")
		return
	}
	d, err := units.ParseDuration(string(duration))
	if err != nil {
		number := bytes.TrimRight(duration, letters)
		c.ReplyText(400, "Failed to convert '"+clip(number)+"' to number.\n")
		return
	}
	v.SetFor(uint32(n), d)
	c.ReplyEmpty(200)
}

// clip keeps what is echoed to a client short.
func clip(b []byte) string {
	const most = 100
	if len(b) > most {
		return string(b[:most]) + "…"
	}
	return string(b)
}
