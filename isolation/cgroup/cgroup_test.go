package cgroup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caprock/caprock/isolation/launch"
	"github.com/caprock/caprock/isolation/probe"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// layouts are the arrangements that can be played on this host: its own, and
// v1 whole if it is a hybrid one.
func layouts(t testing.TB) map[string]probe.Cgroups {
	t.Helper()
	r := probe.Host()
	if !r.Root || r.Cgroups.Mode() == probe.ModeNone {
		t.Skipf("SKIP-ENV: needs root and cgroups; this host:\n%s", r)
	}
	l := map[string]probe.Cgroups{string(r.Cgroups.Mode()): r.Cgroups}
	if r.Cgroups.Mode() == probe.ModeHybrid && r.Cgroups.Has("freezer") {
		l["v1"] = probe.Cgroups{V1: r.Cgroups.V1}
	}
	return l
}

// onEach runs a scenario on a fresh tree of every layout, and checks that
// nothing is left of it.
func onEach(t *testing.T, scenario func(t *testing.T, tree *Tree)) {
	onEachWith(t, Options{}, scenario)
}

// onEachWith is onEach with other options; layouts that lack a controller are left out.
func onEachWith(t *testing.T, o Options, scenario func(t *testing.T, tree *Tree)) {
	for name, c := range layouts(t) {
		t.Run(name, func(t *testing.T) {
			for _, controller := range o.Controllers {
				if !c.Has(controller) {
					t.Skipf("SKIP-ENV: no controller %s on layout %s", controller, name)
				}
			}
			o.Cgroups, o.Root = c, fmt.Sprintf("caprock-test-%d-%d/agent", os.Getpid(), time.Now().UnixNano())
			tree, err := Open(o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := errors.Join(tree.Remove(), tree.Close()); err != nil {
					t.Error(err)
				}
				for _, h := range tree.hiers {
					if _, err := os.Stat(filepath.Dir(h.dir)); !errors.Is(err, fs.ErrNotExist) {
						t.Errorf("%s: got %v, want it gone", filepath.Dir(h.dir), err)
					}
				}
			})
			scenario(t, tree)
		})
	}
}

func create(t testing.TB, tree *Tree, id string, l Limits) *Group {
	t.Helper()
	g, err := tree.Create(id, l)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// start runs a shell script in g.
func start(t testing.TB, g *Group, script string) *launch.Process {
	t.Helper()
	v2, tasks, err := g.Enter()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if v2 != nil {
			v2.Close()
		}
		for _, f := range tasks {
			f.Close()
		}
	}()
	p, err := launch.Start(&launch.Spec{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: os.Environ(), Setsid: true},
		launch.Groups{V2: v2, V1Tasks: tasks})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func exit(t testing.TB, p *launch.Process) launch.ExitStatus {
	t.Helper()
	select {
	case s := <-p.Exited():
		return s
	case <-time.After(time.Minute):
		t.Fatalf("process %d still runs after a minute", p.Pid())
		return launch.ExitStatus{}
	}
}

// eventually fails the test if cond stays false for a minute; the kernel sums
// up pressure every two seconds only, and machines can be busy.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(3 * time.Minute) // a virtual machine beside other work is slow
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

func TestMemoryHogIsKilledAndReported(t *testing.T) {
	onEach(t, func(t *testing.T, tree *Tree) {
		g := create(t, tree, "hog", Limits{MemBytes: 24 << 20, LimitSwap: true})
		other := create(t, tree, "other", Limits{MemBytes: 24 << 20})
		bystander := start(t, other, "exec sleep 60")
		p := start(t, g, "exec tail /dev/zero")
		if s := exit(t, p); s.WaitStatus != int(syscall.SIGKILL) {
			t.Errorf("hog: got %s, want killed", s)
		}
		select {
		case <-g.OOM():
		case <-time.After(time.Minute):
			t.Fatal("no OOM was reported")
		}
		u, err := g.Usage()
		if err != nil || u.OOMKills == 0 {
			t.Errorf("got %+v, %v; want OOM kills", u, err)
		}
		if u.MemPeakBytes < 20<<20 {
			t.Errorf("peak %d, want nearly 24 MiB", u.MemPeakBytes)
		}
		select {
		case <-other.OOM():
			t.Error("another group reports the OOM")
		default:
		}
		if _, done := bystander.Status(); done {
			t.Error("a process of another group died")
		}
	})
}

func TestRemovalIsNoOOM(t *testing.T) {
	onEach(t, func(t *testing.T, tree *Tree) {
		g := create(t, tree, "calm", Limits{MemBytes: 64 << 20})
		exit(t, start(t, g, "true"))
		if err := g.Destroy(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-g.OOM():
			t.Error("destroying a group reported an OOM")
		default:
		}
	})
}

// Two handles on one group, as after a restart: the one that only watches must not
// take the end of the group, or a new group of that name, for an OOM.
func TestSuccessorOfAWatchedGroupIsNoOOM(t *testing.T) {
	onEach(t, func(t *testing.T, tree *Tree) {
		create(t, tree, "again", Limits{MemBytes: 64 << 20})
		watching, err := tree.Reopen("again")
		if err != nil {
			t.Fatal(err)
		}
		defer watching.Release()
		destroying, err := tree.Reopen("again")
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			if err := destroying.Destroy(); err != nil {
				t.Fatal(err)
			}
			destroying = create(t, tree, "again", Limits{MemBytes: 64 << 20})
		}
		select {
		case <-watching.OOM():
			t.Error("an OOM was reported that never was")
		case <-time.After(50 * time.Millisecond): // the kernel notifies from a work queue
		}
	})
}

