package volume

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/sandbox"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// Whoever asks twice for a removal, because it did not learn that the first was
// done, must not hit the volume that was made since.
func TestRemovalAskedForTwice(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "volumes", "roles", "a b", "v")
	must(t, Make(path))
	write(t, filepath.Join(path, "old"), "old")
	must(t, Detach(path, "1", false))
	must(t, Make(path))
	write(t, filepath.Join(path, "new"), "new")
	must(t, Detach(path, "1", false))
	if got := names(t, path); !slices.Equal(got, []string{"new"}) {
		t.Fatalf("the new volume holds %v", got)
	}
	must(t, Sweep([]string{root}, nil, []string{"1"}))
	if got := names(t, filepath.Join(root, "volumes")); len(got) != 2 {
		t.Fatalf("a removal that may be asked for again was swept: %v", got)
	}
	must(t, Sweep([]string{root}, nil, nil))
	if got := names(t, filepath.Join(root, "volumes")); !slices.Equal(got, []string{"roles"}) {
		t.Fatalf("after the sweep there is %v", got)
	}
}

// The removal of a volume that was never made counts as done all the same.
func TestRemovalOfNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "volumes", "roles", "r", "v")
	must(t, Detach(path, "1", false))
	must(t, Make(path))
	must(t, Detach(path, "1", false))
	if !exists(path) {
		t.Fatal("the volume that was made later is gone")
	}
}

// The root of a mount stays, empty; a crash in the middle is made good.
func TestRemovalOfContent(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "a"), "a")
	must(t, os.MkdirAll(filepath.Join(root, "d", "e"), 0o755))
	must(t, os.Mkdir(filepath.Join(root, asidePrefix+"part-1"), 0o700)) // a removal that got no further
	must(t, Detach(root, "1", true))
	if got := names(t, root); !slices.Equal(got, []string{asidePrefix + "1"}) {
		t.Fatalf("got %v", got)
	}
	write(t, filepath.Join(root, "new"), "new")
	must(t, Detach(root, "1", true))
	must(t, Sweep(nil, []string{root}, nil))
	if got := names(t, root); !slices.Equal(got, []string{"new"}) {
		t.Fatalf("got %v, want only what came after the removal", got)
	}
}

// Removing follows no link that a task left.
func TestSweepFollowsNoLinks(t *testing.T) {
	root, canary := t.TempDir(), filepath.Join(t.TempDir(), "canary")
	write(t, canary, "alive")
	path := filepath.Join(root, "volumes", "roles", "r", "v")
	must(t, Make(path))
	must(t, os.Symlink(filepath.Dir(canary), filepath.Join(path, "link")))
	must(t, Detach(path, "1", false))
	must(t, Sweep([]string{root}, nil, nil))
	if !exists(canary) {
		t.Fatal("a file outside of the volume was removed")
	}
}

func TestMakeRefusesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "x")
	if err := Make(filepath.Join(path, "v")); !errors.Is(err, unix.ENOTDIR) {
		t.Fatalf("got %v, want that it is no directory", err)
	}
}

func openBox(t *testing.T) (*os.Root, string) {
	dir := t.TempDir()
	box, err := os.OpenRoot(dir)
	must(t, err)
	t.Cleanup(func() { box.Close() })
	return box, dir
}

func TestLinks(t *testing.T) {
	source := t.TempDir()
	write(t, filepath.Join(source, "data"), "kept")
	box, dir := openBox(t)
	volumes := []core.Volume{{Source: source, Target: "deep/down"}}
	must(t, Link(box, volumes, sandbox.Owner{}))
	must(t, Link(box, volumes, sandbox.Owner{})) // an interrupted launch made again
	if b, err := os.ReadFile(filepath.Join(dir, "deep", "down", "data")); err != nil || string(b) != "kept" {
		t.Fatalf("got %q, %v", b, err)
	}
	must(t, Unlink(box, volumes))
	if exists(filepath.Join(dir, "deep", "down")) || !exists(filepath.Join(source, "data")) {
		t.Fatal("want the link gone and the data there")
	}
}

// What the sandbox holds already is not touched, and not used for the volume.
func TestLinkMeetsSomethingElse(t *testing.T) {
	box, dir := openBox(t)
	write(t, filepath.Join(dir, "taken"), "mine")
	volumes := []core.Volume{{Source: t.TempDir(), Target: "taken"}}
	if err := Link(box, volumes, sandbox.Owner{}); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("got %v, want that it exists", err)
	}
	must(t, Unlink(box, volumes))
	if !exists(filepath.Join(dir, "taken")) {
		t.Fatal("Unlink removed what Link had not made")
	}
	must(t, os.Symlink("/tmp", filepath.Join(dir, "away")))
	if err := MountPoint(box, core.Volume{Source: t.TempDir(), Target: "away"}, sandbox.Owner{}); err == nil {
		t.Fatal("a link was taken for a mount point")
	}
}

// A volume whose directory is gone must not be taken for an empty one.
func TestLostVolume(t *testing.T) {
	box, dir := openBox(t)
	err := Link(box, []core.Volume{{Source: filepath.Join(t.TempDir(), "gone"), Target: "data"}}, sandbox.Owner{})
	if !errors.Is(err, fs.ErrNotExist) || exists(filepath.Join(dir, "data")) {
		t.Fatalf("got %v, want that it does not exist", err)
	}
}

func TestOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIP-ENV: gives files away, which takes root")
	}
	source := t.TempDir()
	box, _ := openBox(t)
	owner := sandbox.Owner{Other: true, UID: 1234, GID: 1235}
	uid := func() uint32 {
		var st unix.Stat_t
		must(t, unix.Stat(source, &st))
		return st.Uid
	}
	must(t, Link(box, []core.Volume{{Source: source, Target: "a", KeepOwner: true}}, owner))
	if uid() != 0 {
		t.Fatal("a volume that others use changed hands")
	}
	must(t, Link(box, []core.Volume{{Source: source, Target: "b"}}, owner))
	if uid() != 1234 {
		t.Fatalf("the volume belongs to %d, want 1234", uid())
	}
}

func TestCheckMount(t *testing.T) {
	must(t, CheckMount("/proc"))
	dir := t.TempDir()
	if err := CheckMount(dir); err == nil || !strings.Contains(err.Error(), "nothing is mounted") {
		t.Errorf("got %v", err)
	}
	link := filepath.Join(dir, "link")
	must(t, os.Symlink("/proc", link))
	if err := CheckMount(link); err == nil || !strings.Contains(err.Error(), "is a link to /proc") {
		t.Errorf("got %v", err)
	}
	if err := CheckMount(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
