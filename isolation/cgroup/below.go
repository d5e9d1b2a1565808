package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A group below another shares all of its limits: it exists only in the hierarchy
// that lists processes and kills, and in the others its processes are in the group
// at the top. So it can be signalled, killed and removed alone, and ends with the
// one above. Its id is the path, "parent/name". As tasks may make groups below their own too,
// ours bear a mark (see mark.go).

// CreateBelow makes the group name inside of the group parent, which may be below
// another itself. An existing group of that name is an error that matches
// fs.ErrExist, a parent that is not there one that matches fs.ErrNotExist.
func (t *Tree) CreateBelow(parent, name string) (*Group, error) {
	if err := errors.Join(validatePath(parent), ValidateID(name)); err != nil {
		return nil, err
	}
	g := t.handle(parent + "/" + name)
	t.step("make " + g.dir(t.core))
	if err := os.Mkdir(g.dir(t.core), 0o755); err != nil {
		return nil, fmt.Errorf("cgroup: create %s: %w", g.id, err)
	}
	if err := errors.Join(g.setMark(made), g.identify()); err != nil {
		return nil, errors.Join(err, os.Remove(g.dir(t.core)))
	}
	return g, nil
}

// ListBelow names the groups that CreateBelow made inside of a group, at any depth, sorted. Groups that
// the processes in it made are not among them, nor what is below those.
func (t *Tree) ListBelow(id string) ([]string, error) {
	entries, err := os.ReadDir(t.handle(id).dir(t.core))
	if err != nil {
		return nil, fmt.Errorf("cgroup: %w", err)
	}
	var ids []string
	for _, e := range entries {
		below := id + "/" + e.Name()
		if !e.IsDir() {
			continue
		}
		if t.handle(below).readMark() == unmarked {
			continue
		}
		deeper, err := t.ListBelow(below)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		ids = append(append(ids, below), deeper...)
	}
	slices.Sort(ids)
	return ids, nil
}

// validatePath is ValidateID for each part of a path.
func validatePath(id string) error {
	for part := range strings.SplitSeq(id, "/") {
		if err := ValidateID(part); err != nil {
			return err
		}
	}
	return nil
}

// below reports whether the group shares the limits of one above.
func (g *Group) below() bool { return strings.Contains(g.id, "/") }

// entry is the directory that processes of the group join in a hierarchy.
func (g *Group) entry(hier int) string {
	if hier == g.tree.core || !g.below() {
		return g.dir(hier)
	}
	top, _, _ := strings.Cut(g.id, "/")
	return filepath.Join(g.tree.hiers[hier].dir, top)
}

// usageBelow is what can be told of a group without controllers of its own: CPU
// time on v2, and the number of processes.
func (g *Group) usageBelow() (Usage, error) {
	var u Usage
	if g.core().v2 {
		stat := readKeyed(g.coreFile("cpu.stat"))
		u.CPU, u.User, u.System = micros(stat["usage_usec"]), micros(stat["user_usec"]), micros(stat["system_usec"])
	}
	pids, err := g.Pids()
	u.Processes = uint64(len(pids))
	return u, err
}
