package shell

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caprock/caprock/isolation/launch"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/mesos/agent"
	"github.com/caprock/caprock/wire/recordio"
)

// cluster plays an allocator and an agent with one container, whose process prints
// what is typed until the end of input.
type cluster struct {
	t     *testing.T
	tasks string
	typed chan string // closed at the end of input

	mu     sync.Mutex
	launch *agent.Call_LaunchNestedContainerSession
	sizes  []string
	calls  []string
}

func newCluster(t *testing.T, tasks string) (*cluster, string) {
	c := &cluster{t: t, tasks: tasks, typed: make(chan string, 100)}
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	return c, s.URL
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/tasks":
		fmt.Fprint(w, c.tasks)
	case "/agent/S0/api/v1":
		c.call(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (c *cluster) call(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Content-Type") == recordIO {
		c.input(r.Body)
		return
	}
	body, _ := io.ReadAll(r.Body)
	var call agent.Call
	if err := codec.Protobuf.Unmarshal(body, &call); err != nil {
		c.t.Error(err)
	}
	c.mu.Lock()
	c.calls = append(c.calls, call.GetType().String())
	c.launch = call.LaunchNestedContainerSession
	c.mu.Unlock()
	switch call.GetType() {
	case agent.Call_LAUNCH_NESTED_CONTAINER_SESSION, agent.Call_ATTACH_CONTAINER_OUTPUT:
		print := func(t agent.ProcessIO_Data_Type, text string) {
			io := &agent.ProcessIO{Type: agent.ProcessIO_DATA.Enum(), Data: &agent.ProcessIO_Data{Type: &t, Data: []byte(text)}}
			b, _ := codec.Protobuf.Append(nil, io)
			_, _ = w.Write(recordio.Append(nil, b))
			w.(http.Flusher).Flush()
		}
		print(agent.ProcessIO_Data_STDERR, "hello\n")
		for {
			select {
			case text, more := <-c.typed:
				if !more {
					return
				}
				print(agent.ProcessIO_Data_STDOUT, text)
			case <-r.Context().Done():
				return
			}
		}
	case agent.Call_WAIT_CONTAINER:
		b, _ := codec.Protobuf.Append(nil, &agent.Response{Type: agent.Response_WAIT_CONTAINER.Enum(),
			WaitContainer: &agent.Response_WaitContainer{ExitStatus: new(int32(3 << 8))}})
		_, _ = w.Write(b)
	}
}

func (c *cluster) input(body io.Reader) {
	records := recordio.NewReader(body)
	for {
		b, err := records.Next()
		if err != nil {
			return
		}
		var call agent.Call
		if err := codec.Protobuf.Unmarshal(b, &call); err != nil {
			c.t.Error(err)
		}
		pio := call.AttachContainerInput.ProcessIo
		switch {
		case pio == nil:
		case pio.Control != nil:
			s := pio.Control.TtyInfo.WindowSize
			c.mu.Lock()
			c.sizes = append(c.sizes, fmt.Sprint(s.GetRows(), "x", s.GetColumns()))
			c.mu.Unlock()
		case len(pio.Data.Data) == 0:
			close(c.typed)
		default:
			c.typed <- string(pio.Data.Data)
		}
	}
}

const oneTask = `{"tasks":[{"id":"web.1","slave_id":"S0","state":"TASK_RUNNING","statuses":[{"state":"TASK_RUNNING",
	"container_status":{"container_id":{"value":"n","parent":{"value":"r"}}}}]},
	{"id":"web.0","slave_id":"S0","state":"TASK_FINISHED","statuses":[]}]}`

func TestExec(t *testing.T) {
	c, url := newCluster(t, oneTask)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(w, "typed\n")
	w.Close()
	var stdout, stderr bytes.Buffer
	status, err := Exec(t.Context(), Options{Allocator: url + "/", Task: "web", Command: []string{"cat", "-"}, Interactive: true,
		Stdin: r, Stdout: &stdout, Stderr: &stderr})
	if status != 3 || err != nil || stdout.String() != "typed\n" || stderr.String() != "hello\n" {
		t.Errorf("status %d, %v, stdout %q, stderr %q", status, err, stdout.String(), stderr.String())
	}
	if got := strings.Join(c.calls, " "); got != "LAUNCH_NESTED_CONTAINER_SESSION WAIT_CONTAINER REMOVE_CONTAINER" {
		t.Errorf("calls %s", got)
	}
}

// Without -i the command finds its input ended.
func TestExecWithoutInput(t *testing.T) {
	_, url := newCluster(t, oneTask)
	status, err := Exec(t.Context(), Options{Allocator: url, Task: "web.1", Command: []string{"cat"}, Stdin: os.Stdin, Stdout: io.Discard, Stderr: io.Discard})
	if status != 3 || err != nil {
		t.Errorf("status %d, %v", status, err)
	}
}

func TestAttachAndLeave(t *testing.T) {
	c, url := newCluster(t, oneTask)
	term, err := launch.OpenTerminal(30, 90, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer term.Master.Close()
	defer term.Slave.Close()
	var stdout, stderr bytes.Buffer
	done := make(chan error, 1)
	go func() {
		_, err := Attach(t.Context(), Options{Allocator: url, Task: "web.1", Stdin: term.Slave, Stdout: &stdout, Stderr: &stderr})
		done <- err
	}()
	wait(t, "the size of the window", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.sizes) > 0 && c.sizes[0] == "30x90"
	})
	// In raw mode: a Ctrl-C is for the other side.
	if _, err := term.Master.WriteString("a\x03\x10"); err != nil {
		t.Fatal(err)
	}
	if _, err := term.Master.WriteString("\x11"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("leaving: %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("Ctrl-P Ctrl-Q does not leave")
	}
}

func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestWhichTask(t *testing.T) {
	tasks := []listed{{ID: "a.1", State: "TASK_RUNNING"}, {ID: "a.12", State: "TASK_RUNNING"}, {ID: "b.1", State: "TASK_FAILED"}, {ID: "c.1", State: "TASK_KILLING"}, {ID: "web.7", State: "TASK_RUNNING"}, {ID: "web2.9", State: "TASK_RUNNING"}}
	for id, want := range map[string]string{"a.1": "a.1", "a.12": "a.12", "c": "c.1", "b.1": "", "": "5 running", "a": "2 running", "web": "web.7", "we": "2 running"} {
		got, err := pick(tasks, id)
		switch {
		case err != nil:
			if !strings.Contains(want, " running") || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v", id, err)
			}
		case got == nil && want != "", got != nil && got.ID != want:
			t.Errorf("%q: got %v, want %q", id, got, want)
		}
	}
}

func TestNoTask(t *testing.T) {
	_, url := newCluster(t, `{"tasks":[]}`)
	if _, err := locate(t.Context(), &Options{Allocator: url, Task: "x"}); err == nil || !strings.Contains(err.Error(), `"x"`) {
		t.Errorf("got %v", err)
	}
	if _, err := locate(t.Context(), &Options{Allocator: url + "/nothing-here", Task: "x"}); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("got %v", err)
	}
}

func TestExitCodes(t *testing.T) {
	for raw, want := range map[int32]int{0: 0, 3 << 8: 3, 9: 137, 15: 143} {
		if got := exitCode(&agent.Response_WaitContainer{ExitStatus: &raw}); got != want {
			t.Errorf("%d: got %d, want %d", raw, got, want)
		}
	}
	if exitCode(&agent.Response_WaitContainer{}) != 1 {
		t.Error("an unknown status counts as success")
	}
	if err := (&place{task: "t"}).explain(500, "I/O switchboard server was disabled for this container"); !strings.Contains(err.Error(), "terminal") {
		t.Error(err)
	}
}
