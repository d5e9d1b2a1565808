package launch

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/caprock/caprock/isolation/probe"
	"golang.org/x/sys/unix"
)

func needRoot(t *testing.T) {
	t.Helper()
	if !probe.Host().Root {
		t.Skip("SKIP-ENV: needs root")
	}
}

// status returns the named lines of /proc/self/status of a process run by s.
func status(t *testing.T, s *Spec) map[string]string {
	t.Helper()
	s.Path, s.Args = "/bin/cat", []string{"cat", "/proc/self/status"}
	text, _ := output(t, s)
	m := map[string]string{}
	for _, line := range strings.Split(text, "\n") {
		if key, value, ok := strings.Cut(line, ":"); ok {
			m[key] = strings.Join(strings.Fields(value), " ")
		}
	}
	return m
}

func TestOnlyDeclaredDescriptorsAreOpen(t *testing.T) {
	// Some of ours without close-on-exec, at low and high numbers.
	for range 3 {
		fd, err := unix.Open("/dev/null", unix.O_RDONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD, 700)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(high)
	}
	extra, err := os.CreateTemp(t.TempDir(), "extra")
	if err != nil {
		t.Fatal(err)
	}
	defer extra.Close()
	// The last one is the directory that ls reads.
	ls := &Spec{Path: "/bin/ls", Args: []string{"ls", "/proc/self/fd"}}
	if text, _ := output(t, ls); text != "0\n1\n2\n3\n" {
		t.Errorf("got %q, want 0 1 2 3", text)
	}
	ls.ExtraFiles = []*os.File{extra}
	if text, _ := output(t, ls); text != "0\n1\n2\n3\n4\n" {
		t.Errorf("got %q, want 0 1 2 3 4", text)
	}
	s := shell("readlink /proc/$$/fd/3")
	s.ExtraFiles = ls.ExtraFiles
	if text, _ := output(t, s); text != extra.Name()+"\n" {
		t.Errorf("got %q, want %q", text, extra.Name())
	}
}

func TestDescriptorsMayBePermuted(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	s := shell("echo to 5 >&5")
	s.ExtraFiles = []*os.File{null, null, w}
	p, err := Start(s, Groups{})
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 16)
	n, _ := r.Read(b)
	if string(b[:n]) != "to 5\n" {
		t.Errorf("got %q", b[:n])
	}
	await(t, p)
}

func TestIdentityLimitsAndPlace(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		os.Chmod(d, 0o755)
	}
	s := shell("id -u; id -g; id -G; pwd; umask; ulimit -n; ulimit -c; echo $A")
	s.User = &User{UID: 1234, GID: 2345, Groups: []uint32{3456}}
	s.Dir = dir
	umask := uint32(0o077)
	s.Umask = &umask
	s.Rlimits = []Rlimit{{unix.RLIMIT_NOFILE, 333, 444}, {unix.RLIMIT_CORE, 0, 0}}
	s.Env = append(s.Env, "A=b c")
	text, st := output(t, s)
	want := fmt.Sprintf("1234\n2345\n2345 3456\n%s\n0077\n333\n0\nb c\n", dir)
	if text != want || st.WaitStatus != 0 {
		t.Errorf("got %q, %s; want %q", text, st, want)
	}
	if m := status(t, &Spec{User: &User{UID: 1234, GID: 2345}}); m["Groups"] != "" {
		t.Errorf("supplementary groups %q leaked, want none", m["Groups"])
	}
}

func TestSoftDescriptorLimitIsTheConventionalOne(t *testing.T) {
	if text, _ := output(t, shell("ulimit -n")); text != "1024\n" {
		t.Errorf("got %q, want 1024", text)
	}
}

func TestSessionIsOwn(t *testing.T) {
	s := shell("cut -d' ' -f6 /proc/$$/stat; echo $$")
	s.Setsid = true
	text, _ := output(t, s)
	if f := strings.Fields(text); len(f) != 2 || f[0] != f[1] {
		t.Errorf("got session and pid %q, want them equal", f)
	}
}

