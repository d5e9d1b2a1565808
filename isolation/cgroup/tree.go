package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/caprock/caprock/isolation/probe"
	"golang.org/x/sys/unix"
)

// Options of a Tree.
type Options struct {
	// Cgroups says where the hierarchies are; usually probe.Host().Cgroups.
	Cgroups probe.Cgroups
	// Root is the name of our directory in each hierarchy, such as "caprock" or
	// "caprock/agent-1"; relative, without "..".
	Root string
	// Controllers to use, by the names of v1; "blkio" is io on v2. Empty means cpu,
	// cpuacct, memory and pids, as far as the host has them, and on v2 blkio. Fewer
	// controllers make a launch cheaper: on v1 each costs a directory (60–90 µs to
	// make, about as much to remove).
	Controllers []string
	// MemoryEvents counts how often groups are short of memory, on v1.
	MemoryEvents bool
	// RemoveTimeout bounds how long Destroy waits for dying processes; 10 s if 0.
	RemoveTimeout time.Duration
	// Logger for what cannot be returned; slog.Default() if nil.
	Logger *slog.Logger
	// Step is called before each change of the kernel's state, with what comes; nil
	// for nothing. It is there for tests, which end the process at one of them.
	Step func(what string)
}

// ErrNoController says that this host cannot enforce a limit that was asked for.
var ErrNoController = errors.New("no such cgroup controller on this host")

// hierarchy is one mounted hierarchy that the tree uses.
type hierarchy struct {
	mount       string
	dir         string // our root in it
	controllers []string
	v2          bool
}

// Tree is our root in all hierarchies in use.
type Tree struct {
	opts  Options
	hiers []hierarchy
	// core is the index of the hierarchy that lists processes, freezes and
	// kills: the unified one, or v1's freezer.
	core  int
	watch *watcher
}

// Open creates our root directories, or finds them, and starts watching.
func Open(o Options) (*Tree, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.RemoveTimeout == 0 {
		o.RemoveTimeout = 10 * time.Second
	}
	if !filepath.IsLocal(o.Root) || filepath.Clean(o.Root) == "." {
		return nil, fmt.Errorf("cgroup: root name: got %q, want a relative path that stays below the mount", o.Root)
	}
	t := &Tree{opts: o}
	if err := t.layout(); err != nil {
		return nil, err
	}
	for i := range t.hiers {
		if err := t.makeRoot(&t.hiers[i]); err != nil {
			return nil, err
		}
	}
	w, err := newWatcher(o.Logger)
	if err != nil {
		return nil, err
	}
	t.watch = w
	return t, nil
}

// layout decides which hierarchies are used and what each is used for.
func (t *Tree) layout() error {
	c, want := t.opts.Cgroups, t.opts.Controllers
	if c.Mode() == probe.ModeNone {
		return errors.New("cgroup: no cgroup hierarchy is mounted")
	}
	if len(want) == 0 {
		for _, name := range []string{"cpu", "cpuacct", "memory", "pids"} {
			if c.Has(name) {
				want = append(want, name)
			}
		}
		if c.Mode() == probe.ModeV2 && c.Has("blkio") {
			want = append(want, "blkio")
		}
	}
	if c.V2 != "" {
		t.hiers = append(t.hiers, hierarchy{mount: c.V2, v2: true})
	} else if !slices.Contains(want, "freezer") {
		want = append(want, "freezer")
	}
	for _, name := range want {
		if err := t.place(name, c); err != nil {
			return err
		}
	}
	if c.V2 == "" {
		t.core = slices.IndexFunc(t.hiers, func(h hierarchy) bool { return slices.Contains(h.controllers, "freezer") })
	}
	for i := range t.hiers {
		t.hiers[i].dir = filepath.Join(t.hiers[i].mount, t.opts.Root)
	}
	return nil
}

// place puts one controller on its hierarchy.
func (t *Tree) place(name string, c probe.Cgroups) error {
	mount, v2 := c.V1[name], false
	if mount == "" && c.Has(name) {
		mount, v2 = c.V2, true
		name = probe.V2Name(name)
	}
	if mount == "" {
		return fmt.Errorf("cgroup: %s: %w", name, ErrNoController)
	}
	i := slices.IndexFunc(t.hiers, func(h hierarchy) bool { return h.mount == mount })
	if i < 0 {
		t.hiers = append(t.hiers, hierarchy{mount: mount, v2: v2})
		i = len(t.hiers) - 1
	}
	t.hiers[i].controllers = append(t.hiers[i].controllers, name)
	return nil
}

