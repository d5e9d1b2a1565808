package agent_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caprock/caprock/agent"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/mesos"
	calls "github.com/caprock/caprock/wire/mesos/agent"
)

// decode reads a path of the agent into the value.
func (n *node) decode(path string, into any) {
	n.t.Helper()
	code, body := n.get(path)
	if err := json.Unmarshal([]byte(body), into); code != 200 || err != nil {
		n.t.Fatalf("%s: got %d, %v: %s", path, code, err, body)
	}
}

// An agent without tasks has empty lists, not none.
func TestReadsBeforeAnyTask(t *testing.T) {
	n := startNode(t, newAllocator(t), nil)
	for _, path := range []string{"/monitor/statistics", "/slave(1)/monitor/statistics", "/containers"} {
		if code, body := n.get(path); code != 200 || body != "[]" {
			t.Errorf("%s: got %d %q, want an empty list", path, code, body)
		}
	}
	if code, body := n.get("/containerizer/debug"); code != 200 || body != `{"pending":[]}` {
		t.Errorf("/containerizer/debug: got %d %s", code, body)
	}
	if _, body, _ := n.post("/api/v1", "application/json", "", `{"type":"GET_TASKS"}`); body != `{"type":"GET_TASKS","get_tasks":{"pending_tasks":[],"queued_tasks":[],"launched_tasks":[],"terminated_tasks":[],"completed_tasks":[]}}` {
		t.Errorf("GET_TASKS: %s", body)
	}
}

// shownFrameworks is as much of /state as the tests here look at.
type shownFrameworks struct {
	Frameworks []struct {
		Executors []struct {
			ID     string
			Labels []mesosLabel
			Queued []shownTask `json:"queued_tasks"`
			Tasks  []shownTask
		}
	}
}

type mesosLabel struct{ Key, Value string }

type shownTask struct {
	ID, State string
	Labels    []mesosLabel
	Discovery struct {
		Name, Visibility string
		Ports            struct {
			Ports []struct {
				Name, Protocol string
				Number         int
				Labels         struct{ Labels []mesosLabel }
			}
		}
	}
}

// While a group waits for what it fetches, readers see its members, and what they wait for.
func TestReadsWhileAGroupIsLaunched(t *testing.T) {
	asked, go_ := make(chan struct{}), make(chan struct{})
	var once, release sync.Once
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		once.Do(func() { close(asked) })
		<-go_
	}))
	defer s.Close()
	letGo := func() { release.Do(func() { close(go_) }) }
	defer letGo()
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	slow, other := shell("slow", "sleep 1000"), shell("other", "sleep 1000")
	slow.Command.Uris = []*mesos.CommandInfo_URI{{Value: new(s.URL + "/file")}}
	alloc.pod("p", true, slow, other)
	select {
	case <-asked:
	case <-time.After(time.Minute):
		t.Fatal("nothing was fetched")
	}
	alloc.await("other", mesos.TaskState_TASK_RUNNING)
	var state shownFrameworks
	n.decode("/state", &state)
	ex := state.Frameworks[0].Executors[0]
	if len(ex.Queued) != 1 || ex.Queued[0].ID != "slow" || ex.Queued[0].State != "TASK_STAGING" || len(ex.Tasks) != 1 || ex.Tasks[0].ID != "other" {
		t.Errorf("/state: got %+v, want slow queued and other running", ex)
	}
	if _, body, _ := n.post("/api/v1", "application/json", "", `{"type":"GET_TASKS"}`); !strings.Contains(body, `"queued_tasks":[{"name":"slow"`) {
		t.Errorf("GET_TASKS: %s", body)
	}
	var debug struct {
		Pending []struct {
			Operation string
			Args      struct {
				ContainerID string `json:"containerId"`
			}
		}
	}
	n.decode("/containerizer/debug", &debug)
	if len(debug.Pending) != 1 || debug.Pending[0].Operation != "launch" || !strings.Contains(debug.Pending[0].Args.ContainerID, ".") {
		t.Errorf("/containerizer/debug: got %+v, want the launch of the one member", debug)
	}
	letGo()
	alloc.await("slow", mesos.TaskState_TASK_RUNNING)
	n.decode("/containerizer/debug", &debug)
	if len(debug.Pending) != 0 {
		t.Errorf("/containerizer/debug: got %+v when all run", debug)
	}
}

