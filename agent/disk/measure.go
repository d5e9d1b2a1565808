package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// ErrTooDeep says that directories are nested deeper than can be measured.
var ErrTooDeep = fmt.Errorf("directories are nested more than %d deep", maxDepth)

// maxDepth bounds the descriptors that a measurement holds at a time.
const maxDepth = 500

// measurement adds up one tree.
type measurement struct {
	ctx    context.Context
	device uint64
	// linked are files with several names that were counted, by inode.
	linked map[uint64]bool
	bytes  int64
}

// Measure returns the space that dir and all below it take up on its file system, in
// bytes of whole blocks; a file with several names counts once. What vanishes while
// it is looked at does not count.
func Measure(ctx context.Context, dir string) (bytes int64, err error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("measure %s: %w", dir, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return 0, fmt.Errorf("measure %s: %w", dir, err)
	}
	m := &measurement{ctx: ctx, device: st.Dev, linked: map[uint64]bool{}, bytes: st.Blocks * blockSize}
	if err := m.walk(fd, dir, 0); err != nil {
		return m.bytes, fmt.Errorf("measure %s: %w", dir, err)
	}
	return m.bytes, nil
}

// blockSize is the unit of st_blocks, whatever the file system.
const blockSize = 512

// walk adds what is in the directory fd, and closes it.
func (m *measurement) walk(fd int, name string, depth int) error {
	dir := os.NewFile(uintptr(fd), name)
	defer dir.Close()
	if depth > maxDepth {
		return ErrTooDeep
	}
	for {
		if m.ctx.Err() != nil {
			return m.ctx.Err()
		}
		names, err := dir.Readdirnames(1024)
		for _, name := range names {
			if err := m.add(int(dir.Fd()), name, depth); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

func (m *measurement) add(parent int, name string, depth int) error {
	var st unix.Stat_t
	if unix.Fstatat(parent, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil || st.Dev != m.device {
		return nil
	}
	kind := st.Mode & unix.S_IFMT
	if st.Nlink > 1 && kind != unix.S_IFDIR {
		if m.linked[st.Ino] {
			return nil
		}
		m.linked[st.Ino] = true
	}
	m.bytes += st.Blocks * blockSize
	if kind != unix.S_IFDIR {
		return nil
	}
	fd, err := unix.Openat(parent, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	return m.walk(fd, name, depth+1)
}
