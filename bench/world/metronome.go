package world

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Metronome is the clock of an open loop: it tells when calls are due, to within the kernel's
// timers. Sleeps of Go's runtime end up to a millisecond late when nothing else
// runs, for that is the unit in which it waits for its sockets; calls that leave late
// and in bunches would count against who answers them.
type Metronome struct {
	file     *os.File
	interval time.Duration
	next     time.Time
	due      uint64 // passed and not yet told
	buf      [8]byte
}

// NewMetronome starts a clock that strikes every interval, the first time one from now.
func NewMetronome(interval time.Duration) (*Metronome, error) {
	if interval <= 0 {
		return nil, fmt.Errorf("got an interval of %v between calls, want more than 0", interval)
	}
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("timerfd_create: %w", err)
	}
	m := &Metronome{file: os.NewFile(uintptr(fd), "timerfd"), interval: interval, next: time.Now()}
	every := unix.NsecToTimespec(interval.Nanoseconds())
	if err := unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Interval: every, Value: every}, nil); err != nil {
		_ = m.file.Close()
		return nil, fmt.Errorf("timerfd_settime: %w", err)
	}
	return m, nil
}

// Wait returns when the next call is due, with the time at which it is or was. None
// is left out: those that passed unnoticed are told one after the other, at once.
func (m *Metronome) Wait() (time.Time, error) {
	if m.due == 0 {
		if _, err := m.file.Read(m.buf[:]); err != nil {
			return time.Time{}, fmt.Errorf("wait for the next call to be due: %w", err)
		}
		m.due = binary.NativeEndian.Uint64(m.buf[:])
	}
	m.due--
	m.next = m.next.Add(m.interval)
	return m.next, nil
}

// Close stops the clock.
func (m *Metronome) Close() error { return m.file.Close() }
