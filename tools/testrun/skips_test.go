package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSkipsAreHeldAgainstTheList(t *testing.T) {
	dir := t.TempDir()
	skips := []string{"x/isolation/cgroup.TestB/v2: no such controller", "x/agent.TestA: needs root", "x/alloc.TestC: slow", "x/agent.TestA: needs root"}
	if err := checkSkips(dir, "v2-root", skips, false); err != nil {
		t.Errorf("a host of another kind: %v", err)
	}
	if err := checkSkips(dir, "v2-root", skips, true); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "v2-root.txt")); err != nil || string(b) != "x/agent.TestA\nx/isolation/cgroup.TestB/v2\n" {
		t.Fatalf("got %q, %v", b, err)
	}
	if err := checkSkips(dir, "v2-root", skips, false); err != nil {
		t.Error(err)
	}
	if err := checkSkips(dir, "v2-root", append(skips, "x/agent/disk.TestD: whatever"), false); err == nil || !strings.Contains(err.Error(), "x/agent/disk.TestD is skipped") {
		t.Errorf("got %v, want the new one named", err)
	}
	if err := checkSkips(dir, "v2-root", skips[1:], false); err == nil || !strings.Contains(err.Error(), "TestB/v2 is not skipped any more") {
		t.Errorf("got %v, want the one that runs named", err)
	}
}

func TestEnvironmentHasAName(t *testing.T) {
	if env := environment(); env == "" || strings.ContainsAny(env, " /") {
		t.Errorf("got %q", env)
	}
}