func TestSignalsAreAtTheirDefaults(t *testing.T) {
	// As if started by nohup, with SIGUSR1 blocked in the launching thread.
	ignoreSignal(t, unix.SIGHUP)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var set, old unix.Sigset_t
	set.Val[0] = 1 << (unix.SIGUSR1 - 1)
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, &old); err != nil {
		t.Fatal(err)
	}
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)
	m := status(t, &Spec{})
	if m["SigBlk"] != "0000000000000000" || m["SigIgn"] != "0000000000000000" {
		t.Errorf("blocked %s, ignored %s; want none", m["SigBlk"], m["SigIgn"])
	}
}

func TestNoNewPrivsAndCapabilities(t *testing.T) {
	needRoot(t)
	const keep = 1<<unix.CAP_CHOWN | 1<<unix.CAP_KILL
	m := status(t, &Spec{NoNewPrivs: true, Capabilities: &Capabilities{Bounding: keep, Effective: keep}})
	want := fmt.Sprintf("%016x", keep)
	if m["NoNewPrivs"] != "1" || m["CapBnd"] != want || m["CapEff"] != want || m["CapPrm"] != want {
		t.Errorf("got NoNewPrivs %s, bounding %s, effective %s, permitted %s; want 1 and %s",
			m["NoNewPrivs"], m["CapBnd"], m["CapEff"], m["CapPrm"], want)
	}
	// An ambient capability reaches a user who is not root.
	m = status(t, &Spec{User: &User{UID: 1234, GID: 1234},
		Capabilities: &Capabilities{Bounding: keep, Effective: keep, Ambient: 1 << unix.CAP_KILL}})
	if want := fmt.Sprintf("%016x", 1<<unix.CAP_KILL); m["CapEff"] != want || m["CapAmb"] != want {
		t.Errorf("got effective %s, ambient %s; want %s", m["CapEff"], m["CapAmb"], want)
	}
	// Without any wish a plain user has none.
	if m = status(t, &Spec{User: &User{UID: 1234, GID: 1234}}); m["CapEff"] != "0000000000000000" {
		t.Errorf("got effective %s, want none", m["CapEff"])
	}
}

func TestNamespaces(t *testing.T) {
	needRoot(t)
	s := shell("echo $$; hostname; mount -t tmpfs inside /tmp && ls -A /tmp; for n in mnt pid ipc uts net cgroup; do readlink /proc/self/ns/$n; done")
	s.Namespaces = Namespaces{Mount: true, PID: true, IPC: true, UTS: true, Net: true, Cgroup: true}
	s.Hostname = "inner"
	s.Mounts = []Mount{{Source: "proc", Target: "/proc", FSType: "proc", Flags: unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC}}
	text, st := output(t, s)
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if st.WaitStatus != 0 || len(lines) != 8 || lines[0] != "1" || lines[1] != "inner" {
		t.Fatalf("got %q, %s; want pid 1 on host inner and six namespaces", text, st)
	}
	for _, ns := range lines[2:] {
		kind, _, _ := strings.Cut(ns, ":")
		if ours, _ := os.Readlink("/proc/self/ns/" + kind); ours == ns {
			t.Errorf("%s is the host's", ns)
		}
	}
	if b, _ := os.ReadFile("/proc/self/mountinfo"); strings.Contains(string(b), " inside ") {
		t.Error("a mount inside has reached the host")
	}
}

// busyRoot is a root file system of one busybox and hostile links.
func busyRoot(t *testing.T) string {
	t.Helper()
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Skipf("SKIP-ENV: needs busybox-static: %v", err)
	}
	root := t.TempDir()
	for _, dir := range []string{"bin", "real"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "bin/busybox"), busybox, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("busybox", filepath.Join(root, "bin/sh")); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestRootIsAllThereIs(t *testing.T) {
	needRoot(t)
	if b, _ := os.ReadFile("/proc/self/mountinfo"); strings.Contains(string(b), " - rootfs ") {
		t.Skip("SKIP-ENV: the kernel does not pivot away from an initramfs")
	}
	root := busyRoot(t)
	s := &Spec{Path: "/bin/sh", Args: []string{"sh", "-c", "cd /; busybox ls; busybox ls ..; busybox cat /proc/1/comm"}, Env: []string{"PATH=/bin"},
		Namespaces: Namespaces{Mount: true, PID: true}, Root: root,
		Mounts: []Mount{{Source: "proc", Target: "/real", FSType: "proc"}}}
	text, _ := output(t, s)
	if want := "bin\nreal\nbin\nreal\n"; !strings.HasPrefix(text, want) {
		t.Errorf("got %q, want it to begin with %q", text, want)
	}
}

