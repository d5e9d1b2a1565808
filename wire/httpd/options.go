package httpd

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/caprock/caprock/wire/clock"
)

// Options configure a Server. The zero value of each field means its default.
type Options struct {
	// Actor is the id in front of every path, "master" or "slave(1)": each
	// endpoint answers at /<Actor>/<path> and at /<path>. Empty: no alias.
	Actor string
	// Logger receives panics and refused connections (debug). Default: discard.
	Logger *slog.Logger
	// Clock stamps Date headers of streams and computes socket deadlines, which
	// the kernel measures in real time. Default: clock.Real().
	Clock clock.Clock
	// Before runs after routing and before each handler, for what holds for
	// every endpoint: firewall, authentication, redirection to the leader. It
	// answers the request itself and returns false, or returns true.
	Before func(*Ctx) bool

	// MaxBodyBytes bounds a request body, as sent and as inflated. More is
	// answered 413. Default 16 MiB.
	MaxBodyBytes int
	// MaxHeaderBytes bounds request line and header together; it is also what
	// each connection with a request in flight holds as a read buffer. More
	// is answered 431. Default 16 KiB.
	MaxHeaderBytes int
	// ReadTimeout bounds the arrival of one whole request; a slower one is
	// answered 408. Default 30 s.
	ReadTimeout time.Duration
	// IdleTimeout is how long a kept-alive connection may wait for its next
	// request. Default 60 s.
	IdleTimeout time.Duration
	// WriteTimeout is the longest that a peer may take to read one answer; a
	// slower one is cut. It takes effect between half this value and this
	// value. Default 60 s.
	WriteTimeout time.Duration
	// MaxConns bounds open connections, streams and upgraded ones included. One
	// more is answered 503 and closed. Default 18,000.
	MaxConns int
	// MaxConnsPerIP bounds connections of one remote address; 0 means
	// no bound, as frameworks and a relay of many agents share hosts.
	MaxConnsPerIP int
	// ReduceMemory gives read buffers back while a connection is idle, at the
	// price of one more read call per request. For the agent; default off.
	ReduceMemory bool

	// StreamRecordIO lets handlers read chunked request bodies of the type
	// application/recordio while they arrive, by Ctx.Incoming: without MaxBodyBytes
	// and ReadTimeout, which such a body has its own rules for. Default off.
	StreamRecordIO bool

	// StreamSendTimeout is the longest that a peer may leave a send to its
	// stream unread before it is cut; it takes effect between half this value
	// and this value. Default 5 s.
	StreamSendTimeout time.Duration
	// StreamBufferBytes is the kernel's send buffer of a stream (SO_SNDBUF; the
	// kernel doubles it). Default 128 KiB.
	StreamBufferBytes int
	// KeepAlive is the interval of TCP keepalive probes; UserTimeout is how
	// long sent data may stay unacknowledged (TCP_USER_TIMEOUT). Both make a
	// dead peer's stream end. Defaults 15 s and 30 s.
	KeepAlive   time.Duration
	UserTimeout time.Duration
}

// EnsureDefaults fills in what is zero.
func (o *Options) EnsureDefaults() {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = clock.Real()
	}
	orInt := func(p *int, d int) {
		if *p == 0 {
			*p = d
		}
	}
	orDuration := func(p *time.Duration, d time.Duration) {
		if *p == 0 {
			*p = d
		}
	}
	orInt(&o.MaxBodyBytes, 16<<20)
	orInt(&o.MaxHeaderBytes, 16<<10)
	orInt(&o.MaxConns, 18000)
	orInt(&o.StreamBufferBytes, 128<<10)
	orDuration(&o.ReadTimeout, 30*time.Second)
	orDuration(&o.IdleTimeout, 60*time.Second)
	orDuration(&o.WriteTimeout, 60*time.Second)
	orDuration(&o.StreamSendTimeout, 5*time.Second)
	orDuration(&o.KeepAlive, 15*time.Second)
	orDuration(&o.UserTimeout, 30*time.Second)
}

// Validate reports every field that cannot work, all at once.
func (o *Options) Validate() error {
	var errs []error
	positive := func(name string, v int64) {
		if v <= 0 {
			errs = append(errs, fmt.Errorf("httpd: %s is %d, want more than 0", name, v))
		}
	}
	positive("MaxBodyBytes", int64(o.MaxBodyBytes))
	positive("MaxHeaderBytes", int64(o.MaxHeaderBytes))
	positive("MaxConns", int64(o.MaxConns))
	positive("StreamBufferBytes", int64(o.StreamBufferBytes))
	positive("ReadTimeout", int64(o.ReadTimeout))
	positive("IdleTimeout", int64(o.IdleTimeout))
	positive("WriteTimeout", int64(o.WriteTimeout))
	positive("StreamSendTimeout", int64(o.StreamSendTimeout))
	positive("KeepAlive", int64(o.KeepAlive))
	positive("UserTimeout", int64(o.UserTimeout))
	if o.MaxConnsPerIP < 0 {
		errs = append(errs, fmt.Errorf("httpd: MaxConnsPerIP is %d, want 0 or more", o.MaxConnsPerIP))
	}
	for _, c := range []byte(o.Actor) {
		if c <= ' ' || c == '/' || c >= 0x7f {
			errs = append(errs, fmt.Errorf("httpd: Actor %q holds %q, want a path component", o.Actor, c))
			break
		}
	}
	return errors.Join(errs...)
}

// String shows the limits in force, for the log at start.
func (o *Options) String() string {
	return fmt.Sprintf("actor=%q body=%dB header=%dB conns=%d conns/ip=%d read=%v idle=%v write=%v stream-send=%v",
		o.Actor, o.MaxBodyBytes, o.MaxHeaderBytes, o.MaxConns, o.MaxConnsPerIP, o.ReadTimeout, o.IdleTimeout, o.WriteTimeout, o.StreamSendTimeout)
}
