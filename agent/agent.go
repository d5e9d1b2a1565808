package agent

import (
	"context"
	crand "crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/agent/api"
	"github.com/caprock/caprock/agent/attach"
	"github.com/caprock/caprock/agent/check"
	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/executor"
	"github.com/caprock/caprock/agent/fetch"
	"github.com/caprock/caprock/agent/logs"
	"github.com/caprock/caprock/agent/runner"
	"github.com/caprock/caprock/agent/sandbox"
	"github.com/caprock/caprock/isolation/reap"
	"github.com/caprock/caprock/store/checkpoint"
	"github.com/caprock/caprock/wire/daemon"
	"github.com/caprock/caprock/wire/httpc"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// Agent is one agent; make it with New and run it once.
type Agent struct {
	opts  Options
	ready chan struct{}
	leave chan string
}

// New checks the options and returns an agent that has not touched anything yet.
func New(opts Options) (*Agent, error) {
	opts.EnsureDefaults()
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	return &Agent{opts: opts, ready: make(chan struct{}), leave: make(chan string, 1)}, nil
}

// Ready is closed once the allocator has registered the agent.
func (a *Agent) Ready() <-chan struct{} { return a.ready }

// Leave makes Run unregister the agent, end every task and return, leaving no
// process and no cgroup. What SIGUSR1 does to a Mesos agent.
func (a *Agent) Leave(message string) {
	select {
	case a.leave <- message:
	default:
	}
}

// metaDir is where checkpoints lie below the work dir.
const metaDir = "meta"

// drainTimeout bounds how long HTTP requests in flight may take to be answered
// when the agent has stopped. Nothing is left that they could wait for but a core.
const drainTimeout = 5 * time.Second

// Run runs the agent until ctx ends (its tasks then run on), until it has left, or
// until something fails that it cannot go on without.
func (a *Agent) Run(ctx context.Context) error {
	meta := filepath.Join(a.opts.WorkDir, metaDir)
	// The users of tasks go through the work dir to their sandboxes, and have no
	// business with the checkpoints.
	if err := os.MkdirAll(a.opts.WorkDir, 0o755); err != nil {
		return fmt.Errorf("make work dir: %w", err)
	}
	if err := os.MkdirAll(meta, 0o700); err != nil {
		return fmt.Errorf("make work dir: %w", err)
	}
	unlock, err := lockDir(meta, a.opts.lockPatience())
	if err != nil {
		return err
	}
	defer unlock()
	ln, err := listen(a.opts.Listen, meta)
	if err != nil {
		return err
	}
	l, err := a.assemble(ln, meta)
	if err != nil {
		ln.Close()
		return err
	}
	defer l.close()
	if a.opts.Listening != nil {
		a.opts.Listening(net.JoinHostPort(l.ip, strconv.Itoa(l.port)))
	}
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() error { return l.run(gctx) })
	group.Go(func() error { return l.server.Serve(ln) })
	if l.socket != nil {
		group.Go(func() error { return l.server.Serve(l.socket) })
	}
	if a.opts.Recover == Cleanup {
		a.Leave("everything that an earlier agent left is to be ended")
	} else {
		group.Go(func() error { l.follow(gctx); return nil })
	}
	group.Go(func() error { l.sweep(gctx); return nil })
	group.Go(func() error { l.rotate(gctx); return nil })
	if l.disk != nil {
		group.Go(func() error { l.disk.Run(gctx); return nil })
	}
	group.Go(func() error {
		// Not when gctx ends: the end of the loop is what answers those who wait.
		<-l.stopped
		stop, cancel := context.WithTimeout(context.Background(), drainTimeout)
		defer cancel()
		return l.server.Shutdown(stop)
	})
	err = group.Wait()
	if errors.Is(err, errLeft) {
		return l.removeAll()
	}
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return nil
	}
	return err
}