func TestMountTargetsCannotLeaveTheRoot(t *testing.T) {
	needRoot(t)
	root := busyRoot(t)
	canary := t.TempDir()
	for link, to := range map[string]string{"absolute": canary, "relative": "../../../../../../../.." + canary, "real/deep": "../../../../../.." + canary} {
		if err := os.Symlink(to, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
		s := &Spec{Path: "/bin/sh", Args: []string{"sh", "-c", ":"}, Namespaces: Namespaces{Mount: true}, Root: root,
			Mounts: []Mount{{Source: "tmpfs", Target: link, FSType: "tmpfs"}}}
		p, err := Start(s, Groups{})
		if err == nil {
			await(t, p)
			t.Errorf("%s → %s was mounted on", link, to)
		} else if !strings.Contains(err.Error(), "resolve mount target") {
			t.Errorf("%s: got %v, want a refusal to resolve", link, err)
		}
	}
	if entries, err := os.ReadDir(canary); err != nil || len(entries) != 0 {
		t.Errorf("the host directory was touched: %v, %v", entries, err)
	}
}

func TestSpecFaultsAreFound(t *testing.T) {
	for want, s := range map[string]*Spec{
		"no path":            {},
		"not absolute":       {Path: "/bin/true", Dir: "tmp"},
		"below /proc":        {Path: "/bin/true", Dir: "/tmp/../proc/self/fd/7"},
		"UTS namespace":      {Path: "/bin/true", Hostname: "x"},
		"mount namespace":    {Path: "/bin/true", Root: "/srv"},
		"NUL byte":           {Path: "/bin/true", Env: []string{"A=\x00"}},
		"above hard limit 1": {Path: "/bin/true", Rlimits: []Rlimit{{unix.RLIMIT_NOFILE, 2, 1}}},
	} {
		if _, err := Start(s, Groups{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestPlanOrder(t *testing.T) {
	p, err := newPlan(&Spec{Path: "/bin/true", Setsid: true, User: &User{UID: 1}, NoNewPrivs: true,
		Seccomp: []unix.SockFilter{{Code: 6, K: 0x7fff0000}}, Capabilities: &Capabilities{},
		Rlimits: []Rlimit{{unix.RLIMIT_NOFILE, 9, 9}}}, Groups{V1Tasks: []*os.File{os.Stdin}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.release()
	order := []string{"join /dev/stdin", "setsid", "move file to descriptor 0", "set rlimit 7 to 9:9", "drop capability from bounding set",
		"setgroups", "setresgid", "setresuid", "capset", "chdir to /", "close descriptors", "set no_new_privs", "install seccomp filter", "execute /bin/true"}
	i := 0
	for _, name := range p.names {
		if i < len(order) && name == order[i] {
			i++
		}
	}
	if i != len(order) {
		t.Errorf("%q is missing or too early in %q", order[i], p.names)
	}
	if last := p.names[len(p.names)-1]; last != "execute /bin/true" {
		t.Errorf("the plan ends with %q", last)
	}
}

// Launches from many threads while the heap is collected: the child shares our
// memory, so a mistake there shows as a crash here.
func TestLaunchUnderLoad(t *testing.T) {
	var wg sync.WaitGroup
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	}()
	for range 8 {
		wg.Go(func() {
			for i := range 40 {
				p, err := Start(&Spec{Path: "/bin/sh", Args: []string{"sh", "-c", fmt.Sprintf("exit %d", i)}}, Groups{})
				if err != nil {
					t.Error(err)
					return
				}
				if s := <-p.Exited(); s.WaitStatus != i<<8 {
					t.Errorf("got %s, want %d", s, i)
				}
				if _, err := Start(&Spec{Path: "/no/such"}, Groups{}); err == nil {
					t.Error("a program that does not exist was started")
				}
			}
		})
	}
	wg.Wait()
	close(stop)
}

func ignoreSignal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	ignore := sigaction{handler: 1}
	var old sigaction
	set := func(new, old *sigaction) {
		if err := rtSigaction(sig, new, old); err != nil {
			t.Fatal(err)
		}
	}
	set(&ignore, &old)
	t.Cleanup(func() { set(&old, nil) })
}
