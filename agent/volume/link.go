package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/sandbox"
)

// Link shows volumes in the sandbox box by symbolic links, as Mesos does where a
// container has no file system of its own. Each volume comes to belong to owner,
// unless it is in use or owner is the agent. A link that is there already is as good.
// The kernel cannot enforce ReadOnly on a link; see Mounts.
func Link(box *os.Root, volumes []core.Volume, owner sandbox.Owner) error {
	for _, v := range volumes {
		if err := linkOne(box, v, owner); err != nil {
			return fmt.Errorf("volume at %s: %w", v.Target, err)
		}
	}
	return nil
}

// ErrAbsolute refuses a place outside the sandbox for a volume that cannot be mounted
// there: a link would be seen by everything on this machine.
var ErrAbsolute = errors.New("an absolute container path takes a container with a process of its own and --isolation=filesystem/linux")

func linkOne(box *os.Root, v core.Volume, owner sandbox.Owner) error {
	if filepath.IsAbs(v.Target) {
		return ErrAbsolute
	}
	if err := prepare(box, v, owner); err != nil {
		return err
	}
	if have, err := box.Readlink(v.Target); err == nil && have == v.Source {
		return nil
	}
	if err := box.Symlink(v.Source, v.Target); err != nil {
		return err
	}
	return owner.Give(box, v.Target)
}

// Elsewhere prepares a volume that is to be mounted at an absolute path. A directory must
// be there already: the container shares the host's files, and a mount changes none.
func Elsewhere(v core.Volume, owner sandbox.Owner) error {
	info, err := os.Stat(v.Target)
	if err == nil && !info.IsDir() {
		err = errors.New("what is there is no directory")
	}
	if err != nil {
		return fmt.Errorf("volume at %s: an absolute container path must exist: %w", v.Target, err)
	}
	if err := give(v, owner); err != nil {
		return fmt.Errorf("volume at %s: %w", v.Target, err)
	}
	return nil
}

// prepare checks that the volume is there, gives it to owner, and makes the
// directories that its target is in.
func prepare(box *os.Root, v core.Volume, owner sandbox.Owner) error {
	if err := give(v, owner); err != nil {
		return err
	}
	return makeParents(box, filepath.Dir(v.Target), owner)
}

// give checks that the volume is there, and gives it to owner.
func give(v core.Volume, owner sandbox.Owner) error {
	info, err := os.Lstat(v.Source)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is no directory", v.Source)
	}
	if owner.Other && !v.KeepOwner {
		return os.Lchown(v.Source, int(owner.UID), int(owner.GID))
	}
	return nil
}

func makeParents(box *os.Root, dir string, owner sandbox.Owner) error {
	if dir == "." {
		return nil
	}
	if err := makeParents(box, filepath.Dir(dir), owner); err != nil {
		return err
	}
	switch err := box.Mkdir(dir, Mode); {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	return owner.Give(box, dir)
}

// Unlink takes links away that Link has made; what else is there stays.
func Unlink(box *os.Root, volumes []core.Volume) error {
	var errs []error
	for _, v := range volumes {
		if have, err := box.Readlink(v.Target); err == nil && have == v.Source {
			errs = append(errs, box.Remove(v.Target))
		}
	}
	return errors.Join(errs...)
}

// MountPoint makes the directory in the sandbox that v is to be mounted on, in the
// mount namespace of its container.
func MountPoint(box *os.Root, v core.Volume, owner sandbox.Owner) error {
	if err := prepare(box, v, owner); err != nil {
		return fmt.Errorf("volume at %s: %w", v.Target, err)
	}
	if err := box.Mkdir(v.Target, Mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("volume at %s: %w", v.Target, err)
	}
	// A link would lead the mount elsewhere.
	if info, err := box.Lstat(v.Target); err != nil || !info.IsDir() {
		return fmt.Errorf("volume at %s: what is there is no directory", v.Target)
	}
	return nil
}
