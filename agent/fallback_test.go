package agent_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/caprock/caprock/agent"
	"github.com/caprock/caprock/isolation/probe"
	"github.com/caprock/caprock/isolation/quota/quotatest"
	"github.com/caprock/caprock/wire/mesos"
)

// usage is what the statistics say of an executor.
type usage struct {
	ID         string `json:"executor_id"`
	Statistics struct {
		Source   string                `json:"cpus_time_source"`
		User     float64               `json:"cpus_user_time_secs"`
		System   float64               `json:"cpus_system_time_secs"`
		RSS      float64               `json:"mem_rss_bytes"`
		Total    float64               `json:"mem_total_bytes"`
		MemLimit float64               `json:"mem_limit_bytes"`
		Threads  float64               `json:"threads"`
		Low      *uint64               `json:"mem_low_pressure_counter"`
		Critical *uint64               `json:"mem_critical_pressure_counter"`
		Events   *struct{ Max uint64 } `json:"memory_events"`
		Pressure *struct {
			CPU struct {
				Some struct {
					Total float64 `json:"total_secs"`
				} `json:"some"`
			} `json:"cpu"`
			Memory struct {
				Some struct {
					Total float64 `json:"total_secs"`
				} `json:"some"`
			} `json:"memory"`
		} `json:"pressure"`
	} `json:"statistics"`
}

func (n *node) usageOf(executor string) usage {
	n.t.Helper()
	_, body := n.get("/monitor/statistics")
	var list []usage
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		n.t.Fatalf("%v in %s", err, body)
	}
	for _, u := range list {
		if u.ID == executor {
			return u
		}
	}
	return usage{}
}

// Where BPF is refused the same numbers come from files of cgroups, and statistics and
// metrics say so.
func TestWithoutBPF(t *testing.T) {
	host := probe.Host()
	if !host.Root || host.Cgroups.Mode() == probe.ModeNone {
		t.Skipf("SKIP-ENV: needs root and cgroups; this host:\n%s", host)
	}
	const busy = "while :; do :; done"
	for _, pins := range []string{"none", ""} {
		alloc := newAllocator(t)
		n := startNode(t, alloc, func(o *agent.Options) { o.BPFPinDir = pins })
		want, metric := "cgroup", 0.0
		if pins == "" && host.BPF.OK() && host.BTF.OK() {
			want, metric = "bpf", 1
		}
		alloc.launch(framework(), shell("busy", busy))
		alloc.await("busy", mesos.TaskState_TASK_RUNNING)
		var u usage
		// The kernel adds up what the cores charge for memory every two seconds.
		n.eventually("CPU time and memory to be counted", func() bool {
			u = n.usageOf("busy")
			return u.Statistics.User+u.Statistics.System > 0.3 && (u.Statistics.RSS > 0 || !host.Cgroups.Has("memory"))
		})
		s := u.Statistics
		if s.Source != want || n.metric("containerizer/cpu_accounting/bpf") != metric {
			t.Errorf("pins %q: got source %q, metric %g; want %q", pins, s.Source, n.metric("containerizer/cpu_accounting/bpf"), want)
		}
		if host.Cgroups.Has("memory") && (s.Total < s.RSS || s.MemLimit != 64<<20) {
			t.Errorf("pins %q: got %+v, want its memory", pins, s)
		}
		if host.Cgroups.Has("pids") && s.Threads != 1 {
			t.Errorf("pins %q: got %g threads", pins, s.Threads)
		}
		n.leave("the next has the name")
	}
}

// On a host whose cgroups have no controllers tasks run without limits, are counted and
// ended as elsewhere; whoever insists on a limit is told what lacks.
func TestWithoutControllers(t *testing.T) {
	host := probe.Host()
	if !host.Root || host.Cgroups.Mode() == probe.ModeNone || host.Cgroups.Has("memory") || host.Cgroups.Has("cpu") {
		t.Skipf("SKIP-ENV: needs root and cgroups without controllers; this host:\n%s", host)
	}
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	// A process that leaves its session, its group and its parent is found all the same.
	alloc.launch(framework(), shell("t", "(setsid sh -c 'while :; do :; done' &); echo ready; sleep 1000"))
	alloc.await("t", mesos.TaskState_TASK_RUNNING)
	n.eventually("the orphan's CPU time", func() bool { return n.usageOf("t").Statistics.User > 0.2 })
	alloc.kill("t")
	alloc.await("t", mesos.TaskState_TASK_KILLED)
	n.eventually("all of it to have ended", func() bool { return n.usageOf("t").ID == "" })
	for _, name := range []string{"cgroups/mem", "cgroups/cpu", "cgroups/pids", "cgroups/cpuset"} {
		a, err := agent.New(agent.Options{Allocator: "http://127.0.0.1:1", Listen: "127.0.0.1:0", WorkDir: t.TempDir(), Isolation: name})
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Run(t.Context()); err == nil || !strings.Contains(err.Error(), name+" needs the cgroup controller") {
			t.Errorf("%s: got %v, want the controller named", name, err)
		}
	}
}

// A container that is short of memory shows it: v1 counts events of three levels, and
// where the kernel has pressure stall information that is there for every container.
func TestMemoryPressureInStatistics(t *testing.T) {
	needsMemoryLimits(t)
	host := probe.Host()
	alloc := newAllocator(t)
	dir := t.TempDir()
	if host.Cgroups.Mode() == probe.ModeV2 {
		// What is written to memory cannot be reclaimed, so a disk is better if there is one.
		if disk, err := quotatest.Dir(t); err == nil {
			dir = disk
		}
	}
	n := startNodeIn(t, alloc, dir, func(o *agent.Options) { o.Isolation = "cgroups/cpu,cgroups/mem,cgroups/pids" })
	alloc.launch(framework(), shell("calm", "sleep 1000"), shell("short", "while :; do head -c 100000000 /dev/zero >f; done"))
	alloc.await("short", mesos.TaskState_TASK_RUNNING)
	if host.Cgroups.Mode() != probe.ModeV2 {
		n.eventually("events of low pressure", func() bool {
			s := n.usageOf("short").Statistics
			return s.Low != nil && *s.Low > 0 && s.Critical != nil
		})
		if s := n.usageOf("calm").Statistics; s.Low == nil || *s.Low != 0 {
			t.Errorf("the calm one: got %v events", s.Low)
		}
		return
	}
	if _, err := os.ReadFile("/proc/pressure/memory"); err != nil {
		t.Skipf("SKIP-ENV: no pressure stall information: %v", err)
	}
	n.eventually("the limit to be met", func() bool {
		e := n.usageOf("short").Statistics.Events
		return e != nil && e.Max > 0
	})
	n.eventually("time lost for want of memory", func() bool {
		s := n.usageOf("short").Statistics
		return s.Pressure != nil && s.Pressure.Memory.Some.Total > 0
	})
	if s := n.usageOf("calm").Statistics; s.Pressure == nil || s.Pressure.Memory.Some.Total > 0.01 {
		t.Errorf("the calm one: got %+v", s.Pressure)
	}
	if u := n.usageOf("short"); u.Statistics.Low != nil {
		t.Errorf("v2 has no levels, and got %d", *u.Statistics.Low)
	}
}
