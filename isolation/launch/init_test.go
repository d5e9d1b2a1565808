package launch

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// startInit starts an init that ends with the test.
func startInit(t *testing.T) (*Process, *os.File) {
	t.Helper()
	needRoot(t)
	init, ns, err := StartInit(Groups{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		init.Signal(syscall.SIGKILL)
		await(t, init)
		ns.Close()
	})
	return init, ns
}

var ownProc = Mount{Source: "proc", Target: "/proc", FSType: "proc", Flags: unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC}

// A task in a namespace of processes is not process 1 of it: it dies of the signals
// that it has no handler for, and its exit status is told as usual.
func TestTaskUnderInitTakesSignals(t *testing.T) {
	_, ns := startInit(t)
	s := shell("echo $$; exec cat")
	s.JoinPID, s.Namespaces.Mount, s.Mounts = ns, true, []Mount{ownProc}
	in, hold, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Close()
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	s.Stdin, s.Stdout = in, w
	p, err := Start(s, Groups{})
	in.Close()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 2)
	if _, err := io.ReadFull(out, line); err != nil || string(line) != "2\n" {
		t.Fatalf("got pid %q, %v; want 2", line, err)
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if s := await(t, p); s.WaitStatus != int(syscall.SIGTERM) || !s.Known {
		t.Errorf("got %s, want SIGTERM", s)
	}
	// This thread, and those that Go makes of it, are where they were.
	if text, _ := output(t, shell("echo $$")); text == "3\n" {
		t.Error("a process without JoinPID was born into the namespace")
	}
}

func TestOnlyTheNamespaceIsSeen(t *testing.T) {
	_, ns := startInit(t)
	s := shell("echo /proc/[0-9]*; (sleep 0.01 & :) ; until grep -a caprock-init /proc/1/cmdline; do :; done") // in the middle of execve it has none
	s.JoinPID, s.Namespaces.Mount, s.Mounts = ns, true, []Mount{ownProc}
	text, st := output(t, s)
	if st.WaitStatus != 0 || !strings.HasPrefix(text, "/proc/1 /proc/2\n") || !strings.Contains(text, "caprock-init") {
		t.Errorf("got %q, %s; want processes 1 and 2", text, st)
	}
}

// What init costs, and that nothing outlives it.
func TestInitIsSmallAndTakesTheRestAlong(t *testing.T) {
	init, ns := startInit(t)
	if !IsInit(init.Pid()) || IsInit(os.Getpid()) {
		t.Errorf("IsInit: got %t for init and %t for us", IsInit(init.Pid()), IsInit(os.Getpid()))
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", init.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nCapEff:\t0000000000000000\n", "\nNoNewPrivs:\t1\n", "\nThreads:\t1\n"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("init: want %q in %s", want, b)
		}
	}
	// The launch is over a moment before the kernel has put the new memory in place
	// of ours.
	rss := 1 << 20
	for deadline := time.Now().Add(time.Minute); rss > 64 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		rss = residentKiB(t, init.Pid())
	}
	t.Logf("init has %d kB resident", rss)
	if rss > 64 {
		t.Errorf("init has %d kB resident, want at most 64", rss)
	}
	s := shell("trap '' TERM; while :; do sleep 60; done")
	s.JoinPID = ns
	p, err := Start(s, Groups{})
	if err != nil {
		t.Fatal(err)
	}
	if IsInit(p.Pid()) {
		t.Error("the task counts as init")
	}
	if err := init.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if s := await(t, p); s.WaitStatus != int(syscall.SIGKILL) {
		t.Errorf("got %s, want killed with init", s)
	}
}

func residentKiB(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	rss := 0
	for line := range strings.Lines(string(b)) {
		fmt.Sscanf(line, "VmRSS: %d kB", &rss)
	}
	return rss
}

func TestBindMounts(t *testing.T) {
	needRoot(t)
	box, data, canary := t.TempDir(), t.TempDir(), t.TempDir()
	for _, dir := range []string{"ro", "rw"} {
		if err := os.Mkdir(box+"/"+dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(canary, box+"/away"); err != nil {
		t.Fatal(err)
	}
	s := shell("touch rw/a && echo written; touch ro/b 2>/dev/null || echo refused; ls ro")
	s.Dir, s.Namespaces.Mount = box, true
	s.Mounts = []Mount{{Source: data, Target: "rw", Base: box, Flags: unix.MS_BIND | unix.MS_REC},
		{Source: data, Target: "ro", Base: box, Flags: unix.MS_BIND | unix.MS_REC | unix.MS_RDONLY}}
	if text, _ := output(t, s); text != "written\nrefused\na\n" {
		t.Errorf("got %q", text)
	}
	s = shell("ls rw")
	s.Dir, s.Namespaces.Mount = box, true
	s.Mounts = []Mount{{Source: "rw", SourceBase: box, Target: "/mnt", Flags: unix.MS_BIND | unix.MS_RDONLY}}
	s.Args[2] = "touch /mnt/x 2>/dev/null || echo refused"
	if text, _ := output(t, s); text != "refused\n" {
		t.Errorf("a read-only mount at an absolute path: got %q", text)
	}
	for _, m := range []Mount{{Source: data, Target: "away", Base: box, Flags: unix.MS_BIND},
		{Source: "away", SourceBase: box, Target: "/mnt", Flags: unix.MS_BIND}} {
		s := shell(":")
		s.Namespaces.Mount, s.Mounts = true, []Mount{m}
		if _, err := Start(s, Groups{}); err == nil || !strings.Contains(err.Error(), "resolve mount") {
			t.Errorf("%+v: got %v, want a refusal to resolve", m, err)
		}
	}
	if entries, err := os.ReadDir(canary); err != nil || len(entries) != 0 {
		t.Errorf("the host directory was touched: %v, %v", entries, err)
	}
}
