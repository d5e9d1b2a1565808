package world

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/caprock/caprock/wire/announce"
	"github.com/caprock/caprock/wire/httpc"
)

// AllocatorOptions say which allocator to load.
type AllocatorOptions struct {
	// URL of one that runs already. Empty: start one, with the fields below.
	URL string
	// Binary is the caprock program; default: the running one.
	Binary string
	// Flags are added to its command line.
	Flags []string
	// Log receives what it logs; default: dropped.
	Log io.Writer
	// CPUProfile, if not empty, is the file for a CPU profile of the process.
	CPUProfile string
	// Dir is the directory to make the work directory in; default: the temporary
	// one. What is measured depends on its disk.
	Dir string
}

// Allocator is an allocator under load.
type Allocator struct {
	options AllocatorOptions
	url     string
	dir     string // ours to remove
	// child is nil if it is not ours. Usage may be asked for while it is replaced.
	child atomic.Pointer[child]
}

// child is the running process.
type child struct {
	cmd   *exec.Cmd
	url   chan string // the address, once
	ended chan struct{}
	err   error              // set before ended is closed
	last  announce.LastWords // of its log; to be read when ended is closed
}

// StartAllocator starts an allocator and waits until it serves, or takes the
// one that runs already. What loads it, this process, collects garbage seldom from then on.
func StartAllocator(ctx context.Context, o AllocatorOptions) (*Allocator, error) {
	spareCollections()
	if o.URL != "" {
		a := &Allocator{options: o, url: strings.TrimSuffix(o.URL, "/")}
		return a, a.ask(ctx)
	}
	if o.Binary == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("finding this program's own path: %w", err)
		}
		o.Binary = self
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	dir, err := os.MkdirTemp(o.Dir, "caprock-bench-")
	if err != nil {
		return nil, err
	}
	a := &Allocator{options: o, dir: dir}
	if err := a.Restart(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return a, nil
}

// ask whether an allocator serves, once and before anybody loads it: thousands of simulated
// agents would all say that it does not.
func (a *Allocator) ask(ctx context.Context) error {
	client := httpc.New(httpc.Options{})
	defer client.Close()
	status, _, _, err := client.Get(ctx, a.url+"/health")
	switch {
	case err != nil:
		return fmt.Errorf("no allocator answers at %s: %w; without --allocator one is started for the run", a.url, err)
	case status != http.StatusOK:
		return fmt.Errorf("%s/health answers %d, want 200 of an allocator", a.url, status)
	}
	return nil
}

// Restart starts the process, on the address that it had before.
func (a *Allocator) Restart(ctx context.Context) error {
	listen := "127.0.0.1:0"
	if a.url != "" {
		listen = strings.TrimPrefix(a.url, "http://")
	}
	args := append([]string{"alloc", "--listen=" + listen, "--work-dir=" + filepath.Join(a.dir, "allocator"),
		"--logging-level=WARNING"}, a.options.Flags...)
	if a.options.CPUProfile != "" {
		args = append(args, "--cpuprofile="+a.options.CPUProfile)
	}
	if err := os.MkdirAll(filepath.Join(a.dir, "allocator"), 0o755); err != nil {
		return err
	}
	c := &child{cmd: exec.Command(a.options.Binary, args...), url: make(chan string, 1), ended: make(chan struct{})}
	c.cmd.Stderr = io.MultiWriter(a.options.Log, &c.last)
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	started := make(chan error)
	go c.run(out, started)
	if err := <-started; err != nil {
		return err
	}
	select {
	case url := <-c.url:
		if a.url == "" { // later ones are the same, and callers may be reading it
			a.url = url
		}
		a.child.Store(c)
		return nil
	case <-c.ended:
		return fmt.Errorf("the allocator ended before it served (%w): %s", c.err, &c.last)
	case <-ctx.Done():
		_ = c.cmd.Process.Kill()
		<-c.ended
		return ctx.Err()
	}
}

// run starts the process and waits for its end, on one thread: the
// parent-death signal follows the thread that started the child.
func (c *child) run(out io.Reader, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(c.ended)
	if err := c.cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if url, ok := announce.URL(lines.Text()); ok {
			select {
			case c.url <- url:
			default:
			}
		}
	}
	if c.err = c.cmd.Wait(); c.err == nil {
		c.err = errors.New("exit status 0")
	}
}

// URL of the allocator.
func (a *Allocator) URL() string { return a.url }

// Ours says whether the process was started here, so that it can be killed and
// its usage read.
func (a *Allocator) Ours() bool { return a.child.Load() != nil }

// Kill ends the process as a crash would.
func (a *Allocator) Kill() error {
	c := a.child.Load()
	if c == nil {
		return errors.New("the allocator was not started here and is not killed")
	}
	err := c.cmd.Process.Kill()
	<-c.ended
	return err
}

// Usage of the process; zero if it is not ours.
func (a *Allocator) Usage() Usage {
	c := a.child.Load()
	if c == nil {
		return Usage{}
	}
	u, _ := UsageOf(c.cmd.Process.Pid) // a dead process has used nothing more
	return u
}

// stopPatience is how long the process has to end in order.
const stopPatience = 10 * time.Second

// Stop ends the process and removes its directory.
func (a *Allocator) Stop() error {
	c := a.child.Load()
	if c == nil {
		return nil
	}
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.ended:
	case <-time.After(stopPatience):
		_ = c.cmd.Process.Kill()
		<-c.ended
	}
	return os.RemoveAll(a.dir)
}
