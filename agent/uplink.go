package agent

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/link/transport"
)

const (
	dialTimeout    = 10 * time.Second
	maxBackoff     = time.Minute
	stableLinkTime = 10 * time.Second
)

// uplink is the present connection to the allocator, or none.
type uplink struct {
	mu   sync.Mutex
	conn *transport.AgentConn // guarded by mu
}

func (u *uplink) set(c *transport.AgentConn) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.conn = c
}

func (u *uplink) get() *transport.AgentConn {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.conn
}

// send queues frames. A link that fails takes them with it: what matters is sent
// again after the next registration.
func (u *uplink) send(frames []*link.Up) {
	if c := u.get(); c != nil && len(frames) > 0 {
		if c.Send(frames...) != nil {
			c.Close()
		}
	}
}

// flushTimeout bounds how long a leaving agent waits for its last words to go out.
const flushTimeout = time.Second

// flush waits until what was sent is on its way.
func (u *uplink) flush() {
	if c := u.get(); c != nil {
		ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
		defer cancel()
		_ = c.Flush(ctx)
	}
}

// drop closes the link; follow opens another.
func (u *uplink) drop() {
	if c := u.get(); c != nil {
		c.Close()
	}
}

// follow keeps a link to the allocator open until ctx ends. Waits between attempts
// are random below a bound that doubles, so that a fleet does not come back in
// step.
func (l *loop) follow(ctx context.Context) {
	clk, first := l.agent.opts.Clock, l.agent.opts.RegistrationBackoff
	bound := first
	for {
		opened := clk.Monotonic()
		err := l.connect(ctx)
		if ctx.Err() != nil {
			return
		}
		if clk.Monotonic()-opened > stableLinkTime {
			bound = first
		}
		wait := rand.N(bound)
		bound = min(2*bound, maxBackoff)
		l.agent.opts.Logger.Info("no link to the allocator", "err", err, "next_attempt_in", wait)
		if !l.sleep(ctx, wait) {
			return
		}
	}
}

func (l *loop) sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := l.agent.opts.Clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C():
		return true
	case <-ctx.Done():
		return false
	}
}

// connect opens one link and reads it to its end.
func (l *loop) connect(ctx context.Context) error {
	dctx, cancel := context.WithTimeout(ctx, dialTimeout)
	conn, err := transport.Dial(dctx, l.client, l.agent.opts.Allocator, nil, transport.Options{Clock: l.agent.opts.Clock})
	cancel()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, conn.Close)
	defer stop()
	defer conn.Close()
	l.uplink.set(conn)
	defer l.uplink.set(nil)
	if err := l.submit(core.Connected{}); err != nil {
		return err
	}
	defer func() { _ = l.submit(core.Disconnected{}) }()
	for {
		down, err := conn.Recv()
		if err != nil {
			return err
		}
		if err := l.submit(core.Frame{Down: down}); err != nil {
			return err
		}
	}
}