// What frameworks say about their tasks and executors is shown as they said it: labels with
// keys that repeat, and discovery with ports.
func TestStateTellsWhatFrameworksSay(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	labels := &mesos.Labels{Labels: []*mesos.Label{{Key: new("foo"), Value: new("bar")}, {Key: new("bar"), Value: new("baz")}, {Key: new("bar"), Value: new("qux")}}}
	want := []mesosLabel{{"foo", "bar"}, {"bar", "baz"}, {"bar", "qux"}}
	info := shell("t", "sleep 1000")
	info.Labels = labels
	info.Discovery = &mesos.DiscoveryInfo{
		Visibility: mesos.DiscoveryInfo_CLUSTER.Enum(), Name: new("web"),
		Ports: &mesos.Ports{Ports: []*mesos.Port{{Number: new(uint32(8888)), Name: new("health"), Protocol: new("tcp"), Labels: labels}}},
	}
	ex := customExecutor(t, "ex", "json")
	ex.Labels = labels
	alloc.launch(framework(), info)
	alloc.launchOn(ex, true, false, custom("c", "long"))
	alloc.await("t", mesos.TaskState_TASK_RUNNING)
	alloc.await("c", mesos.TaskState_TASK_RUNNING)
	var state shownFrameworks
	n.decode("/state", &state)
	same := func(what string, got []mesosLabel) {
		t.Helper()
		if len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
			t.Errorf("labels of %s: got %v, want %v", what, got, want)
		}
	}
	for _, e := range state.Frameworks[0].Executors {
		if same("executor "+e.ID, e.Labels); e.ID == "ex" {
			continue
		}
		task := e.Tasks[0]
		same("the task", task.Labels)
		d := task.Discovery
		if d.Name != "web" || d.Visibility != "CLUSTER" || len(d.Ports.Ports) != 1 || d.Ports.Ports[0].Number != 8888 || d.Ports.Ports[0].Protocol != "tcp" {
			t.Errorf("discovery: got %+v", d)
			continue
		}
		same("the port", d.Ports.Ports[0].Labels.Labels)
	}
}

// An agent measures what an earlier one has started.
func TestStatisticsOfATaskOfAnEarlierAgent(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIP-ENV: needs cgroups")
	}
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	alloc.launch(framework(), shell("t", "while :; do :; done"))
	alloc.await("t", mesos.TaskState_TASK_RUNNING)
	n.halt()
	n.start()
	type entry struct {
		ExecutorID string `json:"executor_id"`
		Statistics struct {
			User   float64 `json:"cpus_user_time_secs"`
			System float64 `json:"cpus_system_time_secs"`
			Limit  int64   `json:"mem_limit_bytes"`
		}
	}
	read := func() (e entry) {
		var all []entry
		if n.decode("/monitor/statistics", &all); len(all) == 1 {
			e = all[0]
		}
		return e
	}
	first := read()
	if first.ExecutorID != "t" || first.Statistics.Limit != 64<<20 {
		t.Fatalf("got %+v, want what t may use", first)
	}
	n.eventually("its CPU time to grow", func() bool {
		s := read().Statistics
		return s.User+s.System > first.Statistics.User+first.Statistics.System
	})
}

