package vmtest

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the list of tests that are skipped in the machine")

// packages that do there what they cannot do on a host whose controllers are on v1.
var packages = []string{"isolation/cgroup", "isolation/launch", "isolation/bpf", "isolation"}

const listFile = "testdata/skipped.txt"

var skipped = regexp.MustCompile(`(?m)^ *--- SKIP: (\S+)`)

// The isolation tests pass on a kernel with cgroups v2 alone, and those that are
// skipped there are the ones that are known to be.
func TestIsolationOnUnifiedCgroups(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIP-ENV: boots virtual machines for two minutes")
	}
	if err := Missing(); err != nil {
		t.Skipf("SKIP-ENV: no virtual machines here: %v", err)
	}
	var list []string
	for _, pkg := range packages {
		t.Run(strings.ReplaceAll(pkg, "/", "-"), func(t *testing.T) {
			binary := filepath.Join(t.TempDir(), "test")
			build := exec.Command("go", "test", "-c", "-o", binary, "./"+pkg)
			build.Dir, build.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			// The list of skips is held against source files.
			output, status, err := Run(ctx, binary, "-test.v", "-test.timeout=4m", "-test.skip=^TestSkipsAreKnown$")
			if err != nil || status != 0 {
				t.Fatalf("status %d, %v\n%s", status, err, output)
			}
			if !strings.Contains(output, "--- PASS: ") {
				t.Errorf("no test passed:\n%s", output)
			}
			for _, m := range skipped.FindAllStringSubmatch(output, -1) {
				list = append(list, pkg+" "+m[1])
			}
		})
	}
	slices.Sort(list)
	got := strings.Join(list, "\n") + "\n"
	if *update {
		if err := os.WriteFile(listFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(listFile)
	if err != nil || got != string(want) {
		t.Errorf("skipped in the machine, %v:\n%swant\n%s(rewrite with -update if that is right)", err, got, want)
	}
}

func TestMissingNamesWhatLacks(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if err := Missing(); err == nil || !strings.Contains(err.Error(), "qemu-system-x86_64") || !strings.Contains(err.Error(), "cpio") {
		t.Errorf("got %v, want the programs named", err)
	}
}
