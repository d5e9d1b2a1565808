package launch

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// pollNow returns the poll events of fd at this moment.
func pollNow(fd int) int16 {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 0)
		if err == unix.EINTR {
			continue
		}
		if n <= 0 {
			return 0
		}
		return fds[0].Revents
	}
}

// siginfo is the part of siginfo_t that waitid fills for SIGCHLD on 64-bit Linux.
type siginfo struct {
	signo, errno, code, _ int32
	pid                   int32
	uid                   uint32
	status                int32
	_                     [100]byte
}

// waitChild reaps a dead child; false if it is not ours or not dead.
func waitChild(pidFD int) (waitStatus int, ok bool) {
	var info siginfo
	for {
		err := unix.Waitid(unix.P_PIDFD, pidFD, (*unix.Siginfo)(unsafe.Pointer(&info)), unix.WEXITED|unix.WNOHANG, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || info.signo == 0 {
			return 0, false
		}
		return rawStatus(info.code, info.status), true
	}
}

// AwaitChild waits until any child of this process is dead and returns it with its wait status. It is not
// reaped: until the caller does that its pid is not another's. unix.ECHILD if there are no children.
func AwaitChild() (pid, waitStatus int, err error) {
	var info siginfo
	for {
		err := unix.Waitid(unix.P_ALL, 0, (*unix.Siginfo)(unsafe.Pointer(&info)), unix.WEXITED|unix.WNOWAIT, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, 0, err
		}
		return int(info.pid), rawStatus(info.code, info.status), nil
	}
}

// rawStatus builds wait(2)'s status from waitid's two numbers.
func rawStatus(code, status int32) int {
	const cldExited, cldDumped = 1, 3
	switch code {
	case cldExited:
		return int(status&0xff) << 8
	case cldDumped:
		return int(status&0x7f) | 0x80
	}
	return int(status & 0x7f)
}

// exitInfo asks the kernel (6.15 and later) for the status of a process that
// its parent has reaped. With later it can answer, but not before that.
func exitInfo(pidFD int) (waitStatus int, ok, later bool) {
	info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
	if err := unix.IoctlPidfdInfo(pidFD, &info); err != nil {
		return 0, false, false
	}
	ok = info.Mask&unix.PIDFD_INFO_EXIT != 0
	return int(info.Exit_code), ok, !ok
}

// CgroupID returns the id of the v2 cgroup that the process is in, where the
// kernel (6.13 and later) tells it.
func (p *Process) CgroupID() (id uint64, ok bool) {
	if p.pidFD == nil {
		return 0, false
	}
	conn, err := p.pidFD.SyscallConn()
	if err != nil {
		return 0, false
	}
	conn.Control(func(fd uintptr) {
		info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_CGROUPID}
		err := unix.IoctlPidfdInfo(int(fd), &info)
		id, ok = info.Cgroupid, err == nil && info.Mask&unix.PIDFD_INFO_CGROUPID != 0
	})
	return id, ok
}
