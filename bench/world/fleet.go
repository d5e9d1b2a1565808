package world

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caprock/caprock/wire/httpc"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/link/transport"
	"github.com/caprock/caprock/wire/mesos"
)

// FleetOptions say which agents to play.
type FleetOptions struct {
	// Agents to play; Links they share. Default 1,000 agents, and a link per
	// 1,000 agents but at least 4.
	Agents, Links int
	// Shape of the machines. Required.
	Shape *Shape
	// Behaviour of all agents.
	Behaviour Behaviour
	// Arrived, if set, is told every task that reaches its agent, before the agent reports it.
	// It holds the link up.
	Arrived func(*mesos.TaskInfo)
}

// Fleet is a set of simulated agents on their links.
type Fleet struct {
	options    FleetOptions
	client     *httpc.Client
	links      []*fleetLink
	registered atomic.Int64
	launched   atomic.Int64 // tasks that arrived
	finished   atomic.Int64 // tasks that are done and acknowledged
	pings      atomic.Int64

	mu struct {
		sync.Mutex
		err error // first failure of a link
	}
}

// fleetLink is one link with its agents. Its reader owns the agents; others
// take mu.
type fleetLink struct {
	fleet *Fleet
	conn  *transport.AgentConn
	ended chan struct{}
	stop  chan struct{}

	mu    sync.Mutex
	all   []*Agent // by channel
	dirty []*Agent // have handled outbox frames since the last flush
	sleep sleepers
	out   []*link.Up
}

// applyInterval is how often agents say what they have applied. A real agent
// needs about as long to checkpoint.
const applyInterval = 2 * time.Millisecond

// NewFleet makes the agents; Connect brings them on.
func NewFleet(o FleetOptions) *Fleet {
	if o.Agents == 0 {
		o.Agents = 1000
	}
	if o.Links == 0 {
		o.Links = max(4, o.Agents/1000)
	}
	o.Links = min(o.Links, o.Agents)
	f := &Fleet{options: o, client: httpc.New(httpc.Options{})}
	for range o.Links {
		f.links = append(f.links, &fleetLink{fleet: f})
	}
	for i := range o.Agents {
		l := f.links[i%o.Links]
		l.all = append(l.all, &Agent{channel: uint32(len(l.all)), number: i, shape: o.Shape, behaviour: o.Behaviour})
	}
	return f
}

// Connect dials every link that is not open and registers its agents. It returns
// when all frames are on their way; Registered counts the answers.
func (f *Fleet) Connect(ctx context.Context, url string) error {
	errs := make(chan error, len(f.links))
	for _, l := range f.links {
		go func() { errs <- l.connect(ctx, url) }()
	}
	var all error
	for range f.links {
		all = errors.Join(all, <-errs)
	}
	return all
}

// registerBatch is how many agents register in one write.
const registerBatch = 64