// makeRoot creates the directories down to our root and lets controllers reach
// the groups below it.
func (t *Tree) makeRoot(h *hierarchy) error {
	dir := h.mount
	if err := enable(dir, h); err != nil {
		return err
	}
	for _, name := range strings.Split(filepath.Clean(t.opts.Root), "/") {
		dir = filepath.Join(dir, name)
		if err := makeDir(dir, h); err != nil {
			return err
		}
		if err := enable(dir, h); err != nil {
			return err
		}
	}
	return nil
}

// enable turns h's controllers on for the children of dir, on v2 only.
func enable(dir string, h *hierarchy) error {
	if !h.v2 || len(h.controllers) == 0 {
		return nil
	}
	return write(filepath.Join(dir, "cgroup.subtree_control"), "+"+strings.Join(h.controllers, " +"))
}

// makeDir creates one directory; an existing one is as good.
func makeDir(dir string, h *hierarchy) error {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("cgroup: %w", err)
	}
	if h.v2 || !slices.Contains(h.controllers, "cpuset") {
		return nil
	}
	// A v1 cpuset starts empty and then takes no process.
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		own, err := read(filepath.Join(dir, file))
		if err != nil || own != "" {
			continue
		}
		parent, err := read(filepath.Join(filepath.Dir(dir), file))
		if err != nil {
			return err
		}
		if err := write(filepath.Join(dir, file), parent); err != nil {
			return err
		}
	}
	return nil
}

// step announces a change.
func (t *Tree) step(what string) {
	if t.opts.Step != nil {
		t.opts.Step(what)
	}
}

// Mode tells how the host's controllers are spread.
func (t *Tree) Mode() probe.Mode { return t.opts.Cgroups.Mode() }

// PerfDir is our root where performance events are counted.
func (t *Tree) PerfDir() string {
	for _, h := range t.hiers {
		if slices.Contains(h.controllers, "perf_event") {
			return h.dir
		}
	}
	return t.hiers[t.core].dir
}

// CountsBlocks reports whether a controller that counts block transfers is in use.
func (t *Tree) CountsBlocks() bool {
	return slices.ContainsFunc(t.hiers, func(h hierarchy) bool {
		return slices.Contains(h.controllers, "io") || slices.Contains(h.controllers, "blkio")
	})
}

// V2Dir is our root in the unified hierarchy, empty if there is none.
func (t *Tree) V2Dir() string {
	if t.hiers[t.core].v2 {
		return t.hiers[t.core].dir
	}
	return ""
}

// List names the groups that exist in any hierarchy, sorted; after a crash in
// the middle of Create or Destroy a group may be left in some only.
func (t *Tree) List() ([]string, error) {
	seen := map[string]bool{}
	for _, h := range t.hiers {
		entries, err := os.ReadDir(h.dir)
		if err != nil {
			return nil, fmt.Errorf("cgroup: %w", err)
		}
		for _, e := range entries {
			if e.IsDir() {
				seen[e.Name()] = true
			}
		}
	}
	names := make([]string, 0, len(seen))
	for name := range seen {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// Close stops watching; groups and processes stay as they are.
func (t *Tree) Close() error { return t.watch.close() }

// Remove destroys all groups, with every process in them, and our root.
func (t *Tree) Remove() error {
	names, err := t.List()
	faults := []error{err}
	for _, name := range names {
		g, err := t.Reopen(name)
		if err == nil {
			err = g.Destroy()
		}
		faults = append(faults, err)
	}
	for _, h := range t.hiers {
		if err := os.Remove(h.dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			faults = append(faults, fmt.Errorf("cgroup: %w", err))
		}
		// Parents of a nested root go too unless somebody else is in them.
		for dir := filepath.Dir(h.dir); dir != h.mount; dir = filepath.Dir(dir) {
			if os.Remove(dir) != nil {
				break
			}
		}
	}
	return errors.Join(faults...)
}

// write puts one value into a control file.
func write(path, value string) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("cgroup: open %s to write %q: %w", path, value, err)
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, []byte(value)); err != nil {
		return fmt.Errorf("cgroup: write %q to %s: %w", value, path, err)
	}
	return nil
}

// read returns a control file without its trailing newline.
func read(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("cgroup: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}
