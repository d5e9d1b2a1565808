package perf

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caprock/caprock/isolation/probe"
	"github.com/caprock/caprock/wire/clock"
	"github.com/caprock/caprock/wire/mesos"
)

// Every event is a field of Mesos' statistics, and every field an event.
func TestEventsAreTheFieldsOfPerfStatistics(t *testing.T) {
	fields := (&mesos.PerfStatistics{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		name := string(fields.Get(i).Name())
		if _, ok := events[name]; !ok && name != "timestamp" && name != "duration" {
			t.Errorf("%s is no event", name)
		}
	}
	for name := range events {
		if found := fields.ByTextName(name); found == nil {
			t.Errorf("event %s is no field", name)
		}
	}
	list, err := ParseEvents("cycles, L1-dcache-load-misses,task-clock,cycles,")
	if err != nil || len(list) != 3 || list[1].Name != "l1_dcache_load_misses" {
		t.Errorf("got %v, %v", list, err)
	}
	if _, err := ParseEvents("cycles,luck"); err == nil || !strings.Contains(err.Error(), `got event "luck", want some of`) {
		t.Errorf("got %v, want what there is", err)
	}
}

func groupDir(t *testing.T) string {
	t.Helper()
	r := probe.Host()
	mount := r.Cgroups.V1["perf_event"]
	if mount == "" {
		mount = r.Cgroups.V2
	}
	if !r.Root || mount == "" {
		t.Skipf("SKIP-ENV: needs root and cgroups; this host:\n%s", r)
	}
	dir := filepath.Join(mount, fmt.Sprintf("caprock-test-perf-%d-%d", os.Getpid(), time.Now().UnixNano()))
	if mount == r.Cgroups.V2 {
		// The kernel counts for cgroups of v2 from when their root has passed anything
		// down, which whoever booted the machine has done, except where nobody has.
		if err := os.WriteFile(filepath.Join(mount, "cgroup.subtree_control"), []byte("+pids"), 0); err != nil {
			t.Logf("no controller is passed down: %v", err)
		}
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		deadline := time.Now().Add(time.Minute)
		for err := os.Remove(dir); err != nil; err = os.Remove(dir) {
			if time.Now().After(deadline) {
				t.Fatal(err) // what was killed in it has not gone
			}
		}
	})
	return dir
}

func TestSampleCountsWhatTheGroupDoes(t *testing.T) {
	list, err := ParseEvents("task-clock,context-switches,page-faults")
	if err != nil {
		t.Fatal(err)
	}
	busy, idle := groupDir(t), groupDir(t)
	if err := Check(busy, list); err != nil {
		t.Skipf("SKIP-ENV: %v", err)
	}
	f, err := os.Open(busy)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := exec.Command("/bin/sh", "-c", "while :; do /bin/true; done")
	c.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(f.Fd()), Setpgid: true}
	if err := c.Start(); err != nil {
		t.Skipf("SKIP-ENV: %v", err)
	}
	defer func() {
		syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
		c.Wait()
	}()
	got, err := Sample(t.Context(), clock.Real(), []string{busy, idle, busy + "-gone"}, list, 300*time.Millisecond, 100000)
	if err != nil || len(got) != 2 {
		t.Fatalf("got %v, %v; want two groups", got, err)
	}
	for _, e := range list {
		if n := got[busy].Values[e]; n == 0 {
			t.Errorf("no %s of a busy group: %+v", e.Name, got[busy])
		}
		if n := got[idle].Values[e]; n != 0 {
			t.Errorf("%d %s of an idle group", n, e.Name)
		}
	}
	if d := got[busy].Duration; d < 300*time.Millisecond || got[busy].Values[list[0]] > uint64(d)*8 {
		t.Errorf("got %+v, want some 300 ms", got[busy])
	}
	if got, err := Sample(t.Context(), clock.Real(), []string{busy, idle}, list, time.Millisecond, len(list)*runtime.NumCPU()-1); !errors.Is(err, ErrTooMany) || len(got) != 0 {
		t.Errorf("got %v, %v with a descriptor too few, want ErrTooMany", got, err)
	}
}

func TestEventsThatTheMachineLacksAreNamed(t *testing.T) {
	dir := groupDir(t)
	if err := Check(dir, []Event{{"dreams", 99, 99}}); err == nil || !strings.Contains(err.Error(), "counts no dreams for cgroups") {
		t.Errorf("got %v, want the event named", err)
	}
}
