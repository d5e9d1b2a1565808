package agent_test

import (
	"os"
	"strings"
	"testing"
)

// mesosMetrics are the names that an agent of Mesos has for what there is here too, by
// their beginnings: not those of images, of providers and of network/port_mapping.
var mesosMetrics = map[string]string{
	"containerizer/fetcher/":                "task_fetches_succeeded task_fetches_failed cache_size_total_bytes cache_size_used_bytes",
	"containerizer/mesos/":                  "container_destroy_errors",
	"containerizer/mesos/disk/":             "project_ids_total project_ids_free",
	"containerizer/mesos/filesystem/":       "containers_new_rootfs",
	"containerizer/mesos/provisioner/":      "remove_container_errors",
	"containerizer/mesos/provisioner/bind/": "remove_rootfs_errors",
	"gc/":                                   "path_removals_succeeded path_removals_failed path_removals_pending",
	"resource_provider_manager/":            "subscribed",
	"resource_provider_manager/events/":     "subscribe disconnect",
	"slave/": "cpus_total cpus_used cpus_percent cpus_revocable_total cpus_revocable_used cpus_revocable_percent gpus_total " +
		"gpus_used gpus_percent gpus_revocable_total gpus_revocable_used gpus_revocable_percent mem_total mem_used " +
		"mem_percent mem_revocable_total mem_revocable_used mem_revocable_percent disk_total disk_used disk_percent " +
		"disk_revocable_total disk_revocable_used disk_revocable_percent uptime_secs registered recovery_errors " +
		"recovery_time_secs frameworks_active tasks_staging tasks_starting tasks_running tasks_killing tasks_finished " +
		"tasks_failed tasks_killed tasks_lost tasks_gone executors_registering executors_running executors_terminating " +
		"executors_terminated executors_preempted valid_status_updates invalid_status_updates valid_framework_messages " +
		"invalid_framework_messages executor_directory_max_allowed_age_secs container_launch_errors",
	"system/": "load_1min load_5min load_15min cpus_total mem_total_bytes mem_free_bytes",
}

// Dashboards made for Mesos find every name that they ask an agent for.
func TestMetricsHaveTheNamesOfMesos(t *testing.T) {
	n := startNode(t, newAllocator(t), nil)
	var got map[string]float64
	n.decode("/metrics/snapshot", &got)
	count := 0
	for prefix, names := range mesosMetrics {
		for name := range strings.FieldsSeq(names) {
			count++
			if _, ok := got[prefix+name]; !ok {
				t.Errorf("%s is missing", prefix+name)
			}
		}
	}
	text, err := os.ReadFile("../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range got {
		if strings.HasPrefix(name, "caprock/") && !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("%s is not told of in docs/operating.md", name)
		}
	}
	if count != 71 {
		t.Errorf("the list has %d names, want 71", count)
	}
}
