package launch

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

const allSeals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE

// Seal makes the running program a copy of itself that nobody can write to: it
// copies the executable into a memory file, seals that, and executes it in
// place, with the same arguments and environment. On the way back in, sealed, it
// returns nil.
//
// A process that gets hold of /proc/PID/exe of an agent (a container image whose
// entry point is a link to /proc/self/exe is enough) could otherwise overwrite
// the program on the host's disk as soon as no agent runs. Call it first thing in
// main, before anything is open or started. It costs one copy of the executable
// in memory and some 20 ms; os.Executable no longer names the file afterwards.
func Seal() error {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("launch: seal: %w", err)
	}
	defer self.Close()
	name := filepath.Base(os.Args[0])
	if Sealed(self) {
		// execve named us after the descriptor.
		return os.WriteFile("/proc/self/comm", []byte(name), 0)
	}
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return fmt.Errorf("launch: seal: memfd_create: %w", err)
	}
	copied := os.NewFile(uintptr(fd), "sealed copy")
	defer copied.Close()
	if _, err := io.Copy(copied, self); err != nil {
		return fmt.Errorf("launch: seal: copy: %w", err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, allSeals); err != nil {
		return fmt.Errorf("launch: seal: %w", err)
	}
	err = syscall.Exec(fmt.Sprintf("/proc/self/fd/%d", fd), os.Args, os.Environ())
	return fmt.Errorf("launch: seal: execute the sealed copy: %w", err)
}

// Sealed reports whether f is a memory file that cannot change any more.
func Sealed(f *os.File) bool {
	seals, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
	return err == nil && seals&allSeals == allSeals
}
