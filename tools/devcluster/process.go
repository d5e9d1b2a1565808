package devcluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/caprock/caprock/wire/announce"
)

// process is one supervised child: restarted with the same arguments whenever
// it ends without having been told to.
type process struct {
	name   string
	binary string
	log    io.Writer
	// onOrphan is the signal the child gets if this process dies.
	onOrphan syscall.Signal
	// pause is the wait before the first restart of a child that ended soon.
	pause time.Duration

	mu struct {
		sync.Mutex
		args     []string
		cmd      *exec.Cmd // nil while not running
		address  string    // from the "listening:" line; kept over restarts
		stopping bool
		killed   bool // on purpose; says nothing about the child
	}
	listening chan struct{} // closed when address is known
	stopped   chan struct{} // closed when stop was asked for
	ended     chan struct{} // closed when the supervisor has given up or was stopped
	failure   error         // set before ended is closed
}

const (
	// quickEnd after its start a child that ends did not fail by chance: the next start
	// waits longer.
	quickEnd     = 2 * time.Second
	restartPause = 200 * time.Millisecond
	maxPause     = 10 * time.Second
)

func newProcess(name, binary string, args []string, log io.Writer, onOrphan syscall.Signal) *process {
	p := &process{name: name, binary: binary, log: log, onOrphan: onOrphan, pause: restartPause,
		listening: make(chan struct{}), stopped: make(chan struct{}), ended: make(chan struct{})}
	p.mu.args = args
	return p
}

// supervise runs the child until stop. A child that has never served is given up: what its
// start lacks now it lacks the next time too, and whoever started it is there to be told. One
// that has served is always started again, after pauses that grow while it ends quickly. The
// goroutine stays on one thread, because the parent-death signal follows the thread that
// started the child, not the process.
func (p *process) supervise() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.ended)
	quick := 0
	for {
		started := time.Now()
		words, err := p.runOnce()
		p.mu.Lock()
		stopping, killed := p.mu.stopping, p.mu.killed
		p.mu.killed = false
		p.mu.Unlock()
		switch {
		case stopping:
			return
		case killed:
		case p.url() == "":
			p.failure = fmt.Errorf("%s did not start (%w): %s", p.name, err, words)
			return
		case time.Since(started) < quickEnd:
			quick++
		default:
			quick = 0
		}
		pause := pauseAfter(quick, p.pause)
		fmt.Fprintf(p.log, "%s ended (%v); starting it again in %v\n", p.name, err, pause)
		select {
		case <-time.After(pause):
		case <-p.stopped:
			return
		}
	}
}

// pauseAfter so many quick ends in a row doubles with each from the second on, up to maxPause.
func pauseAfter(quick int, first time.Duration) time.Duration {
	pause := first
	for ; quick > 1 && pause < maxPause; quick-- {
		pause *= 2
	}
	return min(pause, maxPause)
}

// runOnce starts the child and waits for its end. It returns the child's last words.
func (p *process) runOnce() (words string, err error) {
	p.mu.Lock()
	if p.mu.stopping {
		p.mu.Unlock()
		return "", nil
	}
	cmd := exec.Command(p.binary, p.mu.args...)
	var last announce.LastWords
	cmd.Stderr = io.MultiWriter(p.log, &last)
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		// A process group of its own keeps the terminal's Ctrl-C away from the
		// child: this supervisor decides the order in which things stop.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: p.onOrphan}
		err = cmd.Start()
	}
	if err != nil {
		p.mu.Unlock()
		return "", err
	}
	p.mu.cmd = cmd
	p.mu.Unlock()

	p.readLines(stdout)
	err = cmd.Wait()
	p.mu.Lock()
	p.mu.cmd = nil
	p.mu.Unlock()
	if err == nil {
		err = errors.New("exit status 0")
	}
	return last.String(), err
}

// readLines copies the child's output to the log and picks its address out.
func (p *process) readLines(r io.Reader) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		if address, ok := announce.URL(line); ok {
			p.learnAddress(address)
			continue
		}
		fmt.Fprintln(p.log, line)
	}
}

// learnAddress notes where the child serves, and pins that address for the
// next start, so that port 0 means the same port after a restart.
func (p *process) learnAddress(url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.address != "" {
		return
	}
	p.mu.address = url
	hostPort := strings.TrimPrefix(url, "http://")
	for i, arg := range p.mu.args {
		if strings.HasPrefix(arg, "--listen=") {
			p.mu.args = append([]string(nil), p.mu.args...)
			p.mu.args[i] = "--listen=" + hostPort
		}
	}
	close(p.listening)
}

func (p *process) url() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.address
}

// pid of the running child, or 0.
func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.cmd == nil || p.mu.cmd.Process == nil {
		return 0
	}
	return p.mu.cmd.Process.Pid
}

// signal reaches the running child; without one it is os.ErrProcessDone.
func (p *process) signal(sig os.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.cmd == nil {
		return os.ErrProcessDone
	}
	return p.mu.cmd.Process.Signal(sig)
}

// kill ends the child as a crash would; it is started again.
func (p *process) kill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.cmd == nil {
		return os.ErrProcessDone
	}
	p.mu.killed = true
	return p.mu.cmd.Process.Kill()
}

// stop asks the child to end with sig and waits; when ctx ends first, the
// child is killed.
func (p *process) stop(ctx context.Context, sig os.Signal) error {
	p.mu.Lock()
	if !p.mu.stopping {
		p.mu.stopping = true
		close(p.stopped)
	}
	p.mu.Unlock()
	p.signal(sig)
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		p.signal(syscall.SIGKILL)
		<-p.ended
		return fmt.Errorf("%s did not stop in time and was killed", p.name)
	}
}
