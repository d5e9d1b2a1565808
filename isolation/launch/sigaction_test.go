package launch

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func rtSigaction(sig syscall.Signal, new, old *sigaction) error {
	_, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(new)), uintptr(unsafe.Pointer(old)), 8, 0, 0)
	if e != 0 {
		return e
	}
	return nil
}
