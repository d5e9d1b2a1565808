package agent_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/caprock/caprock/agent"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/executor"
	"github.com/caprock/caprock/wire/recordio"
)

// This binary is also the custom executor of its tests.
func TestMain(m *testing.M) {
	if os.Getenv("CAPROCK_TEST_EXECUTOR") != "" {
		runTestExecutor()
		return
	}
	os.Exit(m.Run())
}

// testExecutor is a small executor: a task runs as long as nobody kills it, a task
// named "quick" finishes at once, and messages are echoed.
type testExecutor struct {
	typ     codec.Type
	url     string
	fw, id  string
	unacked map[string]*executor.Call_Update
	tasks   map[string]*mesos.TaskInfo
}

func runTestExecutor() {
	x := &testExecutor{
		url: "http://" + os.Getenv("MESOS_AGENT_ENDPOINT") + "/api/v1/executor",
		fw:  os.Getenv("MESOS_FRAMEWORK_ID"), id: os.Getenv("MESOS_EXECUTOR_ID"),
		unacked: map[string]*executor.Call_Update{}, tasks: map[string]*mesos.TaskInfo{},
	}
	if os.Getenv("CAPROCK_TEST_EXECUTOR") == "protobuf" {
		x.typ = codec.Protobuf
	}
	for range 1200 { // a minute, as all here have
		if err := x.subscribe(); err == nil {
			return
		}
		if os.Getenv("MESOS_CHECKPOINT") != "1" {
			os.Exit(1)
		}
		time.Sleep(50 * time.Millisecond)
	}
	os.Exit(1)
}

func (x *testExecutor) call(c *executor.Call) (*http.Response, error) {
	c.FrameworkId, c.ExecutorId = &mesos.FrameworkID{Value: &x.fw}, &mesos.ExecutorID{Value: &x.id}
	body, err := x.typ.Append(nil, c)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(context.Background(), "POST", x.url, strings.NewReader(string(body)))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", x.typ.ContentType())
	req.Header.Set("Accept", x.typ.ContentType())
	return atSocket(os.Getenv("MESOS_DOMAIN_SOCKET")).Do(req)
}

// atSocket is a client that calls at a Unix socket, whatever the URL says; the usual one for "".
func atSocket(path string) *http.Client {
	if path == "" {
		return http.DefaultClient
	}
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
}

// subscribe handles events until the stream ends; nil after SHUTDOWN.
func (x *testExecutor) subscribe() error {
	sub := &executor.Call_Subscribe{}
	for _, u := range x.unacked {
		sub.UnacknowledgedUpdates = append(sub.UnacknowledgedUpdates, u)
	}
	for _, t := range x.tasks {
		sub.UnacknowledgedTasks = append(sub.UnacknowledgedTasks, t)
	}
	resp, err := x.call(&executor.Call{Type: executor.Call_SUBSCRIBE.Enum(), Subscribe: sub})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		b, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("%s: %s", resp.Status, b)
	}
	r := recordio.NewReader(resp.Body)
	for {
		record, err := r.Next()
		if err != nil {
			return err
		}
		var e executor.Event
		if err := x.typ.Unmarshal(record, &e); err != nil {
			return err
		}
		fmt.Println("event", e.GetType())
		if e.GetType() == executor.Event_SHUTDOWN {
			return nil
		}
		x.handle(&e)
	}
}

func (x *testExecutor) handle(e *executor.Event) {
	switch e.GetType() {
	case executor.Event_LAUNCH:
		x.launch(e.Launch.Task)
	case executor.Event_LAUNCH_GROUP:
		for _, t := range e.LaunchGroup.TaskGroup.Tasks {
			x.launch(t)
		}
	case executor.Event_KILL:
		x.update(e.Kill.TaskId, mesos.TaskState_TASK_KILLED)
	case executor.Event_ACKNOWLEDGED:
		delete(x.unacked, string(e.Acknowledged.Uuid))
		delete(x.tasks, e.Acknowledged.TaskId.GetValue())
	case executor.Event_MESSAGE:
		_, _ = x.call(&executor.Call{
			Type: executor.Call_MESSAGE.Enum(), Message: &executor.Call_Message{Data: e.Message.Data},
		})
	}
}

