package launch

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// conceal keeps other processes away from /proc/PID/exe, mem and fd of this one, and
// of its children until they have executed their programs: those share our memory,
// and some of them are in namespaces of a task by then. A task that got hold of the
// program through /proc/PID/exe could overwrite it on the host's disk as soon as no
// agent runs. With the memory not dumpable it takes CAP_SYS_PTRACE, which no task has,
// whatever other rights it may have. The price is that a crash leaves no core file; a
// copy of the program in sealed memory would cost tens of megabytes instead.
//
// For a user who is not root it would lock out the process itself from files below
// /proc, so there it is left out: all is run as the same user anyway.
var conceal = sync.OnceFunc(func() {
	if os.Geteuid() == 0 {
		// It fails for invalid arguments only.
		_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	}
})
