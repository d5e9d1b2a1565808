package cgroup

import (
	"encoding/binary"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// MemoryEvents count how often the kernel found a group short of memory: Low when it
// reclaimed, Medium when it swapped or dropped what was in use, Critical when it was
// about to run out. They count since the group was made or reopened.
type MemoryEvents struct{ Low, Medium, Critical uint64 }

// levels are v1's names, in the order of MemoryEvents.
var levels = [3]string{"low", "medium", "critical"}

// memoryEvents are three eventfds, which keep the count until they are read.
type memoryEvents struct {
	fds   [3]int
	total [3]uint64
}

// countMemoryEvents starts counting, on v1 if the tree's options ask for it: it costs
// three descriptors for each group. v2 has no such levels; its pressure files say
// more.
func (g *Group) countMemoryEvents() error {
	if !g.tree.opts.MemoryEvents || g.hier("memory") < 0 || g.hasV2("memory") || g.below() {
		return nil
	}
	e := &memoryEvents{fds: [3]int{-1, -1, -1}}
	f, err := os.Open(g.path("memory", "memory.pressure_level"))
	if err != nil {
		return fmt.Errorf("cgroup: %w", err)
	}
	defer f.Close()
	for i, level := range levels {
		if e.fds[i], err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
			e.close()
			return fmt.Errorf("cgroup: eventfd: %w", err)
		}
		if err := write(g.path("memory", "cgroup.event_control"), fmt.Sprintf("%d %d %s", e.fds[i], f.Fd(), level)); err != nil {
			e.close()
			return err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mu.events = e
	return nil
}

// readMemoryEventsLocked returns the counts; nil if nothing is counted.
func (g *Group) readMemoryEventsLocked() *MemoryEvents {
	e := g.mu.events
	if e == nil {
		return nil
	}
	for i, fd := range e.fds {
		var b [8]byte
		if n, err := unix.Read(fd, b[:]); err == nil && n == len(b) {
			e.total[i] += binary.NativeEndian.Uint64(b[:])
		}
	}
	return &MemoryEvents{Low: e.total[0], Medium: e.total[1], Critical: e.total[2]}
}

func (e *memoryEvents) close() {
	for _, fd := range e.fds {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
