package httpd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// Handler answers one request. It may block until the answer is known. The Ctx
// and every byte slice it gave are reused after the return; copy what stays.
type Handler func(*Ctx)

// Server is one HTTP server; it may serve several listeners. Register every
// handler before the first Serve.
type Server struct {
	opts    Options
	routes  routes
	fast    fasthttp.Server
	conns   *connTable
	metrics counters
	watch   watcher
	// upgrades counts the goroutines of upgraded connections.
	upgrades sync.WaitGroup
	ctxs     sync.Pool
	lane     *lane // nil: none
	dateNow  atomic.Pointer[dateText]
	stopping atomic.Bool // Shutdown was called
}

// New makes a server. Options that cannot work are a programming error and
// panic; check with Options.Validate what comes from people.
func New(opts Options) *Server {
	opts.EnsureDefaults()
	if err := opts.Validate(); err != nil {
		panic(err)
	}
	s := &Server{opts: opts, conns: newConnTable(opts.MaxConns, opts.MaxConnsPerIP), watch: newWatcher()}
	s.routes.init(opts.Actor)
	s.ctxs.New = func() any { return &Ctx{srv: s} }
	s.fast = fasthttp.Server{
		Handler:                       s.dispatch,
		ErrorHandler:                  s.parseFailed,
		ReadTimeout:                   opts.ReadTimeout,
		IdleTimeout:                   opts.IdleTimeout,
		ReadBufferSize:                opts.MaxHeaderBytes,
		MaxRequestBodySize:            opts.MaxBodyBytes,
		Concurrency:                   opts.MaxConns,
		ReduceMemoryUsage:             opts.ReduceMemory,
		DisablePreParseMultipartForm:  true,
		NoDefaultServerHeader:         true,
		NoDefaultContentType:          true,
		SecureErrorLogMessage:         true,
		CloseOnShutdown:               true,
		Logger:                        fastLogger{opts.Logger},
		DisableHeaderNamesNormalizing: false,
	}
	return s
}

// Handle registers h for path ("/state") and everything below it that has no
// handler of its own. "/" is answered for "/" alone. A path registered twice is
// a programming error and panics.
func (s *Server) Handle(path string, h Handler) { s.routes.add(path, h) }

// Serve accepts connections until Shutdown or an error of the listener, which
// it then returns. It takes over ln and closes it.
func (s *Server) Serve(ln net.Listener) error {
	err := s.fast.Serve(&boundedListener{Listener: ln, srv: s})
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// ListenAndServe is Serve on a TCP address, "host:port".
func (s *Server) ListenAndServe(addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", addr, err)
	}
	return s.Serve(ln)
}

// Shutdown stops accepting, ends streams and upgraded connections, waits for
// requests in flight until ctx ends, and then closes every connection. The
// error is ctx's if requests were cut short. Handlers that still block are
// not stopped; their answers go nowhere.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopping.Store(true)
	for _, c := range s.conns.shut() {
		if c.mode.Load() == detached {
			c.end()
		}
	}
	err := s.shutdownFast(ctx)
	for _, c := range s.conns.shut() {
		c.end()
	}
	s.watch.stop()
	s.upgrades.Wait()
	return err
}

// shutdownFast closes idle connections itself: fasthttp counts a fresh
// connection as busy for five seconds, and shutting down need not wait for it.
func (s *Server) shutdownFast(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- s.fast.ShutdownWithContext(ctx) }()
	for _, c := range s.conns.shut() {
		if c.idle.Load() {
			_ = c.closeNow()
		}
	}
	return <-done
}

// Metrics returns the server's counters.
func (s *Server) Metrics() Metrics { return s.metrics.snapshot(s.conns.count()) }

// boundedListener wraps each accepted connection for the framing checks and
// enforces the bounds on connections.
type boundedListener struct {
	net.Listener
	srv *Server
}

func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		s := l.srv
		c := &conn{Conn: raw, srv: s, remote: remoteHost(raw)}
		c.framer.maxHeader, c.framer.maxBody = s.opts.MaxHeaderBytes, s.opts.MaxBodyBytes
		c.framer.streams = s.opts.StreamRecordIO
		c.idle.Store(true)
		refusal := s.conns.add(c)
		if refusal == nil {
			s.metrics.accepted.Add(1)
			return c, nil
		}
		s.metrics.overBound.Add(1)
		turnAway(raw, refusal, s.opts.Clock.Now())
	}
}

// turnAway answers a connection that there is no room for, without waiting.
func turnAway(raw net.Conn, r *Refusal, now time.Time) {
	if raw.SetWriteDeadline(now.Add(100*time.Millisecond)) == nil {
		_, _ = fmt.Fprintf(raw, "HTTP/1.1 %d %s\r\nDate: %s\r\nRetry-After: 1\r\nConnection: close\r\n"+
			"Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s",
			r.Status, fasthttp.StatusMessage(r.Status), fasthttp.AppendHTTPDate(nil, now), len(r.Text), r.Text)
	}
	_ = raw.Close()
}

// fastLogger sends what fasthttp says to the server's log.
type fastLogger struct{ log *slog.Logger }

func (l fastLogger) Printf(format string, args ...any) {
	l.log.Debug("http connection", "detail", fmt.Sprintf(format, args...))
}
