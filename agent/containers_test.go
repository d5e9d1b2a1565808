package agent_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/recordio"
)

// idJSON is a ContainerID of nested names.
func idJSON(names ...string) string {
	out := ""
	for _, n := range names {
		parent := ""
		if out != "" {
			parent = `,"parent":` + out
		}
		out = fmt.Sprintf(`{"value":%q%s}`, n, parent)
	}
	return out
}

// call posts a call as JSON and returns status and body.
func (n *node) call(body string) (int, string) {
	n.t.Helper()
	resp := n.do("application/json", strings.NewReader(body), "Accept", "application/json")
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// about is a call with no more than a container's id.
func (n *node) about(typ, id string) (int, string) {
	n.t.Helper()
	return n.call(fmt.Sprintf(`{"type":%q,%q:{"container_id":%s}}`, typ, strings.ToLower(typ), id))
}

func (n *node) do(contentType string, body io.Reader, headers ...string) *http.Response {
	n.t.Helper()
	req, err := http.NewRequest("POST", "http://"+n.address+"/api/v1", body)
	if err != nil {
		n.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		n.t.Fatal(err)
	}
	return resp
}

func (n *node) launched(typ, id, rest string) {
	n.t.Helper()
	if code, body := n.call(fmt.Sprintf(`{"type":%q,%q:{"container_id":%s,%s}}`, typ, strings.ToLower(typ), id, rest)); code != 200 {
		n.t.Fatalf("launch of %s: %d %s", id, code, body)
	}
}

// running launches a command task and returns the id of its container.
func running(t *testing.T, alloc *allocator, task *mesos.TaskInfo) string {
	t.Helper()
	alloc.launch(framework(), task)
	return alloc.await(task.TaskId.GetValue(), mesos.TaskState_TASK_RUNNING).ContainerStatus.ContainerId.GetValue()
}

func command(line string) string { return fmt.Sprintf(`"command":{"value":%q}`, line) }

func TestNestedContainers(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	root := running(t, alloc, shell("t", "sleep 1000"))
	id := idJSON(root, "n1")
	n.launched("LAUNCH_NESTED_CONTAINER", id, command("echo out; echo err >&2; pwd; sleep 0.3; exit 7"))
	if code, _ := n.call(fmt.Sprintf(`{"type":"LAUNCH_NESTED_CONTAINER","launch_nested_container":{"container_id":%s,%s}}`, id, command("true"))); code != 202 {
		t.Errorf("launching it again: %d, want 202", code)
	}
	if code, body := n.about("REMOVE_NESTED_CONTAINER", id); code != 500 || body != "Nested container has not terminated yet" {
		t.Errorf("removing it while it runs: %d %s", code, body)
	}
	if _, body := n.call(`{"type":"GET_CONTAINERS","get_containers":{"show_nested":true}}`); !strings.Contains(body, `{"container_id":{"value":"n1"},"container_status":{"container_id":{"value":"n1","parent":{"value":"`+root) {
		t.Errorf("GET_CONTAINERS lacks it: %s", body)
	}
	if _, body := n.call(`{"type":"GET_CONTAINERS"}`); strings.Contains(body, `"n1"`) {
		t.Errorf("GET_CONTAINERS without show_nested shows it: %s", body)
	}
	if code, body := n.about("WAIT_NESTED_CONTAINER", id); code != 200 || body != `{"type":"WAIT_NESTED_CONTAINER","wait_nested_container":{"exit_status":1792}}` {
		t.Errorf("WAIT: %d %s", code, body)
	}
	box := filepath.Join(n.sandbox("t"), "containers", "n1")
	if b, _ := os.ReadFile(filepath.Join(box, "stdout")); !strings.HasPrefix(string(b), "out\n") || !strings.HasSuffix(string(b), "/containers/n1\n") {
		t.Errorf("stdout %q", b)
	}
	if b, _ := os.ReadFile(filepath.Join(box, "stderr")); string(b) != "err\n" {
		t.Errorf("stderr %q", b)
	}
	if code, body := n.about("KILL_NESTED_CONTAINER", id); code != 404 || body != "Container '"+root+".n1' cannot be found (or is already killed)" {
		t.Errorf("killing it afterwards: %d %s", code, body)
	}
	for range 2 {
		if code, body := n.about("REMOVE_NESTED_CONTAINER", id); code != 200 || body != "" {
			t.Errorf("REMOVE: %d %s", code, body)
		}
	}
	n.eventually("the sandbox to go", func() bool { _, err := os.Stat(box); return err != nil })
	if code, body := n.about("WAIT_NESTED_CONTAINER", id); code != 404 || body != "Container "+root+".n1 cannot be found" {
		t.Errorf("WAIT after the removal: %d %s", code, body)
	}
}

func TestKillContainer(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	root := running(t, alloc, shell("t", "sleep 1000"))
	id := idJSON(root, "n")
	// Only the process itself gets the signal, and what it started lives on until then.
	n.launched("LAUNCH_CONTAINER", id, command(`trap 'echo got; exit 3' USR1; sleep 1000 & echo ready; while :; do sleep 0.05; done`))
	n.eventually("the trap", func() bool {
		b, _ := os.ReadFile(filepath.Join(n.sandbox("t"), "containers", "n", "stdout"))
		return string(b) == "ready\n"
	})
	if code, body := n.call(`{"type":"KILL_CONTAINER","kill_container":{"signal":99,"container_id":` + id + `}}`); code != 500 || !strings.Contains(body, "Invalid argument") {
		t.Errorf("signal 99: %d %s", code, body)
	}
	if code, _ := n.call(`{"type":"KILL_CONTAINER","kill_container":{"signal":10,"container_id":` + id + `}}`); code != 200 {
		t.Errorf("KILL: %d", code)
	}
	if _, body := n.about("WAIT_CONTAINER", id); body != `{"type":"WAIT_CONTAINER","wait_container":{"exit_status":768}}` {
		t.Errorf("WAIT: %s", body)
	}
	// An ended one may be launched anew; the signal is SIGKILL if none is named.
	n.launched("LAUNCH_CONTAINER", id, command("sleep 1000"))
	if code, _ := n.about("KILL_CONTAINER", id); code != 200 {
		t.Errorf("KILL: %d", code)
	}
	if _, body := n.about("WAIT_CONTAINER", id); body != `{"type":"WAIT_CONTAINER","wait_container":{"exit_status":9}}` {
		t.Errorf("WAIT: %s", body)
	}
	// Containers of tasks have ids too.
	if code, _ := n.about("KILL_CONTAINER", idJSON(root)); code != 200 {
		t.Errorf("killing the task's: %d", code)
	}
	alloc.await("t", mesos.TaskState_TASK_FAILED)
}

// What is nested ends with what it is nested in.
func TestChildrenDieWithTheirParents(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	root := running(t, alloc, shell("t", "sleep 1000"))
	own := `"container":{"type":"MESOS","linux_info":{"share_cgroups":false}},"resources":[{"name":"mem","type":"SCALAR","scalar":{"value":64}}]`
	n.launched("LAUNCH_CONTAINER", idJSON(root, "a"), command("sleep 1000"))
	n.launched("LAUNCH_CONTAINER", idJSON(root, "a", "b"), command("sleep 1000"))
	n.launched("LAUNCH_CONTAINER", idJSON(root, "c"), command("sleep 1000")+","+own)
	waits := make(chan string, 2)
	for _, id := range []string{idJSON(root, "a", "b"), idJSON(root, "c")} {
		go func() { _, body := n.about("WAIT_CONTAINER", id); waits <- body }()
	}
	if code, _ := n.about("KILL_CONTAINER", idJSON(root, "a")); code != 200 {
		t.Errorf("KILL: %d", code)
	}
	if body := <-waits; !strings.Contains(body, `"exit_status":9`) {
		t.Errorf("the child of a: %s", body)
	}
	alloc.kill("t")
	alloc.await("t", mesos.TaskState_TASK_KILLED)
	if body := <-waits; !strings.Contains(body, `"exit_status":9`) && !strings.Contains(body, `"wait_container":{}`) {
		t.Errorf("the child of the task: %s", body)
	}
	if code, body := n.call(fmt.Sprintf(`{"type":"LAUNCH_CONTAINER","launch_container":{"container_id":%s,%s}}`, idJSON(root, "d"), command("true"))); code != 400 || body != "Parent container "+root+" does not exist" {
		t.Errorf("launch in a task that has ended: %d %s", code, body)
	}
}

func TestStandaloneContainers(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	resources := `"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.1}},{"name":"mem","type":"SCALAR","scalar":{"value":32}}]`
	id := idJSON("alone")
	n.launched("LAUNCH_CONTAINER", id, command("echo $$; while [ ! -e go ]; do sleep 0.05; done; exit 2")+","+resources)
	if code, body := n.about("REMOVE_CONTAINER", id); code != 500 {
		t.Errorf("removing it while it runs: %d %s", code, body)
	}
	if _, body := n.call(`{"type":"GET_CONTAINERS","get_containers":{"show_nested":true}}`); strings.Contains(body, "alone") {
		t.Errorf("GET_CONTAINERS shows it unasked: %s", body)
	}
	if _, body := n.call(`{"type":"GET_CONTAINERS","get_containers":{"show_standalone":true}}`); !strings.Contains(body, `"container_status":{"container_id":{"value":"alone"},"executor_pid":`) {
		t.Errorf("GET_CONTAINERS lacks it: %s", body)
	}
	if code, body := n.about("ATTACH_CONTAINER_OUTPUT", id); code != 404 || body != "Container alone cannot be found" {
		t.Errorf("attaching: %d %s", code, body)
	}
	box := filepath.Join(n.dir, "containers", "alone")
	n.eventually("its output", func() bool { b, _ := os.ReadFile(filepath.Join(box, "stdout")); return len(b) > 0 })
	n.halt()
	n.start()
	if code, _ := n.call(fmt.Sprintf(`{"type":"LAUNCH_CONTAINER","launch_container":{"container_id":%s,%s}}`, id, command("true"))); code != 202 {
		t.Errorf("launching it after a restart: %d, want 202", code)
	}
	if code, body := n.get("/files/read?offset=0&path=" + filepath.Join(box, "stdout")); code != 200 {
		t.Errorf("reading its stdout: %d %s", code, body)
	}
	if err := os.WriteFile(filepath.Join(box, "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if code, body := n.about("WAIT_CONTAINER", id); code != 200 || !strings.Contains(body, `"exit_status":512`) {
		t.Errorf("WAIT: %d %s", code, body)
	}
	if code, body := n.about("REMOVE_CONTAINER", id); code != 200 {
		t.Errorf("REMOVE: %d %s", code, body)
	}
	n.eventually("the sandbox to go", func() bool { _, err := os.Stat(box); return err != nil })
	if code, _ := n.about("REMOVE_CONTAINER", id); code != 400 {
		t.Errorf("removing it again: %d", code)
	}
}

// records reads a stream of ProcessIO; each as stream and text.
type records struct {
	t    *testing.T
	resp *http.Response
	r    *recordio.Reader
}

type processIO struct {
	Type string
	Data struct {
		Type string
		Data []byte
	}
}

func (n *node) records(body string, headers ...string) *records {
	n.t.Helper()
	if len(headers) == 0 {
		headers = []string{"Accept", "application/recordio", "Message-Accept", "application/json"}
	}
	resp := n.do("application/json", strings.NewReader(body), headers...)
	if resp.StatusCode != 200 {
		b, _ := io.ReadAll(resp.Body)
		n.t.Fatalf("%d %s", resp.StatusCode, b)
	}
	n.t.Cleanup(func() { resp.Body.Close() })
	return &records{t: n.t, resp: resp, r: recordio.NewReader(resp.Body)}
}

// text reads until want was printed to stream, or to the end if want is empty.
func (r *records) text(stream, want string) string {
	r.t.Helper()
	var all bytes.Buffer
	for want == "" || !strings.Contains(all.String(), want) {
		b, err := r.r.Next()
		if err == io.EOF && want == "" {
			return all.String()
		}
		var io processIO
		if err == nil {
			err = json.Unmarshal(b, &io)
		}
		if err != nil {
			r.t.Fatalf("after %q, waiting for %q: %v", all.String(), want, err)
		}
		if io.Data.Type == stream {
			all.Write(io.Data.Data)
		}
	}
	return all.String()
}

func session(id, rest string) string {
	return fmt.Sprintf(`{"type":"LAUNCH_NESTED_CONTAINER_SESSION","launch_nested_container_session":{"container_id":%s,%s}}`, id, rest)
}

func TestSession(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	task := shell("t", "sleep 1000")
	task.Command.Environment = &mesos.Environment{Variables: []*mesos.Environment_Variable{{Name: new("OF_TASK"), Value: new("yes")}}}
	root := running(t, alloc, task)
	r := n.records(session(idJSON(root, "s1"), command("echo $OF_TASK; pwd; exit 4")))
	if h := r.resp.Header; h.Get("Content-Type") != "application/recordio" || h.Get("Message-Content-Type") != "application/json" {
		t.Errorf("headers %v", h)
	}
	real, _ := filepath.EvalSymlinks(n.sandbox("t"))
	if got := r.text("STDOUT", ""); got != "yes\n"+real+"\n" {
		t.Errorf("output %q, want environment and directory of the task", got)
	}
	if _, body := n.about("WAIT_CONTAINER", idJSON(root, "s1")); !strings.Contains(body, `"exit_status":1024`) {
		t.Errorf("WAIT: %s", body)
	}
	r = n.records(session(idJSON(root, "s2"), command("echo err >&2")), "Accept", "application/json")
	if h := r.resp.Header; h.Get("Content-Type") != "application/json" || h.Get("Message-Content-Type") != "" {
		t.Errorf("headers with a plain Accept %v", h)
	}
	if got := r.text("STDERR", ""); got != "err\n" {
		t.Errorf("stderr %q", got)
	}
	// The connection is all that keeps it alive.
	r = n.records(session(idJSON(root, "s3"), command("echo on; sleep 1000")))
	r.text("STDOUT", "on")
	r.resp.Body.Close()
	if _, body := n.about("WAIT_CONTAINER", idJSON(root, "s3")); !strings.Contains(body, `"exit_status":9`) {
		t.Errorf("WAIT after the connection was cut: %s", body)
	}
	// More than all buffers hold arrives whole, as the process waits for its reader.
	r = n.records(session(idJSON(root, "s4"), command("head -c 4000000 /dev/zero | tr '\\0' x")))
	if got := r.text("STDOUT", ""); len(got) != 4000000 {
		t.Errorf("got %d bytes, want 4000000", len(got))
	}
}

// typist sends records of an input.
type typist struct {
	w      *io.PipeWriter
	status chan string
}

func (n *node) typeInto(id string) *typist {
	r, w := io.Pipe()
	p := &typist{w: w, status: make(chan string, 1)}
	go func() {
		resp := n.do("application/recordio", r, "Message-Content-Type", "application/json", "Accept", "application/json")
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		p.status <- fmt.Sprintf("%d %s", resp.StatusCode, b)
	}()
	p.send(`{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{"type":"CONTAINER_ID","container_id":` + id + `}}`)
	return p
}

func (p *typist) send(record string) { _, _ = p.w.Write(recordio.Append(nil, []byte(record))) }

func (p *typist) io(io string) {
	p.send(`{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{"type":"PROCESS_IO","process_io":` + io + `}}`)
}

func (p *typist) keys(text string) {
	b, _ := json.Marshal([]byte(text))
	p.io(`{"type":"DATA","data":{"type":"STDIN","data":` + string(b) + `}}`)
}

func (p *typist) want(t *testing.T, status string) {
	t.Helper()
	select {
	case got := <-p.status:
		if got != status {
			t.Errorf("input answered %q, want %q", got, status)
		}
	case <-time.After(time.Minute):
		t.Fatal("no answer to the input after a minute")
	}
}

func TestAttachInput(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	root := running(t, alloc, shell("t", "sleep 1000"))
	id := idJSON(root, "cat")
	out := n.records(session(id, command("cat")))
	also := n.records(`{"type":"ATTACH_CONTAINER_OUTPUT","attach_container_output":{"container_id":` + id + `}}`)
	in := n.typeInto(id)
	in.io(`{"type":"CONTROL","control":{"type":"HEARTBEAT","heartbeat":{"interval":{"nanoseconds":30000000000}}}}`)
	in.keys("typed\n")
	out.text("STDOUT", "typed\n")
	also.text("STDOUT", "typed\n")
	second := n.typeInto(id)
	second.want(t, "409 Multiple input connections are not allowed")
	in.io(`{"type":"DATA","data":{"type":"STDIN","data":""}}`)
	// The answer comes with the end of the container, though the input goes on.
	in.want(t, "200 ")
	if _, body := n.about("WAIT_CONTAINER", id); !strings.Contains(body, `"exit_status":0`) {
		t.Errorf("WAIT: %s", body)
	}
	if rest := out.text("STDOUT", ""); rest != "" {
		t.Errorf("more output %q", rest)
	}

	out = n.records(session(idJSON(root, "cat2"), command("cat")))
	in = n.typeInto(idJSON(root, "cat2"))
	in.keys("x\n")
	out.text("STDOUT", "x\n")
	in.w.Close()
	in.want(t, "200 ")
	// Input may come again over another connection.
	in = n.typeInto(idJSON(root, "cat2"))
	in.keys("y\n")
	out.text("STDOUT", "y\n")
	in.io(`{"type":"DATA","data":{"type":"STDOUT","data":"eA=="}}`)
	in.want(t, "400 Expecting 'process_io.data.type' to be 'STDIN'")
}

func TestAttachErrors(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	root := running(t, alloc, shell("t", "sleep 1000"))
	for id, want := range map[string]string{
		idJSON(root, "zz"): "500 Unknown container " + root + ".zz",
		idJSON(root):       "500 I/O switchboard server was disabled for this container",
		idJSON("nosuch"):   "404 Container nosuch cannot be found",
	} {
		n.typeInto(id).want(t, want)
		if code, body := n.about("ATTACH_CONTAINER_OUTPUT", id); fmt.Sprintf("%d %s", code, body) != want {
			t.Errorf("output of %s: %d %s, want %s", id, code, body, want)
		}
	}
	in := n.typeInto(idJSON(root))
	in.want(t, "500 I/O switchboard server was disabled for this container")
	for _, c := range []struct{ contentType, body, header, value, want string }{
		{"application/recordio", "2\n{}", "Accept", "*/*", "400 Expecting 'Message-Content-Type' to be set for streaming requests"},
		{"application/recordio", "2\n{}", "Message-Content-Type", "text/plain", "415 Expecting 'Message-Content-Type' of application/json or application/x-protobuf"},
		{"application/recordio", "", "Message-Content-Type", "application/json", "400 Received EOF while reading request body"},
		{"application/recordio", "x\n", "Message-Content-Type", "application/json", "400 recordio: malformed record header: got \"x\\n\", want decimal digits and a line feed"},
		{"application/recordio", "21\n{\"type\":\"GET_HEALTH\"}", "Message-Content-Type", "application/json", "415 Streaming 'Content-Type' application/recordio is not supported for GET_HEALTH call"},
		{"application/json", `{"type":"GET_HEALTH"}`, "Message-Content-Type", "application/json", "415 Expecting 'Message-Content-Type' to be not set for non-streaming requests"},
		{"application/json", `{"type":"GET_HEALTH"}`, "Accept", "application/recordio", "406 Streaming response is not supported for GET_HEALTH call"},
		{"application/json", `{"type":"GET_HEALTH"}`, "Message-Accept", "application/json", "406 Expecting 'Message-Accept' to be not set for non-streaming responses"},
		{"application/json", `{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{"type":"PROCESS_IO"}}`, "Accept", "*/*",
			"415 Expecting 'Content-Type' to be application/recordio for ATTACH_CONTAINER_INPUT call"},
	} {
		resp := n.do(c.contentType, io.MultiReader(strings.NewReader(c.body)), c.header, c.value)
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if got := fmt.Sprintf("%d %s", resp.StatusCode, b); got != c.want {
			t.Errorf("%s %q: got %s, want %s", c.contentType, c.body, got, c.want)
		}
	}
}

func terminal(t *mesos.TaskInfo, rows, columns uint32) *mesos.TaskInfo {
	t.Container = &mesos.ContainerInfo{Type: mesos.ContainerInfo_MESOS.Enum(), TtyInfo: &mesos.TTYInfo{
		WindowSize: &mesos.TTYInfo_WindowSize{Rows: &rows, Columns: &columns}}}
	return t
}

// A task on a terminal is attached to, resized, and talked to again after the agent
// was restarted.
func TestTaskOnATerminal(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	root := running(t, alloc, terminal(shell("t",
		"tty; stty size; read x; echo got $x; stty size; read x; echo then $x; read x; exit $x"), 30, 90))
	id := idJSON(root)
	n.eventually("its size", func() bool { return strings.Contains(n.read("t", "stdout"), "30 90\r\n") })
	out := n.records(`{"type":"ATTACH_CONTAINER_OUTPUT","attach_container_output":{"container_id":` + id + `}}`)
	in := n.typeInto(id)
	in.io(`{"type":"CONTROL","control":{"type":"TTY_INFO","tty_info":{"window_size":{"rows":40,"columns":100}}}}`)
	in.keys("hello\n")
	out.text("STDOUT", "got hello\r\n40 100\r\n")
	in.keys("") // means nothing to a terminal
	n.halt()
	in.want(t, "200 ")
	n.start()
	in = n.typeInto(id)
	in.keys("again\n")
	n.eventually("output after the restart", func() bool { return strings.Contains(n.read("t", "stdout"), "then again\r\n") })
	in.keys("5\n")
	in.want(t, "200 ")
	if st := alloc.await("t", mesos.TaskState_TASK_FAILED); st.GetMessage() != "Command exited with status 5" {
		t.Errorf("got %v", st)
	}
}

// Members of task groups have terminals and sessions of their own, and so has the
// group's executor, which is no process.
func TestContainersInATaskGroup(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	ex := &mesos.ExecutorInfo{
		Type: mesos.ExecutorInfo_DEFAULT.Enum(), ExecutorId: &mesos.ExecutorID{Value: new("pod")},
		FrameworkId: &mesos.FrameworkID{Value: new("fw")},
		Resources:   []*mesos.Resource{scalar("cpus", 0.1), scalar("mem", 32)},
	}
	alloc.send(&link.Down{Body: &link.Down_Launch{Launch: &link.Launch{
		Framework: framework(), Executor: ex, Group: new(true), LaunchExecutor: new(true),
		Tasks: []*mesos.TaskInfo{terminal(shell("a", "while :; do echo tick; sleep 0.1; done"), 0, 0), shell("b", "sleep 1000")},
	}}})
	member := func(task string) (root, name string) {
		st := alloc.await(task, mesos.TaskState_TASK_RUNNING).ContainerStatus.ContainerId
		return st.Parent.GetValue(), st.GetValue()
	}
	root, a := member("a")
	_, b := member("b")
	out := n.records(`{"type":"ATTACH_CONTAINER_OUTPUT","attach_container_output":{"container_id":` + idJSON(root, a) + `}}`)
	out.text("STDOUT", "tick\r\ntick\r\n")
	for _, id := range []string{idJSON(root, b), idJSON(root)} {
		if code, body := n.about("ATTACH_CONTAINER_OUTPUT", id); code != 500 || body != "I/O switchboard server was disabled for this container" {
			t.Errorf("attaching to %s: %d %s", id, code, body)
		}
	}
	if got := n.records(session(idJSON(root, b, "s"), command("echo $MESOS_CONTAINER_IP"))).text("STDOUT", ""); got != "127.0.0.1\n" {
		t.Errorf("session in a member: %q", got)
	}
	if got := n.records(session(idJSON(root, "s"), command("echo $MESOS_EXECUTOR_ID"))).text("STDOUT", ""); got != "pod\n" {
		t.Errorf("session in the executor: %q", got)
	}
	n.launched("LAUNCH_NESTED_CONTAINER", idJSON(root, "n"), command("sleep 1000"))
	alloc.kill("a")
	alloc.await("b", mesos.TaskState_TASK_KILLED)
	alloc.wait("the executor to end", func() bool { return len(alloc.exits) == 1 })
	n.eventually("what was nested to go with the executor", func() bool {
		_, body := n.call(`{"type":"GET_CONTAINERS","get_containers":{"show_nested":true}}`)
		return !strings.Contains(body, `"n"`)
	})
}

// Sessions end with the agent that held their connection.
func TestSessionsEndWithTheAgent(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	root := running(t, alloc, shell("t", "sleep 1000"))
	r := n.records(session(idJSON(root, "s"), command("trap '' PIPE HUP; echo $$; while :; do sleep 0.1; done")))
	pid := strings.TrimSpace(r.text("STDOUT", "\n"))
	n.halt()
	n.start()
	n.eventually("the session to end", func() bool {
		b, err := os.ReadFile("/proc/" + pid + "/stat")
		return err != nil || strings.Contains(string(b), ") Z ")
	})
	if _, body := n.about("WAIT_CONTAINER", idJSON(root, "s")); !strings.Contains(body, `"exit_status":9`) {
		t.Errorf("WAIT: %s", body)
	}
}

// A reader who does not read is cut; the process prints on.
func TestSlowReaderIsCut(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	root := running(t, alloc, terminal(shell("t", "read x; head -c 20000000 /dev/zero | tr '\\0' x; echo; exit 0"), 0, 0))
	out := n.records(`{"type":"ATTACH_CONTAINER_OUTPUT","attach_container_output":{"container_id":` + idJSON(root) + `}}`)
	n.typeInto(idJSON(root)).keys("go\n")
	alloc.await("t", mesos.TaskState_TASK_FINISHED)
	if info, err := os.Stat(filepath.Join(n.sandbox("t"), "stdout")); err != nil || info.Size() < 20000000 {
		t.Errorf("stdout in the sandbox: %v, %v", info, err)
	}
	if got, err := io.Copy(io.Discard, bufio.NewReader(out.resp.Body)); err == nil || got >= 20000000 {
		t.Errorf("the reader got %d bytes and %v, want to be cut", got, err)
	}
}

// Where there are no cgroups all of it works too.
func TestContainersWithoutCgroups(t *testing.T) {
	t.Setenv("CAPROCK_TEST_ISOLATION", "posix")
	t.Run("nested", TestNestedContainers)
	t.Run("standalone", TestStandaloneContainers)
	t.Run("session", TestSession)
	t.Run("input", TestAttachInput)
	t.Run("terminal", TestTaskOnATerminal)
}
