package devcluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Options of a cluster. The zero value of every field has a use.
type Options struct {
	// Binary is the caprock program; default: the running one.
	Binary string
	// Listen is the allocator's address; default 127.0.0.1:5050. Port 0 picks one.
	Listen string
	// Agents is how many agents share the machine; default 1.
	Agents int
	// WorkDir holds everything the cluster writes. Empty: a temporary directory
	// that Stop removes.
	WorkDir string
	// AllocFlags and AgentFlags are added to the children's command lines.
	AllocFlags, AgentFlags []string
	// Log receives the children's output; default: dropped.
	Log io.Writer
}

func (o *Options) ensureDefaults() error {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:5050"
	}
	if o.Agents == 0 {
		o.Agents = 1
	}
	if o.Agents < 0 || o.Agents > 1000 {
		return fmt.Errorf("got %d agents, want 1 to 1000", o.Agents)
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	if o.Binary == "" {
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("finding this program's own path: %w", err)
		}
		o.Binary = self
	}
	return nil
}

// Cluster is a running allocator and its agents.
type Cluster struct {
	options   Options
	temporary bool // the work directory is ours to remove
	alloc     *process
	agents    []*process

	failOnce sync.Once
	failed   chan struct{}
	failure  error // set before failed is closed
}

// Start brings the processes up and returns once the allocator serves HTTP.
// Use Ready to wait for the agents.
func Start(ctx context.Context, options Options) (*Cluster, error) {
	if err := options.ensureDefaults(); err != nil {
		return nil, err
	}
	c := &Cluster{options: options, failed: make(chan struct{})}
	if options.WorkDir == "" {
		dir, err := os.MkdirTemp("", "caprock-dev-")
		if err != nil {
			return nil, err
		}
		c.options.WorkDir, c.temporary = dir, true
		// Tasks run as other users and must reach their sandboxes.
		if err := os.Chmod(dir, 0o755); err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
	}
	if err := c.start(ctx); err != nil {
		stopping, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return nil, errors.Join(err, c.Stop(stopping))
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) error {
	allocDir := filepath.Join(c.options.WorkDir, "allocator")
	if err := os.MkdirAll(allocDir, 0o755); err != nil {
		return err
	}
	machine, err := ThisMachine(c.options.WorkDir)
	if err != nil {
		return err
	}
	c.alloc = newProcess("allocator", c.options.Binary,
		append([]string{"alloc", "--listen=" + c.options.Listen, "--work-dir=" + allocDir, "--log-dir=" + filepath.Join(allocDir, "log")}, c.options.AllocFlags...),
		c.options.Log, syscall.SIGTERM)
	go c.watch(c.alloc)
	if err := waitListening(ctx, c.alloc); err != nil {
		return err
	}
	for i := range c.options.Agents {
		if err := c.AddAgent(machine.Share(i, c.options.Agents)); err != nil {
			return err
		}
	}
	return nil
}

// AddAgent starts one more agent with these resources. Not for concurrent use
// with other methods.
func (c *Cluster) AddAgent(resources string) error {
	number := strconv.Itoa(len(c.agents) + 1)
	dir := filepath.Join(c.options.WorkDir, "agent-"+number)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	args := []string{"agent", "--allocator=" + c.URL(), "--listen=127.0.0.1:0", "--work-dir=" + dir, "--log-dir=" + filepath.Join(dir, "log"),
		"--resources=" + resources, "--hostname=localhost"}
	// An orphaned agent takes the same way out as one that is stopped.
	agent := newProcess("agent "+number, c.options.Binary, append(args, c.options.AgentFlags...), c.options.Log, syscall.SIGUSR1)
	c.agents = append(c.agents, agent)
	go c.watch(agent)
	return nil
}

// waitListening returns when p has printed its address.
func waitListening(ctx context.Context, p *process) error {
	select {
	case <-p.listening:
		return nil
	case <-p.ended:
		return p.failure
	case <-ctx.Done():
		return fmt.Errorf("waiting for %s to listen: %w", p.name, ctx.Err())
	}
}

// URL of the allocator, such as http://127.0.0.1:5050.
func (c *Cluster) URL() string { return c.alloc.url() }

// AgentCount is how many agents have been started.
func (c *Cluster) AgentCount() int { return len(c.agents) }

// KillAllocator and KillAgent end a process as a crash would; it is started
// again.
func (c *Cluster) KillAllocator() error  { return c.alloc.kill() }
func (c *Cluster) KillAgent(i int) error { return c.agents[i].kill() }

// DumpStacks has every process write its goroutines to the log and end; it is
// for finding out why a cluster hangs.
func (c *Cluster) DumpStacks() {
	for _, p := range append([]*process{c.alloc}, c.agents...) {
		_ = p.signal(syscall.SIGQUIT) // one that is down has no stacks
	}
	time.Sleep(time.Second) // there is no telling when a dying process has written all
}

// Failed is closed when a process could not be kept running; Failure says why.
func (c *Cluster) Failed() <-chan struct{} { return c.failed }

// Failure is the first process' reason for having been given up, or nil.
func (c *Cluster) Failure() error {
	select {
	case <-c.failed:
		return c.failure
	default:
		return nil
	}
}

// watch runs p's supervisor and notes the first failure of any process.
func (c *Cluster) watch(p *process) {
	p.supervise()
	if p.failure != nil {
		c.failOnce.Do(func() {
			c.failure = p.failure
			close(c.failed)
		})
	}
}

// Stop ends agents, then the allocator, then removes a temporary work
// directory. SIGUSR1 makes an agent unregister: its tasks are killed and its
// cgroups removed.
func (c *Cluster) Stop(ctx context.Context) error {
	var faults []error
	done := make(chan error, len(c.agents))
	for _, a := range c.agents {
		go func() { done <- a.stop(ctx, syscall.SIGUSR1) }()
	}
	for range c.agents {
		faults = append(faults, <-done)
	}
	if c.alloc != nil {
		faults = append(faults, c.alloc.stop(ctx, syscall.SIGTERM))
	}
	if c.temporary {
		faults = append(faults, os.RemoveAll(c.options.WorkDir))
	}
	return errors.Join(faults...)
}
