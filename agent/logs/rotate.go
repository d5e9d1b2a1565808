package logs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Rotate shortens the file name in a sandbox if it has outgrown its policy. A file
// that is missing, or that a task has replaced by something that is no file, is
// left alone.
func Rotate(box *os.Root, name string, p Policy) (rotated bool, err error) {
	info, err := box.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (!info.Mode().IsRegular() || info.Size() <= p.MaxBytes) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	file, err := box.OpenFile(name, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		return false, err
	}
	defer file.Close()
	if now, err := file.Stat(); err != nil || !os.SameFile(info, now) {
		return false, err // replaced under our hands: next time
	}
	if err := rotate(box, file, name, info, p.Keep); err != nil {
		return false, fmt.Errorf("rotate %s: %w", name, err)
	}
	return true, nil
}

func rotate(box *os.Root, file *os.File, name string, info fs.FileInfo, keep int) error {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(file.Fd()), &st); err != nil {
		return err
	}
	// Whole blocks can be cut off, and the last block must stay.
	block := max(int64(st.Bsize), 1)
	front := (info.Size() - 1) / block * block
	if front == 0 {
		return nil
	}
	if err := shift(box, name, keep); err != nil {
		return err
	}
	if keep > 0 {
		if err := copyFront(box, file, old(name, 1), info, front); err != nil {
			return err
		}
	}
	err := unix.Fallocate(int(file.Fd()), unix.FALLOC_FL_COLLAPSE_RANGE, 0, front)
	if err == nil || !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EINVAL) {
		return err
	}
	// The rest goes to the old file too, up to the moment of the cut.
	if keep > 0 {
		to, err := box.OpenFile(old(name, 1), os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		defer to.Close()
		if _, err := file.Seek(front, io.SeekStart); err != nil {
			return err
		}
		if _, err := io.Copy(to, io.LimitReader(file, info.Size())); err != nil {
			return err
		}
	}
	return file.Truncate(0)
}

// old is the name of the i-th old file; the first is the youngest.
func old(name string, i int) string { return name + "." + strconv.Itoa(i) }

// shift makes way for the next old file and drops what is too old: also what a
// larger bound of before has left.
func shift(box *os.Root, name string, keep int) error {
	for i := max(keep, 1); ; i++ {
		if _, err := box.Lstat(old(name, i)); err != nil {
			break
		}
		if err := box.RemoveAll(old(name, i)); err != nil {
			return err
		}
	}
	for i := keep - 1; i > 0; i-- {
		if err := box.Rename(old(name, i), old(name, i+1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// copyFront writes the first n bytes of file to a new file of the same owner.
func copyFront(box *os.Root, file *os.File, name string, info fs.FileInfo, n int64) error {
	to, err := box.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return err
	}
	defer to.Close()
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		if err := to.Chown(int(st.Uid), int(st.Gid)); err != nil {
			return err
		}
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := io.CopyN(to, file, n); err != nil {
		return err
	}
	return to.Close()
}

// Shortened returns where a reader of name goes on that was at offset when Rotate
// took the front off, and size is left: what was cut is as long as the youngest
// old file. Where none is kept that is not known, and reading goes on at the end.
func Shortened(box *os.Root, name string, offset, size int64) int64 {
	info, err := box.Lstat(old(name, 1))
	if err != nil || info.Size() > offset {
		return size
	}
	return min(offset-info.Size(), size)
}
