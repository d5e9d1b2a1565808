package bpf

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caprock/caprock/isolation/launch"
	"github.com/caprock/caprock/isolation/probe"
	"golang.org/x/sys/unix"
)

// With sendEnv set the test binary sends three datagrams there and is done.
const sendEnv = "CAPROCK_TEST_SEND_TO"

func TestMain(m *testing.M) {
	to := os.Getenv(sendEnv)
	if to == "" {
		os.Exit(m.Run())
	}
	for range 3 {
		conn, err := net.Dial("udp4", to)
		if err == nil {
			_, err = conn.Write([]byte("hello\n"))
		}
		if err != nil {
			panic(err)
		}
	}
	os.Exit(0)
}

// kernelBench is a root and a group in the unified hierarchy, with accounts.
type kernelBench struct {
	root, group string
	groupDir    *os.File
	id          uint64
	opts        Options
	a           *Accounts
}

func newKernelBench(t testing.TB) *kernelBench {
	t.Helper()
	r := probe.Host()
	if !r.Root || r.Cgroups.V2 == "" || !r.BPF.OK() || !r.BTF.OK() {
		t.Skipf("SKIP-ENV: needs root, a unified hierarchy, BPF and BTF; this host:\n%s", r)
	}
	name := fmt.Sprintf("caprock-test-bpf-%d-%d", os.Getpid(), time.Now().UnixNano())
	b := &kernelBench{root: filepath.Join(r.Cgroups.V2, name)}
	b.group = filepath.Join(b.root, "g")
	for _, dir := range []string{b.root, b.group} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := os.Remove(dir); err != nil {
				t.Error(err)
			}
		})
	}
	var st unix.Stat_t
	if err := unix.Stat(b.group, &st); err != nil {
		t.Fatal(err)
	}
	b.id = st.Ino
	var err error
	if b.groupDir, err = os.Open(b.group); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.groupDir.Close() })
	b.opts = Options{PinDir: filepath.Join(t.TempDir(), "pins"), GroupsDir: b.root, GroupLevel: 2, MaxGroups: 64,
		Exits: r.InitNamespaces.OK()}
	if b.a, err = Open(b.opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.a.Close(true); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(b.opts.PinDir); err == nil {
			t.Errorf("%s is still there", b.opts.PinDir)
		}
	})
	return b
}

// reopen lets go of the accounts, runs between while nobody watches, and opens
// them again.
func (b *kernelBench) reopen(t testing.TB, between func()) {
	t.Helper()
	if err := b.a.Close(false); err != nil {
		t.Fatal(err)
	}
	between()
	a, err := Open(b.opts)
	if err != nil {
		t.Fatal(err)
	}
	b.a = a
}

func (b *kernelBench) command(script string) *exec.Cmd {
	c := exec.Command("/bin/sh", "-c", script)
	c.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(b.groupDir.Fd())}
	return c
}

func (b *kernelBench) cpuStat(t testing.TB) time.Duration {
	t.Helper()
	text, err := os.ReadFile(b.group + "/cpu.stat")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(n) * time.Microsecond
}

// takenFromTasks is the time that interrupts and the host of a virtual machine have taken on all CPUs.
func takenFromTasks(t testing.TB) time.Duration {
	t.Helper()
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	taken := 0
	for _, field := range strings.Fields(string(text))[6:9] { // irq, softirq, steal, in hundredths of a second
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		taken += n
	}
	return time.Duration(taken) * 10 * time.Millisecond
}

const spin = "i=0; while [ $i -lt 150000 ]; do i=$((i+1)); done; "

func TestCPUTimeAgreesWithTheKernel(t *testing.T) {
	b := newKernelBench(t)
	if err := b.a.Register(b.id, 0, false); err != nil {
		t.Fatal(err)
	}
	script := spin + "for j in 1 2 3 4 5; do sleep 0.01; done; " + spin
	taken := takenFromTasks(t)
	if out, err := b.command("( " + script + ") & " + script + " wait").CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	got, ok := b.a.CPU(b.id)
	want := b.cpuStat(t)
	acc, _ := b.a.Read(b.id)
	// The two book the switch itself on different sides, which on a busy machine takes its time, and what interrupts take.
	allowed := want/100 + time.Millisecond + time.Duration(acc.Switches)*20*time.Microsecond + takenFromTasks(t) - taken
	if diff := (got - want).Abs(); !ok || diff > allowed {
		t.Errorf("got %v, %t; cpu.stat says %v: they differ by more than %v", got, ok, want, allowed)
	}
	t.Logf("bpf %v, cpu.stat %v, account %+v", got, want, acc)
	if acc.Switches == 0 || acc.Forks < 11 || acc.Exits < 11 {
		t.Errorf("switches %d, forks %d, exits %d: want some, and 11 sleeps and shells", acc.Switches, acc.Forks, acc.Exits)
	}
	if acc.Waits == 0 || acc.WaitHist.Percentile(0.5) == 0 {
		t.Errorf("no run-queue waits were counted: %+v", acc)
	}
}

