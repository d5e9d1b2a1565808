package alloc_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// want makes a request and fails unless it is answered so.
func (r *service) want(method, path, body, status string) {
	r.t.Helper()
	t, ok := r.t.(*testing.T)
	if !ok {
		return
	}
	var headers []string
	if strings.HasPrefix(path, "/api/") {
		headers = []string{"Content-Type: application/json"}
	}
	got, rest := r.exchange(t, method, path, headers, []byte(body))
	if got != status {
		t.Errorf("%s %s %s: got %s, want %s\n%s", method, path, body, got, status, rest)
	}
}

func formOf(pairs ...string) string {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v.Encode()
}

// say compares values of what reads show.
func say(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestWeightsOverHTTP(t *testing.T) {
	r := start(t, t.TempDir())
	r.want("PUT", "/weights", `[{"role":"a","weight":2.5},{"role":"b","weight":1}]`, "200")
	say(t, "/weights", at(r.get("/weights"), 0, "weight"), 2.5)
	say(t, "GET_WEIGHTS", at(r.read("GET_WEIGHTS"), "weight_infos", 1, "role"), "b")
	roles := r.read("GET_ROLES")
	say(t, "GET_ROLES", at(roles, "roles", 0, "weight"), 2.5)
	say(t, "/roles", at(r.get("/roles"), "roles", 0, "name"), "a")
}

func TestLegacyWritesRefuse(t *testing.T) {
	r := start(t, t.TempDir())
	a := r.dial("", 0)
	for _, c := range []struct{ name, method, path, body, status string }{
		{"weights, not a list", "PUT", "/weights", `{"role":"r","weight":1}`, "400"},
		{"weights, not JSON", "PUT", "/weights", `[`, "400"},
		{"weights, no role", "PUT", "/weights", `[{"weight":1}]`, "400"},
		{"quota, not an object", "POST", "/quota", `[]`, "400"},
		{"quota of no role", "DELETE", "/quota", "", "400"},
		{"quota that is not there", "DELETE", "/quota/r", "", "400"},
		{"schedule, not an object", "POST", "/maintenance/schedule", `[]`, "400"},
		{"machines, not a list", "POST", "/machine/down", `{"machines":[]}`, "400"},
		{"machines, none", "POST", "/machine/up", `[]`, "400"},
		{"machine that is not scheduled", "POST", "/machine/down", `[{"hostname":"host"}]`, "400"},
		{"reserve, nothing", "POST", "/reserve", formOf("slaveId", a.id), "400"},
		{"reserve, no agent", "POST", "/reserve", formOf("resources", "[]"), "400"},
		{"reserve, agent unknown", "POST", "/reserve", formOf("slaveId", "x", "resources", reservedCPUs("r")), "400"},
		{"reserve, source not a list", "POST", "/reserve", formOf("slaveId", a.id, "resources", reservedCPUs("r"), "source", "{}"), "400"},
		{"unreserve what is not reserved", "POST", "/unreserve", formOf("slaveId", a.id, "resources", reservedCPUs("r")), "409"},
		{"reserve too much", "POST", "/reserve", formOf("slaveId", a.id, "resources", strings.Replace(reservedCPUs("r"), `"value":1`, `"value":1000`, 1)), "409"},
		{"create, nothing", "POST", "/create-volumes", formOf("slaveId", a.id), "400"},
		{"destroy what is not there", "POST", "/destroy-volumes", formOf("slaveId", a.id, "volumes", volumeOf("v")), "400"},
		{"teardown, nobody", "POST", "/teardown", "", "400"},
		{"drain, nobody", "POST", "/api/v1", `{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"x"}}}`, "400"},
		{"gone, nobody", "POST", "/api/v1", `{"type":"MARK_AGENT_GONE","mark_agent_gone":{"agent_id":{"value":"x"}}}`, "404"},
	} {
		t.Run(c.name, func(t *testing.T) { r.want(c.method, c.path, c.body, c.status) })
	}
}

func reservedCPUs(role string) string {
	return `[{"name":"cpus","type":"SCALAR","scalar":{"value":1},"reservations":[{"type":"DYNAMIC","role":"` + role + `","labels":{"labels":[{"key":"k","value":"v"}]}}]}]`
}

func reservedDisk() string {
	return `[{"name":"disk","type":"SCALAR","scalar":{"value":100},"reservations":[{"type":"DYNAMIC","role":"r"}]}]`
}

func volumeOf(id string) string {
	return `[{"name":"disk","type":"SCALAR","scalar":{"value":64},"reservations":[{"type":"DYNAMIC","role":"r"}],"disk":{"persistence":{"id":"` + id + `"},"volume":{"container_path":"p","mode":"RW"}}}]`
}

// Reservations and volumes of operators, by forms and by calls, as reads and offers
// show them.
func TestReservationsAndVolumesOverHTTP(t *testing.T) {
	r := start(t, t.TempDir())
	a := r.dial("", 0)
	r.want("POST", "/reserve", formOf("slaveId", a.id, "resources", reservedCPUs("r")), "202")
	say(t, "/slaves", at(r.get("/slaves"), "slaves", 0, "reserved_resources", "r", "cpus"), 1.0)
	f := r.subscribe("")
	offer := f.next("OFFERS")
	label := ""
	for i := range 10 {
		if l := text(offer, "offers", 0, "resources", i, "reservations", 0, "labels", "labels", 0, "value"); l != "" {
			label = l
		}
	}
	say(t, "the label in the offer", label, "v")
	f.call("DECLINE", `{"offer_ids":[{"value":"`+text(offer, "offers", 0, "id", "value")+`"}],"filters":{"refuse_seconds":1000}}`)

	r.want("POST", "/reserve", formOf("slaveId", a.id, "source", reservedCPUs("r"), "resources", reservedCPUs("s")), "202")
	say(t, "/slaves, moved to s", at(r.get("/slaves"), "slaves", 0, "reserved_resources", "s", "cpus"), 1.0)
	say(t, "/slaves, moved from r", at(r.get("/slaves"), "slaves", 0, "reserved_resources", "r"), nil)
	r.want("POST", "/unreserve", formOf("slaveId", a.id, "resources", reservedCPUs("s")), "202")
	say(t, "/slaves, unreserved", at(r.get("/slaves"), "slaves", 0, "reserved_resources", "s"), nil)

	r.want("POST", "/reserve", formOf("slaveId", a.id, "resources", reservedDisk()), "202")
	r.want("POST", "/create-volumes", formOf("slaveId", a.id, "volumes", volumeOf("v")), "202")
	say(t, "/slaves, a volume", at(r.get("/slaves"), "slaves", 0, "reserved_resources_full", "r", 1, "disk", "persistence", "id"), "v")
	say(t, "GET_OPERATIONS", len(at(r.read("GET_OPERATIONS"), "operations").([]any)), 5)
	r.want("POST", "/destroy-volumes", formOf("slaveId", a.id, "volumes", volumeOf("v")), "202")
	for i, call := range []string{
		`"CREATE_VOLUMES","create_volumes":{"agent_id":{"value":"` + a.id + `"},"volumes":` + volumeOf("w") + `}`,
		`"DESTROY_VOLUMES","destroy_volumes":{"agent_id":{"value":"` + a.id + `"},"volumes":` + volumeOf("w") + `}`,
		`"UNRESERVE_RESOURCES","unreserve_resources":{"agent_id":{"value":"` + a.id + `"},"resources":` + reservedDisk() + `}`,
		`"RESERVE_RESOURCES","reserve_resources":{"agent_id":{"value":"` + a.id + `"},"resources":` + reservedCPUs("r") + `}`,
	} {
		r.want("POST", "/api/v1", `{"type":`+call+`}`, "202")
		if i == 2 {
			say(t, "/slaves, nothing reserved", at(r.get("/slaves"), "slaves", 0, "reserved_resources", "r"), nil)
		}
	}
	say(t, "GET_AGENTS", strings.Contains(fmt.Sprint(r.read("GET_AGENTS")), "DYNAMIC"), true)
}

func TestQuotaOverHTTP(t *testing.T) {
	r := start(t, t.TempDir())
	r.dial("", 0)
	r.want("POST", "/quota", `{"role":"q","guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":2}}]}`, "200")
	say(t, "/quota", at(r.get("/quota"), "infos", 0, "role"), "q")
	quota := r.read("GET_QUOTA")
	say(t, "GET_QUOTA guarantee", at(quota, "status", "configs", 0, "guarantees", "cpus", "value"), 2.0)
	say(t, "GET_QUOTA limit", at(quota, "status", "configs", 0, "limits", "cpus", "value"), 2.0)
	say(t, "GET_ROLES lists a role that has a quota only", strings.Contains(fmt.Sprint(r.read("GET_ROLES")), "q"), true)
	say(t, "/roles", at(r.get("/roles"), "roles", 0, "quota", "guarantee", "cpus"), 2.0)
	r.metric("allocator/mesos/quota/roles/q/resources/cpus/guarantee", 2)
	r.want("POST", "/quota", `{"role":"q","guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":1}}]}`, "400")
	r.want("POST", "/quota", `{"role":"p","guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":100}}]}`, "409")
	r.want("POST", "/api/v1", `{"type":"UPDATE_QUOTA","update_quota":{"quota_configs":[{"role":"q","limits":{"cpus":{"value":3}}}]}}`, "200")
	say(t, "GET_QUOTA, updated", at(r.read("GET_QUOTA"), "status", "configs", 0, "limits", "cpus", "value"), 3.0)
	r.want("DELETE", "/quota/q", "", "200")
	say(t, "/quota, removed", at(r.get("/quota"), "infos", 0), nil)
}

func TestMaintenanceOverHTTP(t *testing.T) {
	r := start(t, t.TempDir())
	f := r.subscribe("")
	a := r.dial("", 0)
	f.launch("t1")
	a.launchOf("t1")
	const machine = `{"hostname":"host","ip":"127.0.0.1"}`
	r.want("POST", "/maintenance/schedule", `{"windows":[{"machine_ids":[`+machine+`],"unavailability":{"start":{"nanoseconds":9000000000000000000}}}]}`, "200")
	say(t, "/maintenance/schedule", at(r.get("/maintenance/schedule"), "windows", 0, "machine_ids", 0, "hostname"), "host")
	say(t, "GET_MAINTENANCE_SCHEDULE", at(r.read("GET_MAINTENANCE_SCHEDULE"), "schedule", "windows", 0, "machine_ids", 0, "ip"), "127.0.0.1")

	answer := func(kind string) {
		t.Helper()
		id := text(f.next("INVERSE_OFFERS"), "inverse_offers", 0, "id", "value")
		f.call(kind, `{"inverse_offer_ids":[{"value":"`+id+`"}],"filters":{"refuse_seconds":0}}`)
		want := strings.TrimSuffix(kind, "_INVERSE_OFFERS")
		say(t, "/maintenance/status", at(r.get("/maintenance/status"), "draining_machines", 0, "statuses", 0, "status"), want)
		say(t, "GET_MAINTENANCE_STATUS", at(r.read("GET_MAINTENANCE_STATUS"), "status", "draining_machines", 0, "statuses", 0, "framework_id", "value"), f.id)
	}
	answer("DECLINE_INVERSE_OFFERS")
	answer("ACCEPT_INVERSE_OFFERS")

	r.want("POST", "/machine/down", "["+machine+"]", "200")
	if got := text(f.next("UPDATE"), "status", "state"); got != "TASK_LOST" {
		t.Errorf("the task on the machine is %s, want TASK_LOST", got)
	}
	say(t, "down", at(r.get("/maintenance/status"), "down_machines", 0, "hostname"), "host")
	r.want("POST", "/machine/up", "["+machine+"]", "200")
	say(t, "up", at(r.get("/maintenance/status"), "down_machines", 0), nil)
	say(t, "the schedule is empty", at(r.get("/maintenance/schedule"), "windows", 0), nil)
}

// Deactivation, draining and being gone, as GET_AGENTS and /slaves show them.
func TestAgentsAreTakenOutOverHTTP(t *testing.T) {
	r := start(t, t.TempDir())
	f := r.subscribe("")
	a := r.dial("", 0)
	f.launch("t1")
	a.launchOf("t1")
	call := func(kind, more, status string) {
		t.Helper()
		r.want("POST", "/api/v1", fmt.Sprintf(`{"type":"%s","%s":{"agent_id":{"value":"%s"}%s}}`, kind, strings.ToLower(kind), a.id, more), status)
	}
	shown := func(key string) any { return at(r.read("GET_AGENTS"), "agents", 0, key) }
	call("DEACTIVATE_AGENT", "", "200")
	say(t, "deactivated", shown("deactivated"), true)
	say(t, "/slaves deactivated", at(r.get("/slaves"), "slaves", 0, "deactivated"), true)
	say(t, "active", shown("active"), false)
	call("REACTIVATE_AGENT", "", "200")
	say(t, "reactivated", shown("deactivated"), false)
	call("DRAIN_AGENT", "", "400") // the agent of this test has not the capability
	call("MARK_AGENT_GONE", "", "200")
	if got := text(f.next("UPDATE"), "status", "state"); got != "TASK_GONE_BY_OPERATOR" {
		t.Errorf("the task is %s, want TASK_GONE_BY_OPERATOR", got)
	}
	say(t, "no agent is left", at(r.read("GET_AGENTS"), "agents", 0), nil)
	call("MARK_AGENT_GONE", "", "200")
}

// Each read call shows its part of the state.
func TestReadsOverHTTP(t *testing.T) {
	r := start(t, t.TempDir())
	f := r.subscribe("")
	a := r.dial("", 0)
	f.launch("t1")
	a.launchOf("t1")
	for _, c := range []struct {
		call string
		path []any
		want any
	}{
		{"GET_HEALTH", []any{"healthy"}, true},
		{"GET_VERSION", []any{"version_info", "version"}, "1.12.0"},
		{"GET_MASTER", []any{"master_info", "version"}, "1.12.0"},
		{"GET_FRAMEWORKS", []any{"frameworks", 0, "framework_info", "name"}, "f"},
		{"GET_FRAMEWORKS", []any{"frameworks", 0, "connected"}, true},
		{"GET_TASKS", []any{"tasks", 0, "task_id", "value"}, "t1"},
		{"GET_AGENTS", []any{"agents", 0, "agent_info", "id", "value"}, a.id},
		{"GET_ROLES", []any{"roles", 0, "name"}, "r"},
		{"GET_EXECUTORS", []any{"executors", 0}, nil},
		{"GET_OPERATIONS", []any{"operations", 0}, nil},
		{"GET_STATE", []any{"get_tasks", "tasks", 0, "state"}, "TASK_STAGING"},
		{"GET_LOGGING_LEVEL", []any{"level"}, 0.0},
	} {
		say(t, c.call, at(r.read(c.call), c.path...), c.want)
	}
}
