package reap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Notes are what reapers have noted in a directory, as an agent reads it.
type Notes struct {
	dir string

	mu sync.Mutex
	// known maps processes to wait statuses; guarded by mu.
	known map[process]int
	// read is how much of each file was taken in; guarded by mu.
	read map[string]int64
	// over are the files of reapers that have ended; guarded by mu.
	over []string
}

type process struct {
	pid   int
	ticks uint64
}

// Open reads what is there. Files of before the machine was started last are removed.
func Open(dir string) (*Notes, error) {
	n := &Notes{dir: dir, known: map[process]int{}, read: map[string]int64{}}
	n.mu.Lock()
	defer n.mu.Unlock()
	names, err := filepath.Glob(filepath.Join(dir, "*-*"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if !strings.HasPrefix(filepath.Base(name), bootID()+"-") {
			err = errors.Join(err, os.Remove(name))
			continue
		}
		n.read[name] = 0
		if !inUse(name) {
			n.over = append(n.over, name)
		}
	}
	n.takeInLocked()
	return n, err
}

// inUse reports whether the reaper that writes the file lives.
func inUse(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) != nil
}

// Status is the wait status of a process that has ended, if a reaper noted it. It is a launch.ExitLookup.
func (n *Notes) Status(pid int, startTicks uint64) (waitStatus int, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := process{pid, startTicks}
	if waitStatus, ok = n.known[p]; !ok {
		n.takeInLocked()
		waitStatus, ok = n.known[p]
	}
	return waitStatus, ok
}

// takeInLocked reads what was noted since.
func (n *Notes) takeInLocked() {
	for name, offset := range n.read {
		f, err := os.Open(name)
		if err != nil {
			continue // removed, and read before
		}
		text, _ := io.ReadAll(io.NewSectionReader(f, offset, mostNoted))
		f.Close()
		// A line is written at once; one that is not whole is on a disk that is full.
		text = text[:bytes.LastIndexByte(text, '\n')+1]
		for line := range strings.Lines(string(text)) {
			var p process
			var status int
			if _, err := fmt.Sscanf(line, "%d %d %d", &p.pid, &p.ticks, &status); err == nil {
				n.known[p] = status
			}
		}
		n.read[name] = offset + int64(len(text))
	}
}

// Settled says that what was noted before this agent was started has taken effect and is on
// disk: files that nobody writes to any more are removed.
func (n *Notes) Settled() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var faults []error
	for _, name := range n.over {
		faults = append(faults, os.Remove(name))
		delete(n.read, name)
	}
	n.over = nil
	return errors.Join(faults...)
}

func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "boot"
	}
	return strings.TrimSpace(string(b))
}
