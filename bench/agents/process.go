package agents

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a real agent.
type process struct {
	cmd   *exec.Cmd
	log   bytes.Buffer // read after ended only
	ended chan struct{}
}

// startAgent starts an agent of this program below dir, without a reaper, so that its children are tasks or helpers.
func startAgent(binary, allocator, dir string, flags []string) (*process, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	p := &process{ended: make(chan struct{})}
	p.cmd = exec.Command(binary, append([]string{"agent", "--allocator=" + allocator, "--listen=127.0.0.1:0", "--work-dir=" + dir,
		"--resources=cpus:100000;mem:100000000;disk:100000000;ports:[31000-32000]", "--logging-level=WARNING", "--reaper=never"}, flags...)...)
	p.cmd.Stderr = &p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	// The parent-death signal follows the thread that started the child.
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.ended)
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait()
		}
	}()
	return p, <-started
}

// leavePatience is how long an agent may take to end a thousand tasks.
const leavePatience = 2 * time.Minute

// leave lets the agent end all of its tasks and remove its cgroups.
func (p *process) leave() error {
	_ = p.cmd.Process.Signal(syscall.SIGUSR1) // it may have ended by itself
	select {
	case <-p.ended:
		if p.cmd.ProcessState.Success() {
			return nil
		}
		return fmt.Errorf("the agent: %v\n%s", p.cmd.ProcessState, p.log.String())
	case <-time.After(leavePatience):
		_ = p.cmd.Process.Kill()
		<-p.ended
		return fmt.Errorf("the agent did not leave within %v", leavePatience)
	}
}

// Memory of one process or more, in bytes.
type Memory struct {
	RSS int64 `json:"rss_bytes"`
	// PSS deals pages that several processes map out to them in equal parts.
	PSS       int64 `json:"pss_bytes"`
	Anonymous int64 `json:"anonymous_bytes"`
}

func (m *Memory) add(o Memory) {
	m.RSS, m.PSS, m.Anonymous = m.RSS+o.RSS, m.PSS+o.PSS, m.Anonymous+o.Anonymous
}

func memoryOf(pid int) (m Memory, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return m, err
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		n, _ := strconv.ParseInt(f[1], 10, 64)
		switch f[0] {
		case "Rss:":
			m.RSS = n << 10
		case "Pss:":
			m.PSS = n << 10
		case "Anonymous:":
			m.Anonymous = n << 10
		}
	}
	return m, nil
}

// cpuOf is the CPU time of all threads that a process has now, in seconds. Unlike
// /proc/PID/stat it has no clock ticks: an idle process uses less than one in a window.
func cpuOf(pid int) (float64, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(threads) == 0 {
		return 0, errors.Join(err, fmt.Errorf("process %d has no threads", pid))
	}
	var sum int64
	for _, t := range threads {
		text, err := os.ReadFile(t)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // it ended meanwhile
		}
		if err != nil {
			return 0, err
		}
		ran, _, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseInt(ran, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", t, err)
		}
		sum += n
	}
	return float64(sum) / 1e9, nil
}

// childrenOf lists the processes below a process, the nearest first.
func childrenOf(ctx context.Context, pid int) (children []int, err error) {
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil || ctx.Err() != nil {
		return nil, errors.Join(err, ctx.Err())
	}
	for _, l := range lists {
		text, err := os.ReadFile(l)
		if err != nil {
			continue // the thread ended meanwhile
		}
		for _, f := range strings.Fields(string(text)) {
			if n, err := strconv.Atoi(f); err == nil {
				children = append(children, n)
			}
		}
	}
	return children, nil
}
