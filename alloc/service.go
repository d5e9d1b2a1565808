package alloc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/caprock/caprock/alloc/api"
	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/alloc/loop"
	"github.com/caprock/caprock/store/journal"
	"github.com/caprock/caprock/store/kv"
	"github.com/caprock/caprock/wire/build"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/mesos"
)

// Service is an allocator. New opens its store and its port, Run serves, once.
type Service struct {
	opts      Options
	listener  net.Listener
	addr      net.Addr
	db        *kv.DB
	journal   *journal.Journal
	recovered core.Output
	loadTook  time.Duration // reading the state at start
	loop      *loop.Loop
	api       *api.Server
	http      *httpd.Server
	whitelist *whitelist
	ready     chan struct{}
}

// New opens the work dir and the port and loads what the work dir holds. If
// another process has the work dir, the error wraps kv.ErrInUse. Call Run or
// Close next.
func New(opts Options) (*Service, error) {
	opts.EnsureDefaults()
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	s := &Service{opts: opts, ready: make(chan struct{})}
	if err := s.open(); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Service) open() (err error) {
	if err := s.openStore(); err != nil {
		return err
	}
	if s.listener, err = net.Listen("tcp", s.opts.Listen); err != nil {
		return fmt.Errorf("listen on %s: %w", s.opts.Listen, err)
	}
	s.addr = s.listener.Addr()
	return s.assemble()
}

func (s *Service) openStore() (err error) {
	o := s.opts.Store
	o.Logger = s.opts.Logger
	if s.db, err = kv.Open(filepath.Join(s.opts.WorkDir, "store"), o); err != nil {
		return err
	}
	s.journal, err = journal.Open(s.db, journal.Options{Monotonic: s.opts.Clock.Monotonic})
	return err
}

// assemble makes the parts and connects them.
func (s *Service) assemble() error {
	me := s.opts.identify(s.addr)
	co := s.opts.Core
	co.MasterInfo = masterInfo(me, co.YoungCapabilities)
	co.MasterInfo.Domain = s.opts.Domain
	if co.ClusterID = s.opts.ClusterID; co.ClusterID == "" {
		co.ClusterID = uuid.NewString()
	}
	co.Allocator = net.JoinHostPort(me.hostname, strconv.Itoa(me.port))
	if co.Seed == 0 {
		id := uuid.New()
		co.Seed = binary.LittleEndian.Uint64(id[:8])
	}
	c, err := s.load(co)
	if err != nil {
		return err
	}
	shown := masterInfo(me, true)
	shown.Id, shown.Domain = co.MasterInfo.Id, co.MasterInfo.Domain
	s.api, err = api.New(api.Options{
		MasterInfo: shown, Term: s.journal.Term(), Version: s.opts.Version, Cluster: s.opts.Cluster, ExcludeNames: co.ExcludeNames,
		Flags: s.opts.Flags, LogFile: s.opts.LogFile, NoFrameworkMetrics: s.opts.NoFrameworkMetrics, Fanout: s.opts.Fanout, Internals: s.internals,
		Clock: s.opts.Clock, Logger: s.opts.Logger, LogLevel: s.opts.LogLevel,
	})
	if err != nil {
		return err
	}
	lo := s.opts.Loop
	lo.Clock, lo.Logger = s.opts.Clock, s.opts.Logger
	if s.loop, err = loop.New(c, s.journal, s.api, lo); err != nil {
		return err
	}
	s.whitelist = newWhitelist(s.opts.Whitelist, s.opts.Clock, s.opts.Logger)
	s.whitelist.notify = s.loop.Notify
	ho := s.opts.HTTP
	ho.Actor, ho.Clock, ho.Logger = "master", s.opts.Clock, s.opts.Logger
	ho.StreamRecordIO = true // for what is passed on to agents
	ho.EnsureDefaults()
	if err := ho.Validate(); err != nil {
		return err
	}
	s.http = httpd.New(ho)
	s.api.Routes(s.http)
	return nil
}