func (l *fleetLink) connect(ctx context.Context, url string) error {
	if l.conn != nil && l.conn.Err() == nil {
		return nil
	}
	if l.ended != nil {
		<-l.ended // the last connection's reader
	}
	conn, err := transport.Dial(ctx, l.fleet.client, url, nil, transport.Options{})
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.conn, l.ended, l.stop = conn, make(chan struct{}), make(chan struct{})
	l.out = l.out[:0] // answers for the last connection
	for _, a := range l.all {
		if a.registered {
			l.fleet.registered.Add(-1)
			a.registered = false
		}
	}
	l.mu.Unlock()
	go l.read(conn, l.ended)
	go l.apply(conn, l.stop)
	var frames []*link.Up
	for i := 0; i < len(l.all); i += registerBatch {
		l.mu.Lock()
		frames = frames[:0]
		for _, a := range l.all[i:min(i+registerBatch, len(l.all))] {
			frames = a.Register(frames)
		}
		l.mu.Unlock()
		// Waiting for the write keeps a hundred thousand registrations from
		// piling up in memory.
		if err := errors.Join(conn.Send(frames...), conn.Flush(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// read handles frames until the link ends.
func (l *fleetLink) read(conn *transport.AgentConn, ended chan struct{}) {
	defer close(ended)
	defer close(l.stop)
	for {
		d, err := conn.Recv()
		if err != nil {
			if !errors.Is(err, transport.ErrClosed) {
				l.fleet.fail(err)
			}
			return
		}
		if err := l.handle(conn, d, conn.Buffered()); err != nil {
			l.fleet.fail(err)
			return
		}
	}
}

// handle takes a frame. What agents answer goes out once no more frames are at hand, or
// with a good number of answers: a write for each would cost more than the frames.
func (l *fleetLink) handle(conn *transport.AgentConn, d *link.Down, more bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if int(d.GetChannel()) >= len(l.all) {
		return fmt.Errorf("got a frame for channel %d of %d", d.GetChannel(), len(l.all))
	}
	if arrived := l.fleet.options.Arrived; arrived != nil {
		for _, t := range d.GetLaunch().GetTasks() {
			arrived(t)
		}
	}
	a := l.all[d.GetChannel()]
	before, held, applied := a.registered, len(a.tasks), a.applied
	l.out = a.Handle(d, l.out)
	switch {
	case a.refused != "":
		return fmt.Errorf("an agent was refused: %s", a.refused)
	case !before && a.registered:
		l.fleet.registered.Add(1)
	case before && !a.registered:
		l.fleet.registered.Add(-1)
	}
	if n := len(a.tasks) - held; n > 0 {
		l.fleet.launched.Add(int64(n))
	} else if n < 0 {
		l.fleet.finished.Add(int64(-n))
	}
	l.sleep.take(a, time.Now())
	if d.GetPing() != nil {
		l.fleet.pings.Add(1)
	}
	if a.applied > applied && applied == a.answered {
		l.dirty = append(l.dirty, a)
	}
	const many = 256
	if len(l.out) == 0 || more && len(l.out) < many {
		return nil
	}
	err := conn.Send(l.out...)
	clear(l.out)
	l.out = l.out[:0]
	return err
}

// apply tells the allocator what the agents have applied and which tasks are over, until the link ends.
func (l *fleetLink) apply(conn *transport.AgentConn, stop chan struct{}) {
	tick := time.NewTicker(applyInterval)
	defer tick.Stop()
	var out []*link.Up
	for {
		select {
		case <-tick.C:
		case <-stop:
			return
		}
		l.mu.Lock()
		out = out[:0]
		for _, a := range l.dirty {
			out = a.Apply(out)
		}
		l.dirty = l.dirty[:0]
		out = l.sleep.end(time.Now(), out)
		l.mu.Unlock()
		if len(out) > 0 && conn.Send(out...) != nil {
			return
		}
	}
}

// Report makes every agent report what it holds in silence.
func (f *Fleet) Report() error {
	for _, l := range f.links {
		l.mu.Lock()
		var out []*link.Up
		for _, a := range l.all {
			out = a.Report(out)
		}
		err := l.conn.Send(out...)
		l.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *Fleet) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.err == nil {
		f.mu.err = err
	}
}

// Err is the first failure of a link, such as its end.
func (f *Fleet) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.err
}

// Forgive forgets the failure that Err tells of, if it was meant.
func (f *Fleet) Forgive() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.err = nil
}

// Size is how many agents there are.
func (f *Fleet) Size() int { return f.options.Agents }

// Registered is how many agents are registered now.
func (f *Fleet) Registered() int { return int(f.registered.Load()) }

// Launched is how many tasks have arrived at agents so far.
func (f *Fleet) Launched() int64 { return f.launched.Load() }

// Finished is how many tasks have ended with their last update acknowledged.
func (f *Fleet) Finished() int64 { return f.finished.Load() }

// Pings is how many pings were answered.
func (f *Fleet) Pings() int64 { return f.pings.Load() }

// Links is how many links the fleet has.
func (f *Fleet) Links() int { return len(f.links) }

// Cut closes the first n links.
func (f *Fleet) Cut(n int) {
	for _, l := range f.links[:min(n, len(f.links))] {
		if l.conn != nil {
			l.conn.Close()
			<-l.ended
			l.mu.Lock()
			for _, a := range l.all {
				if a.registered {
					a.registered = false
					f.registered.Add(-1)
				}
			}
			l.dirty = l.dirty[:0]
			l.mu.Unlock()
		}
	}
}

// Close ends all links.
func (f *Fleet) Close() { f.Cut(len(f.links)); f.client.Close() }

// WaitRegistered waits until n agents are registered, a link fails, or ctx ends.
func (f *Fleet) WaitRegistered(ctx context.Context, n int) error {
	return waitUntil(ctx, f.Err, func() bool { return f.Registered() >= n }, func() string {
		return fmt.Sprintf("%d of %d agents are registered", f.Registered(), n)
	})
}

// waitUntil looks every millisecond.
func waitUntil(ctx context.Context, failed func() error, done func() bool, state func() string) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !done() {
		if err := failed(); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: %s", ctx.Err(), state())
		}
	}
	return nil
}