func (x *testExecutor) launch(t *mesos.TaskInfo) {
	x.tasks[t.TaskId.GetValue()] = t
	x.update(t.TaskId, mesos.TaskState_TASK_RUNNING)
	if t.GetName() == "quick" {
		x.update(t.TaskId, mesos.TaskState_TASK_FINISHED)
	}
	if t.GetName() == "crash" {
		os.Exit(9)
	}
}

func (x *testExecutor) update(id *mesos.TaskID, s mesos.TaskState) {
	u := uuid.New()
	st := &mesos.TaskStatus{TaskId: id, State: s.Enum(), Source: mesos.TaskStatus_SOURCE_EXECUTOR.Enum(), Uuid: u[:]}
	up := &executor.Call_Update{Status: st}
	x.unacked[string(u[:])] = up
	resp, err := x.call(&executor.Call{Type: executor.Call_UPDATE.Enum(), Update: up})
	if err == nil {
		resp.Body.Close()
	}
}

func customExecutor(t *testing.T, id, encoding string) *mesos.ExecutorInfo {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &mesos.ExecutorInfo{
		Type: mesos.ExecutorInfo_CUSTOM.Enum(), ExecutorId: &mesos.ExecutorID{Value: &id},
		FrameworkId: &mesos.FrameworkID{Value: new("fw")},
		Resources:   []*mesos.Resource{scalar("cpus", 0.1), scalar("mem", 256)},
		Command: &mesos.CommandInfo{
			Value: new("exec ./test-executor"),
			Uris:  []*mesos.CommandInfo_URI{{Value: &self, Executable: new(true), OutputFile: new("test-executor")}},
			Environment: &mesos.Environment{Variables: []*mesos.Environment_Variable{
				{Name: new("CAPROCK_TEST_EXECUTOR"), Value: &encoding},
			}},
		},
	}
}

func custom(id, name string) *mesos.TaskInfo {
	return &mesos.TaskInfo{
		Name: &name, TaskId: &mesos.TaskID{Value: &id}, AgentId: &mesos.AgentID{Value: new(agentID)},
		Resources: []*mesos.Resource{scalar("cpus", 0.1), scalar("mem", 32)},
	}
}

func (a *allocator) launchOn(ex *mesos.ExecutorInfo, first, group bool, tasks ...*mesos.TaskInfo) {
	a.send(&link.Down{Body: &link.Down_Launch{Launch: &link.Launch{
		Framework: framework(), Executor: ex, LaunchExecutor: &first, Group: &group, Tasks: tasks,
	}}})
}

func TestCustomExecutor(t *testing.T) {
	for _, encoding := range []string{"json", "protobuf"} {
		t.Run(encoding, func(t *testing.T) {
			alloc := newAllocator(t)
			n := startNode(t, alloc, func(o *agent.Options) { o.ExecutorReregistrationTimeout = 15 * time.Second }) // the most that there is
			ex := customExecutor(t, "ex", encoding)
			alloc.launchOn(ex, true, false, custom("t1", "long"))
			st := alloc.await("t1", mesos.TaskState_TASK_RUNNING)
			if st.ContainerStatus.GetExecutorPid() == 0 || st.AgentId.GetValue() != agentID {
				t.Errorf("t1: %v", st)
			}
			alloc.launchOn(ex, false, false, custom("t2", "quick"))
			alloc.await("t2", mesos.TaskState_TASK_FINISHED)
			alloc.launchOn(ex, false, true, custom("g1", "long"), custom("g2", "quick"))
			alloc.await("g1", mesos.TaskState_TASK_RUNNING)
			alloc.send(&link.Down{Body: &link.Down_ExecutorMessage{ExecutorMessage: &link.ExecutorMessage{
				FrameworkId: &mesos.FrameworkID{Value: new("fw")}, ExecutorId: ex.ExecutorId, Data: []byte("hello"),
			}}})
			alloc.wait("the echo", func() bool { return len(alloc.messages) == 1 && string(alloc.messages[0].Data) == "hello" })

			// The executor outlives its agent and comes back.
			n.halt()
			n.start()
			alloc.mu.Lock()
			reg := alloc.registers[len(alloc.registers)-1]
			alloc.mu.Unlock()
			if len(reg.Executors) != 1 {
				t.Errorf("registered with executors %v, want one", reg.Executors)
			}
			alloc.kill("t1")
			alloc.await("t1", mesos.TaskState_TASK_KILLED)

			alloc.send(&link.Down{Body: &link.Down_ShutdownExecutor{ShutdownExecutor: &link.ShutdownExecutor{
				FrameworkId: &mesos.FrameworkID{Value: new("fw")}, ExecutorId: ex.ExecutorId,
			}}})
			st = alloc.await("g1", mesos.TaskState_TASK_FAILED)
			if st.GetReason() != mesos.TaskStatus_REASON_EXECUTOR_TERMINATED || st.GetSource() != mesos.TaskStatus_SOURCE_AGENT {
				t.Errorf("g1: %v", st)
			}
			alloc.wait("the exit", func() bool { return len(alloc.exits) == 1 && alloc.exits[0].GetStatus() == 0 })
		})
	}
}

