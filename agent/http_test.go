package agent_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/agent"
)

func (n *node) post(path, contentType, accept, body string) (int, string, http.Header) {
	n.t.Helper()
	req, err := http.NewRequest("POST", "http://"+n.address+path, strings.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

// keys lists the keys of a JSON object.
func keys(t *testing.T, body string) map[string]json.RawMessage {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return m
}

func TestHTTP(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	alloc.launch(framework(), shell("gone", "echo done"), shell("here", "echo running; mkdir d; ln -s /etc/passwd link; mkfifo pipe; sleep 1000"))
	alloc.await("gone", mesos.TaskState_TASK_FINISHED)
	alloc.await("here", mesos.TaskState_TASK_RUNNING)
	box, err := filepath.EvalSymlinks(n.sandbox("here"))
	if err != nil {
		t.Fatal(err)
	}
	n.eventually("the pipe", func() bool { _, b := n.get("/files/browse?path=" + box); return strings.Contains(b, "pipe") })
	t.Run("state", func(t *testing.T) { checkState(t, n, box) })
	t.Run("files", func(t *testing.T) { checkFiles(t, n, box) })
	t.Run("reads", func(t *testing.T) { checkReads(t, n) })
	t.Run("operator", func(t *testing.T) { checkOperator(t, n, box) })
	t.Run("executor errors", func(t *testing.T) { checkExecutorErrors(t, n) })
}

func checkState(t *testing.T, n *node, box string) {
	for _, path := range []string{"/state", "/slave(1)/state"} {
		code, body := n.get(path)
		m := keys(t, body)
		for _, k := range []string{
			"version", "start_time", "id", "pid", "hostname", "capabilities", "resources", "reserved_resources",
			"unreserved_resources", "reserved_resources_full", "unreserved_resources_full", "reserved_resources_allocated",
			"unreserved_resources_allocated", "resource_providers", "attributes", "master_hostname", "flags", "frameworks",
			"completed_frameworks",
		} {
			if m[k] == nil {
				t.Errorf("%s (%d) lacks %q", path, code, k)
			}
		}
	}
	var state struct {
		PID        string
		Attributes map[string]any
		Resources  map[string]any
		Used       map[string]any `json:"unreserved_resources_allocated"`
		Frameworks []struct {
			Executors []struct {
				ID, Name, Source, Directory, Role string
				Resources                         map[string]any
				Tasks                             []struct {
					ID, State  string
					ExecutorID *string `json:"executor_id"`
					Statuses   []struct{ State string }
				}
			}
			Completed []struct {
				ID    string
				Tasks []struct{ ID, State string } `json:"completed_tasks"`
			} `json:"completed_executors"`
		}
	}
	_, body := n.get("/state")
	if err := json.Unmarshal([]byte(body), &state); err != nil {
		t.Fatal(err)
	}
	if state.PID != "slave(1)@"+n.address || state.Attributes["rack"] != "r1" || state.Resources["ports"] != "[31000-32000]" ||
		state.Resources["cpus"] != 2.0 || state.Resources["gpus"] != 0.0 || state.Used["mem"] != 96.0 {
		t.Errorf("agent: %+v", state)
	}
	ex := state.Frameworks[0].Executors[0]
	if ex.ID != "here" || ex.Source != "here" || ex.Directory != box || ex.Role != "r" || ex.Resources["mem"] != 96.0 ||
		ex.Name != "Command Executor (Task: here) (Command: sh -c 'echo running...')" {
		t.Errorf("executor: %+v", ex)
	}
	if task := ex.Tasks[0]; task.ID != "here" || task.State != "TASK_RUNNING" || task.ExecutorID == nil || *task.ExecutorID != "" || len(task.Statuses) != 2 {
		t.Errorf("task: %+v", task)
	}
	done := state.Frameworks[0].Completed
	if len(done) != 1 || done[0].ID != "gone" || done[0].Tasks[0].State != "TASK_FINISHED" {
		t.Errorf("completed: %+v", done)
	}
}

func checkFiles(t *testing.T, n *node, box string) {
	virtual := "/frameworks/fw/executors/here/runs/latest"
	for _, c := range []struct {
		path string
		code int
		want string
	}{
		{"/files/browse", 400, "Expecting 'path=value' in query.\n"},
		{"/files/browse?path=/nosuch", 404, ""},
		{"/files/browse?path=" + n.dir, 404, ""},
		{"/files/browse?path=" + n.dir + "/meta", 404, ""},
		{"/files/browse?path=" + box + "/stdout", 200, "[]"},
		{"/files/read?path=" + box + "/stdout", 200, `{"data":"","offset":8}`},
		{"/files/read?path=" + box + "/stdout&offset=-1", 200, `{"data":"","offset":8}`},
		{"/files/read?path=" + box + "/stdout&offset=0&length=3", 200, `{"data":"run","offset":0}`},
		{"/files/read?path=" + box + "/stdout&offset=3&length=0", 200, `{"data":"","offset":3}`},
		{"/files/read?path=" + box + "/stdout&offset=100", 200, `{"data":"","offset":100}`},
		{"/files/read?path=" + virtual + "/stdout&offset=0", 200, `{"data":"running\n","offset":0}`},
		{"/files/read?path=" + n.sandbox("here") + "/stdout&offset=0", 200, `{"data":"running\n","offset":0}`},
		{"/files/read?path=" + n.sandbox("gone") + "/stdout&offset=0", 200, `{"data":"done\n","offset":0}`},
		{"/files/read?path=" + box + "/stdout&offset=-2", 400, "Negative offset provided: -2.\n"},
		{"/files/read?path=" + box + "/stdout&offset=x", 400, "Failed to convert 'x' to number.\n"},
		{"/files/read?path=" + box + "&offset=0", 400, "Cannot read a directory.\n"},
		{"/files/read?path=" + box + "/pipe&offset=0", 400, "Cannot read a p---------.\n"},
		{"/files/read?path=" + box + "/link&offset=0", 404, ""},
		{"/files/read?path=" + box + "/../../../../../../../../meta/lock&offset=0", 404, ""},
		{"/files/download?path=" + box + "/d", 400, "Cannot download a directory.\n"},
		{"/files/download?path=" + box + "/stdout", 200, "running\n"},
		{"/files/debug.json", 404, ""},
	} {
		code, body := n.get(c.path)
		if code != c.code || (c.want != "" && body != c.want) {
			t.Errorf("%s: got %d %q, want %d %q", c.path, code, body, c.code, c.want)
		}
	}
	_, body := n.get("/files/browse?path=" + box)
	var list []struct {
		Path, Mode, UID, GID string
		Size                 int
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 5 || list[4].Path != box+"/stdout" || list[4].Mode != "-rw-r--r--" || list[4].Size != 8 || list[0].Mode[0] != 'd' {
		t.Errorf("browse: %+v", list)
	}
}

func checkReads(t *testing.T, n *node) {
	for path, want := range map[string]string{
		"/version": `"version":"1.12.0"`, "/flags": `"work_dir":`, "/metrics/snapshot": `"slave/tasks_running":1.0`,
		"/containers": `"executor_id":"here"`, "/monitor/statistics": `"cpus_user_time_secs":`,
		"/containers?container_id=nosuch": "[]", "/system/stats.json": `"cpus_total":`, "/containerizer/debug": `{"pending":[]}`,
		"/containers?framework_id=fw&executor_id=here": `"mem_limit_bytes":67108864`,
	} {
		code, body := n.get(path)
		if code != 200 || !strings.Contains(body, want) || !json.Valid([]byte(body)) {
			t.Errorf("%s: got %d %s, want %s", path, code, body, want)
		}
	}
	for path, want := range map[string]int{
		"/help": 200, "/help/slave(1)/state": 200, "/help/nothing": 404, "/logging/toggle": 200, "/logging/toggle?level=1": 400,
		"/profiler/start": 400, "/__processes__": 200, "/files/debug": 200, "/memory-profiler/state": 404,
		"/health": 200, "/slave(1)/health": 200, "/nosuch": 404, "/state.json": 404, "/": 404,
		"/containers?executor_id=x": 400, "/api/v1": 405, "/api/v1/executor": 405, "/state?jsonp=f": 200,
	} {
		if code, _ := n.get(path); code != want {
			t.Errorf("%s: got %d, want %d", path, code, want)
		}
	}
}

func checkOperator(t *testing.T, n *node, box string) {
	for body, want := range map[string]int{
		`{"type":"ADD_RESOURCE_PROVIDER_CONFIG"}`: 400,
		`{"type":"ADD_RESOURCE_PROVIDER_CONFIG","add_resource_provider_config":{"info":{"type":"a.b","name":"x"}}}`:   400,
		`{"type":"REMOVE_RESOURCE_PROVIDER_CONFIG","remove_resource_provider_config":{"type":"a.b","name":"x"}}`:      500,
		`{"type":"MARK_RESOURCE_PROVIDER_GONE","mark_resource_provider_gone":{"resource_provider_id":{"value":"x"}}}`: 200,
		`{"type":"PRUNE_IMAGES","prune_images":{"excluded_images":[{"type":"DOCKER","docker":{"name":"alpine"}}]}}`:   200,
		`{"type":"PRUNE_IMAGES"}`: 200, // there are none, so there is nothing to prune
		`{"type":"PRUNE_IMAGES","prune_images":{"excluded_images":[{}]}}`:                            400,
		`{"type":"READ_FILE","read_file":{"path":"/slave/log","offset":-1}}`:                         404,
		`{"type":"SET_LOGGING_LEVEL","set_logging_level":{"level":1,"duration":{"nanoseconds":-1}}}`: 400,
	} {
		if code, text, _ := n.post("/api/v1", "application/json", "application/json", body); code != want {
			t.Errorf("%s: got %d %s, want %d", body, code, text, want)
		}
	}
	for _, typ := range []codec.Type{codec.JSON, codec.Protobuf} {
		ask := func(call *agent.Call) (int, *agent.Response) {
			body, err := typ.Append(nil, call)
			if err != nil {
				t.Fatal(err)
			}
			code, answer, _ := n.post("/api/v1", typ.ContentType(), typ.ContentType(), string(body))
			r := &agent.Response{}
			if code == 200 && answer != "" {
				if err := typ.Unmarshal([]byte(answer), r); err != nil {
					t.Fatal(err)
				}
			}
			return code, r
		}
		for _, c := range []agent.Call_Type{
			agent.Call_GET_HEALTH, agent.Call_GET_FLAGS, agent.Call_GET_VERSION, agent.Call_GET_LOGGING_LEVEL,
			agent.Call_GET_STATE, agent.Call_GET_CONTAINERS, agent.Call_GET_FRAMEWORKS, agent.Call_GET_EXECUTORS,
			agent.Call_GET_OPERATIONS, agent.Call_GET_TASKS, agent.Call_GET_AGENT, agent.Call_GET_RESOURCE_PROVIDERS,
		} {
			if code, r := ask(&agent.Call{Type: c.Enum()}); code != 200 || r.GetType().String() != c.String() {
				t.Errorf("%v: got %d %v", c, code, r)
			}
		}
		_, r := ask(&agent.Call{Type: agent.Call_GET_TASKS.Enum()})
		if got := r.GetTasks; len(got.LaunchedTasks) != 1 || len(got.CompletedTasks) != 1 {
			t.Errorf("GET_TASKS: %v", got)
		}
		read := &agent.Call{Type: agent.Call_READ_FILE.Enum(), ReadFile: &agent.Call_ReadFile{Path: new(box + "/stdout"), Offset: new(uint64(2))}}
		if code, r := ask(read); code != 200 || !bytes.Equal(r.ReadFile.GetData(), []byte("nning\n")) || r.ReadFile.GetSize() != 8 {
			t.Errorf("READ_FILE: %d %v", code, r)
		}
		list := &agent.Call{Type: agent.Call_LIST_FILES.Enum(), ListFiles: &agent.Call_ListFiles{Path: &box}}
		if code, r := ask(list); code != 200 || len(r.ListFiles.FileInfos) != 5 {
			t.Errorf("LIST_FILES: %d %v", code, r)
		}
		if code, _ := ask(&agent.Call{Type: agent.Call_READ_FILE.Enum()}); code != 400 {
			t.Errorf("READ_FILE without a path: %d, want 400", code)
		}
	}
	const js = "application/json"
	for _, c := range []struct {
		contentType, accept, body string
		code                      int
	}{
		{"", js, `{}`, 400}, {"text/plain", js, `{}`, 415}, {js, "text/html", `{"type":"GET_HEALTH"}`, 406},
		{js, js, `{`, 400}, {js, js, `{}`, 400}, {js, js, `{"type":"UNKNOWN"}`, 501}, {js, js, `{"type":"GET_METRICS"}`, 400},
	} {
		if code, body, _ := n.post("/api/v1", c.contentType, c.accept, c.body); code != c.code {
			t.Errorf("%+v: got %d %s", c, code, body)
		}
	}
}

func checkExecutorErrors(t *testing.T, n *node) {
	const js = "application/json"
	who := `"framework_id":{"value":"f"},"executor_id":{"value":"e"}`
	status := func(rest string) string {
		return `{` + who + `,"type":"UPDATE","update":{"status":{"task_id":{"value":"t"},"state":"TASK_RUNNING"` + rest + `}}}`
	}
	const uuid = `,"uuid":"M2o/hpMJSHCjm8wV9NMFTg=="`
	checked := func(result string) string {
		return status(uuid + `,"source":"SOURCE_EXECUTOR","check_status":` + result)
	}
	for _, c := range []struct {
		contentType, accept, body string
		code                      int
		text                      string
	}{
		{"", js, `{}`, 400, "Expecting 'Content-Type' to be present"},
		{"text/x", js, `{}`, 415, "Expecting 'Content-Type' of application/json or application/x-protobuf"},
		{js, js, `{"type":"SUBSCRIBE"}`, 400, ""},
		{js, js, `{` + who + `}`, 400, "Failed to validate Executor::Call: Expecting 'type' to be present"},
		{js, "text/html", `{` + who + `,"type":"SUBSCRIBE","subscribe":{}}`, 406, ""},
		{js, js, `{` + who + `,"type":"UNKNOWN"}`, 400, "Framework cannot be found"},
		{js, js, `{` + who + `,"type":"HEARTBEAT"}`, 202, ""},
		{js, js, `{` + who + `,"type":"SUBSCRIBE","subscribe":{}}`, 400, "Framework cannot be found"},
		{js, js, `{"framework_id":{"value":"fw"},"executor_id":{"value":"e"},"type":"SUBSCRIBE","subscribe":{}}`, 400, "Executor cannot be found"},
		{js, js, status(""), 400, "Failed to validate Executor::Call: Expecting 'uuid' to be present"},
		{js, js, status(uuid), 400, "Failed to validate Executor::Call: Received Call from executor e of framework f with invalid source, expecting 'SOURCE_EXECUTOR'"},
		{js, js, status(uuid + `,"source":"SOURCE_EXECUTOR","executor_id":{"value":"other"}`), 400,
			"Failed to validate Executor::Call: ExecutorID in Call: e does not match ExecutorID in TaskStatus: other"},
		{js, js, checked(`{}`), 400, "Failed to validate Executor::Call: Expecting 'check_status.type' to be COMMAND, HTTP or TCP"},
		{js, js, checked(`{"type":"UNKNOWN"}`), 400, "Failed to validate Executor::Call: Expecting 'check_status.type' to be COMMAND, HTTP or TCP"},
		{js, js, checked(`{"type":"COMMAND","http":{}}`), 400,
			"Failed to validate Executor::Call: Expecting 'check_status.command' to be present for the status of a check of type COMMAND"},
		{js, js, checked(`{"type":"HTTP"}`), 400, "Failed to validate Executor::Call: Expecting 'check_status.http' to be present for the status of a check of type HTTP"},
		{js, js, checked(`{"type":"TCP"}`), 400, "Failed to validate Executor::Call: Expecting 'check_status.tcp' to be present for the status of a check of type TCP"},
		{js, js, checked(`{"type":"TCP","tcp":{"succeeded":true}}`), 400, "Framework cannot be found"},
	} {
		code, body, _ := n.post("/api/v1/executor", c.contentType, c.accept, c.body)
		if code != c.code || (c.text != "" && body != c.text) {
			t.Errorf("%s: got %d %q, want %d %q", c.body, code, body, c.code, c.text)
		}
	}
	if _, _, h := n.post("/health", "", "", ""); h.Get("Date") == "" {
		t.Error("no Date header")
	}
}
