package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caprock/caprock/agent/api"
	"github.com/caprock/caprock/agent/attach"
	"github.com/caprock/caprock/agent/check"
	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/disk"
	"github.com/caprock/caprock/agent/executor"
	"github.com/caprock/caprock/agent/logs"
	"github.com/caprock/caprock/agent/runner"
	"github.com/caprock/caprock/agent/sandbox"
	"github.com/caprock/caprock/isolation/reap"
	"github.com/caprock/caprock/store/checkpoint"
	"github.com/caprock/caprock/wire/clock"
	"github.com/caprock/caprock/wire/httpc"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/link"
)

const (
	// inboxSize is how many commands may wait for the loop; senders then wait.
	inboxSize = 256
	// maxTurn is how many commands share one commit.
	maxTurn = 512
)

var (
	errLeft    = errors.New("agent has left")
	errStopped = errors.New("agent has stopped")
)

// loop owns the core and everything around it.
type loop struct {
	agent *Agent
	ip    string
	port  int

	core    *core.Core // the loop's goroutine only, once it runs
	store   *checkpoint.Store
	tree    *sandbox.Tree
	kernel  runner.Kernel
	runner  *runner.Runner
	checker *check.Checker
	gateway *executor.Gateway
	lines   *attach.Switchboard
	// containers answers calls about containers.
	containers *api.Containers
	server     *httpd.Server
	client     *httpc.Client
	disk       *disk.Watcher  // nil if nobody asks for it
	projects   *disk.Projects // nil without disk/xfs

	commands chan core.Command
	reads    chan func(*core.Core)
	stopped  chan struct{}
	stopOnce sync.Once

	recovered atomic.Bool
	// awaiting is true while executors may still come back.
	awaiting  atomic.Bool
	readyOnce sync.Once
	// socket at which executors call; nil without one. The server closes it.
	socket net.Listener
	// notes of a reaper; nil without one.
	notes   *reap.Notes
	uplink  uplink
	garbage garbage
	logs    *logs.Keeper
	started time.Time
}

func newLoop(a *Agent, c *core.Core, ip string, port int) *loop {
	return &loop{
		agent: a, core: c, ip: ip, port: port,
		commands: make(chan core.Command, inboxSize),
		reads:    make(chan func(*core.Core)),
		stopped:  make(chan struct{}),
		started:  a.opts.Clock.Now(),
	}
}

func (l *loop) now() core.Time {
	c := l.agent.opts.Clock
	return core.Time{Wall: c.Now().UnixNano(), Mono: int64(c.Monotonic()) + 1}
}

// isRecovered reports whether the core is ready for executors.
func (l *loop) isRecovered() bool { return l.recovered.Load() }

// submit hands a command to the loop. It waits while the inbox is full, and fails
// once the loop has ended.
func (l *loop) submit(c core.Command) error {
	select {
	case l.commands <- c:
		return nil
	case <-l.stopped:
		return errStopped
	}
}

// read runs fn with the core between two turns, when all it shows is durable.
func (l *loop) read(fn func(*core.Core)) error {
	done := make(chan struct{})
	select {
	case l.reads <- func(c *core.Core) { defer close(done); fn(c) }:
		<-done
		return nil
	case <-l.stopped:
		return errStopped
	}
}

