package agent_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caprock/caprock/agent"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

// holds says whether got, a JSON value, has everything that want has: members of
// objects, elements of lists in their place, and equal values.
func holds(got, want any) bool {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		for key, v := range w {
			if !ok || !holds(g[key], v) {
				return false
			}
		}
		return ok
	case []any:
		g, ok := got.([]any)
		for i, v := range w {
			if !ok || i >= len(g) || !holds(g[i], v) {
				return false
			}
		}
		return ok
	}
	return got == want
}

// shows fails unless the endpoint's answer holds the JSON text want.
func (n *node) shows(path, want string) {
	n.t.Helper()
	var got, wanted any
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		n.t.Fatal(err)
	}
	n.eventually(path+" to show "+want, func() bool {
		_, body := n.get(path)
		return json.Unmarshal([]byte(body), &got) == nil && holds(got, wanted)
	})
}

func labels(pairs ...string) *mesos.Labels {
	l := &mesos.Labels{}
	for i := 0; i < len(pairs); i += 2 {
		l.Labels = append(l.Labels, &mesos.Label{Key: &pairs[i], Value: &pairs[i+1]})
	}
	return l
}

// What frameworks say about tasks and executors is found in the agent's state, by
// those who look there for services.
func TestStateShowsWhatWasSaidOfTasks(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	task := shell("web", "sleep 1000")
	task.Labels = labels("tier", "front", "tier", "second")
	task.Discovery = &mesos.DiscoveryInfo{Visibility: mesos.DiscoveryInfo_CLUSTER.Enum(), Name: new("web.example"), Environment: new("test"),
		Location: new("here"), Version: new("v1"), Ports: &mesos.Ports{Ports: []*mesos.Port{{Number: new(uint32(8080)), Name: new("http"), Protocol: new("tcp")}}}}
	task.Container = &mesos.ContainerInfo{Type: mesos.ContainerInfo_MESOS.Enum(), Volumes: []*mesos.Volume{
		{ContainerPath: new("tmp"), HostPath: new("/tmp"), Mode: mesos.Volume_RO.Enum()}}}
	alloc.launch(framework(), task)
	member := shell("member", "sleep 1000")
	alloc.send(&link.Down{Body: &link.Down_Launch{Launch: &link.Launch{
		Framework: framework(), LaunchExecutor: new(true), Group: new(true), Tasks: []*mesos.TaskInfo{member},
		Executor: &mesos.ExecutorInfo{
			Type: mesos.ExecutorInfo_DEFAULT.Enum(), ExecutorId: &mesos.ExecutorID{Value: new("pod")}, Labels: labels("of", "pod"),
			Resources: []*mesos.Resource{scalar("cpus", 0.1), scalar("mem", 32)},
		},
	}}})
	alloc.await("web", mesos.TaskState_TASK_RUNNING)
	alloc.await("member", mesos.TaskState_TASK_RUNNING)
	// The executor of a command task takes its container, labels and discovery; that of
	// a group has its own resources and those of its members.
	n.shows("/state", `{"frameworks":[{"executors":[
		{"id":"web","labels":[{"key":"tier","value":"front"},{"key":"tier","value":"second"}],"tasks":[{"id":"web",
			"labels":[{"key":"tier","value":"front"},{"key":"tier","value":"second"}],
			"discovery":{"visibility":"CLUSTER","name":"web.example","environment":"test","location":"here","version":"v1",
				"ports":{"ports":[{"number":8080,"name":"http","protocol":"tcp"}]}},
			"container":{"type":"MESOS","volumes":[{"container_path":"tmp","host_path":"/tmp","mode":"RO"}]}}]},
		{"id":"pod","type":"DEFAULT","labels":[{"key":"of","value":"pod"}],"resources":{"cpus":0.2,"mem":96},"tasks":[{"id":"member","executor_id":"pod"}]}]}]}`)
	_, body, _ := n.post("/api/v1", "application/json", "application/json", `{"type":"GET_EXECUTORS"}`)
	if !strings.Contains(body, `"host_path":"/tmp"`) {
		t.Errorf("the executor of the task with a container has none: %s", body)
	}
}