func TestForkBombIsContainedAndKilledWhole(t *testing.T) {
	onEach(t, func(t *testing.T, tree *Tree) {
		const most = 40
		if _, err := os.Stat("/bin/bash"); err != nil {
			t.Skipf("SKIP-ENV: dash gives up when a fork fails: %v", err)
		}
		g := create(t, tree, "bomb", Limits{PidsMax: most, CPUMilli: 100})
		p := start(t, g, "exec bash -c 'b() { while :; do (b) & done 2>/dev/null; }; b'")
		eventually(t, "the bomb to reach its limit", func() bool {
			pids, err := g.Pids()
			return err == nil && len(pids) >= most/2
		})
		// Its forks fail from then on, which the kernel counts; and none is one too many.
		eventually(t, "a fork to be refused", func() bool {
			text, err := read(g.path("pids", "pids.events"))
			return err == nil && text != "max 0"
		})
		if pids, err := g.Pids(); err != nil || len(pids) > most {
			t.Errorf("got %d processes, %v; want at most %d", len(pids), err, most)
		}
		if err := g.Kill(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := g.WaitEmpty(ctx); err != nil {
			t.Fatal(err)
		}
		exit(t, p)
	})
}

func TestDestroyEndsWhoIgnoresSIGTERM(t *testing.T) {
	onEach(t, func(t *testing.T, tree *Tree) {
		g := create(t, tree, "deaf", Limits{})
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		script := fmt.Sprintf("trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & echo ready > /proc/%d/fd/%d; while :; do sleep 1; done", os.Getpid(), w.Fd())
		p := start(t, g, script)
		if _, err := r.Read(make([]byte, 6)); err != nil {
			t.Fatal(err)
		}
		w.Close()
		if err := g.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := g.Destroy(); err != nil {
			t.Fatal(err)
		}
		if s := exit(t, p); s.WaitStatus != int(syscall.SIGKILL) {
			t.Errorf("got %s, want killed", s)
		}
		if err := g.Destroy(); err != nil {
			t.Errorf("second Destroy: %v", err)
		}
	})
}

func TestFreezeStopsAndThawContinues(t *testing.T) {
	onEach(t, func(t *testing.T, tree *Tree) {
		g := create(t, tree, "ice", Limits{})
		p := start(t, g, "while :; do :; done")
		eventually(t, "some CPU time", func() bool { cpu, _, _ := g.Sample(false); return cpu > 0 })
		if err := g.Freeze(); err != nil {
			t.Fatal(err)
		}
		before, _, err := g.Sample(false)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Millisecond) // in which a running loop would use CPU time
		if after, _, _ := g.Sample(false); after-before > time.Millisecond {
			t.Errorf("frozen, and used %v", after-before)
		}
		if err := g.Thaw(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "more CPU time", func() bool { cpu, _, _ := g.Sample(false); return cpu > before+time.Millisecond })
		// A frozen group can be destroyed.
		if err := errors.Join(g.Freeze(), g.Destroy()); err != nil {
			t.Fatal(err)
		}
		exit(t, p)
	})
}