func TestCustomExecutorCrash(t *testing.T) {
	alloc := newAllocator(t)
	startNode(t, alloc, nil)
	alloc.launchOn(customExecutor(t, "ex", "json"), true, false, custom("t1", "crash"))
	st := alloc.await("t1", mesos.TaskState_TASK_FAILED)
	if st.GetMessage() != "Executor terminated" {
		t.Errorf("t1: %v", st)
	}
	alloc.wait("the exit", func() bool { return len(alloc.exits) == 1 && alloc.exits[0].GetStatus() == 9<<8 })
}

func TestExecutorNeverSubscribes(t *testing.T) {
	alloc := newAllocator(t)
	startNode(t, alloc, func(o *agent.Options) { o.ExecutorRegistrationTimeout = 300 * time.Millisecond })
	never := customExecutor(t, "never", "json")
	never.Command = &mesos.CommandInfo{Value: new("exec sleep 1000")}
	alloc.launchOn(never, true, false, custom("n1", "x"))
	if st := alloc.await("n1", mesos.TaskState_TASK_FAILED); st.GetReason() != mesos.TaskStatus_REASON_EXECUTOR_REGISTRATION_TIMEOUT {
		t.Errorf("n1: %v", st)
	}
}

// An executor that does not come back after a restart is ended.
func TestExecutorStaysAway(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, func(o *agent.Options) { o.ExecutorReregistrationTimeout = 300 * time.Millisecond })
	ex := customExecutor(t, "ex", "json")
	alloc.launchOn(ex, true, false, custom("t1", "long"))
	st := alloc.await("t1", mesos.TaskState_TASK_RUNNING)
	// A stopped process keeps its pid and says nothing.
	p, err := os.FindProcess(int(st.ContainerStatus.GetExecutorPid()))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	n.halt()
	// Until the executor has had its time, the agent answers for nothing.
	answers := make(chan [3]int, 1)
	listening := n.opts
	n.opts = func(o *agent.Options) {
		listening(o)
		tell := o.Listening
		o.Listening = func(a string) {
			tell(a)
			go func() {
				state, _ := n.get("/state")
				call, _, _ := n.post("/api/v1", "application/json", "", `{"type":"GET_TASKS"}`)
				health, _ := n.get("/health")
				answers <- [3]int{state, call, health}
			}()
		}
	}
	n.start()
	if got := <-answers; got != [3]int{503, 503, 200} {
		t.Errorf("during recovery /state, /api/v1 and /health gave %v, want 503, 503, 200", got)
	}
	if code, _ := n.get("/state"); code != 200 {
		t.Errorf("after recovery /state gave %d", code)
	}
	if st := alloc.await("t1", mesos.TaskState_TASK_LOST); st.GetReason() != mesos.TaskStatus_REASON_EXECUTOR_REREGISTRATION_TIMEOUT {
		t.Errorf("t1: %v", st)
	}
}