// Reservations, static and dynamic, and what is used of them are told apart.
func TestStateShowsReservations(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, func(o *agent.Options) { o.Resources = "cpus:2;mem:1024;disk:1024;cpus(fixed):1" })
	n.shows("/state", `{"reserved_resources":{"fixed":{"cpus":1}},"unreserved_resources":{"cpus":2,"disk":1024}}`)
	v := reserved(64, "db")
	alloc.reserve(reserved(64, ""))
	alloc.createVolume(v)
	alloc.launch(framework(), on(shell("t", "sleep 1000"), v))
	alloc.await("t", mesos.TaskState_TASK_RUNNING)
	n.shows("/state", `{"resources":{"cpus":3,"disk":1024},"reserved_resources":{"fixed":{"cpus":1},"r":{"disk":64}},"unreserved_resources":{"disk":960},
		"reserved_resources_allocated":{"r":{"disk":64}},
		"reserved_resources_full":{"r":[{"name":"disk","scalar":{"value":64},"role":"r","reservation":{"principal":"p"},
			"reservations":[{"type":"DYNAMIC","role":"r","principal":"p"}],
			"disk":{"persistence":{"id":"db","principal":"p"},"volume":{"container_path":"data","mode":"RW"}}}]}}`)
	_, body := n.get("/state")
	if i := strings.Index(body, `"reserved_resources_allocated":`); i < 0 || strings.Contains(body[i:i+60], "fixed") {
		t.Errorf("a reservation that nobody uses is shown as used: %s", body)
	}
}

// An agent without tasks has no statistics, and one that was started again has those
// of the tasks that another agent had started.
func TestStatisticsOverARestart(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	for _, path := range []string{"/monitor/statistics", "/containers"} {
		if code, body := n.get(path); code != 200 || strings.TrimSpace(body) != "[]" {
			t.Errorf("%s of an idle agent: got %d %s, want an empty list", path, code, body)
		}
	}
	alloc.launch(framework(), shell("t", "sleep 1000"))
	alloc.await("t", mesos.TaskState_TASK_RUNNING)
	want := `[{"framework_id":"fw","executor_id":"t","source":"t","statistics":{"mem_limit_bytes":67108864}}]`
	if isolationForTest() == "posix" {
		want = `[{"framework_id":"fw","executor_id":"t","source":"t"}]`
	}
	n.shows("/monitor/statistics", want)
	n.halt()
	n.start()
	n.shows("/monitor/statistics", want)
	n.shows("/containers", want)
}

// A health check finds what its task finds: the volume of the task, and its
// environment.
func TestHealthCheckUsesTheVolumeOfItsTask(t *testing.T) {
	alloc := newAllocator(t)
	startNode(t, alloc, nil)
	v := reserved(64, "db")
	alloc.reserve(reserved(64, ""))
	alloc.createVolume(v)
	member := on(shell("t", "echo well > data/state; sleep 1000"), v)
	member.HealthCheck = healthCheck(mesos.HealthCheck_COMMAND)
	member.HealthCheck.GracePeriodSeconds = new(10.0)
	member.HealthCheck.Command = &mesos.CommandInfo{Value: new(`grep -q well data/state`)}
	alloc.pod("pod", true, member)
	alloc.awaitStatus("t", "healthy", isHealthy(true))
}

// A check sees the environment of the command that it checks, and its own on top.
func TestCheckSeesTheEnvironmentOfItsTask(t *testing.T) {
	variables := func(pairs ...string) *mesos.Environment {
		e := &mesos.Environment{}
		for i := 0; i < len(pairs); i += 2 {
			e.Variables = append(e.Variables, &mesos.Environment_Variable{Name: &pairs[i], Value: &pairs[i+1]})
		}
		return e
	}
	alloc := newAllocator(t)
	startNode(t, alloc, nil)
	for _, kind := range []string{"alone", "member"} {
		info := shell(kind, "sleep 1000")
		info.Command.Environment = variables("OF_TASK", "yes", "OF_BOTH", "task")
		info.Check = &mesos.CheckInfo{
			Type: mesos.CheckInfo_COMMAND.Enum(), DelaySeconds: new(0.0), IntervalSeconds: new(0.05),
			Command: &mesos.CheckInfo_Command{Command: &mesos.CommandInfo{
				Value:       new(`test "$OF_TASK$OF_BOTH$OPERATOR" = yescheckyes && exit 7`),
				Environment: variables("OF_BOTH", "check"),
			}},
		}
		if kind == "alone" {
			alloc.launch(framework(), info)
		} else {
			alloc.pod("pod", true, info)
		}
		alloc.awaitStatus(kind, "checked", func(st *mesos.TaskStatus) bool { return st.GetCheckStatus().GetCommand().GetExitCode() == 7 })
	}
}