func TestQuotaThrottles(t *testing.T) {
	onEach(t, func(t *testing.T, tree *Tree) {
		g := create(t, tree, "slow", Limits{CPUMilli: 1000, CPUQuotaMilli: 100})
		p := start(t, g, "while :; do :; done")
		before, _, err := g.Sample(false)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		eventually(t, "throttling", func() bool {
			u, err := g.Usage()
			return err == nil && u.ThrottledPeriods >= 2 && u.Throttled > 0
		})
		cpu, _, _ := g.Sample(false)
		if elapsed := time.Since(began); cpu-before > elapsed/5+30*time.Millisecond {
			t.Errorf("used %v in %v, want about a tenth", cpu-before, elapsed)
		}
		if err := g.Destroy(); err != nil {
			t.Fatal(err)
		}
		exit(t, p)
	})
}

func TestUpdateOfALiveGroup(t *testing.T) {
	onEach(t, func(t *testing.T, tree *Tree) {
		first := Limits{CPUMilli: 500, CPUQuotaMilli: 500, MemBytes: 64 << 20, MemSoftBytes: 32 << 20, LimitSwap: true, PidsMax: 10}
		g := create(t, tree, "live", first)
		for _, l := range []Limits{
			{CPUMilli: 2000, CPUQuotaMilli: 2000, MemBytes: 128 << 20, MemSoftBytes: 64 << 20, LimitSwap: true, PidsMax: 20},
			{CPUMilli: 100, CPUQuotaMilli: 100, MemBytes: 32 << 20, MemSoftBytes: 16 << 20, LimitSwap: true, PidsMax: 5},
			{},
		} {
			if err := g.Update(l); err != nil {
				t.Fatalf("to %+v: %v", l, err)
			}
			u, err := g.Usage()
			if err != nil || u.MemLimit != uint64(l.MemBytes) {
				t.Errorf("memory limit: got %d, %v; want %d", u.MemLimit, err, l.MemBytes)
			}
			if p, _ := read(g.path("pids", "pids.max")); p != orMax(l.PidsMax) {
				t.Errorf("pids.max: got %s, want %s", p, orMax(l.PidsMax))
			}
			checkSoftMemory(t, g, l)
		}
		if err := g.Update(Limits{MemBytes: -1}); err == nil || !strings.Contains(err.Error(), "MemBytes") {
			t.Errorf("got %v, want a refusal that names MemBytes", err)
		}
	})
}

// checkSoftMemory looks at the bounds of memory that show in no behaviour on a host with
// room: what is kept when it runs short, and what may be swapped.
func checkSoftMemory(t *testing.T, g *Group, l Limits) {
	t.Helper()
	soft, swap := fmt.Sprint(l.MemSoftBytes), "max"
	files := []string{"memory.low", "memory.swap.max"}
	if l.LimitSwap {
		swap = "0"
	}
	if _, err := os.Stat(g.path("memory", "memory.soft_limit_in_bytes")); err == nil {
		files = []string{"memory.soft_limit_in_bytes", "memory.memsw.limit_in_bytes"}
		if swap = "9223372036854771712"; l.LimitSwap {
			swap = fmt.Sprint(l.MemBytes)
		}
		if l.MemSoftBytes == 0 {
			soft = "9223372036854771712"
		}
	}
	for i, want := range []string{soft, swap} {
		// Not every kernel has the files of swap.
		if got, err := read(g.path("memory", files[i])); got != want && (i == 0 || err == nil) {
			t.Errorf("%s: got %s, %v; want %s", files[i], got, err, want)
		}
	}
}

