package replay

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/caprock/caprock/wire/announce"
)

// cluster is an allocator and an agent as the recording had them. Unlike a
// devcluster, which keeps its processes alive, it stops, pauses and kills them when the
// recording says so, and may have no agent at all.
type cluster struct {
	binary, dir string
	id          string // what the allocator calls the cluster
	log         io.Writer
	alloc       *daemon
	agent       *daemon // nil without one
}

// What the recorded daemons were started with.
var (
	allocatorFlags = []string{"--allocation-interval=200ms", "--hostname=localhost", "--cluster=golden", "--young-capabilities"}
	agentFlags     = []string{"--resources=cpus:4;mem:4096;disk:8192;ports:[31000-32000]", "--hostname=localhost", "--isolation=posix"}
	// attributeFlag is for the agents that had attributes.
	attributeFlag = "--attributes=rack:r1;zone:z1;num:5;rng:[1-10]"
	// unreachableFlags are for the allocator that is to find an agent unreachable. The recorded one needed three
	// seconds for that; this gives an agent that lives time to answer on a machine that has none. All
	// other allocators wait for as long as by default, so that no agent is given up before it is started again.
	unreachableFlags = []string{"--agent-ping-timeout=2s", "--max-agent-ping-timeouts=5"}
)

// startPatience is how long a daemon may take to be ready, and an agent that was killed to be
// unreachable.
const startPatience = time.Minute

func startCluster(ctx context.Context, binary string, withAgent, attributes bool, log io.Writer) (*cluster, error) {
	dir, err := os.MkdirTemp("", "conform-cluster-")
	if err != nil {
		return nil, err
	}
	c := &cluster{binary: binary, dir: dir, id: uuid.NewString(), log: log}
	c.alloc = c.daemon("alloc", append([]string{"--cluster-id=" + c.id}, allocatorFlags...))
	if err := c.alloc.start(); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	if withAgent {
		flags := append([]string{"--allocator=http://" + c.alloc.address}, agentFlags...)
		if attributes {
			flags = append(flags, attributeFlag)
		}
		c.agent = c.daemon("agent", flags)
		if err := c.StartAgent(ctx); err != nil {
			return nil, errors.Join(err, c.stop())
		}
	}
	return c, nil
}

func (c *cluster) daemon(role string, flags []string) *daemon {
	dir := filepath.Join(c.dir, role)
	return &daemon{binary: c.binary, log: c.log, args: append([]string{role, "--work-dir=" + dir, "--log-dir=" + filepath.Join(dir, "log")}, flags...), dir: dir}
}

func (c *cluster) target() Target {
	t := Target{Allocator: c.alloc.address}
	if c.agent != nil {
		t.Agent = c.agent.address
	}
	return t
}

// StartAgent starts it and waits until it is registered.
func (c *cluster) StartAgent(ctx context.Context) error {
	if err := c.agent.start(); err != nil {
		return err
	}
	return c.awaitAgents(ctx, 1)
}

// awaitAgents waits until that many agents are registered and at work.
func (c *cluster) awaitAgents(ctx context.Context, want int) error {
	for deadline := time.Now().Add(startPatience); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		slaves, err := get(ctx, c.alloc.address, "/slaves")
		list := listAt(slaves, "slaves")
		if err == nil && (want == 0 && len(list) == 0 || want > 0 && countActive(list) == want) {
			return nil
		}
	}
	return fmt.Errorf("the allocator did not come to have %d agents", want)
}

func countActive(slaves []any) int {
	n := 0
	for _, s := range slaves {
		if at(s, "active") == true {
			n++
		}
	}
	return n
}

// KillAgent ends it as a crash would; its tasks stay.
func (c *cluster) KillAgent() { c.agent.kill() }

// RestartAllocator kills both and starts the allocator alone, so that it is seen before the agent
// has come back, however long that takes: an agent that was only paused comes back when
// anybody resumes it, such as a shell whose jobs were stopped.
func (c *cluster) RestartAllocator() error {
	c.KillAgent()
	c.alloc.kill()
	c.alloc.args = append(c.alloc.args, unreachableFlags...)
	return c.alloc.start()
}

// ReplaceAllocator puts an allocator that knows nothing in the place of the one that
// runs, as a Mesos master with its registry in memory is after a restart.
func (c *cluster) ReplaceAllocator(ctx context.Context) error {
	c.agent.signal(syscall.SIGSTOP)
	c.alloc.kill()
	if err := os.RemoveAll(c.alloc.dir); err != nil {
		return err
	}
	if err := c.alloc.start(); err != nil {
		return err
	}
	c.agent.signal(syscall.SIGCONT)
	return c.awaitAgents(ctx, 1)
}

// stop ends everything: the agent first, which kills its tasks.
func (c *cluster) stop() error {
	if c.agent != nil {
		c.agent.signal(syscall.SIGCONT)
		c.agent.signal(syscall.SIGUSR1)
		c.agent.wait(5 * time.Second)
	}
	c.alloc.signal(syscall.SIGTERM)
	c.alloc.wait(5 * time.Second)
	return os.RemoveAll(c.dir)
}

// daemon is one process that prints where it listens.
type daemon struct {
	binary, dir, address string
	args                 []string
	log                  io.Writer
	cmd                  *exec.Cmd
	ended                chan struct{}
}

func (d *daemon) start() error {
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return err
	}
	listen := d.address // a second start serves where the first did
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	d.cmd = exec.Command(d.binary, append(d.args, "--listen="+listen)...)
	d.cmd.Stderr = d.log
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := d.cmd.Start(); err != nil {
		return err
	}
	heard := make(chan string, 1)
	d.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		defer close(ended)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			if url, ok := announce.URL(lines.Text()); ok {
				heard <- strings.TrimPrefix(url, "http://")
			}
		}
		cmd.Wait()
	}(d.cmd, d.ended)
	select {
	case d.address = <-heard:
		return nil
	case <-d.ended:
		return fmt.Errorf("%s ended at once", d.args[0])
	case <-time.After(startPatience):
		return fmt.Errorf("%s does not say where it listens", d.args[0])
	}
}

func (d *daemon) signal(s syscall.Signal) {
	if d.cmd != nil && d.cmd.Process != nil {
		d.cmd.Process.Signal(s)
	}
}

func (d *daemon) kill() {
	d.signal(syscall.SIGKILL)
	d.wait(5 * time.Second)
}

func (d *daemon) wait(patience time.Duration) {
	if d.ended == nil {
		return
	}
	select {
	case <-d.ended:
	case <-time.After(patience):
		d.signal(syscall.SIGKILL)
		<-d.ended
	}
}
