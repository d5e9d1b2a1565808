package isolation

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caprock/caprock/isolation/probe"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// The test binary plays the agent that is killed: see agentThatDies.
const roleEnv = "CAPROCK_TEST_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleEnv) == "agent" {
		playAgent()
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
	case <-time.After(20 * time.Second):
		t.Fatalf("process %d still runs after 20 s", p.Pid())
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

func TestUsageOfOneAndOfAll(t *testing.T) {
	bothSources(t, func(t *testing.T, h *Host) {
		g := createGroup(t, h, "busy", Limits{MemBytes: 256 << 20})
		idle := createGroup(t, h, "idle", Limits{})
		await(t, start(t, h, g, shell("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done")))
		u, err := g.Usage()
		if err != nil || u.Source != h.Source() {
			t.Fatalf("got source %s, %v; want %s", u.Source, err, h.Source())
		}
		if split := u.User + u.System; u.CPU < 10*time.Millisecond || (u.CPU-split).Abs() > u.CPU/20+2*time.Millisecond {
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

// A dying agent writes this to its parent.
type started struct {
	Pid   int
	Ticks uint64
}

// playAgent starts the script given in the environment in group "task" and then
// waits to be killed.
func playAgent() {
	var o Options
	if err := json.Unmarshal([]byte(os.Getenv("CAPROCK_TEST_OPTIONS")), &o); err != nil {
		panic(err)
	}
	o.Logger = quiet
	h, err := Open(o)
	if err != nil {
		panic(err)
	}
	g, err := h.Create("task", Limits{MemBytes: 64 << 20})
	if err != nil {
		panic(err)
	}
	p, err := h.Start(g, shell(os.Getenv("CAPROCK_TEST_SCRIPT")))
	if err != nil {
		panic(err)
	}
	json.NewEncoder(os.Stdout).Encode(started{p.Pid(), p.StartTicks()})
	select {}
}

// agentThatDies runs an agent that starts script and is then killed with
// SIGKILL; it returns what the agent had checkpointed.
func agentThatDies(t *testing.T, o Options, script string) started {
	t.Helper()
	o.Logger = nil
	options, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), roleEnv+"=agent", "CAPROCK_TEST_SCRIPT="+script, "CAPROCK_TEST_OPTIONS="+string(options))
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var s started
	err = json.NewDecoder(out).Decode(&s)
	c.Process.Kill()
	c.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// release lets a script that reads from the FIFO go on.
func fifo(t *testing.T) (path string, release func()) {
	path = filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, func() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
}

func TestTaskIsAdoptedAfterTheAgentWasKilled(t *testing.T) {
	for _, withBPF := range []bool{true, false} {
		t.Run(fmt.Sprintf("bpf=%t", withBPF), func(t *testing.T) {
			o := testOptions(t, withBPF)
			gate, release := fifo(t)
			s := agentThatDies(t, o, "read x < "+gate+"; exit 7")
			h := openHost(t, o)
			defer removeHost(t, h)
			if names, err := h.List(); err != nil || !slices.Equal(names, []string{"task"}) {
				t.Fatalf("groups: got %v, %v; want task", names, err)
			}
			g, err := h.Group("task")
			if err != nil {
				t.Fatal(err)
			}
			p, err := h.Adopt("task", s.Pid, s.Ticks)
			if err != nil {
				t.Fatal(err)
			}
			if _, done := p.Status(); done {
				t.Fatal("the task did not survive its agent")
			}
			if h.Source() != SourceBPF && !h.Probe().PidfdExit.OK() {
				t.Skip("SKIP-ENV: neither BPF nor exit info by pidfd: the status cannot be learned")
			}
			release()
			if got := await(t, p); got != (ExitStatus{WaitStatus: 7 << 8, Known: true}) {
				t.Errorf("got %s, want exit status 7", got)
			}
			if err := p.Signal(syscall.SIGKILL); !errors.Is(err, os.ErrProcessDone) {
				t.Errorf("signal to the dead: got %v, want os.ErrProcessDone", err)
			}
			if err := g.Destroy(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestExitWhileNoAgentRunsIsKnown(t *testing.T) {
	o := testOptions(t, true)
	gate, release := fifo(t)
	s := agentThatDies(t, o, "read x < "+gate+"; kill -9 $$")
	release()
	for deadline := time.Now().Add(10 * time.Second); ; {
		if ticks, err := processTicks(s.Pid); err != nil || ticks != s.Ticks {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the task does not end")
		}
		time.Sleep(time.Millisecond)
	}
	h := openHost(t, o)
	defer removeHost(t, h)
	p, err := h.Adopt("task", s.Pid, s.Ticks)
	if err != nil {
		t.Fatal(err)
	}
	got := await(t, p)
	if h.Source() != SourceBPF || !h.Probe().InitNamespaces.OK() {
		t.Skipf("SKIP-ENV: no exit recorder here:\n%s", h.Probe())
	}
	if got != (ExitStatus{WaitStatus: 9, Known: true}) {
		t.Errorf("got %+v, want killed by signal 9", got)
	}
	// The same pid with another start is another process.
	if p, err = h.Adopt("task", s.Pid, s.Ticks+1); err != nil {
		t.Fatal(err)
	}
	if got := await(t, p); got.Known {
		t.Errorf("got %s for a process that never was", got)
	}
}

func processTicks(pid int) (uint64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if fields[0] == "Z" {
		return 0, fs.ErrNotExist
	}
	var ticks uint64
	_, err = fmt.Sscan(fields[19], &ticks)
	return ticks, err
}

func TestAForeignProcessIsNeitherAdoptedNorSignalled(t *testing.T) {
	h := newHost(t, false)
	createGroup(t, h, "g", Limits{})
	// Ourselves: alive, and in no group of ours.
	ticks, err := processTicks(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Adopt("g", os.Getpid(), ticks); !errors.Is(err, ErrForeign) {
		t.Errorf("got %v, want ErrForeign", err)
	}
	// Our pid, recycled from an earlier process: gone, and out of reach.
	p, err := h.Adopt("g", os.Getpid(), ticks-1)
	if err != nil {
		t.Fatal(err)
	}
	if s := await(t, p); s.Known {
		t.Errorf("got %s, want unknown", s)
	}
	if err := p.Signal(syscall.SIGKILL); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("got %v, want os.ErrProcessDone", err)
	}
}

func TestCloseLeavesTasksAlone(t *testing.T) {
	o := testOptions(t, true)
	h := openHost(t, o)
	g := createGroup(t, h, "stays", Limits{})
	p := start(t, h, g, shell("exec sleep 60"))
	p.Close()
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	h = openHost(t, o)
	defer removeHost(t, h)
	again, err := h.Adopt("stays", p.Pid(), p.StartTicks())
	if err != nil {
		t.Fatal(err)
	}
	if _, done := again.Status(); done {
		t.Fatal("Close ended the task")
	}
	if g, err = h.Group("stays"); err != nil {
		t.Fatal(err)
	}
	if err := g.Destroy(); err != nil {
		t.Fatal(err)
	}
	if s := await(t, again); s.WaitStatus != int(syscall.SIGKILL) {
		t.Errorf("got %s, want killed", s)
	}
}

func BenchmarkLaunch(b *testing.B) {
	for _, withBPF := range []bool{false, true} {
		b.Run(fmt.Sprintf("bpf=%t", withBPF), func(b *testing.B) {
			h := newHost(b, withBPF)
			var launches []time.Duration
			i := 0
			for b.Loop() {
				i++
				began := time.Now()
				g := createGroup(b, h, fmt.Sprintf("g%d", i), Limits{CPUMilli: 100, MemBytes: 64 << 20, PidsMax: 100})
				p := start(b, h, g, Spec{Path: "/bin/true"})
				launches = append(launches, time.Since(began))
				await(b, p)
				if err := g.Destroy(); err != nil {
					b.Fatal(err)
				}
			}
			slices.Sort(launches)
			b.ReportMetric(float64(launches[len(launches)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(launches[len(launches)*99/100].Microseconds()), "p99-µs")
		})
	}
}

// What the agent does each second.
func BenchmarkUsageAll(b *testing.B) {
	for _, n := range []int{100, 1000} {
		for _, withBPF := range []bool{true, false} {
			b.Run(fmt.Sprintf("groups=%d/bpf=%t", n, withBPF), func(b *testing.B) {
				h := newHost(b, withBPF)
				groups := make([]*Group, n)
				for i := range groups {
					groups[i] = createGroup(b, h, fmt.Sprintf("g%d", i), Limits{CPUMilli: 100, MemBytes: 64 << 20})
				}
				var dst []Usage
				b.ReportAllocs()
				for b.Loop() {
					dst = h.UsageAll(groups, dst)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/group")
			})
		}
	}
}
