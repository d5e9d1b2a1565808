package launch

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ExitStatus is how a process ended.
type ExitStatus struct {
	// WaitStatus is the raw status of wait(2), what Mesos calls exit_status:
	// 1792 is exit(7), 9 is killed by SIGKILL.
	WaitStatus int
	// Known is false if the process is gone and nobody recorded its status.
	Known bool
}

// String reads "exited with status 7", "terminated by signal killed".
func (s ExitStatus) String() string {
	w := syscall.WaitStatus(s.WaitStatus)
	switch {
	case !s.Known:
		return "ended with unknown status"
	case w.Signaled() && w.CoreDump():
		return "terminated by signal " + w.Signal().String() + " (core dumped)"
	case w.Signaled():
		return "terminated by signal " + w.Signal().String()
	}
	return "exited with status " + strconv.Itoa(w.ExitStatus())
}

// ExitLookup finds the recorded exit of a process that is gone or dying; nil
// and a false result both mean unknown.
type ExitLookup func(pid int, startTicks uint64) (waitStatus int, ok bool)

// Process is a handle to one process, whether our child or not. Pid and start
// time together name it for good; both are worth a checkpoint.
type Process struct {
	pid        int
	startTicks uint64
	pidFD      *os.File // nil if the process was already gone when adopted
	lookup     ExitLookup
	exited     chan ExitStatus

	mu struct {
		sync.Mutex
		status ExitStatus
		done   bool
	}
}

// reapWait bounds how long a dead process that is not ours may stay unreaped by
// its parent before its status counts as unknown.
const reapWait = 5 * time.Second

// Start launches s into g. Of an error of type *Error nothing remains; the
// caller may destroy the groups at once.
func Start(s *Spec, g Groups) (*Process, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	conceal()
	p, err := newPlan(s, g)
	if err != nil {
		return nil, err
	}
	defer p.release()
	pid, fd, err := p.run()
	if err != nil {
		return nil, err
	}
	// Ours and not yet waited for, so the pid cannot have been recycled.
	ticks, err := StartTicks(pid)
	if err != nil {
		unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
		unix.Close(fd)
		return nil, err
	}
	return newProcess(pid, ticks, fd, nil)
}

// Adopt returns a handle to the process that had this pid and start time. If it
// is gone, or the pid now belongs to another process, the handle says so
// through Exited, with the status that lookup knows.
func Adopt(pid int, startTicks uint64, lookup ExitLookup) (*Process, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err == nil {
		var now uint64
		if now, err = StartTicks(pid); err == nil && now == startTicks {
			return newProcess(pid, startTicks, fd, lookup)
		}
		unix.Close(fd)
	}
	if err != nil && !errors.Is(err, unix.ESRCH) && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINVAL) {
		return nil, fmt.Errorf("launch: adopt process %d: %w", pid, err)
	}
	p := &Process{pid: pid, startTicks: startTicks, lookup: lookup, exited: make(chan ExitStatus, 1)}
	p.finish(p.recorded())
	return p, nil
}

func newProcess(pid int, ticks uint64, fd int, lookup ExitLookup) (*Process, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("launch: pidfd of %d: %w", pid, err)
	}
	p := &Process{pid: pid, startTicks: ticks, lookup: lookup, exited: make(chan ExitStatus, 1),
		pidFD: os.NewFile(uintptr(fd), "pidfd:"+strconv.Itoa(pid))}
	go p.watch()
	return p, nil
}

// Pid of the process in our pid namespace.
func (p *Process) Pid() int { return p.pid }

// StartTicks is when the process started, in clock ticks since boot (field 22
// of /proc/PID/stat).
func (p *Process) StartTicks() uint64 { return p.startTicks }

// Exited delivers the status once and is closed then.
func (p *Process) Exited() <-chan ExitStatus { return p.exited }

// Status returns the exit status; false while the process runs.
func (p *Process) Status() (ExitStatus, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.status, p.mu.done
}

// Signal sends sig to the process itself (not its group); os.ErrProcessDone if
// it is gone. It cannot hit another process.
func (p *Process) Signal(sig syscall.Signal) error {
	if p.pidFD == nil {
		return os.ErrProcessDone
	}
	conn, err := p.pidFD.SyscallConn()
	if err != nil {
		return os.ErrProcessDone
	}
	var sent error
	if err := conn.Control(func(fd uintptr) { sent = unix.PidfdSendSignal(int(fd), sig, nil, 0) }); err != nil {
		return os.ErrProcessDone
	}
	if errors.Is(sent, unix.ESRCH) {
		return os.ErrProcessDone
	}
	return sent
}

// Close lets go of the process without touching it: it runs on, and Exited
// stays silent. Needed only for processes that have not exited.
func (p *Process) Close() error {
	if p.pidFD == nil {
		return nil
	}
	err := p.pidFD.Close()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

func (p *Process) finish(s ExitStatus) {
	p.mu.Lock()
	p.mu.status, p.mu.done = s, true
	p.mu.Unlock()
	p.exited <- s
	close(p.exited)
}

func (p *Process) recorded() ExitStatus {
	if p.lookup != nil {
		if status, ok := p.lookup(p.pid, p.startTicks); ok {
			return ExitStatus{WaitStatus: status, Known: true}
		}
	}
	return ExitStatus{}
}

// watch waits for the pidfd to become readable (dead) and, where the status can
// be had only then, for it to hang up (reaped).
func (p *Process) watch() {
	conn, err := p.pidFD.SyscallConn()
	if err != nil {
		return
	}
	var status ExitStatus
	dead := false
	err = conn.Read(func(fd uintptr) bool {
		revents := pollNow(int(fd))
		if revents == 0 {
			return false
		}
		if !dead {
			dead = true
			p.pidFD.SetReadDeadline(time.Now().Add(reapWait))
		}
		var later bool
		status, later = p.statusOf(int(fd))
		return !later || revents&unix.POLLHUP != 0
	})
	if err != nil && !dead {
		return // closed: the process runs on, unwatched
	}
	p.finish(status)
	p.pidFD.Close()
}

// statusOf asks all sources for the status of a dead process; later says that it
// is unknown but may be had once its parent has reaped it.
func (p *Process) statusOf(pidFD int) (s ExitStatus, later bool) {
	if status, ok := waitChild(pidFD); ok {
		return ExitStatus{WaitStatus: status, Known: true}, false
	}
	if s := p.recorded(); s.Known {
		return s, false
	}
	status, ok, later := exitInfo(pidFD)
	if ok {
		return ExitStatus{WaitStatus: status, Known: true}, false
	}
	return ExitStatus{}, later
}

// StartTicks reads when a process started, in clock ticks since boot.
func StartTicks(pid int) (uint64, error) {
	path := "/proc/" + strconv.Itoa(pid) + "/stat"
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("launch: %w", err)
	}
	// The command name may hold anything, ")" included: cut after the last one.
	// The first field after it is the third of the line.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 20 {
		return 0, fmt.Errorf("launch: %s: got %d fields after the name, want 20", path, len(fields))
	}
	return strconv.ParseUint(string(fields[19]), 10, 64)
}