// The operator's calls tell the same in both encodings: who runs what, and what is over.
func TestOperatorReadsWhatThereIs(t *testing.T) {
	alloc := newAllocator(t)
	level := new(slog.LevelVar)
	n := startNode(t, alloc, func(o *agent.Options) { o.LogLevel = level })
	alloc.launch(framework(), shell("gone", "true"), shell("here", "sleep 1000"))
	alloc.pod("p", true, shell("member", "sleep 1000"))
	alloc.await("gone", mesos.TaskState_TASK_FINISHED)
	alloc.await("here", mesos.TaskState_TASK_RUNNING)
	alloc.await("member", mesos.TaskState_TASK_RUNNING)
	alloc.allApplied()
	for _, typ := range []codec.Type{codec.JSON, codec.Protobuf} {
		ask := func(call *calls.Call) *calls.Response {
			t.Helper()
			body, err := typ.Append(nil, call)
			if err != nil {
				t.Fatal(err)
			}
			code, answer, _ := n.post("/api/v1", typ.ContentType(), typ.ContentType(), string(body))
			r := &calls.Response{}
			if err := typ.Unmarshal([]byte(answer), r); code != 200 || err != nil {
				t.Fatalf("%v: got %d, %v", call.Type, code, err)
			}
			return r
		}
		read := func(t calls.Call_Type) *calls.Response { return ask(&calls.Call{Type: t.Enum()}) }
		state := read(calls.Call_GET_STATE).GetState
		for what, f := range map[string]*calls.Response_GetFrameworks{"GET_STATE": state.GetFrameworks, "GET_FRAMEWORKS": read(calls.Call_GET_FRAMEWORKS).GetFrameworks} {
			if len(f.Frameworks) != 1 || f.Frameworks[0].FrameworkInfo.GetId().GetValue() != "fw" || len(f.CompletedFrameworks) != 0 {
				t.Errorf("%v %s: frameworks %v", typ, what, f)
			}
		}
		for what, e := range map[string]*calls.Response_GetExecutors{"GET_STATE": state.GetExecutors, "GET_EXECUTORS": read(calls.Call_GET_EXECUTORS).GetExecutors} {
			ids := map[string]bool{}
			for _, x := range e.Executors {
				ids[x.ExecutorInfo.GetExecutorId().GetValue()] = true
			}
			if len(e.Executors) != 2 || !ids["here"] || !ids["p"] || len(e.CompletedExecutors) != 1 || e.CompletedExecutors[0].ExecutorInfo.GetExecutorId().GetValue() != "gone" {
				t.Errorf("%v %s: executors %v", typ, what, e)
			}
		}
		for what, g := range map[string]*calls.Response_GetTasks{"GET_STATE": state.GetTasks, "GET_TASKS": read(calls.Call_GET_TASKS).GetTasks} {
			if len(g.LaunchedTasks) != 2 || len(g.CompletedTasks) != 1 || g.CompletedTasks[0].GetState() != mesos.TaskState_TASK_FINISHED {
				t.Errorf("%v %s: tasks %v", typ, what, g)
			}
		}
		if a := read(calls.Call_GET_AGENT).GetAgent.GetAgentInfo(); a.GetId().GetValue() != agentID || a.GetHostname() != "node1" || a.Attributes[0].GetName() != "rack" {
			t.Errorf("%v GET_AGENT: %v", typ, a)
		}
		level.Set(slog.LevelInfo)
		set := &calls.Call{Type: calls.Call_SET_LOGGING_LEVEL.Enum(), SetLoggingLevel: &calls.Call_SetLoggingLevel{
			Level: new(uint32(2)), Duration: &mesos.DurationInfo{Nanoseconds: new(int64(time.Hour))},
		}}
		body, err := typ.Append(nil, set)
		if err != nil {
			t.Fatal(err)
		}
		if code, text, _ := n.post("/api/v1", typ.ContentType(), typ.ContentType(), string(body)); code != 200 || level.Level() != slog.LevelDebug {
			t.Errorf("%v SET_LOGGING_LEVEL: got %d %s; the level is %v", typ, code, text, level.Level())
		}
		if got := read(calls.Call_GET_LOGGING_LEVEL).GetLoggingLevel.GetLevel(); got != 2 {
			t.Errorf("%v GET_LOGGING_LEVEL: got %d, want 2", typ, got)
		}
	}
}

func TestTheAgentsLogIsServed(t *testing.T) {
	log := filepath.Join(t.TempDir(), "agent.log")
	if err := os.WriteFile(log, []byte("started\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := startNode(t, newAllocator(t), func(o *agent.Options) { o.LogFile = log })
	for path, want := range map[string]string{
		"/files/read?path=/slave/log":                      `{"data":"","offset":8}`,
		"/files/read?path=/slave/log&offset=0":             `{"data":"started\n","offset":0}`,
		"/files/read?path=/slave/log&offset=5&length=2":    `{"data":"ed","offset":5}`,
		"/files/read?path=/slave/log&offset=0&offset=6":    `{"data":"d\n","offset":6}`,
		"/slave(1)//files/read?path=/slave/log&offset=-1":  `{"data":"","offset":8}`,
		"/files/read?path=/slave/log&offset=0&jsonp=shown": `shown({"data":"started\n","offset":0})`,
		"/files/browse?path=/slave/log":                    `[]`,
		"/files/download?path=/slave/log":                  "started\n",
	} {
		if code, body := n.get(path); code != 200 || body != want {
			t.Errorf("%s: got %d %s, want %s", path, code, body, want)
		}
	}
	for path, want := range map[string]int{
		"/files/read?path=/slave/log&offset=": 400, "/files/read?path=/slave/log&length=x": 400, "/files/read?path=/slave/log/x": 404,
		"/metrics/snapshot?timeout=5": 400, "/metrics/snapshot?timeout=5secs": 200,
		"/containers?container_id=": 200, "/containers?executor_id=": 400, "/containers?container_id=&framework_id=": 400,
	} {
		if code, body := n.get(path); code != want {
			t.Errorf("%s: got %d %s, want %d", path, code, body, want)
		}
	}
}
