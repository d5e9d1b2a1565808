package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func makeRun(t *testing.T, tree *Tree, dir string) {
	t.Helper()
	box, err := tree.Make(dir, Owner{})
	if err != nil {
		t.Fatal(err)
	}
	box.Close()
}

func TestRemoveLeavesNoEmptyDirectories(t *testing.T) {
	tree, dir := openTree(t)
	for _, id := range []string{"a", "b"} {
		makeRun(t, tree, run(dir, id))
	}
	latest := filepath.Join(filepath.Dir(run(dir, "b")), "latest")
	if err := tree.Link(latest, run(dir, "b")); err != nil {
		t.Fatal(err)
	}
	if err := tree.Remove(run(dir, "a")); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(latest); err != nil || to != "b" {
		t.Errorf("with a run left, latest leads to %q (%v)", to, err)
	}
	if err := tree.Remove(run(dir, "b")); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "slaves", "*", "frameworks", "*")); err != nil || len(left) != 0 {
		t.Errorf("left are %v (%v), want nothing", left, err)
	}
	if err := tree.Remove(run(dir, "b")); err != nil {
		t.Errorf("removing it again: %v", err)
	}
	makeRun(t, tree, run(dir, "c"))
}

func TestRemoveTakesAnyNumberOfNames(t *testing.T) {
	tree, dir := openTree(t)
	makeRun(t, tree, run(dir, "a"))
	for i := range 2*namesAtOnce + 1 {
		if err := os.WriteFile(filepath.Join(run(dir, "a"), fmt.Sprint(i)), nil, 0o000); err != nil {
			t.Fatal(err)
		}
	}
	if err := tree.Remove(run(dir, "a")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(run(dir, "a")); !os.IsNotExist(err) {
		t.Errorf("the sandbox is still there: %v", err)
	}
}

// A path of that depth is longer than any path may be, and has more directories than
// may be open.
func TestRemoveGoesAsDeepAsATaskCan(t *testing.T) {
	tree, dir := openTree(t)
	makeRun(t, tree, run(dir, "a"))
	fd, err := unix.Open(run(dir, "a"), unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 3000 {
		if err := unix.Mkdirat(fd, "deeper", 0o755); err != nil {
			t.Fatal(err)
		}
		next, err := unix.Openat(fd, "deeper", unix.O_RDONLY|unix.O_DIRECTORY, 0)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
		fd = next
	}
	unix.Close(fd)
	if err := tree.Remove(run(dir, "a")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(run(dir, "a")); !os.IsNotExist(err) {
		t.Errorf("the sandbox is still there: %v", err)
	}
}

func TestRemoveGoesIntoNoMount(t *testing.T) {
	tree, dir := openTree(t)
	makeRun(t, tree, run(dir, "a"))
	volume := t.TempDir()
	precious := filepath.Join(volume, "precious")
	if err := os.WriteFile(precious, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(run(dir, "a"), "data", "volume")
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(run(dir, "a"), "stdout"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(volume, at, "", unix.MS_BIND, ""); err != nil {
		t.Skipf("SKIP-ENV: mounting is not permitted here: %v", err)
	}
	mounted := true
	defer func() {
		if mounted {
			_ = unix.Unmount(at, unix.MNT_DETACH)
		}
	}()
	if err := tree.Remove(run(dir, "a")); err == nil || !strings.Contains(err.Error(), "something is mounted there") {
		t.Errorf("got %v, want an error that tells of the mount", err)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Fatalf("what is mounted was removed: %v", err)
	}
	if _, err := os.Stat(filepath.Join(run(dir, "a"), "stdout")); !os.IsNotExist(err) {
		t.Errorf("the rest of the sandbox stays: %v", err)
	}
	if err := unix.Unmount(at, 0); err != nil {
		t.Fatal(err)
	}
	mounted = false
	if err := tree.Remove(run(dir, "a")); err != nil {
		t.Errorf("without the mount: %v", err)
	}
}