// assemble opens everything the loop needs and recovers the state.
func (a *Agent) assemble(ln net.Listener, meta string) (*loop, error) {
	o := &a.opts
	ip, port, err := o.address(ln)
	if err != nil {
		return nil, err
	}
	given, err := resource.Parse(o.Resources, o.DefaultRole)
	if err != nil {
		return nil, fmt.Errorf("resources: %w", err)
	}
	total, err := detectResources(given, o.WorkDir)
	if err != nil {
		return nil, err
	}
	if err := checkDisks(total, o.WorkDir); err != nil {
		return nil, err
	}
	attributes, err := resource.ParseAttributes(o.Attributes)
	if err != nil {
		return nil, fmt.Errorf("attributes: %w", err)
	}
	features, err := parseFeatures(o.Features)
	if err != nil {
		return nil, err
	}
	copts := core.Options{
		Capabilities: features,
		WorkDir:      o.WorkDir, IP: ip, Port: port, Hostname: o.Hostname,
		Resources: total.ToProto(resource.PostRefinement), Attributes: attributes, Domain: o.Domain,
		Version: o.Version, Instance: randomText(), BootID: bootID(),
		KeepUser: o.RunAsAgent || os.Geteuid() != 0, EnableCFS: o.EnableCFS, EqualRevocable: o.EqualRevocable, ExecutorSocket: o.ExecutorSocket,
		Environment:           append(inherited(), o.ExecutorEnvironment...),
		RegistrationTimeout:   int64(o.ExecutorRegistrationTimeout),
		ReregistrationTimeout: int64(o.ExecutorReregistrationTimeout),
		ShutdownGrace:         int64(o.ExecutorShutdownGracePeriod),
		RecoveryTimeout:       int64(o.RecoveryTimeout),
		MaxCompleted:          o.MaxCompletedExecutors,
		DiscardMembers:        o.GCMembers,
		ReconfigurationPolicy: o.ReconfigurationPolicy,
	}
	if _, err := crand.Read(copts.Seed[:]); err != nil {
		return nil, err
	}
	if err := copts.Validate(); err != nil {
		return nil, err
	}
	l := newLoop(a, core.New(copts), ip, port)
	if err := l.open(meta, copts.Resources); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// inherited are the variables of the agent's own environment that executors get:
// where Mesos' library is to be found and bound to, for those that use it.
func inherited() []string {
	var list []string
	for _, name := range []string{"LIBPROCESS_IP", "MESOS_NATIVE_JAVA_LIBRARY", "MESOS_NATIVE_LIBRARY"} {
		if value, ok := os.LookupEnv(name); ok {
			list = append(list, name+"="+value)
		}
	}
	return list
}

// open opens disk and kernel and recovers what an earlier agent left.
func (l *loop) open(meta string, resources []*mesos.Resource) (err error) {
	o := &l.agent.opts
	if l.tree, err = sandbox.Open(o.WorkDir); err != nil {
		return err
	}
	if err := l.openProjects(resources); err != nil {
		return err
	}
	pins := o.BPFPinDir
	if pins == noBPF {
		pins = ""
	}
	var exits func(int, uint64) (int, bool)
	if o.ExitNotes != "" {
		if l.notes, err = reap.Open(o.ExitNotes); err != nil {
			return fmt.Errorf("read what was noted of ended tasks: %w", err)
		}
		exits = l.notes.Status
	}
	l.kernel, err = runner.OpenKernel(runner.KernelOptions{
		Isolation: o.Isolation, Rights: o.Rights, Spaces: o.Spaces, Devices: o.Devices, LimitSwap: o.LimitSwap,
		NetClasses: o.NetClasses, Perf: o.Perf,
		CgroupsRoot: o.CgroupsRoot, BPFPinDir: pins, Exits: exits, Logger: o.Logger,
	})
	if err != nil {
		return err
	}
	if l.kernel.Source() == "" {
		l.core.DisableLimits()
	}
	l.logs = &logs.Keeper{Open: l.tree.OpenRoot, Logger: o.Logger}
	fetcher := fetch.New(o.fetchOptions(l.port))
	l.lines = attach.New(attach.Options{Clock: o.Clock, Logger: o.Logger})
	ropts := runner.Options{
		HostPathParents: o.HostPathParents,
		Kernel:          l.kernel, Tree: l.tree, Lines: l.lines, Fetcher: fetcher,
		Report: func(c core.Command) { _ = l.submit(c) }, Logger: o.Logger,
	}
	if l.projects != nil {
		ropts.Quotas = l.projects
	}
	l.runner = runner.New(ropts)
	l.checker = check.New(check.Options{
		Join: l.runner.Join, Report: func(c core.Command) { _ = l.submit(c) }, Logger: o.Logger,
	})
	l.gateway = executor.NewGateway(l.submit, l.isRecovered, o.Logger)
	l.containers = api.NewContainers(l.submit, l.lines, o.Clock)
	l.watchDisk()
	l.client = httpc.New(httpc.Options{Clock: o.Clock})
	served := httpd.Options{Actor: "slave(1)", Logger: o.Logger, Clock: o.Clock, ReduceMemory: true, StreamRecordIO: true}
	if o.ExecutorSocket != "" {
		if l.socket, err = listenForExecutors(o.ExecutorSocket); err != nil {
			return err
		}
		served.Before = allowedAtSocket
	}
	l.server = httpd.New(served)
	l.server.Handle(executor.Path, l.gateway.Serve)
	api.Register(l.server, api.Options{
		Read: l.read, Recovering: l.awaiting.Load, Tree: l.tree, Containers: l.containers, Usage: l.runner.Usage, NetClass: l.kernel.NetClass, Disk: l.diskUsed, Source: l.kernel.Source(), BlockSource: l.kernel.BlockSource(), Fetched: fetcher.Metrics, Internals: l.internals, Flags: l.flags(),
		IP: l.ip, Port: l.port, Release: o.Release, LogFile: o.LogFile,
		Verbosity: daemon.NewVerbosity(o.Clock, o.LogLevel), WorkDir: o.WorkDir, StartedAt: o.Clock.Now(),
		Clock: o.Clock,
	})
	return l.recover(filepath.Join(meta, "state"))
}

// recover loads the checkpoints and asks the kernel about what they speak of.
func (l *loop) recover(dir string) error {
	log := l.agent.opts.Logger
	store, rec, err := checkpoint.OpenStore(checkpoint.OS, dir, func(r checkpoint.Record) error {
		return l.core.Load(r.Key, r.Value)
	})
	if err != nil {
		return fmt.Errorf("recover the agent's state: %w", err)
	}
	l.store = store
	if rec.FellBack || rec.Damage.Skipped > 0 {
		if err := l.damaged(dir, rec); err != nil {
			return err
		}
	}
	refs, containers := l.core.Assemble()
	known := containers
	for _, r := range refs {
		known = append(known, r.ID)
	}
	if err := l.runner.DestroyOthers(known); err != nil {
		log.Warn("leftover containers cannot be listed", "err", err)
	}
	for _, d := range l.core.EndedRuns() {
		l.garbage.add(d)
	}
	if err := l.core.Recover(l.now(), l.runner.Facts(refs)); err != nil {
		return fmt.Errorf("recover the agent's state: %w", err)
	}
	if l.projects != nil {
		if err := l.projects.Recover(l.core.Disks()); err != nil {
			return fmt.Errorf("recover project ids: %w", err)
		}
	}
	l.awaiting.Store(l.core.Recovering())
	if len(refs) > 0 {
		log.Info("recovered", "processes", len(refs), "containers", len(containers))
	}
	return nil
}

// lockPause is the time between two tries to lock.
const lockPause = 10 * time.Millisecond

// lockPatience is how long the agent before may hold the work dir still: that which is killed because its
// front was dies a moment later than the front.
func (o *Options) lockPatience() time.Duration {
	if o.ExitNotes == "" {
		return 0
	}
	return 5 * time.Second
}

// lockDir keeps a second agent out of a work dir, for as long as this one lives.
func lockDir(dir string, patience time.Duration) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock work dir: %w", err)
	}
	for deadline := time.Now().Add(patience); unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil; time.Sleep(lockPause) {
		if !time.Now().Before(deadline) {
			f.Close()
			return nil, fmt.Errorf("work dir %s is in use by another agent", filepath.Dir(dir))
		}
	}
	return func() { f.Close() }, nil
}

// listen listens on addr. With port 0 it takes the port of the last time, if that
// is still free, and notes the one it got.
func listen(addr, meta string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if port != "0" {
		return net.Listen("tcp", addr)
	}
	note := filepath.Join(meta, "port")
	if b, err := os.ReadFile(note); err == nil {
		if ln, err := net.Listen("tcp", net.JoinHostPort(host, strings.TrimSpace(string(b)))); err == nil {
			return ln, nil
		}
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	_, got, err := net.SplitHostPort(ln.Addr().String())
	if err == nil {
		err = os.WriteFile(note, []byte(got), 0o600)
	}
	if err != nil {
		ln.Close()
		return nil, err
	}
	return ln, nil
}

func randomText() string {
	var b [16]byte
	_, _ = crand.Read(b[:])
	return hex.EncodeToString(b[:])
}
