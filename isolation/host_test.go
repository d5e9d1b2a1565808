package isolation

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/isolation/probe"
	"go.uber.org/goleak"
)

// The test binary plays the agent that is killed: see agentThatDies.
const roleEnv = "CAPROCK_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "agent":
		playAgent()
	case "doomed":
		playDoomedAgent()
		return
	}
	goleak.VerifyTestMain(m)
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// testOptions are those of a host that nobody else uses.
func testOptions(t testing.TB, withBPF bool) Options {
	t.Helper()
	r := probe.Host()
	if !r.Root || r.Cgroups.Mode() == probe.ModeNone {
		t.Skipf("SKIP-ENV: needs root and cgroups; this host:\n%s", r)
	}
	o := Options{Root: fmt.Sprintf("caprock-test-%d-%d", os.Getpid(), time.Now().UnixNano()), Logger: quiet}
	if withBPF {
		o.BPFPinDir = filepath.Join(t.TempDir(), "bpf")
	}
	return o
}

func openHost(t testing.TB, o Options) *Host {
	t.Helper()
	h, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// newHost is removed at the end, and then nothing of it may be left.
func newHost(t testing.TB, withBPF bool) *Host {
	t.Helper()
	o := testOptions(t, withBPF)
	h := openHost(t, o)
	t.Cleanup(func() { removeHost(t, h) })
	return h
}

func removeHost(t testing.TB, h *Host) {
	t.Helper()
	if err := h.Remove(); err != nil {
		t.Error(err)
	}
	left, _ := filepath.Glob("/sys/fs/cgroup/*/" + h.opts.Root)
	if more, _ := filepath.Glob("/sys/fs/cgroup/" + h.opts.Root); len(left)+len(more) > 0 {
		t.Errorf("cgroups left behind: %v %v", left, more)
	}
	if h.opts.BPFPinDir != "" {
		if _, err := os.Stat(h.opts.BPFPinDir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left behind: %v", h.opts.BPFPinDir, err)
		}
	}
}

// bothSources runs a scenario with BPF accounting and without.
func bothSources(t *testing.T, scenario func(t *testing.T, h *Host)) {
	t.Run("bpf", func(t *testing.T) {
		h := newHost(t, true)
		if h.Source() != SourceBPF {
			t.Skipf("SKIP-ENV: BPF accounting is refused here:\n%s", h.Probe())
		}
		scenario(t, h)
	})
	t.Run("files", func(t *testing.T) { scenario(t, newHost(t, false)) })
}

func shell(script string) Spec {
	return Spec{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"PATH=/bin:/usr/bin"}, Setsid: true}
}

func createGroup(t testing.TB, h *Host, id string, l Limits) *Group {
	t.Helper()
	g, err := h.Create(id, l)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func start(t testing.TB, h *Host, g *Group, s Spec) *Process {
	t.Helper()
	p, err := h.Start(g, s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func await(t testing.TB, p *Process) ExitStatus {
	t.Helper()
	select {
	case s := <-p.Exited():
		return s
	case <-time.After(time.Minute):
		t.Fatalf("process %d still runs after a minute", p.Pid())
		return ExitStatus{}
	}
}

// output runs s in g to its end.
func output(t testing.TB, h *Host, g *Group, s Spec) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s.Stdout, s.Stderr = w, w
	p, err := h.Start(g, s)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	await(t, p)
	return string(text)
}

func TestProcessIsInAllItsCgroups(t *testing.T) {
	h := newHost(t, false)
	g := createGroup(t, h, "c1", Limits{CPUMilli: 100, MemBytes: 64 << 20, PidsMax: 20})
	text := output(t, h, g, shell("cat /proc/self/cgroup"))
	want := "/" + h.opts.Root + "/c1"
	for _, controller := range []string{":cpu:", ":cpuacct:", ":memory:", ":pids:", "0::"} {
		if strings.Contains(text, controller) && !strings.Contains(text, controller+want+"\n") {
			t.Errorf("not in %s%s:\n%s", controller, want, text)
		}
	}
	if n := strings.Count(text, want+"\n"); n == 0 {
		t.Errorf("in none of our groups:\n%s", text)
	}
}

func TestNothingStaysWithATask(t *testing.T) {
	h := newHost(t, false)
	g := createGroup(t, h, "lean", Limits{})
	p := start(t, h, g, Spec{Path: "/bin/sleep", Args: []string{"sleep", "60"}})
	pids, err := g.Pids()
	if err != nil || !slices.Equal(pids, []int{p.Pid()}) {
		t.Errorf("group holds %v, %v; want only the task, %d", pids, err, p.Pid())
	}
	if name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", p.Pid())); string(name) != "sleep\n" {
		t.Errorf("Start returned while %q was running, want sleep", name)
	}
}

// settledUsage reads the usage of a group whose processes have ended until it has stood still for some ticks
// of the kernel: a process is charged for its last steps after its parent has heard of its end.
func settledUsage(t *testing.T, g *Group) Usage {
	t.Helper()
	var last Usage
	began := time.Now()
	for since := began; since.Sub(began) < time.Minute; {
		u, err := g.Usage()
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case u.CPU == 0 || u.CPU != last.CPU:
			last, since = u, time.Now()
		case time.Since(since) > 40*time.Millisecond:
			return u
		}
	}
	t.Fatalf("the usage still grows: %v", last.CPU)
	return last
}

func TestUsageOfOneAndOfAll(t *testing.T) {
	bothSources(t, func(t *testing.T, h *Host) {
		g := createGroup(t, h, "busy", Limits{MemBytes: 256 << 20})
		idle := createGroup(t, h, "idle", Limits{})
		await(t, start(t, h, g, shell("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done")))
		u := settledUsage(t, g)
		if u.Source != h.Source() {
			t.Fatalf("got source %s, want %s", u.Source, h.Source())
		}
		// BPF counts what interrupts and the host of a virtual machine take from a task, the kernel does not: the busier the machine, the more.
		if split := u.User + u.System; u.CPU < 10*time.Millisecond || (u.CPU-split).Abs() > u.CPU/3+10*time.Millisecond {
			t.Errorf("CPU %v, user %v, system %v: want at least 10 ms, and the same in sum", u.CPU, u.User, u.System)
		}
		if u.MemPeakBytes == 0 || u.MemLimit != 256<<20 {
			t.Errorf("got %+v, want a memory peak and the limit", u)
		}
		if u.Source == SourceBPF && (u.Scheduling.Switches == 0 || u.Scheduling.Exits != 1) {
			t.Errorf("got %+v, want switches and one exit", u.Scheduling)
		}
		groups := []*Group{g, idle}
		all := h.UsageAll(groups, nil)
		if len(all) != 2 || (all[0].CPU-u.CPU).Abs() > time.Millisecond || all[1].CPU != 0 || all[0].Source != h.Source() {
			t.Errorf("got %+v, want %v and 0 of CPU", all, u.CPU)
		}
		if n := testing.AllocsPerRun(50, func() { all = h.UsageAll(groups, all) }); n != 0 && !raceDetector {
			t.Errorf("a sample allocates %v times", n)
		}
	})
}

func TestFailedLaunchLeavesNothing(t *testing.T) {
	h := newHost(t, false)
	g := createGroup(t, h, "none", Limits{})
	_, err := h.Start(g, Spec{Path: "/no/such"})
	var e *LaunchError
	if !errors.As(err, &e) || !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("got %v, want a LaunchError that is fs.ErrNotExist", err)
	}
	if pids, err := g.Pids(); err != nil || len(pids) != 0 {
		t.Errorf("processes %v, %v are left", pids, err)
	}
}
