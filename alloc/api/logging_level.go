package api

import (
	"log/slog"
	"sync"
	"time"

	"github.com/caprock/caprock/wire/clock"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/mesos/master"
)

// loggingLevel is the verbosity that SET_LOGGING_LEVEL asked for, in glog's terms:
// 0 is what the service was started with, more logs debugging too. It falls back
// to 0 when its time is up.
type loggingLevel struct {
	sink *slog.LevelVar // of the logger; nil: the level is only remembered
	base slog.Level     // of sink at start

	mu struct {
		sync.Mutex
		level uint32      // guarded by mu
		timer clock.Timer // ends level; guarded by mu
	}
}

func (l *loggingLevel) init(sink *slog.LevelVar) {
	if l.sink = sink; sink != nil {
		l.base = sink.Level()
	}
}

func (l *loggingLevel) get() uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.level
}

// setFor holds for d; a later call ends it earlier.
func (l *loggingLevel) setFor(clk clock.Clock, level uint32, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.timer != nil {
		l.mu.timer.Stop()
	}
	l.setLocked(level)
	var own clock.Timer
	own = clk.AfterFunc(d, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.mu.timer == own { // not replaced while this fired
			l.setLocked(0)
		}
	})
	l.mu.timer = own
}

func (l *loggingLevel) setLocked(level uint32) {
	l.mu.level = level
	switch {
	case l.sink == nil:
	case level == 0:
		l.sink.Set(l.base)
	default:
		l.sink.Set(min(l.base, slog.LevelDebug))
	}
}

// setLoggingLevel accepts any level, as Mesos does.
func (s *Server) setLoggingLevel(c *httpd.Ctx, call *master.Call_SetLoggingLevel) {
	duration := call.GetDuration().GetNanoseconds()
	if duration < 0 {
		c.ReplyText(400, "got a negative set_logging_level.duration, wanted 0 or more nanoseconds")
		return
	}
	s.setLevel(call.GetLevel(), time.Duration(duration))
	c.ReplyEmpty(200)
}

func (s *Server) setLevel(level uint32, d time.Duration) { s.logging.setFor(s.opts.Clock, level, d) }
