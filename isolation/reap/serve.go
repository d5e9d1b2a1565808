package reap

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/isolation/launch"
)

// mostNoted bounds the file of one reaper, in bytes. What ends after that has no known status.
const mostNoted = 16 << 20

// Serve is the reaper: it starts this command line as the agent and returns when the agent and all
// that the agent left to it have ended. dir is where ends are noted.
func Serve(dir string) error {
	// The parent-death signal of the agent follows this thread.
	runtime.LockOSThread()
	signal.Ignore(passed...)
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become the one to whom orphans go: %w", err)
	}
	notes, err := createNotes(dir)
	if err != nil {
		return err
	}
	defer notes.Close()
	agent, err := startAgent()
	if err != nil {
		return err
	}
	w := &ward{pid: agent, report: os.NewFile(reportFD, "report")}
	fmt.Fprintf(w.report, "started %d\n", agent)
	go w.endWithFront()
	debug.FreeOSMemory()
	return w.reapAll(notes)
}

// createNotes makes the file, which is locked as long as this process lives.
func createNotes(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	ticks, err := launch.StartTicks(os.Getpid())
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%s-%d-%d", bootID(), os.Getpid(), ticks)
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", f.Name(), err), f.Close())
	}
	return f, nil
}

// startAgent starts the agent with the standard descriptors of this process, which gives them up: whoever
// reads the agent's output sees its end.
func startAgent() (pid int, err error) {
	for _, fd := range []int{frontFD, reportFD} {
		unix.CloseOnExec(fd)
	}
	env := append(os.Environ(), roleVariable+"="+string(Agent))
	pid, err = syscall.ForkExec("/proc/self/exe", os.Args, &syscall.ProcAttr{
		Env: env, Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return 0, fmt.Errorf("start the agent: %w", err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return pid, err
	}
	defer null.Close()
	for fd := range 3 {
		err = errors.Join(err, unix.Dup3(int(null.Fd()), fd, 0))
	}
	return pid, err
}

// ward is the agent, as the reaper sees it.
type ward struct {
	pid    int
	report *os.File

	mu   sync.Mutex
	over bool // guarded by mu; it was waited for, and its pid may be another's
}

// endWithFront kills the agent when the front has died before it.
func (w *ward) endWithFront() {
	_, _ = os.NewFile(frontFD, "front").Read(make([]byte, 1))
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.over {
		_ = syscall.Kill(w.pid, syscall.SIGKILL)
	}
}

// ended reports the agent's end.
func (w *ward) ended(status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	reap(w.pid)
	fmt.Fprintf(w.report, "ended %d\n", status)
	_ = w.report.Close()
}

func reap(pid int) { _, _ = unix.Wait4(pid, nil, 0, nil) }

// reapAll waits for all children that there are and will be, the agent and those that it leaves.
func (w *ward) reapAll(notes *os.File) error {
	size := 0
	for {
		pid, status, err := launch.AwaitChild()
		switch {
		case errors.Is(err, unix.ECHILD):
			return nil
		case err != nil:
			return fmt.Errorf("wait for children: %w", err)
		case pid == w.pid && !w.over:
			w.ended(status)
			continue
		}
		if ticks, err := launch.StartTicks(pid); err == nil && size < mostNoted {
			n, err := notes.WriteString(strconv.Itoa(pid) + " " + strconv.FormatUint(ticks, 10) + " " + strconv.Itoa(status) + "\n")
			if size += n; err != nil {
				size = mostNoted // a disk that is full: what ends now is unknown, as without a reaper
			}
		}
		reap(pid)
	}
}
