package core

import (
	"fmt"
	"strings"
	"testing"
)

const (
	someResources = `"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":1}},{"name":"mem","type":"SCALAR","scalar":{"value":32}}]`
	someCommand   = `"command":{"value":"true"}`
	someExecutor  = `"executor":{"executor_id":{"value":"e"},"command":{"value":"x"}}`
	groupExecutor = `{"type":"DEFAULT","executor_id":{"value":"d"},"framework_id":{"value":"$f1"},"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.1}},{"name":"mem","type":"SCALAR","scalar":{"value":32}},{"name":"disk","type":"SCALAR","scalar":{"value":1}}]}`
)

// one is a scalar of a name.
func one(name string, value float64, more string) string {
	return fmt.Sprintf(`{"name":"%s","type":"SCALAR","scalar":{"value":%v}%s}`, name, value, more)
}

func resourcesOf(list ...string) string { return `"resources":[` + strings.Join(list, ",") + `]` }

// taskCases: a task of LAUNCH with these members besides name, task_id and
// agent_id, and what the framework is told about it. An empty want means that it
// is launched.
var taskCases = []struct {
	rows                rows
	name, members, want string
}{
	{nil, "plain", someResources + "," + someCommand, ""},
	{rows{104}, "no resources", someCommand, "uses no resources"},
	{rows{110}, "neither command nor executor", someResources, "at least one (but not both)"},
	{rows{110}, "both command and executor", someResources + "," + someCommand + "," + someExecutor, "at least one (but not both)"},
	{nil, "executor", someResources + "," + someExecutor, ""},
	{rows{111}, "executor of type DEFAULT", someResources + `,"executor":{"type":"DEFAULT","executor_id":{"value":"e"}}`, "must be CUSTOM"},
	{rows{111}, "executor without command", someResources + `,"executor":{"executor_id":{"value":"e"}}`, "'ExecutorInfo.command' must be set"},
	{rows{119}, "executor with bad id", someResources + `,"executor":{"executor_id":{"value":"a/b"},"command":{"value":"x"}}`, "executor_id"},
	{rows{121}, "executor of another framework", someResources + `,"executor":{"executor_id":{"value":"e"},"framework_id":{"value":"x"},"command":{"value":"x"}}`, "invalid FrameworkID"},
	{rows{120}, "executor with negative grace", someResources + `,"executor":{"executor_id":{"value":"e"},"command":{"value":"x"},"shutdown_grace_period":{"nanoseconds":-1}}`, "shutdown_grace_period"},
	{rows{114}, "executor sharing cgroups", someResources + `,"executor":{"executor_id":{"value":"e"},"command":{"value":"x"},"container":{"type":"MESOS","linux_info":{"share_cgroups":true}}}`, "share_cgroups"},
	{rows{113}, "executor too small is only a warning", someResources + `,"executor":{"executor_id":{"value":"e"},"command":{"value":"x"},` + resourcesOf(one("cpus", 0.001, "")) + `}`, ""},
	{rows{115}, "share_cgroups false", someResources + "," + someCommand + `,"container":{"type":"MESOS","linux_info":{"share_cgroups":false}}`, "share_cgroups"},
	{rows{116}, "too much", resourcesOf(one("cpus", 1000, "")) + "," + someCommand, "more than available"},
	{rows{71}, "cpus 0", resourcesOf(one("cpus", 0, ""), one("mem", 1, "")) + "," + someCommand, ""},
	{rows{71}, "cpus 0.0001", resourcesOf(one("cpus", 0.0001, "")) + "," + someCommand, "cpus"},
	{rows{71, 105}, "negative", resourcesOf(one("cpus", -1, "")) + "," + someCommand, "cpus"},
	{rows{69}, "text resource", `"resources":[{"name":"cpus","type":"TEXT"}],` + someCommand, "cpus"},
	{rows{70}, "scalar without value", `"resources":[{"name":"cpus","type":"SCALAR"}],` + someCommand, "cpus"},
	{rows{72}, "inverted range", `"resources":[{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":2,"end":1}]}}],` + someCommand, "ports"},
	{rows{73}, "repeated set item", `"resources":[{"name":"s","type":"SET","set":{"item":["a","a"]}}],` + someCommand, "s"},
	{rows{74}, "disk on cpus", resourcesOf(one("cpus", 1, `,"disk":{"persistence":{"id":"x"}}`)) + "," + someCommand, "disk"},
	{rows{81}, "shared cpus", resourcesOf(one("cpus", 1, `,"shared":{}`)) + "," + someCommand, "cpus"},
	{rows{82}, "gpus 1.5", resourcesOf(one("gpus", 1.5, "")) + "," + someCommand, "gpus"},
	{rows{84}, "unreserved volume", resourcesOf(one("disk", 1, `,"disk":{"persistence":{"id":"x"},"volume":{"container_path":"x","mode":"RW"}}`)) + "," + someCommand, "reserved"},
	{rows{87}, "volume without persistence", resourcesOf(one("disk", 1, `,"disk":{"volume":{"container_path":"x","mode":"RW"}}`)) + "," + someCommand, "persistence"},
	{rows{88}, "empty disk", resourcesOf(one("disk", 1, `,"disk":{}`)) + "," + someCommand, "disk"},
	{rows{91, 105}, "revocable mix", resourcesOf(one("cpus", 1, ""), one("cpus", 1, `,"revocable":{}`)) + "," + someCommand, "revocable"},
	{rows{92, 105}, "two allocation roles", resourcesOf(one("cpus", 1, `,"allocation_info":{"role":"a"}`), one("mem", 1, `,"allocation_info":{"role":"b"}`)) + "," + someCommand, "role"},
	{rows{79}, "both reservation formats", resourcesOf(one("cpus", 1, `,"role":"a","reservations":[{"type":"DYNAMIC","role":"b"}]`)) + "," + someCommand, "does not match"},
	{rows{100}, "kill policy", someResources + "," + someCommand + `,"kill_policy":{"grace_period":{"nanoseconds":-1}}`, "kill_policy"},
	{rows{101}, "max_completion_time", someResources + "," + someCommand + `,"max_completion_time":{"nanoseconds":-1}`, "max_completion_time"},
	{rows{101}, "max_completion_time 0", someResources + "," + someCommand + `,"max_completion_time":{"nanoseconds":0}`, ""},
	{rows{102, 145}, "check without type", someResources + "," + someCommand + `,"check":{}`, "invalid check"},
	{rows{145}, "check COMMAND without command", someResources + "," + someCommand + `,"check":{"type":"COMMAND"}`, "invalid check"},
	{rows{145}, "check COMMAND without value", someResources + "," + someCommand + `,"check":{"type":"COMMAND","command":{"command":{}}}`, "invalid check"},
	{rows{145}, "check HTTP path", someResources + "," + someCommand + `,"check":{"type":"HTTP","http":{"port":1,"path":"x"}}`, "must start with"},
	{rows{145}, "check TCP without tcp", someResources + "," + someCommand + `,"check":{"type":"TCP"}`, "invalid check"},
	{rows{145}, "check UNKNOWN", someResources + "," + someCommand + `,"check":{"type":"UNKNOWN"}`, "invalid check"},
	{rows{145}, "check delay", someResources + "," + someCommand + `,"check":{"type":"TCP","tcp":{"port":1},"delay_seconds":-1}`, "delay_seconds"},
	{nil, "check fine", someResources + "," + someCommand + `,"check":{"type":"TCP","tcp":{"port":1}}`, ""},
	{rows{103}, "health check without type, command inferred", someResources + "," + someCommand + `,"health_check":{"command":{"value":"x"}}`, ""},
	{rows{103, 142}, "health check without anything", someResources + "," + someCommand + `,"health_check":{}`, "must specify 'type'"},
	{rows{143}, "health check HTTP scheme", someResources + "," + someCommand + `,"health_check":{"type":"HTTP","http":{"port":1,"scheme":"ftp"}}`, "scheme"},
	{rows{143}, "health check HTTP path", someResources + "," + someCommand + `,"health_check":{"type":"HTTP","http":{"port":1,"path":"x"}}`, "must start with"},
	{rows{142}, "health check HTTP without http", someResources + "," + someCommand + `,"health_check":{"type":"HTTP"}`, "'http'"},
	{rows{142}, "health check TCP without tcp", someResources + "," + someCommand + `,"health_check":{"type":"TCP"}`, "'tcp'"},
	{rows{142}, "health check COMMAND without value", someResources + "," + someCommand + `,"health_check":{"type":"COMMAND","command":{"shell":false}}`, "executable path"},
	{rows{144}, "health check grace", someResources + "," + someCommand + `,"health_check":{"type":"TCP","tcp":{"port":1},"grace_period_seconds":-1}`, "grace_period_seconds"},
	{nil, "limits", someResources + "," + someCommand + `,"limits":{"cpus":{"value":2}}`, ""},
	{rows{109}, "infinite limit", someResources + "," + someCommand + `,"limits":{"mem":{"value":"Infinity"}}`, ""},
	{rows{108}, "limit of disk", someResources + "," + someCommand + `,"limits":{"disk":{"value":2}}`, "only supported for cpus and mem"},
	{rows{109}, "limit without request", resourcesOf(one("mem", 1, "")) + "," + someCommand + `,"limits":{"cpus":{"value":2}}`, "needs a request"},
	{rows{109}, "limit below request", someResources + "," + someCommand + `,"limits":{"cpus":{"value":0.5}}`, "below the request"},
	{rows{106, 133}, "env SECRET without secret", someResources + `,"command":{"value":"x","environment":{"variables":[{"name":"a","type":"SECRET"}]}}`, "SECRET"},
	{rows{133}, "env SECRET with value", someResources + `,"command":{"value":"x","environment":{"variables":[{"name":"a","type":"SECRET","value":"v","secret":{"type":"VALUE","value":{"data":"YQ=="}}}]}}`, "SECRET"},
	{rows{134}, "env secret with NUL", someResources + `,"command":{"value":"x","environment":{"variables":[{"name":"a","type":"SECRET","secret":{"type":"VALUE","value":{"data":"AA=="}}}]}}`, "null"},
	{rows{135}, "env VALUE without value", someResources + `,"command":{"value":"x","environment":{"variables":[{"name":"a"}]}}`, "VALUE"},
	{rows{135}, "env VALUE with secret", someResources + `,"command":{"value":"x","environment":{"variables":[{"name":"a","value":"v","secret":{"type":"VALUE","value":{"data":"YQ=="}}}]}}`, "VALUE"},
	{rows{135}, "env UNKNOWN", someResources + `,"command":{"value":"x","environment":{"variables":[{"name":"a","type":"UNKNOWN","value":"v"}]}}`, "UNKNOWN"},
	{rows{136}, "secret REFERENCE without reference", someResources + `,"command":{"value":"x","environment":{"variables":[{"name":"a","type":"SECRET","secret":{"type":"REFERENCE"}}]}}`, "REFERENCE"},
	{rows{136}, "secret REFERENCE with value", someResources + `,"command":{"value":"x","environment":{"variables":[{"name":"a","type":"SECRET","secret":{"type":"REFERENCE","reference":{"name":"n"},"value":{"data":"YQ=="}}}]}}`, "REFERENCE"},
	{rows{106, 137}, "volume of nothing", someResources + "," + someCommand + `,"container":{"type":"MESOS","volumes":[{"mode":"RW","container_path":"x"}]}`, "exactly one"},
	{rows{137}, "volume of two", someResources + "," + someCommand + `,"container":{"type":"MESOS","volumes":[{"mode":"RW","container_path":"x","host_path":"a","source":{"type":"HOST_PATH","host_path":{"path":"b"}}}]}`, "exactly one"},
	{rows{138}, "volume source without member", someResources + "," + someCommand + `,"container":{"type":"MESOS","volumes":[{"mode":"RW","container_path":"x","source":{"type":"HOST_PATH"}}]}`, "host_path"},
	{rows{138}, "volume CSI without provisioning", someResources + "," + someCommand + `,"container":{"type":"MESOS","volumes":[{"mode":"RW","container_path":"x","source":{"type":"CSI_VOLUME","csi_volume":{"plugin_name":"p"}}}]}`, "static_provisioning"},
	{rows{138}, "volume source UNKNOWN", someResources + "," + someCommand + `,"container":{"type":"MESOS","volumes":[{"mode":"RW","container_path":"x","source":{"type":"UNKNOWN"}}]}`, "unknown"},
	{rows{139}, "DOCKER without docker", someResources + "," + someCommand + `,"container":{"type":"DOCKER"}`, "docker"},
	{rows{140}, "docker parameter name", someResources + "," + someCommand + `,"container":{"type":"DOCKER","docker":{"image":"i","parameters":[{"key":"name","value":"v"}]}}`, "name"},
	{rows{141}, "MESOS with docker set is only a warning", someResources + "," + someCommand + `,"container":{"type":"MESOS","docker":{"image":"i"}}`, ""},
	{rows{69}, "resource without a name", resourcesOf(one("", 1, "")) + "," + someCommand, "name"},
	{rows{70}, "scalar with a set too", `"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":1},"set":{"item":["a"]}}],` + someCommand, "nothing else"},
	{rows{72}, "overlapping ranges", `"resources":[{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":1,"end":5},{"begin":5,"end":6}]}}],` + someCommand, "overlap"},
	{rows{75}, "BLOCK with mount", resourcesOf(one("disk", 1, `,"disk":{"source":{"type":"BLOCK","mount":{}}}`)) + "," + someCommand, "BLOCK must have neither"},
	{rows{75}, "RAW with path", resourcesOf(one("disk", 1, `,"disk":{"source":{"type":"RAW","path":{}}}`)) + "," + someCommand, "RAW must have neither"},
	{rows{75}, "disk source UNKNOWN", resourcesOf(one("disk", 1, `,"disk":{"source":{"type":"UNKNOWN"}}`)) + "," + someCommand, "UNKNOWN"},
	{rows{76}, "old format with bad role", resourcesOf(one("cpus", 1, `,"role":"a//b"`)) + "," + someCommand, "slash"},
	{rows{76}, "old format with reservation.type", resourcesOf(one("cpus", 1, `,"role":"r","reservation":{"type":"DYNAMIC"}`)) + "," + someCommand, "reservation.type"},
	{rows{76}, "old format with reservation.role", resourcesOf(one("cpus", 1, `,"role":"r","reservation":{"role":"r"}`)) + "," + someCommand, "reservation.role"},
	{rows{76}, "old format reserved for *", resourcesOf(one("cpus", 1, `,"role":"*","reservation":{}`)) + "," + someCommand, "cannot be dynamically reserved"},
	{rows{77}, "reservation without type", resourcesOf(one("cpus", 1, `,"reservations":[{"role":"r"}]`)) + "," + someCommand, "without type"},
	{rows{77}, "reservation without role", resourcesOf(one("cpus", 1, `,"reservations":[{"type":"STATIC"}]`)) + "," + someCommand, "without role"},
	{rows{77}, "reservation of a bad role", resourcesOf(one("cpus", 1, `,"reservations":[{"type":"STATIC","role":"-r"}]`)) + "," + someCommand, "dash"},
	{rows{77}, "reservation for *", resourcesOf(one("cpus", 1, `,"reservations":[{"type":"STATIC","role":"*"}]`)) + "," + someCommand, "cannot be reserved"},
	{rows{78}, "refined STATIC", resourcesOf(one("cpus", 1, `,"reservations":[{"type":"DYNAMIC","role":"r"},{"type":"STATIC","role":"r/s"}]`)) + "," + someCommand, "must be DYNAMIC"},
	{rows{78}, "refined for a role that is not below", resourcesOf(one("cpus", 1, `,"reservations":[{"type":"DYNAMIC","role":"r"},{"type":"DYNAMIC","role":"s"}]`)) + "," + someCommand, "does not refine"},
	{rows{79}, "STATIC with reservation", resourcesOf(one("cpus", 1, `,"role":"r","reservation":{},"reservations":[{"type":"STATIC","role":"r"}]`)) + "," + someCommand, "beside a static reservation"},
	{rows{79}, "DYNAMIC with role only", resourcesOf(one("cpus", 1, `,"role":"r","reservations":[{"type":"DYNAMIC","role":"r"}]`)) + "," + someCommand, "set together"},
	{rows{79}, "principals differ", resourcesOf(one("cpus", 1, `,"role":"r","reservation":{"principal":"p"},"reservations":[{"type":"DYNAMIC","role":"r"}]`)) + "," + someCommand, "principal"},
	{rows{79}, "labels differ", resourcesOf(one("cpus", 1, `,"role":"r","reservation":{"labels":{"labels":[{"key":"k"}]}},"reservations":[{"type":"DYNAMIC","role":"r"}]`)) + "," + someCommand, "labels"},
	{rows{79}, "reservation UNKNOWN", resourcesOf(one("cpus", 1, `,"reservations":[{"type":"UNKNOWN","role":"r"}]`)) + "," + someCommand, "UNKNOWN"},
	{rows{80}, "several reservations and a role", resourcesOf(one("cpus", 1, `,"role":"r","reservations":[{"type":"DYNAMIC","role":"r"},{"type":"DYNAMIC","role":"r/s"}]`)) + "," + someCommand, "more than one entry"},
	{rows{80}, "several reservations and a reservation", resourcesOf(one("cpus", 1, `,"reservation":{},"reservations":[{"type":"DYNAMIC","role":"r"},{"type":"DYNAMIC","role":"r/s"}]`)) + "," + someCommand, "more than one entry"},
	{rows{81}, "shared disk that does not persist", resourcesOf(one("disk", 1, `,"shared":{}`)) + "," + someCommand, "cannot be shared"},
	{rows{83}, "revocable volume", resourcesOf(strings.Replace(volume, `{"name"`, `{"revocable":{},"name"`, 1)) + "," + someCommand, "cannot be revocable"},
	{rows{85}, "persistence without volume", resourcesOf(one("disk", 1, `,"reservations":[{"type":"DYNAMIC","role":"r"}],"disk":{"persistence":{"id":"x"}}`)) + "," + someCommand, "without volume"},
	{rows{85}, "volume with host_path", resourcesOf(strings.Replace(volume, `"mode"`, `"host_path":"/x","mode"`, 1)) + "," + someCommand, "host_path"},
	{rows{86}, "persistence with bad id", resourcesOf(strings.Replace(volume, `"pv"`, `"a/b"`, 1)) + "," + someCommand, "a/b"},
	{rows{89}, "reserved and revocable", resourcesOf(one("cpus", 1, `,"revocable":{},"reservations":[{"type":"DYNAMIC","role":"r"}]`)) + "," + someCommand, "cannot be dynamically reserved"},
	{rows{90, 105}, "persistence twice", resourcesOf(volume, strings.Replace(volume, `"p"`, `"q"`, 1)) + "," + someCommand, "not unique"},
	{rows{94}, "ports of task and executor", resourcesOf(`{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":1,"end":2}]}}`) + `,"executor":{"executor_id":{"value":"e"},"command":{"value":"x"},` + resourcesOf(`{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":2,"end":3}]}}`) + `}`, "overlapping"},
	{rows{112}, "executor on a shared volume", someResources + `,"executor":{"executor_id":{"value":"e"},"command":{"value":"x"},` + resourcesOf(sharedVolume) + `}`, "shared"},
	{rows{116}, "too much with the executor", resourcesOf(one("cpus", 8, "")) + `,"executor":{"executor_id":{"value":"e"},"command":{"value":"x"},` + resourcesOf(one("cpus", 1, "")) + `}`, "more than available"},
	{rows{123}, "executor with bad resources", someResources + `,"executor":{"executor_id":{"value":"e"},"command":{"value":"x"},` + resourcesOf(one("cpus", -1, "")) + `}`, "not above zero"},
	{rows{123}, "executor with a volume twice", someResources + `,"executor":{"executor_id":{"value":"e"},"command":{"value":"x"},` + resourcesOf(volume, strings.Replace(volume, `"p"`, `"q"`, 1)) + `}`, "not unique"},
	{rows{123}, "executor of two roles", someResources + `,"executor":{"executor_id":{"value":"e"},"command":{"value":"x"},` + resourcesOf(one("cpus", 1, `,"allocation_info":{"role":"a"}`), one("mem", 1, `,"allocation_info":{"role":"b"}`)) + `}`, "role"},
	{rows{123}, "executor with a revocable mix", someResources + `,"executor":{"executor_id":{"value":"e"},"command":{"value":"x"},` + resourcesOf(one("cpus", 1, ""), one("cpus", 1, `,"revocable":{}`)) + `}`, "revocable"},
	{rows{111}, "executor CUSTOM, said", someResources + `,"executor":{"type":"CUSTOM","executor_id":{"value":"e"},"command":{"value":"x"}}`, ""},
	{rows{136}, "secret VALUE without value", someResources + `,"command":{"value":"x","environment":{"variables":[{"name":"a","type":"SECRET","secret":{"type":"VALUE"}}]}}`, "VALUE"},
	{rows{136}, "secret VALUE with reference", someResources + `,"command":{"value":"x","environment":{"variables":[{"name":"a","type":"SECRET","secret":{"type":"VALUE","value":{"data":"YQ=="},"reference":{"name":"n"}}}]}}`, "VALUE"},
	{rows{142}, "health check UNKNOWN", someResources + "," + someCommand + `,"health_check":{"type":"UNKNOWN"}`, "not a valid health check type"},
	{rows{142}, "health check with bad environment", someResources + "," + someCommand + `,"health_check":{"type":"COMMAND","command":{"value":"x","environment":{"variables":[{"name":"a"}]}}}`, "VALUE"},
	{rows{144}, "health check delay", someResources + "," + someCommand + `,"health_check":{"type":"TCP","tcp":{"port":1},"delay_seconds":-1}`, "delay_seconds"},
	{rows{144}, "health check interval", someResources + "," + someCommand + `,"health_check":{"type":"TCP","tcp":{"port":1},"interval_seconds":-1}`, "interval_seconds"},
	{rows{144}, "health check timeout", someResources + "," + someCommand + `,"health_check":{"type":"TCP","tcp":{"port":1},"timeout_seconds":-1}`, "timeout_seconds"},
	{rows{145}, "check HTTP without http", someResources + "," + someCommand + `,"check":{"type":"HTTP"}`, "invalid check"},
	{rows{145}, "check interval", someResources + "," + someCommand + `,"check":{"type":"TCP","tcp":{"port":1},"interval_seconds":-1}`, "interval_seconds"},
	{rows{145}, "check timeout", someResources + "," + someCommand + `,"check":{"type":"TCP","tcp":{"port":1},"timeout_seconds":-1}`, "timeout_seconds"},
	{rows{103}, "health check without type, http inferred", someResources + "," + someCommand + `,"health_check":{"http":{"port":1}}`, ""},
}

