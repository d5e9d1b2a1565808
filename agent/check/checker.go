package check

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/isolation"
)

// Options of a Checker.
type Options struct {
	// Join starts a command in the container of a task, as leader of its own
	// session. It gives up when ctx ends.
	Join func(ctx context.Context, id string, cmd *core.CheckCommand) (*isolation.Process, error)
	// Report takes results; it may block, and is called from many goroutines.
	Report func(core.Command)
	Logger *slog.Logger
}

// Checker carries out core.Check and core.CancelCheck.
type Checker struct {
	opts Options
	// verified and unverified differ in what they make of certificates.
	verified, unverified *http.Client
	working              sync.WaitGroup

	mu      sync.Mutex
	running map[uint64]context.CancelFunc // by run; guarded by mu
	stopped bool                          // guarded by mu
}

// New returns a Checker.
func New(opts Options) *Checker {
	return &Checker{
		opts: opts, verified: newClient(false), unverified: newClient(true),
		running: map[uint64]context.CancelFunc{},
	}
}

// Do carries out one effect and reports whether it was one of the checker's.
func (c *Checker) Do(e core.Effect) bool {
	switch e := e.(type) {
	case core.Check:
		c.begin(e)
	case core.CancelCheck:
		c.mu.Lock()
		defer c.mu.Unlock()
		if cancel := c.running[e.Run]; cancel != nil {
			cancel()
		}
	default:
		return false
	}
	return true
}

func (c *Checker) begin(e core.Check) {
	ctx, cancel := context.WithCancel(context.Background())
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		cancel()
		return
	}
	c.running[e.Run] = cancel
	c.working.Go(func() {
		r := c.run(ctx, e)
		c.mu.Lock()
		delete(c.running, e.Run)
		c.mu.Unlock()
		if ctx.Err() == nil {
			c.opts.Report(r)
		}
		cancel()
	})
}

// run is one run of a check, within its time.
func (c *Checker) run(ctx context.Context, e core.Check) core.Checked {
	if e.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(e.Timeout))
		defer cancel()
	}
	r := core.Checked{ID: e.ID, Run: e.Run}
	var err error
	switch {
	case e.Command != nil:
		r.Code, err = c.command(ctx, e.ID, e.Command)
	case e.URL != "":
		client := c.verified
		if e.Unverified {
			client = c.unverified
		}
		r.Code, err = get(ctx, client, e.URL)
	default:
		r.Code, err = connect(ctx, e.Address)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("timed out after %s", time.Duration(e.Timeout))
	}
	if err != nil {
		r.Failure = err.Error()
		c.opts.Logger.Debug("check without a result", "container", e.ID, "err", err)
	}
	return r
}

// Stop cancels what is under way and begins nothing more.
func (c *Checker) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	for _, cancel := range c.running {
		cancel()
	}
}

// Wait returns when no check is under way; call it after Stop, when Report no
// longer blocks.
func (c *Checker) Wait() { c.working.Wait() }
