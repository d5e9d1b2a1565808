package fetch

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/agent/sandbox"
)

// becomeForFiles makes the calling thread access files as owner. It uses raw calls
// as the wrappers change every thread of the process.
func becomeForFiles(owner sandbox.Owner) error {
	var first *uint32
	if len(owner.Groups) > 0 {
		first = &owner.Groups[0]
	}
	_, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(owner.Groups)), uintptr(unsafe.Pointer(first)), 0)
	if errno != 0 {
		return fmt.Errorf("take on the groups of uid %d: %w", owner.UID, errno)
	}
	for call, id := range map[uintptr]uint32{unix.SYS_SETFSGID: owner.GID, unix.SYS_SETFSUID: owner.UID} {
		unix.RawSyscall(call, uintptr(id), 0, 0)
		// The calls tell no error; asking again tells whether the first worked.
		if now, _, _ := unix.RawSyscall(call, uintptr(id), 0, 0); uint32(now) != id {
			return fmt.Errorf("take on the rights of uid %d gid %d for files: not permitted", owner.UID, owner.GID)
		}
	}
	return nil
}