// Two groups that want all of a CPU have it in the proportion of their shares.
func TestSharesDivideACPU(t *testing.T) {
	onEach(t, func(t *testing.T, tree *Tree) {
		var one unix.CPUSet
		one.Set(0)
		var groups []*Group
		for name, milli := range map[string]int64{"small": 500, "large": 4000} {
			g := create(t, tree, name, Limits{CPUMilli: milli})
			p := start(t, g, "while :; do :; done")
			if err := unix.SchedSetaffinity(p.Pid(), &one); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := g.Destroy(); err != nil {
					t.Error(err)
				}
				exit(t, p)
			}()
			groups = append(groups, g)
		}
		used := func(g *Group) time.Duration {
			cpu, _, err := g.Sample(false)
			if err != nil {
				t.Fatal(err)
			}
			return cpu
		}
		// From when both are at work, whatever else is.
		eventually(t, "both to run", func() bool { return min(used(groups[0]), used(groups[1])) > 20*time.Millisecond })
		before := []time.Duration{used(groups[0]), used(groups[1])}
		var got []time.Duration
		eventually(t, "both to have had their shares", func() bool {
			got = []time.Duration{used(groups[0]) - before[0], used(groups[1]) - before[1]}
			return got[0]+got[1] > time.Second/2
		})
		if few, many := min(got[0], got[1]), max(got[0], got[1]); many < 3*few {
			t.Errorf("got %v and %v, want about 1 : 8", few, many)
		}
	})
}

func TestLoweringMemoryBelowUseIsRefused(t *testing.T) {
	onEach(t, func(t *testing.T, tree *Tree) {
		g := create(t, tree, "fat", Limits{MemBytes: 256 << 20, LimitSwap: true})
		// 12 MB of shell variable: anonymous memory that cannot be reclaimed.
		p := start(t, g, "x=$(head -c 12000000 /dev/zero | tr '\\0' x); sleep 60; echo $x")
		eventually(t, "memory to be used", func() bool {
			u, err := g.Usage()
			return err == nil && u.RSSBytes > 11_500_000
		})
		err := g.Update(Limits{MemBytes: 4 << 20, LimitSwap: true})
		if !errors.Is(err, syscall.EBUSY) {
			t.Errorf("got %v, want EBUSY", err)
		}
		if _, done := p.Status(); done {
			t.Error("the process died of it")
		}
	})
}

func TestNestedGroupsOfTheTaskGoToo(t *testing.T) {
	onEach(t, func(t *testing.T, tree *Tree) {
		g := create(t, tree, "nest", Limits{})
		for i := range tree.hiers {
			if err := os.MkdirAll(filepath.Join(g.dir(i), "a", "b"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		inner := filepath.Join(g.dir(tree.core), "a", "b", "cgroup.procs")
		p := start(t, g, "echo $$ > "+inner+"; exec sleep 60")
		eventually(t, "the process to move", func() bool { text, _ := read(inner); return text != "" })
		if pids, err := g.Pids(); err != nil || len(pids) != 1 || pids[0] != p.Pid() {
			t.Errorf("got %v, %v; want %d", pids, err, p.Pid())
		}
		if !g.Holds(p.Pid()) || g.Holds(os.Getpid()) {
			t.Error("Holds is wrong about who is in the group")
		}
		if err := g.Destroy(); err != nil {
			t.Fatal(err)
		}
		exit(t, p)
	})
}