// load makes the core and gives it every record.
func (s *Service) load(co core.Options) (*core.Core, error) {
	c, err := core.New(co)
	if err != nil {
		return nil, err
	}
	started := s.opts.Clock.Monotonic()
	records, err := loadRecords(s.journal, c)
	if err != nil {
		return nil, fmt.Errorf("load the state in %s: %w", s.opts.WorkDir, err)
	}
	now := core.Time{Mono: int64(s.opts.Clock.Monotonic()), Wall: s.opts.Clock.Now().UnixNano()}
	c.Recovered(now, &s.recovered)
	s.loadTook = s.opts.Clock.Monotonic() - started
	s.opts.Logger.Info("state loaded", "work_dir", s.opts.WorkDir, "records", records,
		"took", s.loadTook, "term", s.journal.Term())
	return c, nil
}

// masterInfo describes the service to clients. Some common clients stop at
// capabilities that are younger than they are, so schedulers are not told of
// those by default.
func masterInfo(me identity, young bool) *mesos.MasterInfo {
	id, ip, version := uuid.NewString(), me.ip.String(), build.MesosVersion
	pid := "master@" + net.JoinHostPort(ip, strconv.Itoa(me.port))
	info := &mesos.MasterInfo{
		Id: &id, Ip: ptr(ipWord(me.ip)), Port: ptr(uint32(me.port)), Pid: &pid, Hostname: &me.hostname, Version: &version,
		Address: &mesos.Address{Hostname: &me.hostname, Ip: &ip, Port: ptr(int32(me.port))},
		Capabilities: []*mesos.MasterInfo_Capability{
			{Type: mesos.MasterInfo_Capability_AGENT_UPDATE.Enum()},
			{Type: mesos.MasterInfo_Capability_AGENT_DRAINING.Enum()},
		},
	}
	if young {
		info.Capabilities = append(info.Capabilities, &mesos.MasterInfo_Capability{Type: mesos.MasterInfo_Capability_QUOTA_V2.Enum()})
	}
	return info
}

// ipWord is an IPv4 address as Mesos puts it into a number: the bytes of the
// address as a little-endian machine reads them. 0 for others.
func ipWord(ip net.IP) uint32 {
	if v4 := ip.To4(); v4 != nil {
		return binary.LittleEndian.Uint32(v4)
	}
	return 0
}

func ptr[T any](v T) *T { return &v }

// Addr is the address that the service listens on.
func (s *Service) Addr() net.Addr { return s.addr }

// Ready is closed when requests are served.
func (s *Service) Ready() <-chan struct{} { return s.ready }

// stopTimeout is how long requests in flight have to end when the service stops.
const stopTimeout = 2 * time.Second

// Run serves until ctx ends (nil) or something fails for good: the disk, or the
// listener. On a failed disk it returns at once; the program should exit, because
// waiting calls must not be answered any more. Run closes everything.
func (s *Service) Run(ctx context.Context) error {
	work, stopWork := context.WithCancel(context.Background())
	defer stopWork()
	s.api.Start(work, s.loop)
	s.whitelist.look() // before there is an agent, so that none is offered that should not be
	go s.whitelist.watch(work)
	looped, served := make(chan error, 1), make(chan error, 1)
	go func() { looped <- s.loop.Run(work, &s.recovered) }()
	listener := s.listener
	var err error
	select {
	case <-s.api.Loaded():
		go func() { served <- s.http.Serve(listener) }()
		close(s.ready)
	case err = <-looped: // the disk failed at once
		looped <- nil
		served <- nil
	}
	if err == nil {
		err = s.wait(ctx, looped, served)
	}
	// The loop goes first: the end of streams and links that follows is this
	// process' doing, and must not count as frameworks and agents leaving.
	stopWork()
	<-looped
	shutdown, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	_ = s.http.Shutdown(shutdown)
	closed := s.Close()
	<-served
	if err != nil {
		return err
	}
	return closed
}

