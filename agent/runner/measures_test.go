package runner_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/runner"
	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/isolation/probe"
)

// Events are counted in every container, again and again.
func TestPerfEvents(t *testing.T) {
	host := probe.Host().Cgroups
	if !host.Has("perf_event") && !host.PerfOnV2 {
		t.Skipf("SKIP-ENV: no controller %s on layout %s", "perf_event", host)
	}
	r := newRunsWith(t, runner.KernelOptions{Isolation: "cgroups/perf_event,cgroups/cpu",
		Perf: runner.Perf{Events: "task-clock,page-faults", Interval: 60 * time.Millisecond, Duration: 50 * time.Millisecond}})
	r.begin(t, core.Launch{ID: "c"}, "while :; do /bin/true; done")
	var u isolation.Usage
	eventually(t, "a sample with events", func() bool {
		var err error
		if u, err = r.runner.Usage("c"); err != nil {
			t.Fatal(err)
		}
		total := 0
		if u.Perf != nil {
			for _, n := range u.Perf.Values {
				if n > 0 {
					total++
				}
			}
		}
		return total == 2
	})
	first := u.Perf.Began
	eventually(t, "another sample", func() bool {
		u, err := r.runner.Usage("c")
		return err == nil && u.Perf != nil && u.Perf.Began.After(first)
	})
	if u.Perf.Duration < 50*time.Millisecond {
		t.Errorf("got %+v, want 50 ms", u.Perf)
	}
	r.runner.Do(core.KillAll{ID: "c"})
	r.next(t)
}

func TestFaultsOfPerfOptions(t *testing.T) {
	for want, p := range map[string]runner.Perf{
		`got event "luck"`:              {Events: "luck"},
		"want at most perf_interval":    {Events: "task-clock", Interval: time.Second},
		"this machine counts no cycles": {Events: "cycles"},
	} {
		k, err := runner.OpenKernel(runner.KernelOptions{Isolation: "cgroups/perf_event,cgroups/cpu", Perf: p, CgroupsRoot: fmt.Sprintf("caprock-test-perf-%d", os.Getpid())})
		if err == nil {
			if err := k.Remove(); err != nil {
				t.Error(err)
			}
			if p.Events == "cycles" {
				continue // this machine does
			}
		}
		if err == nil || !strings.Contains(err.Error(), want) && !strings.Contains(err.Error(), "needs") {
			t.Errorf("%+v: got %v, want %q", p, err, want)
		}
	}
}

// Containers have classes of traffic, which stay theirs over a restart of the agent.
func TestNetClassesOfContainers(t *testing.T) {
	host := probe.Host().Cgroups
	if !host.Has("net_cls") {
		t.Skipf("SKIP-ENV: no controller %s on layout %s", "net_cls", host)
	}
	o := runner.KernelOptions{Isolation: "cgroups/net_cls,cgroups/cpu", NetClasses: runner.NetClasses{Primary: 3}}
	r := newRunsWith(t, o)
	class := "cat " + host.V1["net_cls"] + "$(sed -n 's/^[0-9]*:.*net_cls.*:\\//\\//p' /proc/self/cgroup)/net_cls.classid"
	if got, why := r.run(t, core.Launch{ID: "a"}, class); got != fmt.Sprintln(0x30001) {
		t.Errorf("got %q, %s; want class 3:1", got, why)
	}
	r.runner.Do(core.Launch{ID: "b", Directory: r.dir + "/slaves/b", Path: "/bin/sleep", Args: []string{"sleep", "60"}})
	if c, ok := r.next(t).(core.Started); !ok || c.NetClass != 0x30001 {
		t.Errorf("got %+v, want the class told with the start", c)
	}
	if got := r.kernel.NetClass("b"); got != 0x30001 {
		t.Errorf("got %#x, want the class that became free", got)
	}
	o.CgroupsRoot = r.root
	again, err := runner.OpenKernel(o)
	if err != nil {
		t.Fatal(err)
	}
	if got := again.NetClass("b"); got != 0x30001 {
		t.Errorf("after a restart: got %#x, want 3:1", got)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	r.runner.Do(core.KillAll{ID: "b"})
	r.next(t)
}
