package sandbox

import (
	"os"
	"path/filepath"
	"testing"
)

// A task that owns its sandbox can put a link where the sandboxes of containers
// nested in it are made and removed. It leads nowhere else.
func TestLinksOfATaskDoNotLeadNestedSandboxesAway(t *testing.T) {
	dir := t.TempDir()
	tree, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	for name, run := range map[string]string{
		"of an executor": filepath.Join(dir, "slaves/a/frameworks/f/executors/e/runs/r"),
		"alone":          filepath.Join(dir, "containers/r"),
	} {
		t.Run(name, func(t *testing.T) {
			box, err := tree.Make(run, Owner{})
			if err != nil {
				t.Fatal(err)
			}
			box.Close()
			nested := filepath.Join(run, "containers", "n")
			if box, err = tree.Make(nested, Owner{}); err != nil {
				t.Fatal(err)
			}
			box.Close()
			if err := tree.Remove(nested); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(nested); err == nil {
				t.Error("the nested sandbox is still there")
			}
			if _, err := os.Stat(run); err != nil {
				t.Errorf("the sandbox around it: %v", err)
			}
			victim := filepath.Join(dir, "meta", "n")
			if err := os.MkdirAll(victim, 0o700); err != nil {
				t.Fatal(err)
			}
			_ = os.Remove(filepath.Join(run, "containers"))
			to, err := filepath.Rel(run, filepath.Join(dir, "meta"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(to, filepath.Join(run, "containers")); err != nil {
				t.Fatal(err)
			}
			if err := tree.Remove(nested); err == nil {
				t.Error("removing through a link: no error")
			}
			if _, err := os.Stat(victim); err != nil {
				t.Errorf("a directory elsewhere was removed: %v", err)
			}
			if box, err := tree.Make(filepath.Join(run, "containers", "m"), Owner{}); err == nil {
				box.Close()
				t.Error("making through a link: no error")
			}
			if _, err := os.Stat(filepath.Join(dir, "meta", "m")); err == nil {
				t.Error("a directory elsewhere was made")
			}
		})
	}
	if err := tree.Remove(filepath.Join(dir, "containers", "nosuch", "containers", "x")); err != nil {
		t.Errorf("removing what is not there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "containers", "nosuch")); err == nil {
		t.Error("removing has made something")
	}
}

// What is read through the agent is what lies in the sandbox.
func TestLinksOfATaskDoNotLeadReadersAway(t *testing.T) {
	dir := t.TempDir()
	tree, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	run := filepath.Join(dir, "slaves/a/frameworks/f/executors/e/runs/r")
	box, err := tree.Make(run, Owner{})
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	if err := tree.Link(filepath.Join(filepath.Dir(run), "latest"), run); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "meta"), 0o700); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{"meta/secret": "of the agent", filepath.Join(run[len(dir)+1:], "own"): "of the task"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"away": "../../../../../../../../meta/secret", "here": "own"} {
		if err := box.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	latest := filepath.Join(filepath.Dir(run), "latest")
	for path, ok := range map[string]bool{
		filepath.Join(run, "own"): true, filepath.Join(run, "here"): true, filepath.Join(latest, "here"): true, latest: true, run: true,
		filepath.Join(run, "away"): false, filepath.Join(latest, "away"): false, filepath.Join(dir, "meta/secret"): false,
	} {
		f, err := tree.Open(path)
		if (err == nil) != ok {
			t.Errorf("%s: %v", path, err)
		}
		if err == nil {
			f.Close()
		}
	}
}
