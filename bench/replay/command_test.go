package replay

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The command prints a verdict over all histories that ship with the allocator.
func TestCommandCountsHistories(t *testing.T) {
	cmd := Command()
	var out strings.Builder
	cmd.SetOut(&out)
	cmd.SetArgs([]string{"../../alloc/cycle/testdata/histories/rules"})
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "131 same, 0 different\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
}

// A file that is no history is reported as different with its line, and those beside
// it are replayed all the same.
func TestFaultyFilesDoNotStopTheReplay(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.txt": "options\n> nonsense\n",
		"b.txt": "options\nagent a1 res=cpus:1;mem:64 colour=red\n",
		"c.txt": "options\nagent a1 res=cpus:1;mem:64\n",
		"d.md":  "not a history",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	same, different, err := Dir(&out, link, nil)
	if err != nil || same != 1 || different != 2 {
		t.Errorf("%d same, %d different (%v), want 1 and 2", same, different, err)
	}
	for _, want := range []string{"a.txt: line 2: ", "b.txt: line 2: ", "colour="} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("printed %q, want %q in it", out.String(), want)
		}
	}
}
