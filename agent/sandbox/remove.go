package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Remove removes a sandbox and everything in it, and the directories above it that
// it leaves empty. It follows no links, and goes into no other file system: what is
// mounted in a sandbox, such as a persistent volume, is not the sandbox's. Then the
// error names the mount and the way to it stays.
func (t *Tree) Remove(dir string) error {
	rel, ok := t.Rel(dir)
	if !ok || !InSandbox(rel) {
		return ErrNotSandbox
	}
	in, path, done, err := t.within(rel)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer done()
	parent, err := in.Open(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer parent.Close()
	if err := (&removal{}).remove(parent, filepath.Base(path), 0); err != nil {
		return err
	}
	if in == t.root {
		t.prune(filepath.Dir(rel))
	}
	return nil
}

// maxDepth bounds how many directories are open at a time. What lies deeper, and a
// task can make it as deep as it likes, is moved up.
const maxDepth = 200

// removal removes one tree.
type removal struct {
	top   *os.File // the directory that is removed, open
	moved int
}

// remove removes name, of any kind, from the open directory dir.
func (r *removal) remove(dir *os.File, name string, depth int) error {
	fd := int(dir.Fd())
	err := unix.Unlinkat(fd, name, 0)
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	if !errors.Is(err, unix.EISDIR) {
		return fmt.Errorf("remove %s: %w", filepath.Join(dir.Name(), name), err)
	}
	if depth > maxDepth {
		r.moved++
		return unix.Renameat(fd, name, int(r.top.Fd()), fmt.Sprintf(".deep-%d-%d", os.Getpid(), r.moved))
	}
	// NO_XDEV refuses every mount, also one of the same file system.
	sub, err := unix.Openat2(fd, name, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_BENEATH,
	})
	path := filepath.Join(dir.Name(), name)
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil
	case errors.Is(err, unix.EXDEV):
		return fmt.Errorf("remove %s: something is mounted there, which stays", path)
	case err != nil:
		return fmt.Errorf("remove %s: %w", path, err)
	}
	file := os.NewFile(uintptr(sub), path)
	defer file.Close()
	if depth == 0 {
		r.top = file
	}
	if err := r.empty(file, depth); err != nil {
		return err
	}
	if err := unix.Unlinkat(fd, name, unix.AT_REMOVEDIR); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	return nil
}

// namesAtOnce bounds the memory that a directory of any size takes.
const namesAtOnce = 1024

// empty removes what is in dir. What cannot be removed does not keep the rest.
func (r *removal) empty(dir *os.File, depth int) error {
	var faults error
	for {
		names, err := dir.Readdirnames(namesAtOnce)
		for _, name := range names {
			if err := r.remove(dir, name, depth+1); err != nil && faults == nil {
				faults = err
			}
		}
		if err != nil {
			return faults // the end, most times; an error shows when dir itself is removed
		}
		if faults == nil {
			// Removing moves what was not read yet in some file systems.
			if _, err := dir.Seek(0, 0); err != nil {
				return err
			}
		}
	}
}

// prune removes the directories of a run's executor and framework that hold nothing
// any more, and the link to the latest run if it leads nowhere.
func (t *Tree) prune(runs string) {
	t.making.Lock()
	defer t.making.Unlock()
	latest := filepath.Join(runs, "latest")
	if to, err := t.root.Readlink(latest); err == nil {
		if _, err := t.root.Lstat(filepath.Join(runs, filepath.Base(to))); errors.Is(err, fs.ErrNotExist) {
			_ = t.root.Remove(latest)
		}
	}
	// runs, the executor, executors, the framework.
	for dir, n := runs, 0; n < 4; dir, n = filepath.Dir(dir), n+1 {
		if t.root.Remove(dir) != nil {
			return // not empty
		}
	}
}
