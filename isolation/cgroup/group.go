package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/caprock/caprock/isolation/probe"
	"golang.org/x/sys/unix"
)

// Group is one container's directory in every hierarchy of its Tree.
type Group struct {
	tree *Tree
	id   string
	v2ID uint64 // inode of the unified directory, the key of BPF maps; 0 on v1 whole

	oom chan struct{} // closed at the first OOM

	mu struct {
		sync.Mutex
		limits   Limits
		known    bool     // limits are those of the kernel: not so after Reopen
		cpu, mem *counter // kept open from the first reading on
		events   *memoryEvents
		gone     bool
	}
	watched []watch
}

// ValidateID refuses ids that are no plain directory name, or that would collide
// with the kernel's own files.
func ValidateID(id string) error {
	ok := id != "" && len(id) <= 200 && id[0] != '.' && strings.Trim(id,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == ""
	prefix, _, _ := strings.Cut(id, ".")
	if !ok || (prefix != id && slices.Contains(kernelPrefixes, prefix)) || id == "tasks" || id == "notify_on_release" {
		return fmt.Errorf("cgroup: id: got %q, want 1 to 200 letters, digits, '-', '_', '.', not starting with a dot or like a control file", id)
	}
	return nil
}

var kernelPrefixes = []string{"cgroup", "cpu", "cpuacct", "cpuset", "memory", "pids", "io", "blkio", "devices", "freezer", "hugetlb", "rdma", "misc", "irq", "perf_event", "net_cls", "net_prio"}

// Create makes the group with its limits. An existing group of that name is an
// error that matches fs.ErrExist; after any error nothing is left.
func (t *Tree) Create(id string, l Limits) (*Group, error) {
	if err := errors.Join(ValidateID(id), l.Validate()); err != nil {
		return nil, err
	}
	g := t.handle(id)
	for i := range t.hiers {
		dir := g.dir(i)
		t.step("make " + dir)
		err := os.Mkdir(dir, 0o755)
		if err == nil && slices.Contains(t.hiers[i].controllers, "cpuset") {
			err = makeDir(dir, &t.hiers[i])
		}
		if err != nil {
			if !errors.Is(err, fs.ErrExist) {
				os.Remove(dir)
			}
			for ; i > 0; i-- {
				os.Remove(g.dir(i - 1))
			}
			return nil, fmt.Errorf("cgroup: create %s: %w", id, err)
		}
	}
	if err := g.setUp(l); err != nil {
		return nil, errors.Join(err, g.Destroy())
	}
	return g, nil
}

// setUp applies what a fresh group needs.
func (g *Group) setUp(l Limits) error {
	if err := errors.Join(g.setMark(made), g.identify()); err != nil {
		return err
	}
	if g.hasV2("memory") {
		// The kernel then kills the group as one: no half-dead containers.
		if err := write(g.path("memory", "memory.oom.group"), "1"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := g.Update(l); err != nil {
		return err
	}
	if err := g.countMemoryEvents(); err != nil {
		return err
	}
	return g.watchOOM()
}

// Reopen returns the group that exists under id, perhaps made by an earlier
// process, or CreateBelow; fs.ErrNotExist if it is in no hierarchy. Directories that are
// missing in some hierarchy, after a crash, are tolerated: such a group can be
// destroyed. Its Limits are unknown until the next Update.
func (t *Tree) Reopen(id string) (*Group, error) {
	if err := validatePath(id); err != nil {
		return nil, err
	}
	g := t.handle(id)
	found := false
	for i := range t.hiers {
		if _, err := os.Stat(g.dir(i)); err == nil {
			found = true
		}
	}
	if !found {
		return nil, fmt.Errorf("cgroup: %s: %w", id, fs.ErrNotExist)
	}
	if err := g.identify(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if g.below() {
		return g, nil
	}
	if err := errors.Join(g.countMemoryEvents(), g.watchOOM()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return g, nil
}

func (t *Tree) handle(id string) *Group {
	return &Group{tree: t, id: id, oom: make(chan struct{})}
}

func (g *Group) identify() error {
	if !g.core().v2 {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Stat(g.dir(g.tree.core), &st); err != nil {
		return fmt.Errorf("cgroup: %s: %w", g.id, err)
	}
	g.v2ID = st.Ino
	return nil
}

// ID is the name given to Create.
func (g *Group) ID() string { return g.id }

// V2ID is the id of the unified cgroup, which BPF programs see; 0 without one.
func (g *Group) V2ID() uint64 { return g.v2ID }

// Limits returns what the last Create or Update through this handle has set.
func (g *Group) Limits() Limits {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mu.limits
}

// OOM is closed when the group has hit its memory limit and the kernel had to
// kill in it.
func (g *Group) OOM() <-chan struct{} { return g.oom }

func (g *Group) core() *hierarchy    { return &g.tree.hiers[g.tree.core] }
func (g *Group) dir(hier int) string { return filepath.Join(g.tree.hiers[hier].dir, g.id) }
func (g *Group) coreFile(name string) string {
	return filepath.Join(g.dir(g.tree.core), name)
}

// hier is the index of a controller's hierarchy, -1 if it is not in use.
func (g *Group) hier(controller string) int {
	return slices.IndexFunc(g.tree.hiers, func(h hierarchy) bool { return slices.Contains(h.controllers, controller) })
}

func (g *Group) hasV2(controller string) bool {
	i := g.hier(controller)
	return i >= 0 && g.tree.hiers[i].v2
}

// path of a control file, empty if the controller is not in use.
func (g *Group) path(controller, file string) string {
	i := g.hier(controller)
	if i < 0 {
		return ""
	}
	return filepath.Join(g.dir(i), file)
}

// Update changes the limits of the live group. Lowering the memory limit below
// what is in use is refused (EBUSY) rather than answered by the OOM killer. After an
// error the limits of the last Update hold; a group that was reopened has none to go back
// to.
func (g *Group) Update(l Limits) error {
	if err := l.Validate(); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	old := g.mu.limits
	if err := g.change(old, l); err != nil {
		if g.mu.known {
			// The kernel had taken these once, and the first fault counts.
			_ = g.change(l, old)
		}
		return err
	}
	g.mu.limits, g.mu.known = l, true
	return nil
}

// change writes what turns old into l, up to the first fault.
func (g *Group) change(old, l Limits) error {
	settings := func(v2 bool) []setting {
		if v2 {
			return l.settingsV2(old)
		}
		return l.settingsV1(old)
	}
	for _, v2 := range []bool{false, true} {
		for _, s := range settings(v2) {
			i := g.hier(s.controller)
			if i < 0 && !v2 && g.hier(probe.V2Name(s.controller)) < 0 {
				return fmt.Errorf("cgroup: %s: limit %s needs controller %s: %w", g.id, s.file, s.controller, ErrNoController)
			}
			if i < 0 || g.tree.hiers[i].v2 != v2 {
				continue
			}
			if err := g.apply(s, old, l); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *Group) apply(s setting, old, l Limits) error {
	path := g.path(s.controller, s.file)
	g.tree.step("write " + path)
	if s.file == "memory.max" && l.MemBytes != 0 {
		if used, err := readUint(g.path("memory", "memory.current")); err == nil && used > uint64(l.MemBytes) {
			return fmt.Errorf("cgroup: %s: lower memory.max to %d with %d in use: %w", g.id, l.MemBytes, used, unix.EBUSY)
		}
	}
	err := write(path, s.value)
	if s.optional && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// NetClassID is the class of the group's packets as the kernel has it; 0 for none.
func (g *Group) NetClassID() uint32 {
	path := g.path("net_cls", "net_cls.classid")
	if path == "" {
		return 0
	}
	n, err := readUint(path)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// OwnPids lists the processes in the group, without those below it.
func (g *Group) OwnPids() ([]int, error) {
	text, err := read(g.coreFile("cgroup.procs"))
	if err != nil {
		return nil, ignoreGone(err)
	}
	var pids []int
	for _, f := range strings.Fields(text) {
		if pid, err := strconv.Atoi(f); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// Pids lists the processes in the group and below it.
func (g *Group) Pids() ([]int, error) {
	var pids []int
	err := filepath.WalkDir(g.dir(g.tree.core), func(dir string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return ignoreGone(err)
		}
		text, err := read(filepath.Join(dir, "cgroup.procs"))
		if err != nil {
			return ignoreGone(err)
		}
		for _, f := range strings.Fields(text) {
			if pid, err := strconv.Atoi(f); err == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
		return nil
	})
	return pids, err
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

// Enter opens what launch.Groups needs to put a process into the group; the
// caller closes all files. v2 is nil where the kernel cannot clone into a group:
// then its cgroup.procs is among the tasks files, to be written like them.
func (g *Group) Enter() (v2 *os.File, tasks []*os.File, err error) {
	if err := g.setMark(entered); err != nil {
		return nil, nil, err
	}
	for i, h := range g.tree.hiers {
		file := "tasks"
		if h.v2 {
			file = "cgroup.procs"
		}
		if h.v2 && probe.Host().CloneIntoCgroup.OK() {
			v2, err = os.Open(g.entry(i))
		} else {
			var f *os.File
			if f, err = os.OpenFile(filepath.Join(g.entry(i), file), os.O_WRONLY, 0); err == nil {
				tasks = append(tasks, f)
			}
		}
		if err != nil {
			if v2 != nil {
				v2.Close()
			}
			for _, f := range tasks {
				f.Close()
			}
			return nil, nil, fmt.Errorf("cgroup: enter %s: %w", g.id, err)
		}
	}
	return v2, tasks, nil
}
