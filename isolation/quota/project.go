package quota

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Of returns the project that a file or directory belongs to, 0 for none.
func Of(file *os.File) (uint32, error) {
	var a attributes
	if err := control(file, getAttributes, &a); err != nil {
		return 0, fmt.Errorf("quota: project of %s: %w", file.Name(), err)
	}
	return a.project, nil
}

// Assign makes a directory and all that is below it part of a project, and so what
// will be made there. It follows no link and goes into no mount. The directory itself
// comes last: one that says it belongs to the project does so whole.
func Assign(dir *os.File, id uint32) error {
	if err := assignBelow(dir, id, 0); err != nil {
		return fmt.Errorf("quota: assign project %d to %s: %w", id, dir.Name(), err)
	}
	return nil
}

// maxDepth bounds the descriptors that are open at a time.
const maxDepth = 500

func assignBelow(dir *os.File, id uint32, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("directories are nested more than %d deep", maxDepth)
	}
	for {
		names, err := dir.Readdirnames(1024)
		for _, name := range names {
			if err := assignEntry(dir, name, id, depth); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return set(dir, id)
		}
		if err != nil {
			return err
		}
	}
}

// assignEntry takes files and directories; no other kind of file takes space that a
// quota would count.
func assignEntry(dir *os.File, name string, id uint32, depth int) error {
	var st unix.Stat_t
	if err := unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return ifThere(err)
	}
	kind := st.Mode & unix.S_IFMT
	if kind != unix.S_IFDIR && kind != unix.S_IFREG {
		return nil
	}
	fd, err := unix.Openat2(int(dir.Fd()), name, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_BENEATH,
	})
	if err != nil {
		return ifThere(err)
	}
	file := os.NewFile(uintptr(fd), filepath.Join(dir.Name(), name))
	defer file.Close()
	if kind == unix.S_IFREG {
		return set(file, id)
	}
	return assignBelow(file, id, depth+1)
}

// ifThere passes over what vanished, became a link, or is a mount.
func ifThere(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EXDEV) {
		return nil
	}
	return err
}

func set(file *os.File, id uint32) error {
	var a attributes
	if err := control(file, getAttributes, &a); err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	a.project = id
	// Only directories hand their project on.
	if info.IsDir() {
		a.flags |= inherit
	}
	return control(file, setAttributes, &a)
}

func control(file *os.File, request uintptr, a *attributes) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, file.Fd(), request, uintptr(unsafe.Pointer(a)))
	if errno != 0 {
		return errno
	}
	return nil
}
