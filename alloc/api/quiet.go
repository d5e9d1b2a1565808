package api

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// job is work for the thread that gives way.
type job struct {
	run   func()
	ended chan<- struct{}
}

// quietly does jobs on a thread of its own until the channel is closed. The thread ends
// with it, because its priority cannot be raised again without privileges.
func quietly(jobs <-chan job) {
	runtime.LockOSThread()
	giveWay()
	for j := range jobs {
		j.run()
		close(j.ended)
	}
}

const (
	// quietNice gives a tenth of what an ordinary thread gets where both want a core: enough that
	// reads end, and that a collection which must stop this thread does not wait for long.
	quietNice = 10
	// quietSlice is the longest that the kernel takes. A thread with a long slice is
	// preempted at once by those that wake up with shorter ones, as every step of a call
	// does (since Linux 6.12; older ones do not look at it).
	quietSlice = 100 * time.Millisecond
)

// giveWay lets other threads run before the calling one. Where the kernel refuses, reads
// are as urgent as calls.
func giveWay() {
	attr := &unix.SchedAttr{Policy: unix.SCHED_BATCH, Nice: quietNice, Runtime: uint64(quietSlice)}
	if unix.SchedSetAttr(0, attr, 0) != nil {
		_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), quietNice)
	}
}
