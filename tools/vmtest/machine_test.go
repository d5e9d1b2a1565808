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

// bare switches every controller of cgroups off.
const bare = "cgroup_disable=cpu,cpuacct,cpuset,io,memory,pids,hugetlb,perf_event,net_cls,net_prio,devices,freezer,rdma,misc"

// runs are packages that do there what they cannot do on a host whose controllers are on
// v1, all of their tests or some, and what kernels they meet.
var runs = []struct {
	name, pkg  string
	parameters string
	tests      string
}{
	{name: "isolation/cgroup", pkg: "isolation/cgroup"},
	{name: "isolation/launch", pkg: "isolation/launch"},
	{name: "isolation/bpf", pkg: "isolation/bpf"},
	{name: "isolation", pkg: "isolation"},
	{name: "isolation/quota", pkg: "isolation/quota"},
	{name: "isolation/perf", pkg: "isolation/perf"},
	{name: "isolation/seccomp", pkg: "isolation/seccomp"},
	{name: "isolation/probe", pkg: "isolation/probe"},
	{name: "isolation/reap", pkg: "isolation/reap"},
	{name: "agent/disk", pkg: "agent/disk"},
	{name: "agent/runner", pkg: "agent/runner"},
	// What an agent does with the kernel; what it says to others is the same everywhere.
	{name: "agent", pkg: "agent", tests: "^Test(CommandTasks|Kill|Restart|OutOfMemory|Pod.*|Limits.*|Project.*|DiskQuota.*|VolumesInEveryLaunchMode|" +
		"NestedContainers|StandaloneContainers|WithoutBPF|WithoutCgroups|WithoutControllers|.*Limits|.*Pressure.*)$"},
	// Kill and freeze by cgroup and accounting by BPF need no controller.
	{name: "bare agent", pkg: "agent", parameters: bare, tests: "^Test(CommandTasks|Kill|Restart|NestedContainers|StandaloneContainers|WithoutBPF|WithoutControllers)$"},
}

const listFile = "testdata/skipped.txt"

var skipped = regexp.MustCompile(`(?m)^ *--- SKIP: (\S+)`)

// The isolation tests pass on a kernel with cgroups v2 alone, and those that are
// skipped there are the ones that are known to be.
func TestIsolationOnUnifiedCgroups(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIP-ENV: boots virtual machines for some minutes")
	}
	if err := Missing(); err != nil {
		t.Skipf("SKIP-ENV: no virtual machines here: %v", err)
	}
	var list []string
	dir := t.TempDir()
	for _, r := range runs {
		t.Run(strings.ReplaceAll(r.name, "/", "-"), func(t *testing.T) {
			binary := filepath.Join(dir, strings.ReplaceAll(r.pkg, "/", "-"))
			build := exec.Command("go", "test", "-c", "-o", binary, "./"+r.pkg)
			build.Dir, build.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
			defer cancel()
			// The list of skips is held against source files.
			output, status, err := Run(ctx, r.parameters, binary, "-test.v", "-test.timeout=29m", "-test.run="+r.tests, "-test.skip=^TestSkipsAreKnown$")
			if err != nil || status != 0 {
				t.Fatalf("status %d, %v\n%s", status, err, output)
			}
			if !strings.Contains(output, "--- PASS: ") {
				t.Errorf("no test passed:\n%s", output)
			}
			for _, m := range skipped.FindAllStringSubmatch(output, -1) {
				list = append(list, r.name+" "+m[1])
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
