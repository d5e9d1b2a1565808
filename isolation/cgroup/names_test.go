package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caprock/caprock/isolation/probe"
)

func TestListReopenAndHalfMadeGroups(t *testing.T) {
	onEach(t, func(t *testing.T, tree *Tree) {
		create(t, tree, "b", Limits{})
		create(t, tree, "a", Limits{})
		if _, err := tree.Create("a", Limits{}); !errors.Is(err, fs.ErrExist) {
			t.Errorf("second Create: got %v, want fs.ErrExist", err)
		}
		// A crash in the middle of Create leaves a directory in one hierarchy.
		if err := os.Mkdir(filepath.Join(tree.hiers[len(tree.hiers)-1].dir, "c"), 0o755); err != nil {
			t.Fatal(err)
		}
		names, err := tree.List()
		if err != nil || strings.Join(names, " ") != "a b c" {
			t.Fatalf("got %v, %v; want a b c", names, err)
		}
		if _, err := tree.Create("c", Limits{}); !errors.Is(err, fs.ErrExist) {
			t.Errorf("Create over a leftover: got %v, want fs.ErrExist", err)
		}
		if _, err := os.Stat(filepath.Join(tree.hiers[0].dir, "c")); len(tree.hiers) > 1 && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a refused Create left a directory: %v", err)
		}
		for _, id := range names {
			g, err := tree.Reopen(id)
			if err != nil {
				t.Fatal(err)
			}
			if err := g.Destroy(); err != nil {
				t.Error(err)
			}
		}
		if names, err := tree.List(); err != nil || len(names) != 0 {
			t.Errorf("got %v, %v; want none", names, err)
		}
		if _, err := tree.Reopen("a"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v, want fs.ErrNotExist", err)
		}
	})
}

func TestBadNamesAreRefused(t *testing.T) {
	for _, id := range []string{"", ".", "..", "a/b", "../x", "a b", "cpu.stat", "cgroup.procs", "tasks", "memory.x", strings.Repeat("x", 201), "ü"} {
		if ValidateID(id) == nil {
			t.Errorf("%q was accepted", id)
		}
	}
	for _, id := range []string{"a", "0f1b-22.x", "cpu", strings.Repeat("x", 200)} {
		if err := ValidateID(id); err != nil {
			t.Error(err)
		}
	}
	for _, root := range []string{"", ".", "..", "/x", "a/../../b"} {
		if _, err := Open(Options{Root: root, Cgroups: probe.Cgroups{V2: "/nowhere"}}); err == nil {
			t.Errorf("root %q was accepted", root)
		}
	}
}

func TestUnknownControllerIsNamed(t *testing.T) {
	for _, c := range layouts(t) {
		_, err := Open(Options{Root: "caprock-test-never", Cgroups: c, Controllers: []string{"cpu", "flux"}})
		if !errors.Is(err, ErrNoController) || !strings.Contains(err.Error(), "flux") {
			t.Errorf("got %v, want ErrNoController for flux", err)
		}
	}
}

func TestLimitsInKernelUnits(t *testing.T) {
	l := Limits{CPUMilli: 1, CPUQuotaMilli: 1}
	if l.shares() != 2 || l.weight() != 1 || l.quotaMicros() != 1000 {
		t.Errorf("got %d %d %d, want the minima 2 1 1000", l.shares(), l.weight(), l.quotaMicros())
	}
	l = Limits{CPUMilli: 1500, CPUQuotaMilli: 250}
	if low := (Limits{CPUMilli: 1500, CPULow: true}); low.shares() != 15 || low.weight() != 1 {
		t.Errorf("low: got %d %d, want 15 and 1", low.shares(), low.weight())
	}
	if l.shares() != 1536 || l.weight() != 150 || l.quotaMicros() != 25_000 {
		t.Errorf("got %d %d %d, want 1536 150 25000", l.shares(), l.weight(), l.quotaMicros())
	}
}

func TestCounterParsesKeyedFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stat")
	if err := os.WriteFile(path, []byte("xusage_usec 1\nusage_usec 42\nuser_usec 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]uint64{"usage_usec": 42, "user_usec": 7, "xusage_usec": 1, "none": 0} {
		c, err := openCounter(path, key)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.value(); err != nil || got != want {
			t.Errorf("%s: got %d, %v; want %d", key, got, err, want)
		}
		if n := testing.AllocsPerRun(100, func() { c.value() }); n != 0 && !raceDetector {
			t.Errorf("%s: a reading allocates %v times", key, n)
		}
		c.close()
	}
}