func TestTimeOfARunningTaskIsSeen(t *testing.T) {
	b := newKernelBench(t)
	if err := b.a.Register(b.id, 0, false); err != nil {
		t.Fatal(err)
	}
	c := b.command("while :; do :; done")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { c.Process.Kill(); c.Wait() }()
	deadline := time.Now().Add(time.Minute)
	for b.cpuStat(t) < 100*time.Millisecond {
		if time.Now().After(deadline) {
			t.Fatal("the loop got no CPU")
		}
	}
	// A busy task may stay on its CPU for seconds without a switch; cpu.stat is
	// updated by the tick, so the two are a few milliseconds apart. Between two readings may lie any time.
	before := b.cpuStat(t)
	got, _ := b.a.CPU(b.id)
	if after := b.cpuStat(t); got < before-20*time.Millisecond || got > after+50*time.Millisecond {
		t.Errorf("got %v while cpu.stat went from %v to %v", got, before, after)
	}
}

func TestWhatHappensWhileNobodyWatchesIsKept(t *testing.T) {
	b := newKernelBench(t)
	if !b.opts.Exits {
		t.Skip("SKIP-ENV: not in the initial pid namespace, exits are not recorded")
	}
	if err := b.a.Register(b.id, 5*time.Second, false); err != nil {
		t.Fatal(err)
	}
	type run struct {
		script string
		want   int
		pid    int
		ticks  uint64
	}
	runs := []run{{script: "read x; exit 7", want: 7 << 8}, {script: "read x; kill -9 $$", want: 9}, {script: "read x; exit 0"}}
	b.reopen(t, func() {
		for i := range runs {
			c := b.command(runs[i].script)
			in, err := c.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			runs[i].pid = c.Process.Pid
			if runs[i].ticks, err = launch.StartTicks(c.Process.Pid); err != nil {
				t.Fatal(err)
			}
			in.Close()
			c.Wait()
		}
	})
	for _, r := range runs {
		got, ok := b.a.ExitStatus(r.pid, r.ticks)
		if !ok || got != r.want {
			t.Errorf("%q: got %d, %t; want %d", r.script, got, ok, r.want)
		}
		if _, ok := b.a.ExitStatus(r.pid, r.ticks+1); ok {
			t.Errorf("pid %d with another start time has an exit status", r.pid)
		}
	}
	acc, ok := b.a.Read(b.id)
	if !ok || acc.CPU <= 5*time.Second || acc.Exits != uint64(len(runs)) {
		t.Errorf("got %+v, %t; want more than the 5 s it began with, and %d exits", acc, ok, len(runs))
	}
}

func TestOthersAreNotRecorded(t *testing.T) {
	b := newKernelBench(t)
	c := b.command("read x")
	in, _ := c.StdinPipe()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ticks, err := launch.StartTicks(c.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	in.Close()
	c.Wait()
	if _, ok := b.a.ExitStatus(c.Process.Pid, ticks); ok {
		t.Error("the exit of a process outside all registered groups was recorded")
	}
}

func TestPacketsAreCounted(t *testing.T) {
	b := newKernelBench(t)
	if err := b.a.Missing()["network"]; err != nil {
		t.Skipf("SKIP-ENV: %v", err)
	}
	if err := b.a.Register(b.id, 0, false); err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	port := conn.LocalAddr().(*net.UDPAddr).Port
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), fmt.Sprintf("%s=127.0.0.1:%d", sendEnv, port))
	c.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(b.groupDir.Fd())}
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	acc, _ := b.a.Read(b.id)
	if want := uint64(3 * (20 + 8 + 6)); acc.TxPackets != 3 || acc.TxBytes != want {
		t.Errorf("got %d packets, %d bytes sent, want 3 and %d", acc.TxPackets, acc.TxBytes, want)
	}
}

func TestSlotsAreFreedAndBounded(t *testing.T) {
	b := newKernelBench(t)
	for id := uint64(1); id <= 64; id++ {
		if err := b.a.Register(id<<40, time.Duration(id), false); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.a.Register(b.id, 0, false); err == nil {
		t.Fatal("group 65 of 64 was registered")
	}
	if err := b.a.Retain(map[uint64]bool{3 << 40: true}); err != nil {
		t.Fatal(err)
	}
	if err := b.a.Register(b.id, 0, false); err != nil {
		t.Fatal(err)
	}
	if got, ok := b.a.CPU(b.id); !ok || got != 0 {
		t.Errorf("a reused slot starts at %v, %t; want 0", got, ok)
	}
	if got, ok := b.a.CPU(3 << 40); !ok || got != 3 {
		t.Errorf("the retained group has %v, %t; want 3ns", got, ok)
	}
}

// Who still looks after a group while the agent stops gets an error.
func TestClosedAccountsTakeNoGroup(t *testing.T) {
	b := newKernelBench(t)
	b.a.release()
	if err := b.a.Register(b.id, 0, false); err == nil {
		t.Error("closed accounts took a group")
	}
	if _, ok := b.a.CPU(b.id); ok {
		t.Error("closed accounts know a group")
	}
}

func TestPercentile(t *testing.T) {
	var h WaitHistogram
	if h.Percentile(0.99) != 0 {
		t.Error("an empty histogram has a percentile")
	}
	h[20], h[41] = 99, 1 // [1024, 1536) ns and [1.5·2^20, 2^21) ns
	if got := h.Percentile(0.5); got != 1536 {
		t.Errorf("median: got %d, want 1536", got)
	}
	if got := h.Percentile(1); got != 1<<21 {
		t.Errorf("maximum: got %d, want %d", got, 1<<21)
	}
}