func launchWorld(t *testing.T) *world {
	w := newWorld(t)
	for _, line := range []string{"subscribe f1 failover=10", "agent a1 cpus:8;mem:1024;disk:512;ports:[1-10]"} {
		if _, err := w.execute(line); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func TestTaskRules(t *testing.T) {
	for _, c := range taskCases {
		t.Run(c.name, func(t *testing.T) {
			w := launchWorld(t)
			got, err := w.execute(`accept f1 {"operations":[{"type":"LAUNCH","launch":{"task_infos":[{"name":"n","task_id":{"value":"t"},"agent_id":{"value":"$a1"},` + c.members + `}]}}]}`)
			checkTask(t, got, err, c.want, "TASK_INVALID", 1)
		})
	}
}

// checkTask: launched if nothing is wanted, else refused with that text.
func checkTask(t *testing.T, got string, err error, want, reason string, tasks int) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	launched, refused := strings.Count(got, ": #"), strings.Count(got, "TASK_ERROR MASTER "+reason)
	switch {
	case want == "" && (launched != 1 || refused != 0):
		t.Errorf("want a launch, got\n%s", got)
	case want != "" && (launched != 0 || refused != tasks || !strings.Contains(got, want)):
		t.Errorf("want %d times TASK_ERROR %s with %q, got\n%s", tasks, reason, want, got)
	}
}

func TestTaskIDs(t *testing.T) {
	for id, want := range map[string]string{
		"a/b": "task_id", ".": "task_id", "..": "task_id", `a\\b`: "task_id", strings.Repeat("x", 256): "task_id",
		strings.Repeat("x", 255): "", "a.b c": "",
	} {
		w := launchWorld(t)
		got, err := w.execute(`accept f1 {"operations":[{"type":"LAUNCH","launch":{"task_infos":[{"name":"n","task_id":{"value":"` + id + `"},"agent_id":{"value":"$a1"},` + someResources + "," + someCommand + `}]}}]}`)
		checkTask(t, got, err, want, "TASK_INVALID", 1)
	}
	w := launchWorld(t)
	got, err := w.execute(`accept f1 {"operations":[{"type":"LAUNCH","launch":{"task_infos":[{"name":"n","task_id":{"value":"t"},"agent_id":{"value":"other"},` + someResources + "," + someCommand + `}]}}]}`)
	checkTask(t, got, err, "Task uses invalid agent other", "TASK_INVALID", 1)
}

func TestLimitsNeedTheAgent(t *testing.T) {
	w := newWorld(t)
	w.execute("subscribe f1 caps= role=r failover=10")
	w.execute("agent a1 cpus:8;mem:1024 caps=none")
	got, err := w.execute(`accept f1 {"operations":[{"type":"LAUNCH","launch":{"task_infos":[{"name":"n","task_id":{"value":"t"},"agent_id":{"value":"$a1"},` + someResources + "," + someCommand + `,"limits":{"cpus":{"value":2}}}]}}]}`)
	checkTask(t, got, err, "TASK_RESOURCE_LIMITS", "TASK_INVALID", 1)
}

func TestLaunchWithID(t *testing.T) {
	w := launchWorld(t)
	got, err := w.execute(`accept f1 {"operations":[{"type":"LAUNCH","id":{"value":"x"},"launch":{"task_infos":[{"name":"n","task_id":{"value":"t"},"agent_id":{"value":"$a1"},` + someResources + "," + someCommand + `}]}}]}`)
	checkTask(t, got, err, "`id` field cannot be set on LAUNCH", "TASK_INVALID", 1)
	w = launchWorld(t)
	got, err = w.execute(`accept f1 {"operations":[{"type":"LAUNCH_GROUP","id":{"value":"x"},"launch_group":{"executor":` + groupExecutor + `,"task_group":{"tasks":[` + member("t", someResources+","+someCommand) + `]}}}]}`)
	checkTask(t, got, err, "`id` field cannot be set on LAUNCH_GROUP", "TASK_GROUP_INVALID", 1)
}

func member(id, members string) string {
	return `{"name":"n","task_id":{"value":"` + id + `"},"agent_id":{"value":"$a1"},` + members + `}`
}

// groupCases: the executor of a LAUNCH_GROUP, one member after a sound one, and
// what is told about both.
var groupCases = []struct {
	rows                          rows
	name, executor, members, want string
}{
	{nil, "fine", groupExecutor, member("t", someResources+","+someCommand), ""},
	{rows{124}, "bad member", groupExecutor, member("t", someCommand), "uses no resources"},
	{rows{125}, "health check with own network", groupExecutor, member("t", someResources+","+someCommand+`,"container":{"type":"MESOS","network_infos":[{}]},"health_check":{"type":"TCP","tcp":{"port":1}}`), "health checks"},
	{rows{126}, "docker member", groupExecutor, member("t", someResources+","+someCommand+`,"container":{"type":"DOCKER","docker":{"image":"i"}}`), "Docker"},
	{rows{127}, "limits without own cgroups", groupExecutor, member("t", someResources+","+someCommand+`,"limits":{"cpus":{"value":2}}`), "share_cgroups"},
	{rows{132}, "share_cgroups mixed", groupExecutor, member("t", someResources+","+someCommand+`,"container":{"type":"MESOS","linux_info":{"share_cgroups":false}}`), "must be the same"},
	{rows{128}, "executor without type", strings.Replace(groupExecutor, `"type":"DEFAULT",`, "", 1), member("t", someResources+","+someCommand), "'ExecutorInfo.type'"},
	{rows{128}, "executor UNKNOWN", strings.Replace(groupExecutor, "DEFAULT", "UNKNOWN", 1), member("t", someResources+","+someCommand), "'ExecutorInfo.type'"},
	{rows{117}, "executor DEFAULT with command", strings.Replace(groupExecutor, `"type"`, `"command":{"value":"x"},"type"`, 1), member("t", someResources+","+someCommand), "must not be set for 'DEFAULT'"},
	{rows{118}, "executor CUSTOM without command", strings.Replace(groupExecutor, "DEFAULT", "CUSTOM", 1), member("t", someResources+","+someCommand), "must be set for 'CUSTOM'"},
	{rows{117}, "executor DEFAULT in docker", strings.Replace(groupExecutor, `"type"`, `"container":{"type":"DOCKER","docker":{"image":"i"}},"type"`, 1), member("t", someResources+","+someCommand), "must be 'MESOS'"},
	{rows{117}, "executor DEFAULT with image", strings.Replace(groupExecutor, `"type"`, `"container":{"type":"MESOS","mesos":{"image":{"type":"DOCKER","docker":{"name":"i"}}}},"type"`, 1), member("t", someResources+","+someCommand), "image"},
	{rows{121}, "executor without framework", strings.Replace(groupExecutor, `"framework_id":{"value":"$f1"},`, "", 1), member("t", someResources+","+someCommand), "framework_id"},
	{rows{130}, "executor with little cpu", strings.Replace(groupExecutor, `"value":0.1`, `"value":0.001`, 1), member("t", someResources+","+someCommand), "CPUs"},
	{rows{130}, "executor with little mem", strings.Replace(groupExecutor, `"value":32`, `"value":31`, 1), member("t", someResources+","+someCommand), "memory"},
	{rows{130}, "executor without disk", strings.Replace(groupExecutor, `"name":"disk"`, `"name":"other"`, 1), member("t", someResources+","+someCommand), "no disk"},
	{rows{129}, "another executor in a member", groupExecutor, member("t", someResources+","+someCommand+","+someExecutor), "different"},
	{rows{131}, "too much together", groupExecutor, member("t", resourcesOf(one("cpus", 7.5, ""))+","+someCommand), "more than available"},
	{rows{94, 131}, "ports of both", groupExecutor, member("t", resourcesOf(`{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":1,"end":2}]}}`)+","+someCommand) + "," + member("u", resourcesOf(`{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":2,"end":3}]}}`)+","+someCommand), "overlapping"},
	{rows{123}, "executor with bad resources", strings.Replace(groupExecutor, `"value":0.1`, `"value":-0.1`, 1), member("t", someResources+","+someCommand), "not above zero"},
	{rows{126}, "executor in docker", strings.Replace(strings.Replace(groupExecutor, "DEFAULT", "CUSTOM", 1), `"type"`, `"command":{"value":"x"},"container":{"type":"DOCKER","docker":{"image":"i"}},"type"`, 1), member("t", someResources+","+someCommand), "Docker ContainerInfo is not supported on the executor"},
	{rows{125}, "HTTP health check with own network", groupExecutor, member("t", someResources+","+someCommand+`,"container":{"type":"MESOS","network_infos":[{}]},"health_check":{"type":"HTTP","http":{"port":1}}`), "health checks"},
	{rows{131}, "a volume twice", groupExecutor, member("t", resourcesOf(one("cpus", 1, ""), volume)+","+someCommand) + "," + member("u", resourcesOf(one("cpus", 1, ""), strings.Replace(volume, `"p"`, `"q"`, 1))+","+someCommand), "not unique"},
	{rows{119}, "executor with bad id", strings.Replace(groupExecutor, `"value":"d"`, `"value":"d/e"`, 1), member("t", someResources+","+someCommand), "executor_id"},
	{rows{120}, "executor with negative grace", strings.Replace(groupExecutor, `"type"`, `"shutdown_grace_period":{"nanoseconds":-1},"type"`, 1), member("t", someResources+","+someCommand), "shutdown_grace_period"},
	{rows{121}, "executor of another framework", strings.Replace(groupExecutor, "$f1", "other", 1), member("t", someResources+","+someCommand), "invalid FrameworkID"},
}

func TestGroupRules(t *testing.T) {
	for _, c := range groupCases {
		t.Run(c.name, func(t *testing.T) {
			w := launchWorld(t)
			tasks := member("t0", someResources+","+someCommand) + "," + c.members
			got, err := w.execute(`accept f1 {"operations":[{"type":"LAUNCH_GROUP","launch_group":{"executor":` + c.executor + `,"task_group":{"tasks":[` + tasks + `]}}}]}`)
			checkTask(t, got, err, c.want, "TASK_GROUP_INVALID", strings.Count(tasks, "task_id"))
		})
	}
}
