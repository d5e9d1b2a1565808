package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// An agent shares its node with the tasks that people pay for, so it gives back
// what starting up has touched. Two things are worth it: heap that start-up needed
// once, and pages of the program itself. The kernel maps 64 KiB around every
// page that is executed or read first; of 28 MiB mapped after start an idle agent needs
// a fifth, and what it touches now and then adds up again within seconds. Unmapping
// them is safe and cheap: they are read-only pages of a file, and one that is needed
// again is mapped from the page cache in a microsecond.
const (
	trimAfterStart = time.Second
	trimInterval   = 5 * time.Second
	// trimAbove is how much of the program may be mapped before it is dropped again;
	// asking how much it is costs microseconds, dropping it a millisecond.
	trimAbove = 15 << 20
	// gcPercent keeps the agent's heap close to what lives on it. Its garbage
	// is little, so collecting it more often costs next to nothing.
	gcPercent = 50
)

// trimWhileIdle runs until ctx ends; ready is when the agent has started.
func trimWhileIdle(ctx context.Context, ready <-chan struct{}) {
	debug.SetGCPercent(gcPercent)
	select {
	case <-ready:
	case <-ctx.Done():
		return
	}
	wait := trimAfterStart
	for {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		if wait == trimAfterStart {
			debug.FreeOSMemory()
		}
		if mappedBytes() > trimAbove {
			unmapProgram()
		}
		wait = trimInterval
	}
}

// mappedBytes is how much memory of this process is pages of files.
func mappedBytes() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text)) // size, resident, shared, …
	if len(fields) < 3 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// unmapProgram drops the unwritten read-only mappings of the program from this
// process. What cannot be dropped stays; nothing depends on it.
func unmapProgram() {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	smaps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer smaps.Close()
	for _, m := range droppable(smaps, self) {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, unix.MADV_DONTNEED)
	}
}

// mapping is a range of addresses.
type mapping struct{ from, to uintptr }

// droppable lists the mappings of file in smaps whose pages are all still the
// file's (which is "… (deleted)" once another version has taken its place): not writable now, and no page written earlier and kept in memory or
// swap, as the dynamic linker does before it makes its tables read-only.
func droppable(smaps io.Reader, file string) []mapping {
	var found []mapping
	var current mapping
	candidate := false
	lines := bufio.NewScanner(smaps)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) >= 5 && strings.Contains(fields[0], "-"):
			current, candidate = parseRange(fields[0])
			candidate = candidate && len(fields) > 5 && strings.Join(fields[5:], " ") == file && !strings.Contains(fields[1], "w")
		case len(fields) == 3 && (fields[0] == "Anonymous:" || fields[0] == "Swap:"):
			candidate = candidate && fields[1] == "0"
		case candidate && fields[0] == "VmFlags:": // ends the entry
			found = append(found, current)
		}
	}
	return found
}

func parseRange(text string) (mapping, bool) {
	low, high, _ := strings.Cut(text, "-")
	a, errA := strconv.ParseUint(low, 16, 64)
	b, errB := strconv.ParseUint(high, 16, 64)
	return mapping{uintptr(a), uintptr(b)}, errA == nil && errB == nil && a < b
}
