package runner

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/caprock/caprock/agent/sandbox"
)

// An executor may have put anything where a nested container's output is to go: the agent
// neither waits for it nor follows it out.
func TestOutputGoesToFilesOnly(t *testing.T) {
	outer := t.TempDir()
	dir := filepath.Join(outer, "box")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(outer, "canary"), []byte("sings"), 0o600); err != nil {
		t.Fatal(err)
	}
	box, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	for name, c := range map[string]struct {
		make func(path string) error
		want string // of the error; "" if it is opened
	}{
		"pipe":      {func(path string) error { return syscall.Mkfifo(path, 0o666) }, "no such device"},
		"directory": {func(path string) error { return os.Mkdir(path, 0o755) }, "is a directory"},
		"link out":  {func(path string) error { return os.Symlink("../canary", path) }, "escapes"},
		"circle":    {func(path string) error { return os.Symlink(filepath.Base(path), path) }, "too many"},
		"nothing":   {func(string) error { return nil }, ""},
		"a file":    {func(path string) error { return os.WriteFile(path, []byte("before\n"), 0o600) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.make(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			f, err := output(box, name, sandbox.Owner{})
			switch {
			case err != nil && (c.want == "" || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			case err == nil && c.want != "":
				t.Errorf("it was opened, want an error about %q", c.want)
			}
			if f != nil {
				f.Close()
			}
		})
	}
	// A pipe that somebody reads can be opened, and is no file.
	reader, err := os.OpenFile(filepath.Join(dir, "pipe"), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if _, err := output(box, "pipe", sandbox.Owner{}); err == nil || !strings.Contains(err.Error(), "want a regular file") {
		t.Errorf("a pipe that is read: got %v", err)
	}
	if got, _ := os.ReadFile(filepath.Join(outer, "canary")); string(got) != "sings" {
		t.Errorf("the canary holds %q", got)
	}
}
