package sandbox

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func openTree(t *testing.T) (*Tree, string) {
	dir := filepath.Join(t.TempDir(), "work")
	tree, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close() })
	return tree, dir
}

func run(dir, container string) string {
	return filepath.Join(dir, "slaves/S0/frameworks/F/executors/E/runs", container)
}

func TestMakeAndLatest(t *testing.T) {
	tree, dir := openTree(t)
	for _, id := range []string{"c1", "c2"} {
		box, err := tree.Make(run(dir, id), Owner{})
		if err != nil {
			t.Fatal(err)
		}
		if err := box.WriteFile("f", []byte(id), 0o600); err != nil {
			t.Fatal(err)
		}
		box.Close()
		if err := tree.Link(run(dir, "latest"), run(dir, id)); err != nil {
			t.Fatal(err)
		}
	}
	if to, _ := os.Readlink(run(dir, "latest")); to != "c2" {
		t.Errorf("latest points to %q", to)
	}
	if info, err := os.Stat(run(dir, "c1")); err != nil || info.Mode().Perm() != Mode {
		t.Errorf("mode: %v %v", info.Mode(), err)
	}
	f, err := tree.Open(run(dir, "latest/f"))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := tree.Make(filepath.Join(dir, "../elsewhere"), Owner{}); err == nil {
		t.Error("a sandbox was made outside of the tree")
	}
}

// What a task puts into its sandbox leads nowhere else.
func TestLinksLeadNowhere(t *testing.T) {
	tree, dir := openTree(t)
	box, err := tree.Make(run(dir, "c"), Owner{})
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.Mkdir(outside, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(outside, "precious"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"abs": outside, "rel": "../../../../../../../../../outside", "containers": outside} {
		if err := os.Symlink(target, filepath.Join(run(dir, "c"), name)); err != nil {
			t.Fatal(err)
		}
		if _, err := tree.Open(filepath.Join(run(dir, "c"), name)); err == nil {
			t.Errorf("%s was opened", name)
		}
	}
	// Nor is a nested sandbox made behind one.
	if _, err := tree.Make(filepath.Join(run(dir, "c"), "containers/n"), Owner{}); err == nil {
		t.Error("a nested sandbox was made behind a link")
	}
	if err := tree.Remove(run(dir, "c")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(outside, "precious")); err != nil {
		t.Errorf("removing the sandbox followed a link: %v", err)
	}
}

func TestInSandbox(t *testing.T) {
	for rel, want := range map[string]bool{
		"slaves/S/frameworks/F/executors/E/runs/C":         true,
		"slaves/S/frameworks/F/executors/E/runs/C/a/b":     true,
		"slaves/S/frameworks/F/executors/E/runs":           false,
		"slaves/S/frameworks/F/executors/E":                false,
		"meta/state/log-1":                                 false,
		".":                                                false,
		"slaves/S/frameworks/F/executors/E/tasks/C/x":      false,
		"other/slaves/S/frameworks/F/executors/E/runs/C/x": false,
	} {
		if got := InSandbox(rel); got != want {
			t.Errorf("%s: got %v, want %v", rel, got, want)
		}
	}
	tree, dir := openTree(t)
	for _, path := range []string{dir, dir + "/meta", "/etc/passwd", "relative"} {
		if _, err := tree.Open(path); !errors.Is(err, ErrNotSandbox) {
			t.Errorf("Open(%s): got %v, want ErrNotSandbox", path, err)
		}
		if err := tree.Remove(path); !errors.Is(err, ErrNotSandbox) {
			t.Errorf("Remove(%s): got %v, want ErrNotSandbox", path, err)
		}
	}
}
