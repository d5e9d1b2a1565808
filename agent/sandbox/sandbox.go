package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Mode of a sandbox, as Mesos makes them.
const Mode = 0o750

// Tree is the part of the file system below a work dir.
type Tree struct {
	dir  string
	root *os.Root
	// making keeps directories that are about to be used from being pruned as empty.
	making sync.Mutex
}

// Open opens the tree at dir, an absolute path, making the directory.
func Open(dir string) (*Tree, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make work dir: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open work dir: %w", err)
	}
	return &Tree{dir: dir, root: root}, nil
}

// Close lets go of the directory.
func (t *Tree) Close() error { return t.root.Close() }

// Dir is the absolute path of the tree.
func (t *Tree) Dir() string { return t.dir }

// Rel returns path relative to the tree, and whether it lies in it.
func (t *Tree) Rel(path string) (string, bool) {
	rel, err := filepath.Rel(t.dir, path)
	if err != nil || !filepath.IsLocal(rel) {
		return "", false
	}
	return rel, true
}

// Make makes the sandbox at the absolute path dir for owner, and returns it
// opened. A sandbox that exists is kept as it is.
func (t *Tree) Make(dir string, owner Owner) (*os.Root, error) {
	rel, ok := t.Rel(dir)
	if !ok {
		return nil, fmt.Errorf("make sandbox: %s is not below %s", dir, t.dir)
	}
	t.making.Lock()
	defer t.making.Unlock()
	if run, rest := split(rel); rest != "" {
		if err := t.root.MkdirAll(run, 0o755); err != nil {
			return nil, fmt.Errorf("make sandbox: %w", err)
		}
	}
	in, rel, done, err := t.within(rel)
	if err != nil {
		return nil, fmt.Errorf("make sandbox: %w", err)
	}
	defer done()
	if err := in.MkdirAll(filepath.Dir(rel), 0o755); err != nil {
		return nil, fmt.Errorf("make sandbox: %w", err)
	}
	switch err := in.Mkdir(rel, Mode); {
	case errors.Is(err, fs.ErrExist):
	case err != nil:
		return nil, fmt.Errorf("make sandbox: %w", err)
	default:
		// Mkdir is subject to the umask; an owner that is not us comes last.
		if err := in.Chmod(rel, Mode); err != nil {
			return nil, fmt.Errorf("make sandbox: %w", err)
		}
		if err := owner.Give(in, rel); err != nil {
			return nil, fmt.Errorf("make sandbox: %w", err)
		}
	}
	root, err := in.OpenRoot(rel)
	if err != nil {
		return nil, fmt.Errorf("open sandbox: %w", err)
	}
	return root, nil
}

// within returns what a path is resolved in, and the path there. Below the sandbox of
// a root container that is the sandbox: a link that a task has put there, in place of
// a directory of the agent's, does not lead to the sandbox of another, or to the
// checkpoints.
func (t *Tree) within(rel string) (in *os.Root, path string, done func(), err error) {
	run, rest := split(rel)
	if rest == "" {
		return t.root, rel, func() {}, nil
	}
	sub, err := t.root.OpenRoot(run)
	if err != nil {
		return nil, "", nil, err
	}
	return sub, rest, func() { sub.Close() }, nil
}

// split cuts a path into the sandbox of a root container, the way to which only the
// agent makes, and what follows, "" if that is all.
func split(rel string) (run, rest string) {
	parts := strings.Split(filepath.ToSlash(rel), "/")
	n := len(layout)
	if parts[0] == alone {
		n = 2
	}
	if !InSandbox(rel) || len(parts) <= n {
		return rel, ""
	}
	return filepath.Join(parts[:n]...), filepath.Join(parts[n:]...)
}

// Link makes the symbolic link at the absolute path link point to target, in
// place of what was there.
func (t *Tree) Link(link, target string) error {
	rel, ok := t.Rel(link)
	if !ok {
		return fmt.Errorf("make link: %s is not below %s", link, t.dir)
	}
	t.making.Lock()
	defer t.making.Unlock()
	if err := t.root.MkdirAll(filepath.Dir(rel), 0o755); err != nil {
		return fmt.Errorf("make link: %w", err)
	}
	to, err := filepath.Rel(filepath.Dir(link), target)
	if err != nil {
		return fmt.Errorf("make link: %w", err)
	}
	tmp := rel + ".new"
	_ = t.root.Remove(tmp)
	if err := t.root.Symlink(to, tmp); err != nil {
		return fmt.Errorf("make link: %w", err)
	}
	if err := t.root.Rename(tmp, rel); err != nil {
		return fmt.Errorf("make link: %w", err)
	}
	return nil
}

// ErrNotSandbox reports a path that is not in a sandbox.
var ErrNotSandbox = errors.New("not in a sandbox")

// Open opens a file or directory of a sandbox for reading, by absolute path. The
// path may go through "latest"; links that a task left lead to its own sandbox only. It
// never blocks on a pipe that a task left there.
// The error is ErrNotSandbox for paths elsewhere in the work dir or outside.
func (t *Tree) Open(path string) (*os.File, error) {
	rel, ok := t.Rel(filepath.Clean(path))
	if !ok || !InSandbox(rel) {
		return nil, ErrNotSandbox
	}
	in, path, done, err := t.within(rel)
	if err != nil {
		return nil, err
	}
	defer done()
	return in.OpenFile(path, os.O_RDONLY|OpenFlags, 0)
}

// OpenRoot opens the directory of a sandbox at the absolute path.
func (t *Tree) OpenRoot(path string) (*os.Root, error) {
	rel, ok := t.Rel(filepath.Clean(path))
	if !ok || !InSandbox(rel) {
		return nil, ErrNotSandbox
	}
	in, path, done, err := t.within(rel)
	if err != nil {
		return nil, err
	}
	defer done()
	return in.OpenRoot(path)
}

// alone is the directory of the sandboxes of standalone containers.
const alone = "containers"

// layout is the path of a sandbox; "" stands for an id.
var layout = [...]string{"slaves", "", "frameworks", "", "executors", "", "runs", ""}

// InSandbox reports whether rel, relative to the work dir and clean, is a sandbox
// or below one.
func InSandbox(rel string) bool {
	parts := strings.Split(filepath.ToSlash(rel), "/")
	if parts[0] == alone && len(parts) > 1 {
		return true
	}
	if len(parts) < len(layout) {
		return false
	}
	for i, want := range layout {
		if want != "" && parts[i] != want {
			return false
		}
	}
	return true
}
