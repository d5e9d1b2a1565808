package alloc_test

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/alloc"
	"github.com/caprock/caprock/alloc/api"
	"github.com/caprock/caprock/alloc/core"
)

// The reads of operators tell of the process, its log, its agents and executors.
func TestOperatorsReadWhatIsThere(t *testing.T) {
	log := filepath.Join(t.TempDir(), "allocator.log")
	if err := os.WriteFile(log, []byte("one line\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	level := &slog.LevelVar{}
	r := startOptions(t, alloc.Options{WorkDir: t.TempDir(), Cluster: "here", Hostname: "node7", Version: "7.7", LogFile: log, LogLevel: level,
		Flags: []api.Flag{{Name: "cluster", Value: "here"}}, Core: core.Options{AllocationInterval: 20 * time.Millisecond}})
	a := r.dial("", 0)
	f := r.subscribe("")
	offer := f.next("OFFERS")
	f.call("ACCEPT", `{"offer_ids":[{"value":"`+text(offer, "offers", 0, "id", "value")+`"}],"operations":[{"type":"LAUNCH_GROUP","launch_group":{
		"executor":{"type":"DEFAULT","executor_id":{"value":"pod"},"framework_id":{"value":"`+f.id+`"},"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.1}},
			{"name":"mem","type":"SCALAR","scalar":{"value":32}},{"name":"disk","type":"SCALAR","scalar":{"value":1}}]},
		"task_group":{"tasks":[{"name":"m","task_id":{"value":"m"},"agent_id":{"value":"`+a.id+`"},"command":{"value":"true"},
			"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.1}},{"name":"mem","type":"SCALAR","scalar":{"value":32}}]}]}}}]}`)

	say(t, "GET_HEALTH", at(r.read("GET_HEALTH"), "healthy"), true)
	say(t, "GET_VERSION", text(r.read("GET_VERSION"), "version_info", "version") != "", true)
	say(t, "GET_FLAGS", text(r.read("GET_FLAGS"), "flags", 0, "name")+text(r.read("GET_FLAGS"), "flags", 0, "value"), "clusterhere")
	say(t, "GET_MASTER", text(r.read("GET_MASTER"), "master_info", "hostname"), "node7")
	say(t, "GET_AGENTS", text(r.read("GET_AGENTS"), "agents", 0, "agent_info", "id", "value"), a.id)
	say(t, "GET_EXECUTORS", text(r.read("GET_EXECUTORS"), "executors", 0, "executor_info", "executor_id", "value"), "pod")
	say(t, "the executors of GET_STATE", text(r.read("GET_STATE"), "get_executors", "executors", 0, "agent_id", "value"), a.id)

	call := func(body string) any {
		status, answer := r.post("/api/v1", body)
		if status != 200 {
			t.Errorf("%s: got %d %s", body, status, answer)
		}
		return decode(t, []byte(answer))
	}
	metrics := fmt.Sprint(call(`{"type":"GET_METRICS","get_metrics":{"timeout":{"nanoseconds":1000000000}}}`))
	if !strings.Contains(metrics, "master/frameworks_active") {
		t.Errorf("GET_METRICS: %s", metrics)
	}
	for _, key := range []string{"allocator/mesos/allocation_run_ms", "registrar/state_store_ms"} {
		for _, quantile := range []string{"", "/count", "/max", "/min", "/p50", "/p90", "/p95", "/p99", "/p999", "/p9999"} {
			if at(r.get("/metrics/snapshot"), key+quantile) == nil {
				t.Errorf("/metrics/snapshot lacks %s%s", key, quantile)
			}
		}
	}
	// A file holds no files, as in Mesos.
	say(t, "LIST_FILES", call(`{"type":"LIST_FILES","list_files":{"path":"/master/log"}}`), "map[list_files:map[] type:LIST_FILES]")
	read := call(`{"type":"READ_FILE","read_file":{"path":"/master/log","offset":4,"length":4}}`)
	if data, _ := base64.StdEncoding.DecodeString(text(read, "read_file", "data")); string(data) != "line" {
		t.Errorf("READ_FILE: got %q", data)
	}
	say(t, "the level", at(r.read("GET_LOGGING_LEVEL"), "level"), 0.0)
	if status, answer := r.post("/api/v1", `{"type":"SET_LOGGING_LEVEL","set_logging_level":{"level":1,"duration":{"nanoseconds":60000000000}}}`); status != 200 {
		t.Errorf("SET_LOGGING_LEVEL: got %d %s", status, answer)
	}
	say(t, "the level that was set", at(r.read("GET_LOGGING_LEVEL"), "level"), 1.0)
	say(t, "the logger's level", level.Level(), slog.LevelDebug)
}

// Operators resize volumes, of agents that can.
func TestOperatorsResizeVolumes(t *testing.T) {
	r := start(t, t.TempDir())
	a := r.dial("", 0)
	r.want("POST", "/reserve", formOf("slaveId", a.id, "resources", reservedDisk()), "202")
	r.want("POST", "/create-volumes", formOf("slaveId", a.id, "volumes", volumeOf("v")), "202")
	sizes := func() string {
		var all []string
		for i := range 2 {
			full := at(r.get("/slaves"), "slaves", 0, "reserved_resources_full", "r", i)
			all = append(all, fmt.Sprint(text(full, "disk", "persistence", "id"), at(full, "scalar", "value")))
		}
		return strings.Join(all, " ")
	}
	agent := `"agent_id":{"value":"` + a.id + `"},`
	volume := strings.Trim(volumeOf("v"), "[]")
	r.want("POST", "/api/v1", `{"type":"GROW_VOLUME","grow_volume":{`+agent+`"volume":`+volume+`,"addition":`+strings.Replace(strings.Trim(reservedDisk(), "[]"), "100", "8", 1)+`}}`, "202")
	say(t, "grown", sizes(), "28 v72")
	volume = strings.Replace(volume, "64", "72", 1)
	r.want("POST", "/api/v1", `{"type":"SHRINK_VOLUME","shrink_volume":{`+agent+`"volume":`+volume+`,"subtract":{"value":16}}}`, "202")
	say(t, "shrunk", sizes(), "44 v56")
}
