package bpf

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The committed object must be what the committed source compiles to. Compilers
// differ, so the check is for the major version that made the object.
const madeBy = "clang version 14."

func TestCommittedObjectsAreGenerated(t *testing.T) {
	version, err := exec.Command("clang", "--version").Output()
	if err != nil || !strings.Contains(string(version), madeBy) {
		t.Skipf("SKIP-ENV: needs %s, got %q, %v", madeBy, version, err)
	}
	if _, err := exec.LookPath("llvm-strip"); err != nil {
		t.Skipf("SKIP-ENV: %v", err)
	}
	if _, err := os.Stat("/usr/include/bpf/bpf_helpers.h"); err != nil {
		t.Skipf("SKIP-ENV: needs libbpf-dev: %v", err)
	}
	// Generated in place of a copy: the tool wants to be in the module.
	dir, err := os.MkdirTemp(".", "testdata-regenerate-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for _, name := range []string{"doc.go", "kernel.bpf.c"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command("go", "generate", ".")
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"kernel_bpfel.go", "kernel_bpfel.o"} {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs from what kernel.bpf.c compiles to (%v): run go generate ./isolation/bpf", name, err)
		}
	}
}