// run is the loop.
func (l *loop) run(ctx context.Context) error {
	defer l.stopOnce.Do(func() { close(l.stopped) })
	defer l.runner.Stop()
	defer l.checker.Stop()
	defer l.containers.Stop()
	// Those attached are told, before the server stops.
	defer l.lines.Close()
	alarm := l.agent.opts.Clock.NewTimer(time.Hour)
	defer alarm.Stop()
	if err := l.turn(); err != nil {
		return err
	}
	l.recovered.Store(true)
	for {
		l.setAlarm(alarm)
		select {
		case c := <-l.commands:
			l.core.Step(l.now(), c)
			l.drain()
		case fn := <-l.reads:
			fn(l.core)
			continue
		case <-alarm.C():
			l.core.Step(l.now(), core.Tick{})
		case message := <-l.agent.leave:
			l.core.Step(l.now(), core.Leave{Message: message})
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := l.turn(); err != nil {
			return err
		}
	}
}

func (l *loop) setAlarm(t clock.Timer) {
	wait := time.Hour
	if at, ok := l.core.NextDeadline(); ok {
		wait = max(0, time.Duration(at-l.now().Mono))
	}
	t.Reset(wait)
}

// drain steps through what else has arrived, so that it shares a commit.
func (l *loop) drain() {
	for range maxTurn {
		select {
		case c := <-l.commands:
			l.core.Step(l.now(), c)
		default:
			return
		}
	}
}

// turn commits what the core came to and carries it out.
func (l *loop) turn() error {
	out := l.core.Take()
	if err := l.commit(out.Records); err != nil {
		return fmt.Errorf("stopping, as the agent's state cannot be written: %w", err)
	}
	var frames []*link.Up
	var exit error
	for _, e := range out.Effects {
		switch e := e.(type) {
		case core.Send:
			frames = append(frames, e.Up)
		case core.Reconnect:
			l.agent.opts.Logger.Warn("reconnecting to the allocator", "reason", e.Why)
			l.uplink.drop()
		case core.Discard:
			l.garbage.add(e)
		case core.Exit:
			l.agent.opts.Logger.Info("leaving", "reason", e.Message)
			exit = errLeft
		default:
			if !l.runner.Do(e) && !l.checker.Do(e) && !l.gateway.Do(e) && !l.containers.Do(e) {
				panic(fmt.Sprintf("BUG: nobody carries out %T", e))
			}
		}
	}
	l.uplink.send(frames)
	if exit != nil {
		l.uplink.flush()
	}
	l.awaiting.Store(l.core.Recovering())
	if l.core.Registered() {
		l.readyOnce.Do(func() {
			l.settleNotes()
			close(l.agent.ready)
		})
	}
	return exit
}

// settleNotes lets go of noted ends: what they meant is committed.
func (l *loop) settleNotes() {
	if l.notes == nil {
		return
	}
	if err := l.notes.Settled(); err != nil {
		l.agent.opts.Logger.Warn("notes of ended tasks cannot be removed", "err", err)
	}
}

func (l *loop) commit(records []core.Record) error {
	if l.store.RotateDue() {
		// The snapshot is the state after these records.
		return l.store.Rotate(l.stateRecords)
	}
	if len(records) == 0 {
		return nil
	}
	batch := make([]checkpoint.Record, len(records))
	for i, r := range records {
		var err error
		if batch[i], err = encodeRecord(r); err != nil {
			return err
		}
	}
	err := l.store.Commit(batch)
	if errors.Is(err, checkpoint.ErrTooLong) {
		return l.store.Rotate(l.stateRecords)
	}
	return err
}

func (l *loop) stateRecords(yield func(checkpoint.Record) bool) {
	for r := range l.core.State() {
		enc, err := encodeRecord(r)
		if err != nil {
			panic(fmt.Sprintf("BUG: %v", err))
		}
		if !yield(enc) {
			return
		}
	}
}

func encodeRecord(r core.Record) (checkpoint.Record, error) {
	if r.Value == nil {
		return checkpoint.Record{Key: r.Key}, nil
	}
	b, err := r.Value.MarshalVT()
	if err != nil {
		return checkpoint.Record{}, fmt.Errorf("encode record %s: %w", r.Key, err)
	}
	if b == nil {
		b = []byte{}
	}
	return checkpoint.Record{Key: r.Key, Value: b}, nil
}

// close lets go of everything; containers run on.
func (l *loop) close() {
	l.stopOnce.Do(func() { close(l.stopped) })
	l.uplink.drop()
	if l.checker != nil {
		l.checker.Stop()
		l.checker.Wait()
	}
	if l.lines != nil {
		l.lines.Close()
	}
	log := l.agent.opts.Logger
	if l.kernel != nil {
		if err := l.kernel.Close(); err != nil {
			log.Warn("closing the kernel's side", "err", err)
		}
	}
	if l.store != nil {
		_ = l.store.Close()
	}
	if l.tree != nil {
		_ = l.tree.Close()
	}
	if l.client != nil {
		l.client.Close()
	}
	if l.projects != nil {
		l.projects.Close()
	}
}

// removeAll removes what an agent that has left would leave behind.
func (l *loop) removeAll() error {
	l.runner.Wait()
	kernel := l.kernel
	l.kernel = nil
	return kernel.Remove()
}
