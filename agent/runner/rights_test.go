package runner_test

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/agent/attach"
	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/fetch"
	"github.com/caprock/caprock/agent/runner"
	"github.com/caprock/caprock/agent/sandbox"
	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/isolation/probe"
	"github.com/caprock/caprock/wire/clock"
)

// runs starts containers through a Runner, as the agent does.
type runs struct {
	dir     string
	root    string
	kernel  runner.Kernel
	runner  *runner.Runner
	reports chan core.Command
}

func newRuns(t testing.TB, isolators string) *runs {
	t.Helper()
	return newRunsWith(t, runner.KernelOptions{Isolation: isolators})
}

func newRunsWith(t testing.TB, o runner.KernelOptions) *runs {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIP-ENV: needs root to change capabilities")
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	r := &runs{dir: t.TempDir(), reports: make(chan core.Command, 16)}
	for _, dir := range []string{r.dir, filepath.Dir(r.dir)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := sandbox.Open(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	parents := []string{filepath.Join(r.dir, "made")}
	o.Logger, o.CgroupsRoot = log, fmt.Sprintf("caprock-test-%d-%d", os.Getpid(), time.Now().UnixNano())
	k, err := runner.OpenKernel(o)
	if err != nil {
		t.Fatal(err)
	}
	r.root, r.kernel = o.CgroupsRoot, k
	r.runner = runner.New(runner.Options{HostPathParents: parents, Lines: attach.New(attach.Options{Clock: clock.Real(), Logger: slog.Default()}), Kernel: k, Tree: tree, Fetcher: fetch.New(fetch.Options{}), Logger: log,
		Report: func(c core.Command) { r.reports <- c }})
	t.Cleanup(func() {
		r.runner.Stop()
		r.runner.Wait()
		if err := k.Remove(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// output runs a shell line in container id to its end and returns what it printed.
func (r *runs) output(t testing.TB, id, user, line string) string {
	t.Helper()
	dir := filepath.Join(r.dir, "slaves", filepath.FromSlash(strings.ReplaceAll(id, ".", "/containers/")))
	r.runner.Do(core.Launch{ID: id, Directory: dir, User: user, Path: "/bin/sh", Args: []string{"sh", "-c", line},
		Env: []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin"}, Limits: core.Limits{CPUMilli: 100, MemBytes: 64 << 20}})
	for {
		select {
		case c := <-r.reports:
			switch c := c.(type) {
			case core.Exited:
				out, err := os.ReadFile(filepath.Join(dir, "stdout"))
				if err != nil {
					t.Fatal(err)
				}
				return string(out)
			case core.LaunchFailed:
				t.Fatalf("%s: %s", id, c.Message)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s has not ended after a minute", id)
		}
	}
}

// check runs cat in container id, as a health check does.
func (r *runs) check(t *testing.T, id string) map[string]string {
	t.Helper()
	file := filepath.Join(r.dir, "of-a-check")
	p, err := r.runner.Join(t.Context(), id, &core.CheckCommand{Path: "/bin/sh", Directory: r.dir,
		Args: []string{"sh", "-c", "cat /proc/self/status >" + file}, Env: []string{"PATH=/usr/bin:/bin"}})
	if err != nil {
		t.Fatal(err)
	}
	<-p.Exited()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return parseStatus(string(b))
}

func parseStatus(text string) map[string]string {
	rights := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		rights[name] = strings.TrimSpace(value)
	}
	return rights
}

// rightsOf is what the kernel says of a process in container id.
func (r *runs) rightsOf(t *testing.T, id, user string) map[string]string {
	t.Helper()
	return parseStatus(r.output(t, id, user, "cat /proc/self/status"))
}

func expect(t *testing.T, id string, got map[string]string, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s: %s is %q, want %q", id, name, got[name], value)
		}
	}
}

func hex(mask uint64) string { return fmt.Sprintf("%016x", mask) }

// own is what this process has: a container engine may have taken some.
func own(t *testing.T) uint64 {
	t.Helper()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		t.Fatal(err)
	}
	return uint64(data[1].Permitted)<<32 | uint64(data[0].Permitted)
}

// Whatever is launched, by whichever kernel, gets the default rights.
func TestDefaultRights(t *testing.T) {
	for _, isolators := range []string{runner.Auto, runner.Posix, "cgroups/cpu,cgroups/mem", "posix/cpu,posix/mem"} {
		t.Run(isolators, func(t *testing.T) {
			r := newRuns(t, isolators)
			all := isolation.DefaultCapabilities & own(t)
			for _, c := range []struct {
				id, user  string
				effective uint64
			}{{"command", "", all}, {"command-of-root", "root", all}, {"command-of-nobody", "nobody", 0},
				{"pod.member", "root", all}, {"pod.member-of-nobody", "nobody", 0}} {
				expect(t, c.id, r.rightsOf(t, c.id, c.user), map[string]string{
					"CapBnd": hex(all), "CapEff": hex(c.effective), "CapPrm": hex(c.effective), "CapAmb": hex(0),
					"NoNewPrivs": "1", "Seccomp": "2",
				})
			}
			expect(t, "health check", r.check(t, "command"), map[string]string{
				"CapBnd": hex(all), "CapEff": hex(all), "NoNewPrivs": "1", "Seccomp": "2",
			})
			if got := r.output(t, "descriptors", "", "ls /proc/$$/fd"); got != "0\n1\n2\n" {
				t.Errorf("open descriptors: %q", got)
			}
			if got := r.output(t, "mount", "", "mount -t tmpfs none /mnt 2>/dev/null && echo mounted; true"); got != "" {
				t.Errorf("mount: %q", got)
			}
		})
	}
}

func TestNamedRights(t *testing.T) {
	const kill, chown = 1 << unix.CAP_KILL, 1 << unix.CAP_CHOWN
	mask := func(m uint64) *uint64 { return &m }
	for name, c := range map[string]struct {
		rights                  runner.Rights
		root, nobody, bounding  uint64
		noNewPrivs, seccompMode string
	}{
		"both":       {runner.Rights{Effective: mask(kill), Bounding: mask(kill | chown)}, kill, kill, kill | chown, "1", "2"},
		"effective":  {runner.Rights{Effective: mask(kill)}, kill, kill, kill, "1", "2"},
		"bounding":   {runner.Rights{Bounding: mask(chown)}, chown, 0, chown, "1", "2"},
		"none":       {runner.Rights{Bounding: mask(0)}, 0, 0, 0, "1", "2"},
		"unconfined": {runner.Rights{Unconfined: true, Bounding: mask(kill)}, kill, 0, kill, "1", "0"},
		"free":       {runner.Rights{Unconfined: true, NewPrivs: true, Bounding: mask(chown)}, chown, 0, chown, "0", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRunsWith(t, runner.KernelOptions{Isolation: runner.Auto, Rights: c.rights})
			for user, effective := range map[string]uint64{"root": c.root, "nobody": c.nobody} {
				expect(t, user, r.rightsOf(t, user, user), map[string]string{
					"CapEff": hex(effective), "CapBnd": hex(c.bounding), "NoNewPrivs": c.noNewPrivs, "Seccomp": c.seccompMode,
				})
			}
		})
	}
}

// What is not among the isolators is not limited.
func TestNamedLimits(t *testing.T) {
	limit := `f=/sys/fs/cgroup/memory$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)/memory.limit_in_bytes
		[ -r $f ] || f=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/memory.max
		cat $f`
	if host := probe.Host().Cgroups; host.V1["memory"] != "/sys/fs/cgroup/memory" && host.V2 != "/sys/fs/cgroup" {
		t.Skipf("SKIP-ENV: needs the memory controller where distributions mount it; this host has %s", host)
	}
	for isolators, limited := range map[string]bool{
		runner.Auto: true, "cgroups/all": true, "cgroups/mem": true, "cgroups/cpu": false, "posix/cpu,posix/mem": false,
	} {
		r := newRuns(t, isolators)
		if got := strings.TrimSpace(r.output(t, "c", "", limit)); got == "" || (got == fmt.Sprint(64<<20)) != limited {
			t.Errorf("%s: memory limit is %q; want it limited: %t", isolators, got, limited)
		}
	}
}

// Swap counts within the limit if the agent's options say so.
func TestSwapIsLimited(t *testing.T) {
	c := probe.Host().Cgroups
	// v1 bounds memory and swap together, v2 swap alone.
	file := `/sys/fs/cgroup/memory$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)/memory.memsw.limit_in_bytes`
	bounded := fmt.Sprint(64 << 20)
	switch _, err := os.Stat("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes"); {
	case c.Mode() == probe.ModeV2 && c.Has("memory"):
		file, bounded = `/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/memory.swap.max`, "0"
	case err != nil || c.V1["memory"] != "/sys/fs/cgroup/memory":
		t.Skip("SKIP-ENV: needs a memory controller with swap accounting")
	}
	for limit, want := range map[bool]bool{false: false, true: true} {
		r := newRunsWith(t, runner.KernelOptions{Isolation: runner.Auto, LimitSwap: limit})
		got := strings.TrimSpace(r.output(t, "c", "", "cat "+file))
		if (got == bounded) != want {
			t.Errorf("limit %t: memory and swap are bounded by %q", limit, got)
		}
	}
}

// What the rights cost a launch, beside the same without them.
func BenchmarkLaunch(b *testing.B) {
	everything := ^uint64(0) >> (63 - unix.CAP_LAST_CAP)
	for name, rights := range map[string]runner.Rights{
		"default": {}, "free": {Unconfined: true, NewPrivs: true, Bounding: &everything},
	} {
		b.Run(name, func(b *testing.B) {
			r := newRunsWith(b, runner.KernelOptions{Isolation: runner.Auto, Rights: rights})
			i := 0
			for b.Loop() {
				i++
				r.output(b, fmt.Sprintf("c%d", i), "", "exit 0")
			}
		})
	}
}
