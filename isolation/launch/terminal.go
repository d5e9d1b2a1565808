package launch

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Terminal is a pseudo terminal. What is written to Master the program reads as
// typed, and what it prints comes out of Master; Slave becomes its descriptors 0,
// 1 and 2, with Spec.Terminal, and is closed here after the launch.
type Terminal struct{ Master, Slave *os.File }

// KeepFD is the descriptor under which a process holds Spec.Keep: above those that
// programs and shells use for themselves, below any limit.
const KeepFD = 199

// OpenTerminal makes a terminal of that many rows and columns; 0 is unknown. Its
// slave belongs to uid, or to the caller if uid is negative.
func OpenTerminal(rows, columns uint32, uid int) (*Terminal, error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("launch: open terminal: %w", err)
	}
	master := os.NewFile(uintptr(fd), "terminal")
	slave, err := openSlave(fd, uid)
	if err == nil {
		err = SetWindow(master, rows, columns)
	}
	if err != nil {
		master.Close()
		if slave != nil {
			slave.Close()
		}
		return nil, fmt.Errorf("launch: open terminal: %w", err)
	}
	return &Terminal{Master: master, Slave: slave}, nil
}

// openSlave opens the other end by the master, so that it is the right one in any
// mount namespace.
func openSlave(master, uid int) (*os.File, error) {
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		return nil, fmt.Errorf("unlock: %w", err)
	}
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCGPTPEER,
		unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		return nil, fmt.Errorf("open slave: %w", errno)
	}
	slave := os.NewFile(fd, "slave of a terminal")
	if uid >= 0 {
		if err := unix.Fchown(int(fd), uid, -1); err != nil {
			return slave, fmt.Errorf("give slave to user %d: %w", uid, err)
		}
	}
	return slave, nil
}

// SetWindow tells the programs on a terminal its size, with SIGWINCH if it changed.
func SetWindow(master *os.File, rows, columns uint32) error {
	if rows > 0xffff || columns > 0xffff {
		return fmt.Errorf("window of %d rows and %d columns, want at most 65535 of each", rows, columns)
	}
	size := &unix.Winsize{Row: uint16(rows), Col: uint16(columns)}
	return control(master, func(fd int) error { return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, size) })
}

// KeptTerminal returns the master end that a process was given to keep by an
// earlier agent. It fails if the process has closed it, or if this one has not the
// right to look into that one.
func KeptTerminal(pid int, startTicks uint64) (*os.File, error) {
	pidFD, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("launch: terminal of process %d: %w", pid, err)
	}
	defer unix.Close(pidFD)
	if now, err := StartTicks(pid); err != nil || now != startTicks {
		return nil, fmt.Errorf("launch: terminal of process %d: %w", pid, os.ErrProcessDone)
	}
	fd, err := unix.PidfdGetfd(pidFD, KeepFD, 0)
	if err != nil {
		return nil, fmt.Errorf("launch: terminal of process %d: %w", pid, err)
	}
	if _, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("launch: descriptor %d of process %d is not the terminal that it was given: %w", KeepFD, pid, err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("launch: terminal of process %d: %w", pid, err)
	}
	return os.NewFile(uintptr(fd), "terminal of process "+strconv.Itoa(pid)), nil
}

// control runs fn with the descriptor of f and leaves its mode as it is, which
// File.Fd would not.
func control(f *os.File, fn func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if err := conn.Control(func(fd uintptr) { result = fn(int(fd)) }); err != nil {
		return err
	}
	return result
}

// addTerminal makes descriptor 0 the terminal of the new session.
func (b *planner) addTerminal(s *Spec) {
	if s.Terminal {
		b.add("take the terminal", op{nr: unix.SYS_IOCTL, a: [6]uintptr{0, unix.TIOCSCTTY, 0}})
	}
}

// addKept puts Spec.Keep where KeptTerminal looks for it.
func (b *planner) addKept(s *Spec) error {
	if s.Keep == nil {
		return nil
	}
	src := -1
	err := control(s.Keep, func(fd int) (err error) {
		src, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, KeepFD+1)
		return err
	})
	if err != nil {
		return fmt.Errorf("launch: duplicate %s: %w", s.Keep.Name(), err)
	}
	b.opened = append(b.opened, src)
	b.add("keep "+s.Keep.Name(), op{nr: unix.SYS_DUP3, a: [6]uintptr{uintptr(src), KeepFD}})
	return nil
}

// addCloseRange has execve close all descriptors but the first n and the kept one.
func (b *planner) addCloseRange(s *Spec, n int) {
	first := uintptr(n)
	if s.Keep != nil {
		b.add("close descriptors", op{nr: unix.SYS_CLOSE_RANGE, a: [6]uintptr{first, KeepFD - 1, unix.CLOSE_RANGE_CLOEXEC}})
		first = KeepFD + 1
	}
	b.add("close descriptors", op{nr: unix.SYS_CLOSE_RANGE,
		a: [6]uintptr{first, uintptr(^uint32(0)), unix.CLOSE_RANGE_CLOEXEC}})
}
