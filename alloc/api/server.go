package api

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/alloc/fanout"
	"github.com/caprock/caprock/alloc/view"
	"github.com/caprock/caprock/wire/clock"
	"github.com/caprock/caprock/wire/daemon"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/master"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// Loop takes commands; *loop.Loop implements it.
type Loop interface {
	Submit(cmd core.Command, bytes int) error
	SubmitWait(ctx context.Context, cmd core.Command, bytes int) error
	Notify(cmd core.Command)
}

// Flag is a setting as /flags shows it.
type Flag struct{ Name, Value string }

// Options say who the allocator is and what it shows of itself.
type Options struct {
	// MasterInfo is who this allocator is; required.
	MasterInfo *mesos.MasterInfo
	// Term of the journal; agents refuse frames of lower ones.
	Term uint64
	// Version of this program, shown beside Mesos' own; default "dev".
	Version string
	// Cluster is the name of the cluster that /state shows; may be empty.
	Cluster string
	// ExcludeNames are resource names that fair sharing does not look at.
	ExcludeNames []string
	// Flags are shown by /flags and GET_FLAGS, in this order.
	Flags []Flag
	// LogFile is served as /master/log by LIST_FILES and READ_FILE; may be
	// empty.
	LogFile string
	// Fanout tunes the event streams; clock, heartbeats and Ended are set here.
	Fanout fanout.Options
	// NoFrameworkMetrics leaves the metrics of single frameworks out.
	NoFrameworkMetrics bool
	// Internals gives the metrics of other parts by name; may be nil.
	Internals func(add func(name string, value float64))

	Clock  clock.Clock  // default the machine's
	Logger *slog.Logger // default slog.Default()
	// LogLevel is Logger's, which SET_LOGGING_LEVEL changes for a while; nil: it
	// only remembers what was asked for.
	LogLevel *slog.LevelVar
}

// Server answers requests and performs effects. Make it with New, give it its
// loop with Start, and register its endpoints with Routes.
type Server struct {
	opts       Options
	loop       Loop
	view       view.View
	fan        *fanout.Fanout
	waiters    waiters
	links      links
	counts     counts
	verbosity  *daemon.Verbosity
	renderings *renderings

	explaining atomic.Int32 // explanations under way
	relays     relays

	visible sync.Once
	loaded  chan struct{}

	startTime time.Time
	refs      atomic.Uint64   // names of streams, channels and waiting calls
	ctx       context.Context // ends with the server; set by Start
	master    *master.Response_GetMaster
}

// New makes a server.
func New(opts Options) (*Server, error) {
	if opts.Clock == nil {
		opts.Clock = clock.Real()
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if opts.Version == "" {
		opts.Version = "dev"
	}
	if opts.MasterInfo.GetId() == "" {
		return nil, fmt.Errorf("api options: MasterInfo.id: got none, want a uuid")
	}
	s := &Server{opts: opts, startTime: opts.Clock.Now(), loaded: make(chan struct{})}
	s.links.term = opts.Term
	s.renderings = newRenderings(s.view.Snapshot, opts.Clock)
	s.verbosity = daemon.NewVerbosity(opts.Clock, opts.LogLevel)
	s.counts.frameworks.clock = opts.Clock
	s.master = &master.Response_GetMaster{
		MasterInfo:  opts.MasterInfo,
		StartTime:   ptr(seconds(s.startTime)),
		ElectedTime: ptr(seconds(s.startTime)),
	}
	fo := opts.Fanout
	fo.Clock = opts.Clock
	fo.FrameworkHeartbeat = &scheduler.Event{Type: scheduler.Event_HEARTBEAT.Enum()}
	fo.OperatorHeartbeat = &master.Event{Type: master.Event_HEARTBEAT.Enum()}
	fo.Ended = s.streamEnded
	fan, err := fanout.New(fo)
	if err != nil {
		return nil, err
	}
	s.fan = fan
	return s, nil
}

// Start gives the server its loop. It must be called before the server is
// reachable. When ctx ends, waiting calls end without an answer, because whether
// what they asked for happened is not known, and links are not read any more.
func (s *Server) Start(ctx context.Context, l Loop) {
	s.ctx, s.loop = ctx, l
	go s.fan.Run(ctx)
}

// Routes registers every endpoint.
func (s *Server) Routes(h *httpd.Server) {
	h.Handle("/api/v1/scheduler", s.scheduler)
	h.HandleCalls("/api/v1/scheduler", streamIDHeader, s.schedulerCall)
	h.Handle("/api/v1", s.operator)
	h.Handle("/api/v1/link", s.link)
	h.Handle("/explain", s.explain)
	h.Handle(frameworkStatePath, s.frameworkState)
	h.Handle(agentPath, s.relayAgent)
	h.Handle("/tasks/files", s.relayTask)
	h.Handle("/tasks/file", s.relayTask)
	s.legacyRoutes(h)
}

// Loaded is closed when readers see the state that the start found. Requests
// before that would be told of an empty cluster.
func (s *Server) Loaded() <-chan struct{} { return s.loaded }

// Fanout returns the event streams' metrics.
func (s *Server) Fanout() fanout.Metrics { return s.fan.Metrics() }

// View returns what readers see.
func (s *Server) View() *view.View { return &s.view }

func (s *Server) nextRef() uint64 { return s.refs.Add(1) }

// streamEnded tells the core that a stream's peer went away or was cut.
func (s *Server) streamEnded(ref core.StreamRef, operator bool) {
	if operator {
		s.loop.Notify(&core.OperatorClosed{Stream: ref})
		return
	}
	s.counts.frameworks.closed(ref)
	s.loop.Notify(&core.StreamClosed{Stream: ref})
}

func ptr[T any](v T) *T { return &v }

// seconds is a time as Mesos shows it: seconds since the epoch.
func seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

func secondsOf(nanos int64) float64 { return float64(nanos) / 1e9 }
