package perf

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/wire/clock"
)

// Count is what was counted for one cgroup, by event. Clocks are in nanoseconds.
type Count struct {
	Began    time.Time
	Duration time.Duration
	Values   map[Event]uint64
}

// Check tries every event on the cgroup of a directory. An event that this machine does
// not count is an error which names it.
func Check(dir string, list []Event) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("perf: %w", err)
	}
	defer f.Close()
	for _, e := range list {
		c, err := open(e, f, 0)
		if err != nil {
			return fmt.Errorf("perf: this machine counts no %s for cgroups: %w", e.Name, err)
		}
		unix.Close(c)
	}
	return nil
}

// ErrTooMany says that not all cgroups of a sample could be counted.
var ErrTooMany = errors.New("a sample takes a descriptor for each event on each CPU in each cgroup, and there are not enough")

// Sample counts events for some time in the cgroups of directories. What is gone by then,
// or beyond limit descriptors (ErrTooMany), is not in the result.
func Sample(ctx context.Context, c clock.Clock, dirs []string, list []Event, length time.Duration, limit int) (map[string]Count, error) {
	cpus := runtime.NumCPU()
	began := c.Now()
	counters := map[string][]int{}
	defer func() {
		for _, fds := range counters {
			closeAll(fds)
		}
	}()
	var fault error
	opened := 0
	for _, dir := range dirs {
		if opened += cpus * len(list); opened > limit {
			fault = fmt.Errorf("perf: %d of %d cgroups are sampled with %d descriptors: %w", len(counters), len(dirs), limit, ErrTooMany)
			break
		}
		fds, err := openAll(dir, list, cpus)
		switch {
		case err == nil:
			counters[dir] = fds
		case !errors.Is(err, fs.ErrNotExist):
			fault = err
		}
	}
	timer := c.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C():
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	out := make(map[string]Count, len(counters))
	for dir, fds := range counters {
		count := Count{Began: began, Duration: c.Now().Sub(began), Values: map[Event]uint64{}}
		for i, fd := range fds {
			n, err := read(fd)
			if err != nil {
				fault = err
			}
			count.Values[list[i/cpus]] += n
		}
		out[dir] = count
	}
	return out, fault
}

// openAll opens events in order, each on all CPUs.
func openAll(dir string, list []Event, cpus int) (fds []int, err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("perf: %w", err)
	}
	defer f.Close()
	for _, e := range list {
		for cpu := range cpus {
			fd, err := open(e, f, cpu)
			if err != nil {
				closeAll(fds)
				return nil, fmt.Errorf("perf: %s in %s on CPU %d: %w", e.Name, dir, cpu, err)
			}
			fds = append(fds, fd)
		}
	}
	return fds, nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

func open(e Event, dir *os.File, cpu int) (int, error) {
	attr := unix.PerfEventAttr{Type: e.kind, Config: e.code, Read_format: unix.PERF_FORMAT_TOTAL_TIME_ENABLED | unix.PERF_FORMAT_TOTAL_TIME_RUNNING}
	attr.Size = unix.PERF_ATTR_SIZE_VER1
	return unix.PerfEventOpen(&attr, int(dir.Fd()), cpu, -1, unix.PERF_FLAG_PID_CGROUP|unix.PERF_FLAG_FD_CLOEXEC)
}

// read returns a counter, scaled to the time that it was meant to count.
func read(fd int) (uint64, error) {
	var b [24]byte
	if n, err := unix.Read(fd, b[:]); err != nil || n != len(b) {
		return 0, fmt.Errorf("perf: read a counter: got %d bytes, %w", n, err)
	}
	value, enabled, running := binary.NativeEndian.Uint64(b[0:]), binary.NativeEndian.Uint64(b[8:]), binary.NativeEndian.Uint64(b[16:])
	if running > 0 && running < enabled {
		value = uint64(float64(value) * float64(enabled) / float64(running))
	}
	return value, nil
}
