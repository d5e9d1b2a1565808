package api

import (
	"sort"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/fetch"
	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/wire/daemon"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/json"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// metric is a name of Mesos with its value.
type metric struct {
	name  string
	value float64
}

// collect gathers every metric, by name.
func (a *server) collect() ([]metric, error) {
	var ms []metric
	add := func(name string, v float64) { ms = append(ms, metric{name, v}) }
	err := a.Read(func(c *core.Core) {
		v := c.View()
		addResources(add, v)
		addTasks(add, v)
		addCounters(add, c.Metrics())
		add("slave/registered", flag(v.Registered))
		add("slave/frameworks_active", float64(len(v.Frameworks)))
	})
	if err != nil {
		return nil, err
	}
	add("slave/uptime_secs", a.Clock.Now().Sub(a.StartedAt).Seconds())
	add("slave/recovery_time_secs", a.RecoveryTime.Seconds())
	// Ours: 1 if CPU times, and block transfers, are counted by BPF.
	add("containerizer/cpu_accounting/bpf", flag(a.Source == isolation.SourceBPF))
	add("containerizer/block_accounting/bpf", flag(a.BlockSource == isolation.SourceBPF))
	addFetcher(add, a.Fetched())
	a.Internals(add)
	a.Containers.metrics(add)
	for _, name := range alwaysZero {
		add(name, 0)
	}
	daemon.SystemMetrics(add)
	sort.Slice(ms, func(i, j int) bool { return ms[i].name < ms[j].name })
	return ms, nil
}

// alwaysZero are what dashboards expect and nothing here can move.
var alwaysZero = []string{
	"slave/recovery_errors", "slave/executors_preempted", "slave/invalid_framework_messages",
	"containerizer/mesos/container_destroy_errors",
	"containerizer/mesos/filesystem/containers_new_rootfs", "containerizer/mesos/provisioner/bind/remove_rootfs_errors",
	"containerizer/mesos/provisioner/remove_container_errors",
	"resource_provider_manager/subscribed", "resource_provider_manager/events/subscribe", "resource_provider_manager/events/disconnect",
	"volume_gid_manager/volume_gids_free", "volume_gid_manager/volume_gids_total",
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func addResources(add func(string, float64), v *core.View) {
	total, _ := resource.FromProto(v.Total)
	used, _ := resource.FromProto(allocatedTo(v))
	for _, kind := range [...]struct {
		infix       string
		total, used resource.Resources
	}{{"", total.NonRevocable(), used.NonRevocable()}, {"revocable_", total.Revocable(), used.Revocable()}} {
		for _, name := range [...]string{"cpus", "gpus", "mem", "disk"} {
			t := resource.FloatFromMilli(kind.total.ScalarMilli(name))
			u := resource.FloatFromMilli(kind.used.ScalarMilli(name))
			prefix := "slave/" + name + "_" + kind.infix
			add(prefix+"total", t)
			add(prefix+"used", u)
			if t > 0 {
				u /= t
			}
			add(prefix+"percent", u)
		}
	}
}

func addTasks(add func(string, float64), v *core.View) {
	live := map[mesos.TaskState]int{}
	states := map[record.Container_State]int{}
	ended := 0
	for i := range v.Frameworks {
		for j := range v.Frameworks[i].Executors {
			e := &v.Frameworks[i].Executors[j]
			states[e.State]++
			live[mesos.TaskState_TASK_STAGING] += len(e.Queued)
			for _, t := range e.Launched {
				live[t.GetState()]++
			}
		}
		ended += len(v.Frameworks[i].Completed)
	}
	for i := range v.Ended {
		ended += len(v.Ended[i].Completed)
	}
	add("slave/tasks_staging", float64(live[mesos.TaskState_TASK_STAGING]))
	add("slave/tasks_starting", float64(live[mesos.TaskState_TASK_STARTING]))
	add("slave/tasks_running", float64(live[mesos.TaskState_TASK_RUNNING]))
	add("slave/tasks_killing", float64(live[mesos.TaskState_TASK_KILLING]))
	add("slave/executors_registering", float64(states[record.Container_REGISTERING]))
	add("slave/executors_running", float64(states[record.Container_RUNNING]))
	add("slave/executors_terminating", float64(states[record.Container_TERMINATING]))
	add("slave/executors_terminated", float64(ended+states[record.Container_TERMINATED]))
}

func addCounters(add func(string, float64), m core.Metrics) {
	for name, s := range map[string]mesos.TaskState{
		"finished": mesos.TaskState_TASK_FINISHED, "failed": mesos.TaskState_TASK_FAILED,
		"killed": mesos.TaskState_TASK_KILLED, "lost": mesos.TaskState_TASK_LOST, "gone": mesos.TaskState_TASK_GONE,
	} {
		add("slave/tasks_"+name, float64(m.Updates[s]))
	}
	add("slave/valid_status_updates", float64(m.ValidUpdates))
	add("slave/invalid_status_updates", float64(m.InvalidUpdates))
	add("slave/valid_framework_messages", float64(m.FrameworkMessages))
	add("slave/container_launch_errors", float64(m.LaunchErrors))
}

func addFetcher(add func(string, float64), m fetch.Metrics) {
	add("containerizer/fetcher/task_fetches_succeeded", float64(m.Succeeded))
	add("containerizer/fetcher/task_fetches_failed", float64(m.Failed))
	add("containerizer/fetcher/cache_size_total_bytes", float64(m.CacheBytes))
	add("containerizer/fetcher/cache_size_used_bytes", float64(m.CacheUsed))
}

func (a *server) snapshot(c *httpd.Ctx) {
	if !daemon.MetricsTimeout(c) {
		return
	}
	ms, err := a.collect()
	if err != nil {
		c.ReplyText(503, "Agent is stopping")
		return
	}
	b := []byte{'{'}
	for _, m := range ms {
		b = double(b, m.name, m.value)
	}
	c.ReplyJSON(200, json.End(b))
}
