package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A group below another is under its limits, ends alone, and ends with it.
func TestGroupBelow(t *testing.T) {
	onEach(t, func(t *testing.T, tree *Tree) {
		parent := create(t, tree, "parent", Limits{MemBytes: 64 << 20})
		main := start(t, parent, "exec sleep 60")
		below := func(parent, name string) *Group {
			g, err := tree.CreateBelow(parent, name)
			if err != nil {
				t.Fatal(err)
			}
			return g
		}
		one, two := below("parent", "one"), below("parent", "two")
		inner := below("parent/two", "inner")
		p1, p2 := start(t, one, "exec sleep 60"), start(t, inner, "exec sleep 60")

		if limited := tree.hiers[parent.hier("memory")]; !limited.v2 {
			text, err := os.ReadFile("/proc/" + strconv.Itoa(p1.Pid()) + "/cgroup")
			if err != nil || !strings.Contains(string(text), "memory:") {
				t.Fatal(string(text), err)
			}
			for line := range strings.SplitSeq(string(text), "\n") {
				if strings.Contains(line, "memory:") && !strings.HasSuffix(line, "/parent") {
					t.Errorf("memory of the process is accounted to %s, want the parent", line)
				}
			}
		}
		if !one.Holds(p1.Pid()) || one.Holds(p2.Pid()) || !parent.Holds(p2.Pid()) || !two.Holds(p2.Pid()) {
			t.Error("Holds is wrong about who is where")
		}
		if u, err := one.Usage(); err != nil || u.Processes != 1 {
			t.Errorf("usage %+v, %v; want one process", u, err)
		}
		if names, err := tree.List(); err != nil || len(names) != 1 {
			t.Errorf("listed %v, %v; want the group at the top alone", names, err)
		}
		// What the processes in a group make there is theirs.
		for _, dir := range []string{parent.dir(tree.core), inner.dir(tree.core)} {
			if err := os.MkdirAll(dir+"/theirs/two", 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if ids, err := tree.ListBelow("parent"); err != nil || !slices.Equal(ids, []string{"parent/one", "parent/two", "parent/two/inner"}) {
			t.Errorf("listed %v, %v below parent; want one, two and inner", ids, err)
		}
		if ids, err := tree.ListBelow("nobody"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("listed %v, %v below nobody", ids, err)
		}
		again, err := tree.Reopen("parent/one")
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Destroy(); err != nil {
			t.Fatal(err)
		}
		exit(t, p1)
		if _, over := main.Status(); over {
			t.Error("the parent's process ended with that of a group below")
		}
		if _, err := tree.Reopen("parent/one"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the destroyed group: %v", err)
		}
		if err := parent.Destroy(); err != nil {
			t.Fatal(err)
		}
		exit(t, main)
		exit(t, p2)
		// Ends of groups are told of one after the other, in any order.
		if err := errors.Join(inner.Destroy(), two.Destroy(), one.Destroy()); err != nil {
			t.Errorf("destroying what went with its parent: %v", err)
		}
	})
}

// In every kind of hierarchy a group tells whether a process was ever going to be in it.
func TestGroupKnowsWhetherItWasEntered(t *testing.T) {
	onEach(t, func(t *testing.T, tree *Tree) {
		top := create(t, tree, "top", Limits{})
		below, err := tree.CreateBelow("top", "below")
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range []*Group{below, top} {
			again := func() *Group {
				g, err := tree.Reopen(g.ID())
				if err != nil {
					t.Fatal(err)
				}
				return g
			}
			if fresh, known := again().Fresh(); !fresh || !known {
				t.Errorf("%s: fresh is %v, known %v, before anybody entered", g.ID(), fresh, known)
			}
			p := start(t, g, "exit 0")
			exit(t, p)
			if fresh, known := again().Fresh(); fresh || !known {
				t.Errorf("%s: fresh is %v, known %v, after a process", g.ID(), fresh, known)
			}
		}
	})
}

func TestGroupBelowIsRefused(t *testing.T) {
	onEach(t, func(t *testing.T, tree *Tree) {
		create(t, tree, "parent", Limits{})
		for _, c := range [][2]string{{"parent", "../x"}, {"parent", "tasks"}, {"parent/../..", "x"}, {"", "x"}, {"parent", ""}} {
			if _, err := tree.CreateBelow(c[0], c[1]); err == nil {
				t.Errorf("%q was made below %q", c[1], c[0])
			}
		}
		if _, err := tree.CreateBelow("nobody", "x"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("below nobody: %v", err)
		}
		if _, err := tree.CreateBelow("parent", "x"); err != nil {
			t.Fatal(err)
		}
		if _, err := tree.CreateBelow("parent", "x"); !errors.Is(err, fs.ErrExist) {
			t.Errorf("a second of the name: %v", err)
		}
	})
}
