package isolation

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

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
	for deadline := time.Now().Add(time.Minute); ; {
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
	// An agent that died before it could note the pid finds it by the group.
	g, err := h.Group("task")
	if err != nil {
		t.Fatal(err)
	}
	if pid, ticks, ok := h.FirstExit(g); !ok || pid != s.Pid || ticks != s.Ticks {
		t.Errorf("first exit of the group: got %d, %d, %v, want %d, %d", pid, ticks, ok, s.Pid, s.Ticks)
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

// What is to run beside a process that has just ended does not run, and nothing worse happens.
func TestSpaceOfAProcessThatHasEnded(t *testing.T) {
	p := exec.Command("true")
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	s := shell("true")
	if done, err := InSpace(p.Process.Pid, &s); !errors.Is(err, fs.ErrNotExist) || done != nil || len(s.Join) > 0 {
		t.Errorf("got %v and %d namespaces, want fs.ErrNotExist", err, len(s.Join))
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

// A launch that an agent died in the middle of can be made again if its group was
// made and nothing was ever in it, and must not be if something was.
func TestUntouchedGroup(t *testing.T) {
	o := testOptions(t, true)
	h := openHost(t, o)
	if h.Source() != SourceBPF {
		removeHost(t, h)
		t.Skip("SKIP-ENV: without BPF nobody knows what has been in a group")
	}
	fresh, err := h.Create("fresh", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	used, err := h.Create("used", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := h.Start(used, shell("exit 0"))
	if err != nil {
		t.Fatal(err)
	}
	if used.Untouched() {
		t.Error("a group with a process in it counts as untouched")
	}
	await(t, p)
	// What ended in a group below another was counted for the other.
	below, err := h.CreateBelow("used", "member")
	if err != nil {
		t.Fatal(err)
	}
	if h.tree.V2Dir() != "" && !below.Untouched() {
		t.Error("a group below another that nothing was in does not count as untouched")
	}
	if p, err = h.Start(below, shell("exit 0")); err != nil {
		t.Fatal(err)
	}
	await(t, p)
	if below.Untouched() {
		t.Error("a group below another counts as untouched after its process ended")
	}
	for _, g := range []*Group{fresh, used} {
		if got, want := g.Untouched(), g == fresh; got != want {
			t.Errorf("%s: untouched is %v, want %v", g.ID(), got, want)
		}
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	h = openHost(t, o)
	defer removeHost(t, h)
	for id, want := range map[string]bool{"fresh": true, "used": false} {
		g, err := h.Group(id)
		if err != nil {
			t.Fatal(err)
		}
		if got := g.Untouched(); got != want {
			t.Errorf("the next agent: %s is untouched: %v, want %v", id, got, want)
		}
	}
}
