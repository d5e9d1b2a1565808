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
var taskCases = []struct{ name, members, want string }{
	{"plain", someResources + "," + someCommand, ""},
	{"no resources", someCommand, "uses no resources"},
	{"neither command nor executor", someResources, "at least one (but not both)"},
	{"both command and executor", someResources + "," + someCommand + "," + someExecutor, "at least one (but not both)"},
	{"executor", someResources + "," + someExecutor, ""},
	{"executor of type DEFAULT", someResources + `,"executor":{"type":"DEFAULT","executor_id":{"value":"e"}}`, "must be CUSTOM"},
	{"executor without command", someResources + `,"executor":{"executor_id":{"value":"e"}}`, "'ExecutorInfo.command' must be set"},
	{"executor with bad id", someResources + `,"executor":{"executor_id":{"value":"a/b"},"command":{"value":"x"}}`, "executor_id"},
	{"executor of another framework", someResources + `,"executor":{"executor_id":{"value":"e"},"framework_id":{"value":"x"},"command":{"value":"x"}}`, "invalid FrameworkID"},
	{"executor with negative grace", someResources + `,"executor":{"executor_id":{"value":"e"},"command":{"value":"x"},"shutdown_grace_period":{"nanoseconds":-1}}`, "shutdown_grace_period"},
	{"executor sharing cgroups", someResources + `,"executor":{"executor_id":{"value":"e"},"command":{"value":"x"},"container":{"type":"MESOS","linux_info":{"share_cgroups":true}}}`, "share_cgroups"},
	{"executor too small is only a warning", someResources + `,"executor":{"executor_id":{"value":"e"},"command":{"value":"x"},` + resourcesOf(one("cpus", 0.001, "")) + `}`, ""},
	{"share_cgroups false", someResources + "," + someCommand + `,"container":{"type":"MESOS","linux_info":{"share_cgroups":false}}`, "share_cgroups"},
	{"too much", resourcesOf(one("cpus", 1000, "")) + "," + someCommand, "more than available"},
	{"cpus 0", resourcesOf(one("cpus", 0, ""), one("mem", 1, "")) + "," + someCommand, ""},
	{"cpus 0.0001", resourcesOf(one("cpus", 0.0001, "")) + "," + someCommand, "cpus"},
	{"negative", resourcesOf(one("cpus", -1, "")) + "," + someCommand, "cpus"},
	{"text resource", `"resources":[{"name":"cpus","type":"TEXT"}],` + someCommand, "cpus"},
	{"scalar without value", `"resources":[{"name":"cpus","type":"SCALAR"}],` + someCommand, "cpus"},
	{"inverted range", `"resources":[{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":2,"end":1}]}}],` + someCommand, "ports"},
	{"repeated set item", `"resources":[{"name":"s","type":"SET","set":{"item":["a","a"]}}],` + someCommand, "s"},
	{"disk on cpus", resourcesOf(one("cpus", 1, `,"disk":{"persistence":{"id":"x"}}`)) + "," + someCommand, "disk"},
	{"shared cpus", resourcesOf(one("cpus", 1, `,"shared":{}`)) + "," + someCommand, "cpus"},
	{"gpus 1.5", resourcesOf(one("gpus", 1.5, "")) + "," + someCommand, "gpus"},
	{"unreserved volume", resourcesOf(one("disk", 1, `,"disk":{"persistence":{"id":"x"},"volume":{"container_path":"x","mode":"RW"}}`)) + "," + someCommand, "reserved"},
	{"volume without persistence", resourcesOf(one("disk", 1, `,"disk":{"volume":{"container_path":"x","mode":"RW"}}`)) + "," + someCommand, "persistence"},
	{"empty disk", resourcesOf(one("disk", 1, `,"disk":{}`)) + "," + someCommand, "disk"},
	{"revocable mix", resourcesOf(one("cpus", 1, ""), one("cpus", 1, `,"revocable":{}`)) + "," + someCommand, "revocable"},
	{"two allocation roles", resourcesOf(one("cpus", 1, `,"allocation_info":{"role":"a"}`), one("mem", 1, `,"allocation_info":{"role":"b"}`)) + "," + someCommand, "role"},
	{"both reservation formats", resourcesOf(one("cpus", 1, `,"role":"a","reservations":[{"type":"DYNAMIC","role":"b"}]`)) + "," + someCommand, "does not match"},
	{"kill policy", someResources + "," + someCommand + `,"kill_policy":{"grace_period":{"nanoseconds":-1}}`, "kill_policy"},
	{"max_completion_time", someResources + "," + someCommand + `,"max_completion_time":{"nanoseconds":-1}`, "max_completion_time"},
	{"max_completion_time 0", someResources + "," + someCommand + `,"max_completion_time":{"nanoseconds":0}`, ""},
	{"check without type", someResources + "," + someCommand + `,"check":{}`, "invalid check"},
	{"check COMMAND without command", someResources + "," + someCommand + `,"check":{"type":"COMMAND"}`, "invalid check"},
	{"check COMMAND without value", someResources + "," + someCommand + `,"check":{"type":"COMMAND","command":{"command":{}}}`, "invalid check"},
	{"check HTTP path", someResources + "," + someCommand + `,"check":{"type":"HTTP","http":{"port":1,"path":"x"}}`, "must start with"},
	{"check TCP without tcp", someResources + "," + someCommand + `,"check":{"type":"TCP"}`, "invalid check"},
	{"check UNKNOWN", someResources + "," + someCommand + `,"check":{"type":"UNKNOWN"}`, "invalid check"},
	{"check delay", someResources + "," + someCommand + `,"check":{"type":"TCP","tcp":{"port":1},"delay_seconds":-1}`, "delay_seconds"},
	{"check fine", someResources + "," + someCommand + `,"check":{"type":"TCP","tcp":{"port":1}}`, ""},
	{"health check without type, command inferred", someResources + "," + someCommand + `,"health_check":{"command":{"value":"x"}}`, ""},
	{"health check without anything", someResources + "," + someCommand + `,"health_check":{}`, "must specify 'type'"},
	{"health check HTTP scheme", someResources + "," + someCommand + `,"health_check":{"type":"HTTP","http":{"port":1,"scheme":"ftp"}}`, "scheme"},
	{"health check HTTP path", someResources + "," + someCommand + `,"health_check":{"type":"HTTP","http":{"port":1,"path":"x"}}`, "must start with"},
	{"health check HTTP without http", someResources + "," + someCommand + `,"health_check":{"type":"HTTP"}`, "'http'"},
	{"health check TCP without tcp", someResources + "," + someCommand + `,"health_check":{"type":"TCP"}`, "'tcp'"},
	{"health check COMMAND without value", someResources + "," + someCommand + `,"health_check":{"type":"COMMAND","command":{"shell":false}}`, "executable path"},
	{"health check grace", someResources + "," + someCommand + `,"health_check":{"type":"TCP","tcp":{"port":1},"grace_period_seconds":-1}`, "grace_period_seconds"},
	{"limits", someResources + "," + someCommand + `,"limits":{"cpus":{"value":2}}`, ""},
	{"infinite limit", someResources + "," + someCommand + `,"limits":{"mem":{"value":"Infinity"}}`, ""},
	{"limit of disk", someResources + "," + someCommand + `,"limits":{"disk":{"value":2}}`, "only supported for cpus and mem"},
	{"limit without request", resourcesOf(one("mem", 1, "")) + "," + someCommand + `,"limits":{"cpus":{"value":2}}`, "needs a request"},
	{"limit below request", someResources + "," + someCommand + `,"limits":{"cpus":{"value":0.5}}`, "below the request"},
	{"env SECRET without secret", someResources + `,"command":{"value":"x","environment":{"variables":[{"name":"a","type":"SECRET"}]}}`, "SECRET"},
	{"env SECRET with value", someResources + `,"command":{"value":"x","environment":{"variables":[{"name":"a","type":"SECRET","value":"v","secret":{"type":"VALUE","value":{"data":"YQ=="}}}]}}`, "SECRET"},
	{"env secret with NUL", someResources + `,"command":{"value":"x","environment":{"variables":[{"name":"a","type":"SECRET","secret":{"type":"VALUE","value":{"data":"AA=="}}}]}}`, "null"},
	{"env VALUE without value", someResources + `,"command":{"value":"x","environment":{"variables":[{"name":"a"}]}}`, "VALUE"},
	{"env VALUE with secret", someResources + `,"command":{"value":"x","environment":{"variables":[{"name":"a","value":"v","secret":{"type":"VALUE","value":{"data":"YQ=="}}}]}}`, "VALUE"},
	{"env UNKNOWN", someResources + `,"command":{"value":"x","environment":{"variables":[{"name":"a","type":"UNKNOWN","value":"v"}]}}`, "UNKNOWN"},
	{"secret REFERENCE without reference", someResources + `,"command":{"value":"x","environment":{"variables":[{"name":"a","type":"SECRET","secret":{"type":"REFERENCE"}}]}}`, "REFERENCE"},
	{"secret REFERENCE with value", someResources + `,"command":{"value":"x","environment":{"variables":[{"name":"a","type":"SECRET","secret":{"type":"REFERENCE","reference":{"name":"n"},"value":{"data":"YQ=="}}}]}}`, "REFERENCE"},
	{"volume of nothing", someResources + "," + someCommand + `,"container":{"type":"MESOS","volumes":[{"mode":"RW","container_path":"x"}]}`, "exactly one"},
	{"volume of two", someResources + "," + someCommand + `,"container":{"type":"MESOS","volumes":[{"mode":"RW","container_path":"x","host_path":"a","source":{"type":"HOST_PATH","host_path":{"path":"b"}}}]}`, "exactly one"},
	{"volume source without member", someResources + "," + someCommand + `,"container":{"type":"MESOS","volumes":[{"mode":"RW","container_path":"x","source":{"type":"HOST_PATH"}}]}`, "host_path"},
	{"volume CSI without provisioning", someResources + "," + someCommand + `,"container":{"type":"MESOS","volumes":[{"mode":"RW","container_path":"x","source":{"type":"CSI_VOLUME","csi_volume":{"plugin_name":"p"}}}]}`, "static_provisioning"},
	{"volume source UNKNOWN", someResources + "," + someCommand + `,"container":{"type":"MESOS","volumes":[{"mode":"RW","container_path":"x","source":{"type":"UNKNOWN"}}]}`, "unknown"},
	{"DOCKER without docker", someResources + "," + someCommand + `,"container":{"type":"DOCKER"}`, "docker"},
	{"docker parameter name", someResources + "," + someCommand + `,"container":{"type":"DOCKER","docker":{"image":"i","parameters":[{"key":"name","value":"v"}]}}`, "name"},
	{"MESOS with docker set is only a warning", someResources + "," + someCommand + `,"container":{"type":"MESOS","docker":{"image":"i"}}`, ""},
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
var groupCases = []struct{ name, executor, members, want string }{
	{"fine", groupExecutor, member("t", someResources+","+someCommand), ""},
	{"bad member", groupExecutor, member("t", someCommand), "uses no resources"},
	{"health check with own network", groupExecutor, member("t", someResources+","+someCommand+`,"container":{"type":"MESOS","network_infos":[{}]},"health_check":{"type":"TCP","tcp":{"port":1}}`), "health checks"},
	{"docker member", groupExecutor, member("t", someResources+","+someCommand+`,"container":{"type":"DOCKER","docker":{"image":"i"}}`), "Docker"},
	{"limits without own cgroups", groupExecutor, member("t", someResources+","+someCommand+`,"limits":{"cpus":{"value":2}}`), "share_cgroups"},
	{"share_cgroups mixed", groupExecutor, member("t", someResources+","+someCommand+`,"container":{"type":"MESOS","linux_info":{"share_cgroups":false}}`), "must be the same"},
	{"executor without type", strings.Replace(groupExecutor, `"type":"DEFAULT",`, "", 1), member("t", someResources+","+someCommand), "'ExecutorInfo.type'"},
	{"executor UNKNOWN", strings.Replace(groupExecutor, "DEFAULT", "UNKNOWN", 1), member("t", someResources+","+someCommand), "'ExecutorInfo.type'"},
	{"executor DEFAULT with command", strings.Replace(groupExecutor, `"type"`, `"command":{"value":"x"},"type"`, 1), member("t", someResources+","+someCommand), "must not be set for 'DEFAULT'"},
	{"executor CUSTOM without command", strings.Replace(groupExecutor, "DEFAULT", "CUSTOM", 1), member("t", someResources+","+someCommand), "must be set for 'CUSTOM'"},
	{"executor DEFAULT in docker", strings.Replace(groupExecutor, `"type"`, `"container":{"type":"DOCKER","docker":{"image":"i"}},"type"`, 1), member("t", someResources+","+someCommand), "must be 'MESOS'"},
	{"executor DEFAULT with image", strings.Replace(groupExecutor, `"type"`, `"container":{"type":"MESOS","mesos":{"image":{"type":"DOCKER","docker":{"name":"i"}}}},"type"`, 1), member("t", someResources+","+someCommand), "image"},
	{"executor without framework", strings.Replace(groupExecutor, `"framework_id":{"value":"$f1"},`, "", 1), member("t", someResources+","+someCommand), "framework_id"},
	{"executor with little cpu", strings.Replace(groupExecutor, `"value":0.1`, `"value":0.001`, 1), member("t", someResources+","+someCommand), "CPUs"},
	{"executor with little mem", strings.Replace(groupExecutor, `"value":32`, `"value":31`, 1), member("t", someResources+","+someCommand), "memory"},
	{"executor without disk", strings.Replace(groupExecutor, `"name":"disk"`, `"name":"other"`, 1), member("t", someResources+","+someCommand), "no disk"},
	{"another executor in a member", groupExecutor, member("t", someResources+","+someCommand+","+someExecutor), "different"},
	{"too much together", groupExecutor, member("t", resourcesOf(one("cpus", 7.5, ""))+","+someCommand), "more than available"},
	{"ports of both", groupExecutor, member("t", resourcesOf(`{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":1,"end":2}]}}`)+","+someCommand) + "," + member("u", resourcesOf(`{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":2,"end":3}]}}`)+","+someCommand), "overlapping"},
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