// wait returns when ctx ends or a part does. What it takes out of a part's channel
// it puts back, for those who wait for the part to end.
func (s *Service) wait(ctx context.Context, looped, served chan error) (err error) {
	select {
	case <-ctx.Done():
	case err = <-looped:
		looped <- nil
	case err = <-served:
		served <- nil
	}
	return err
}

// Close releases the port and the store of a service that was never run. After
// Run it does nothing.
func (s *Service) Close() error {
	var errs []error
	if s.listener != nil {
		if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
		s.listener = nil
	}
	if s.journal != nil {
		errs = append(errs, s.journal.Close())
		s.journal = nil
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
		s.db = nil
	}
	return errors.Join(errs...)
}

// internals gives the parts' metrics to /metrics/snapshot.
func (s *Service) internals(put func(name string, value float64)) {
	l, j, k, h := s.loop.Metrics(), s.journal.Metrics(), s.db.Metrics(), s.http.Metrics()
	ms := func(d time.Duration) float64 { return d.Seconds() * 1e3 }
	put("master/event_queue_messages", 0)
	put("master/event_queue_dispatches", float64(l.InboxCommands))
	put("master/event_queue_http_requests", 0)
	put("registrar/log/recovered", 1)
	put("registrar/log/ensemble_size", 1)
	put("registrar/queued_operations", float64(j.Pending))
	put("registrar/state_fetch_ms", ms(s.loadTook))
	putTimer(put, "registrar/state_store_ms", l.Stores)
	put("allocator/event_queue_dispatches", 0)
	put("allocator/mesos/event_queue_dispatches", 0)
	put("allocator/mesos/allocation_runs", float64(l.Rounds))
	putTimer(put, "allocator/mesos/allocation_run_ms", l.Cycles)
	putTimer(put, "allocator/mesos/allocation_run_latency_ms", l.Waits)
	put("registrar/registry_size_bytes", float64(k.DiskBytes))
	put("caprock/loop/commands", float64(l.Commands))
	put("caprock/loop/rounds", float64(l.Rounds))
	put("caprock/loop/refused", float64(l.Refused))
	put("caprock/loop/inbox_bytes", float64(l.InboxBytes))
	put("caprock/loop/decide_max_ms", ms(l.DecideMax))
	put("caprock/loop/release_max_ms", ms(l.ReleaseMax))
	put("caprock/journal/batches", float64(j.Batches))
	put("caprock/journal/records", float64(j.Records))
	put("caprock/journal/bytes", float64(j.Bytes))
	put("caprock/journal/stalls", float64(j.Stalls))
	put("caprock/journal/commit_ms/p50", ms(j.LatencyP50))
	put("caprock/journal/commit_ms/p99", ms(j.LatencyP99))
	put("caprock/journal/commit_ms/max", ms(j.LatencyMax))
	put("caprock/store/disk_bytes", float64(k.DiskBytes))
	put("caprock/store/compactions", float64(k.Compactions))
	put("caprock/whitelist/hosts", float64(s.whitelist.size.Load()))
	put("caprock/whitelist/read_errors", float64(s.whitelist.failed.Load()))
	put("caprock/http/connections", float64(h.OpenConns))
	put("caprock/http/requests", float64(h.Requests))
	put("caprock/http/refused", float64(h.Refused))
	put("caprock/http/panics", float64(h.Panics))
	// Who does not read is cut when too much waits for it, or when one send takes too long.
	put("caprock/streams/cut", float64(s.api.Fanout().Cut+h.StreamsCut))
}

// putTimer gives durations under the names that Mesos has for those of a timer.
func putTimer(put func(name string, value float64), name string, s loop.Summary) {
	ms := func(d time.Duration) float64 { return d.Seconds() * 1e3 }
	put(name, ms(s.Last))
	put(name+"/count", float64(s.Count))
	for _, q := range []struct {
		name string
		part float64
	}{
		{"min", 0}, {"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"p999", 0.999}, {"p9999", 0.9999}, {"max", 1},
	} {
		put(name+"/"+q.name, ms(s.Quantile(q.part)))
	}
}
