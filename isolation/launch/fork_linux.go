package launch

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// cloneArgs is struct clone_args of clone3, its first 88 bytes.
type cloneArgs struct {
	flags, pidFD, childTID, parentTID, exitSignal, stack, stackSize, tls uint64
	setTID, setTIDSize, cgroup                                           uint64
}

// op is one system call of the child. All pointers among the arguments point
// into memory that the plan keeps alive.
type op struct {
	nr uintptr
	a  [6]uintptr
	// mayFail lets the child go on; the result is not looked at.
	mayFail bool
	// store keeps the result in that register (1…); load replaces argument
	// loadArg by it. Zero means none. Registers carry descriptors from a call
	// that opens to those that use what was opened.
	store, load, loadArg uint8
}

// verdict is where the child says how far it came. It lies in memory that both
// share until execve.
type verdict struct {
	failedOp int32 // index into the plan, -1 while nothing has failed
	errno    int32
}

func rawVforkClone3(args, size uintptr) (pid, errno uintptr)

//go:linkname runtimeBeforeFork syscall.runtime_BeforeFork
func runtimeBeforeFork()

//go:linkname runtimeAfterFork syscall.runtime_AfterFork
func runtimeAfterFork()

//go:linkname runtimeAfterForkInChild syscall.runtime_AfterForkInChild
func runtimeAfterForkInChild()

// fork clones the process; the child runs ops and does not come back. The
// parent resumes when the child has executed another program or is gone.
//
//go:noinline
//go:norace
func fork(args *cloneArgs, ops []op, regs *[8]uintptr, v *verdict) (pid uintptr, errno syscall.Errno) {
	// The same lock that os/exec and os.Pipe use: no descriptor exists without
	// its close-on-exec flag while somebody forks.
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	runtimeBeforeFork()
	p, e := forkRun(args, &ops[0], len(ops), regs, v)
	runtimeAfterFork()
	return p, syscall.Errno(e)
}

// forkRun returns in the parent only, and at once: the child, running in the same
// frame, may have overwritten any variable of it.
//
//go:noinline
//go:norace
//go:nosplit
func forkRun(args *cloneArgs, first *op, n int, regs *[8]uintptr, v *verdict) (pid, errno uintptr) {
	pid, errno = rawVforkClone3(uintptr(unsafe.Pointer(args)), unsafe.Sizeof(*args))
	if errno != 0 || pid != 0 {
		return pid, errno
	}
	runtimeAfterForkInChild()
	for i := 0; i < n; i++ {
		o := (*op)(unsafe.Add(unsafe.Pointer(first), uintptr(i)*unsafe.Sizeof(op{})))
		a0, a1, a2 := o.a[0], o.a[1], o.a[2]
		if o.load != 0 {
			switch o.loadArg {
			case 0:
				a0 = regs[o.load&7]
			case 1:
				a1 = regs[o.load&7]
			case 2:
				a2 = regs[o.load&7]
			}
		}
		r, _, e := syscall.RawSyscall6(o.nr, a0, a1, a2, o.a[3], o.a[4], o.a[5])
		if e != 0 && !o.mayFail {
			v.failedOp, v.errno = int32(i), int32(e)
			break
		}
		if o.store != 0 {
			regs[o.store&7] = r
		}
	}
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 127, 0, 0)
	}
}
