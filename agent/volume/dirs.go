package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Mode of a volume's directory, as Mesos makes them; the owner is set at each use.
const Mode = 0o755

// asidePrefix begins the names of what Detach has moved aside.
const asidePrefix = ".caprock-removed-"

// Make makes the directory at path, an absolute path. One that exists is kept as it
// is.
func Make(path string) error {
	var made []string
	for dir := path; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			return fmt.Errorf("make volume: %s: %w", dir, syscall.ENOTDIR)
		}
		if err == nil || dir == "/" {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("make volume: %w", err)
		}
		made = append(made, dir)
	}
	for _, dir := range slices.Backward(made) {
		if err := os.Mkdir(dir, Mode); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("make volume: %w", err)
		}
		// Not subject to the umask: tasks of other users go through.
		if err := os.Chmod(dir, Mode); err != nil {
			return fmt.Errorf("make volume: %w", err)
		}
		if err := syncDir(filepath.Dir(dir)); err != nil {
			return fmt.Errorf("make volume: %w", err)
		}
	}
	return nil
}

// Detach takes the volume at path away, or with keepRoot what is in it. id names this
// removal: the second time it does nothing.
func Detach(path, id string, keepRoot bool) error {
	var err error
	if keepRoot {
		err = detachContent(path, id)
	} else {
		err = detachDir(path, id)
	}
	if err != nil {
		return fmt.Errorf("remove volume: %w", err)
	}
	return nil
}

func detachDir(path, id string) error {
	aside := filepath.Join(trashOf(path), asidePrefix+id)
	if _, err := os.Lstat(aside); err == nil {
		return nil
	}
	err := os.Rename(path, aside)
	if errors.Is(err, fs.ErrNotExist) {
		// There is nothing to remove. The name is needed all the same: it keeps a
		// volume that is made from now on from this removal.
		if err := Make(filepath.Dir(aside)); err != nil {
			return err
		}
		if err := os.Mkdir(aside, 0o700); err != nil {
			return err
		}
		return syncDir(filepath.Dir(aside))
	}
	if err != nil {
		return err
	}
	return errors.Join(syncDir(filepath.Dir(path)), syncDir(filepath.Dir(aside)))
}

// trashOf is the directory "volumes" that path, …/volumes/roles/<role>/<id>, is in.
func trashOf(path string) string { return filepath.Dir(filepath.Dir(filepath.Dir(path))) }

// detachContent gathers what is in a root under a passing name; the lasting one
// says that all of it was.
func detachContent(root, id string) error {
	passing, aside := asidePrefix+"part-"+id, asidePrefix+id
	dir, err := os.OpenRoot(root)
	if err != nil {
		return err
	}
	defer dir.Close()
	if _, err := dir.Lstat(aside); err == nil {
		return nil
	}
	if err := dir.Mkdir(passing, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), asidePrefix) {
			continue
		}
		if err := dir.Rename(e.Name(), filepath.Join(passing, e.Name())); err != nil {
			return err
		}
	}
	if err := dir.Rename(passing, aside); err != nil {
		return err
	}
	return syncDir(root)
}

// Sweep deletes what Detach has moved aside in the volumes of roots and in mounts,
// but for the removals named in keep. It goes on after an error, and returns all.
func Sweep(roots, mounts, keep []string) error {
	var errs []error
	for _, root := range roots {
		errs = append(errs, sweepDir(filepath.Join(root, "volumes"), keep))
	}
	for _, mount := range mounts {
		errs = append(errs, sweepDir(mount, keep))
	}
	return errors.Join(errs...)
}

func sweepDir(path string, keep []string) error {
	dir, err := os.OpenRoot(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		id, aside := strings.CutPrefix(e.Name(), asidePrefix)
		if aside && !slices.Contains(keep, strings.TrimPrefix(id, "part-")) {
			errs = append(errs, dir.RemoveAll(e.Name()))
		}
	}
	return errors.Join(errs...)
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// CheckMount reports a root of a MOUNT disk on which nothing is mounted: writing
// there would fill another disk.
func CheckMount(root string) error {
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		return fmt.Errorf("MOUNT disk: %w", err)
	}
	if real != filepath.Clean(root) {
		return fmt.Errorf("MOUNT disk: got root %s, which is a link to %s; want the path itself", root, real)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("MOUNT disk: %w", err)
	}
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 4 && unescape(fields[4]) == real {
			return nil
		}
	}
	return fmt.Errorf("MOUNT disk: nothing is mounted on %s", root)
}

// unescape undoes what the kernel does to blanks in mount points.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace
