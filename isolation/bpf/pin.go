package bpf

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// Maps outlive programs: mapsDir changes only with the layout of the maps, while
// the directory of links carries a hash of all that makes up the programs, so that
// an agent of another version replaces them and keeps the books.
const (
	mapsDir     = "maps-1"
	linksPrefix = "links-"
)

// mountSource marks a BPF file system as mounted by us, in mountinfo.
const mountSource = "caprock"

// ensureFS makes PinDir a directory in a BPF file system.
func (a *Accounts) ensureFS() error {
	if err := os.MkdirAll(a.opts.PinDir, 0o700); err != nil {
		return fmt.Errorf("bpf: pin directory: %w", err)
	}
	dir, err := filepath.Abs(a.opts.PinDir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return fmt.Errorf("bpf: pin directory: %w", err)
	}
	a.opts.PinDir = dir
	if !isBPFFS(dir) {
		if err := unix.Mount(mountSource, dir, "bpf", 0, "mode=0700"); err != nil {
			return fmt.Errorf("bpf: mount a BPF file system at %s: %w", dir, err)
		}
	}
	a.mounted, err = mountedByUs(dir)
	return err
}

// mountedByUs reports whether dir is a mount point that ensureFS has made, now or
// in an earlier process.
func mountedByUs(dir string) (bool, error) {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false, fmt.Errorf("bpf: %w", err)
	}
	point := strings.NewReplacer(`\`, `\134`, " ", `\040`, "\t", `\011`, "\n", `\012`).Replace(dir)
	for _, line := range strings.Split(string(b), "\n") {
		before, after, _ := strings.Cut(line, " - ")
		head, tail := strings.Fields(before), strings.Fields(after)
		if len(head) > 4 && len(tail) > 1 && head[4] == point && tail[0] == "bpf" && tail[1] == mountSource {
			return true, nil
		}
	}
	return false, nil
}

func isBPFFS(dir string) bool {
	var st unix.Statfs_t
	return unix.Statfs(dir, &st) == nil && st.Type == unix.BPF_FS_MAGIC
}

var mapNames = []string{kernelMapGroups, kernelMapCounters, kernelMapBlocks, kernelMapTimes, kernelMapRunning, kernelMapExits, kernelMapQueued, kernelMapFlights}

// openMaps opens each pinned map, or creates and pins it. A pinned map of another
// size is replaced: its books are lost, which the facade makes up for from files.
func (a *Accounts) openMaps(spec *ebpf.CollectionSpec) error {
	dir := filepath.Join(a.opts.PinDir, mapsDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("bpf: %w", err)
	}
	for _, name := range mapNames {
		path := filepath.Join(dir, name)
		_, err := os.Lstat(path)
		a.fresh[name] = errors.Is(err, fs.ErrNotExist)
		m, err := openMap(path, spec.Maps[name])
		if err != nil {
			return fmt.Errorf("bpf: map %s: %w", name, err)
		}
		a.maps[name] = m
	}
	return nil
}

func openMap(path string, spec *ebpf.MapSpec) (*ebpf.Map, error) {
	m, err := ebpf.LoadPinnedMap(path, nil)
	if err == nil {
		if spec.Compatible(m) == nil {
			return m, nil
		}
		m.Close()
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if m, err = ebpf.NewMap(spec); err != nil {
		return nil, err
	}
	if err := m.Pin(path); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// feature is a set of programs that are of use together only.
type feature struct {
	name     string
	programs []string
	required bool
}

// The features of block transfers.
const (
	featureBlocks = "block transfers"
	featureTimes  = "times of block transfers"
)

func (a *Accounts) features() []feature {
	f := []feature{
		{"cpu", []string{kernelProgOnSwitch}, true},
		{"run-queue latency", []string{kernelProgOnWakeup, kernelProgOnWakeupNew}, false},
		{"forks", []string{kernelProgOnFork}, false},
		{"oom", []string{kernelProgOnOom}, false},
		{featureBlocks, []string{kernelProgOnBlock}, false},
		{featureTimes, []string{kernelProgOnInsert, kernelProgOnIssue, kernelProgOnComplete}, false},
	}
	if a.opts.Exits {
		f = append(f, feature{"exits", []string{kernelProgOnExit}, false})
	}
	if a.opts.GroupsDir != "" {
		f = append(f, feature{"network", []string{kernelProgOnIngress, kernelProgOnEgress}, false})
	}
	return f
}

// linksDir is specific to programs, their options, the maps they were loaded
// with, and the cgroup they are attached to.
func (a *Accounts) linksDir() (string, error) {
	h := sha256.New()
	h.Write(_KernelBytes)
	fmt.Fprintln(h, a.opts.GroupLevel, a.opts.Exits)
	for _, name := range mapNames {
		info, err := a.maps[name].Info()
		if err != nil {
			return "", fmt.Errorf("bpf: map %s: %w", name, err)
		}
		id, _ := info.ID()
		fmt.Fprintln(h, name, id)
	}
	if a.opts.GroupsDir != "" {
		var st unix.Stat_t
		if err := unix.Stat(a.opts.GroupsDir, &st); err != nil {
			return "", fmt.Errorf("bpf: %s: %w", a.opts.GroupsDir, err)
		}
		fmt.Fprintln(h, st.Ino)
	}
	return filepath.Join(a.opts.PinDir, fmt.Sprintf("%s%x", linksPrefix, h.Sum(nil)[:8])), nil
}

// attach finds the programs at work, or replaces those of another version: the
// old ones go first, since nothing must be booked twice.
func (a *Accounts) attach(spec *ebpf.CollectionSpec) error {
	dir, err := a.linksDir()
	if err != nil {
		return err
	}
	old, _ := filepath.Glob(filepath.Join(a.opts.PinDir, linksPrefix+"*"))
	for _, d := range old {
		if d != dir {
			if err := os.RemoveAll(d); err != nil {
				return fmt.Errorf("bpf: remove older programs: %w", err)
			}
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("bpf: %w", err)
	}
	// The kernel's types take megabytes once decoded: decode them once, if at
	// all, and let go.
	types := btf.NewCache()
	for _, f := range a.features() {
		if err := a.attachFeature(dir, spec, types, f); err != nil {
			if f.required {
				return err
			}
			a.missing[f.name] = err
			a.opts.Logger.Warn("BPF accounting lacks a feature", "feature", f.name, "err", err)
		}
	}
	return nil
}

func (a *Accounts) attachFeature(dir string, spec *ebpf.CollectionSpec, types *btf.Cache, f feature) error {
	var absent []string
	for _, name := range f.programs {
		l, err := link.LoadPinnedLink(filepath.Join(dir, name), nil)
		if err != nil {
			absent = append(absent, name)
			continue
		}
		l.Close()
	}
	if len(absent) == 0 {
		return nil
	}
	// A copy with these programs alone: one that the verifier refuses must not
	// take the others with it.
	only := spec.Copy()
	for name := range only.Programs {
		if !slices.Contains(absent, name) {
			delete(only.Programs, name)
		}
	}
	c, err := ebpf.NewCollectionWithOptions(only, ebpf.CollectionOptions{MapReplacements: a.maps, Cache: types})
	if err != nil {
		return fmt.Errorf("bpf: load %s: %w", strings.Join(absent, ", "), err)
	}
	defer c.Close()
	for _, name := range absent {
		l, err := a.attachProgram(name, c.Programs[name])
		if err != nil {
			return fmt.Errorf("bpf: attach %s: %w", name, err)
		}
		err = l.Pin(filepath.Join(dir, name))
		l.Close() // the pin holds it
		if err != nil {
			return fmt.Errorf("bpf: pin %s: %w", name, err)
		}
	}
	return nil
}

func (a *Accounts) attachProgram(name string, p *ebpf.Program) (link.Link, error) {
	switch name {
	case kernelProgOnIngress:
		return link.AttachCgroup(link.CgroupOptions{Path: a.opts.GroupsDir, Attach: ebpf.AttachCGroupInetIngress, Program: p})
	case kernelProgOnEgress:
		return link.AttachCgroup(link.CgroupOptions{Path: a.opts.GroupsDir, Attach: ebpf.AttachCGroupInetEgress, Program: p})
	}
	return link.AttachTracing(link.TracingOptions{Program: p})
}

// Runs is how often a program ran, and for how long in all, since the kernel was told
// to measure that (BPF_ENABLE_STATS).
type Runs struct {
	Count uint64
	Time  time.Duration
}

// ProgramRuns tells of each attached program, by name.
func (a *Accounts) ProgramRuns() (map[string]Runs, error) {
	dir, err := a.linksDir()
	if err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return nil, fmt.Errorf("bpf: %w", err)
	}
	out := map[string]Runs{}
	for _, path := range paths {
		if out[filepath.Base(path)], err = runsOf(path); err != nil {
			return nil, fmt.Errorf("bpf: runs of %s: %w", filepath.Base(path), err)
		}
	}
	return out, nil
}

func runsOf(path string) (Runs, error) {
	l, err := link.LoadPinnedLink(path, nil)
	if err != nil {
		return Runs{}, err
	}
	defer l.Close()
	info, err := l.Info()
	if err != nil {
		return Runs{}, err
	}
	p, err := ebpf.NewProgramFromID(info.Program)
	if err != nil {
		return Runs{}, err
	}
	defer p.Close()
	s, err := p.Stats()
	if err != nil {
		return Runs{}, err
	}
	return Runs{Count: s.RunCount, Time: s.Runtime}, nil
}

// unpin removes all pins, which detaches the programs, and our mount.
func (a *Accounts) unpin() error {
	entries, err := os.ReadDir(a.opts.PinDir)
	faults := []error{err}
	for _, e := range entries {
		if e.Name() == mapsDir || strings.HasPrefix(e.Name(), linksPrefix) {
			faults = append(faults, os.RemoveAll(filepath.Join(a.opts.PinDir, e.Name())))
		}
	}
	if a.mounted {
		faults = append(faults, unix.Unmount(a.opts.PinDir, 0))
	}
	if err := os.Remove(a.opts.PinDir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}
