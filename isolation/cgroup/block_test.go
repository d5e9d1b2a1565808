package cgroup

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// disk is a loop device, which is read past the page cache.
func disk(t *testing.T) (path string, d Device) {
	t.Helper()
	image := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(image, make([]byte, 8<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("losetup", "--find", "--show", image).Output()
	if err != nil {
		t.Skipf("SKIP-ENV: no loop device: %v", err)
	}
	path = strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if err := exec.Command("losetup", "--detach", path).Run(); err != nil {
			t.Error(err)
		}
	})
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return path, Device{unix.Major(st.Rdev), unix.Minor(st.Rdev)}
}

func TestBlockThrottleAndUsage(t *testing.T) {
	path, device := disk(t)
	onEachWith(t, Options{Controllers: []string{"blkio"}}, func(t *testing.T, tree *Tree) {
		const size, perSecond = 2 << 20, 4 << 20
		line := fmt.Sprintf("exec dd if=%s of=/dev/null iflag=direct bs=64k count=%d 2>/dev/null", path, size>>16)
		free := create(t, tree, "free", Limits{})
		began := time.Now()
		exit(t, start(t, free, line))
		fast := time.Since(began)

		g := create(t, tree, "slow", Limits{Block: []BlockLimit{{Device: device, ReadBytes: perSecond}}})
		// A busy machine may be as slow without.
		v1, _ := read(g.path("blkio", "blkio.throttle.read_bps_device"))
		v2, _ := read(g.path("io", "io.max"))
		if want := fmt.Sprint(perSecond); !strings.HasSuffix(v1, " "+want) && !strings.Contains(v2, "rbps="+want+" ") {
			t.Errorf("bounded by %q or %q, want %s bytes a second", v1, v2, want)
		}
		began = time.Now()
		exit(t, start(t, g, line))
		if took := time.Since(began); took < 300*time.Millisecond {
			t.Errorf("reading %d MiB at %d MiB/s took %v (unbounded %v), want about half a second", size>>20, perSecond>>20, took, fast)
		}
		u, err := g.Usage()
		i := slices.IndexFunc(u.Block, func(b BlockUsage) bool { return b.Device == device })
		if err != nil || i < 0 || u.Block[i].Bytes.Read < size || u.Block[i].Ops.Read == 0 || u.Block[i].Bytes.Total() < size {
			t.Errorf("got %+v, %v; want %d bytes read from %s", u.Block, err, size, device)
		}
		// Live, the bound goes.
		if err := g.Update(Limits{}); err != nil {
			t.Fatal(err)
		}
		// A busy machine may hold one reading up.
		var took time.Duration
		for range 10 {
			began = time.Now()
			exit(t, start(t, g, line))
			if took = time.Since(began); took <= fast+300*time.Millisecond {
				return
			}
		}
		t.Errorf("without a bound any more it took %v, before %v", took, fast)
	})
}

func TestBlockFiles(t *testing.T) {
	got := parseBlkio("8:0 Read 4096\n8:0 Write 8192\n8:0 Sync 4096\n8:0 Async 8192\n8:0 Discard 0\n8:0 Total 12288\nTotal 12288\n",
		"8:0 Read 1\n8:0 Write 2\n9:1 Read 5\nodd\n")
	want := []BlockUsage{{Device: Device{8, 0}, Bytes: BlockCounts{Read: 4096, Write: 8192, Sync: 4096, Async: 8192}, Ops: BlockCounts{Read: 1, Write: 2}},
		{Device: Device{9, 1}, Ops: BlockCounts{Read: 5}}}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	got = parseIOStat("8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\nodd line\n254:16 rbytes=7 cost.usage=3\n")
	want = []BlockUsage{{Device: Device{8, 0}, Bytes: BlockCounts{Read: 1, Write: 2, Discard: 5}, Ops: BlockCounts{Read: 3, Write: 4, Discard: 6}},
		{Device: Device{254, 16}, Bytes: BlockCounts{Read: 7}}}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestBlockLimitsInKernelUnits(t *testing.T) {
	text := func(list []setting) string {
		var b strings.Builder
		for _, s := range list {
			fmt.Fprintf(&b, "%s=%s\n", s.file, s.value)
		}
		return b.String()
	}
	d, e := Device{8, 0}, Device{8, 16}
	old := Limits{Block: []BlockLimit{{Device: d, ReadBytes: 1}, {Device: e, WriteOps: 9}}}
	l := Limits{BlockWeight: 200, Block: []BlockLimit{{Device: d, ReadBytes: 1, WriteBytes: 2}}}
	want := "io.bfq.weight=200\nio.weight=200\nio.max=8:0 rbps=1 wbps=2 riops=max wiops=max\nio.max=8:16 rbps=max wbps=max riops=max wiops=max\n"
	if got := text(l.blockV2(old)); got != want {
		t.Errorf("v2: got %s, want %s", got, want)
	}
	if got := text(l.blockV1(old)); !strings.Contains(got, "blkio.throttle.write_bps_device=8:0 2\n") || !strings.Contains(got, "blkio.throttle.write_iops_device=8:16 0\n") {
		t.Errorf("v1: got %s", got)
	}
	if got := text(l.blockV1(l)) + text(l.blockV2(l)); got != "" {
		t.Errorf("nothing changed, and got %s", got)
	}
	for want, l := range map[string]Limits{"BlockWeight: got 1001": {BlockWeight: 1001}, "given twice": {Block: []BlockLimit{{Device: d}, {Device: d}}},
		"want 0 or more": {Block: []BlockLimit{{Device: d, ReadOps: -1}}}} {
		if err := l.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// Groups may be members of more hierarchies than they are limited in.
func TestFurtherControllers(t *testing.T) {
	for _, controller := range []string{"cpuset", "devices", "hugetlb", "net_cls", "net_prio", "perf_event"} {
		t.Run(controller, func(t *testing.T) {
			onEachWith(t, Options{Controllers: []string{controller, "cpu"}}, func(t *testing.T, tree *Tree) {
				g := create(t, tree, "g", Limits{})
				p := start(t, g, "exec sleep 60")
				if dir := g.path(controller, "cgroup.procs"); dir != "" {
					if text, err := read(dir); err != nil || text != fmt.Sprint(p.Pid()) {
						t.Errorf("members of %s: got %q, %v; want %d", controller, text, err, p.Pid())
					}
				} else {
					t.Errorf("no hierarchy of %s is in use", controller)
				}
				if err := g.Destroy(); err != nil {
					t.Fatal(err)
				}
				exit(t, p)
			})
		})
	}
}

func TestCPUSetPins(t *testing.T) {
	onEachWith(t, Options{Controllers: []string{"cpuset"}}, func(t *testing.T, tree *Tree) {
		g := create(t, tree, "pinned", Limits{CPUs: "0"})
		p := start(t, g, "exec sleep 60")
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid()))
		if err != nil || !strings.Contains(string(b), "\nCpus_allowed_list:\t0\n") {
			t.Errorf("got %s, %v; want CPU 0 alone", b, err)
		}
		if err := g.Destroy(); err != nil && err != fs.ErrNotExist {
			t.Fatal(err)
		}
		exit(t, p)
	})
}
