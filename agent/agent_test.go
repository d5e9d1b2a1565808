package agent_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/agent"
	"github.com/caprock/caprock/agent/runner"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

// node is an agent under test that can be stopped and started again.
type node struct {
	t       *testing.T
	alloc   *allocator
	dir     string
	address string
	opts    func(*agent.Options)
	agent   *agent.Agent
	stop    context.CancelFunc
	done    chan error
}

func startNode(t *testing.T, alloc *allocator, opts func(*agent.Options)) *node {
	if testing.Short() {
		t.Skip("SKIP-ENV: starts real processes")
	}
	return startNodeIn(t, alloc, t.TempDir(), opts)
}

// startNodeIn is startNode with the work dir dir.
func startNodeIn(t *testing.T, alloc *allocator, dir string, opts func(*agent.Options)) *node {
	n := &node{t: t, alloc: alloc, dir: dir, opts: opts}
	// The sandboxes belong to other users, who must get there.
	for _, dir := range []string{n.dir, filepath.Dir(n.dir)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	n.start()
	t.Cleanup(func() {
		if n.stop == nil {
			n.start()
		}
		n.leave("test is over")
	})
	return n
}

// leave ends the agent and everything on it.
func (n *node) leave(message string) {
	n.agent.Leave(message)
	if err := <-n.done; err != nil {
		n.t.Errorf("leaving: %v", err)
	}
	n.stop()
	n.stop = nil
}

func isolationForTest() string {
	if v := os.Getenv("CAPROCK_TEST_ISOLATION"); v != "" {
		return v
	}
	if os.Geteuid() == 0 {
		return runner.Auto
	}
	return runner.Posix
}

func (n *node) options() agent.Options {
	log := slog.New(slog.NewTextHandler(testWriter{n.t}, &slog.HandlerOptions{Level: slog.LevelInfo}))
	o := agent.Options{
		Allocator: n.alloc.url, Listen: "127.0.0.1:0", WorkDir: n.dir, Resources: "cpus:2;mem:1024;disk:1024",
		Attributes: "rack:r1", Hostname: "node1", Isolation: isolationForTest(), Logger: log,
		ExecutorEnvironment: []string{"OPERATOR=yes"},
		Listening:           func(a string) { n.address = a },
	}
	if n.opts != nil {
		n.opts(&o)
	}
	return o
}

func (n *node) start() {
	n.t.Helper()
	a, err := agent.New(n.options())
	if err != nil {
		n.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.agent, n.stop, n.done = a, cancel, make(chan error, 1)
	go func() { n.done <- a.Run(ctx) }()
	select {
	case <-a.Ready():
	case err := <-n.done:
		n.t.Fatalf("agent ended before it was ready: %v", err)
	case <-time.After(time.Minute):
		n.t.Fatal("agent is not ready after a minute")
	}
}

// halt stops the agent and leaves its tasks running.
func (n *node) halt() {
	n.t.Helper()
	n.stop()
	if err := <-n.done; err != nil {
		n.t.Fatalf("stopping: %v", err)
	}
	n.stop = nil
}

func (n *node) get(path string) (int, string) {
	n.t.Helper()
	resp, err := http.Get("http://" + n.address + path)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// sandbox is the latest sandbox of a command task.
func (n *node) sandbox(executor string) string {
	return filepath.Join(n.dir, "slaves", agentID, "frameworks", "fw", "executors", executor, "runs", "latest")
}

func (n *node) read(executor, file string) string {
	n.t.Helper()
	b, err := os.ReadFile(filepath.Join(n.sandbox(executor), file))
	if err != nil {
		n.t.Fatal(err)
	}
	return string(b)
}

// eventually waits for something outside of the allocator's sight.
func (n *node) eventually(what string, ok func() bool) {
	n.t.Helper()
	for range 6000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	n.t.Fatalf("waited in vain for %s", what)
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(string(bytes.TrimRight(p, "\n")))
	return len(p), nil
}

func equalStates(got []mesos.TaskState, want ...mesos.TaskState) bool { return slices.Equal(got, want) }

func TestCommandTasks(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	f := framework()
	alloc.launch(f,
		shell("ok", `echo out; echo err >&2; env; pwd`),
		shell("three", "exit 3"),
		shell("segv", "kill -SEGV $$"),
		&mesos.TaskInfo{
			Name: new("argv"), TaskId: &mesos.TaskID{Value: new("argv")}, AgentId: &mesos.AgentID{Value: new(agentID)},
			Resources: []*mesos.Resource{scalar("cpus", 0.1)},
			Command: &mesos.CommandInfo{Shell: new(false), Value: new("sh"), Arguments: []string{"zero", "-c", `echo "$0 $1 $A"`, "arg0", "arg1"},
				Environment: &mesos.Environment{Variables: []*mesos.Environment_Variable{{Name: new("A"), Value: new("task")}}}},
		},
		&mesos.TaskInfo{
			Name: new("none"), TaskId: &mesos.TaskID{Value: new("none")}, AgentId: &mesos.AgentID{Value: new(agentID)},
			Command: &mesos.CommandInfo{Shell: new(false), Value: new("no-such-program")},
		},
	)
	st := alloc.await("ok", mesos.TaskState_TASK_FINISHED)
	if st.GetMessage() != "Command exited with status 0" || st.GetSource() != mesos.TaskStatus_SOURCE_EXECUTOR {
		t.Errorf("ok: got %v", st)
	}
	if got := st.ContainerStatus.GetNetworkInfos()[0].IpAddresses[0].GetIpAddress(); got != "127.0.0.1" {
		t.Errorf("ok: network address %q", got)
	}
	if !equalStates(alloc.states("ok"), mesos.TaskState_TASK_STARTING, mesos.TaskState_TASK_RUNNING, mesos.TaskState_TASK_FINISHED) {
		t.Errorf("ok: states %v", alloc.states("ok"))
	}
	if st := alloc.await("three", mesos.TaskState_TASK_FAILED); st.GetMessage() != "Command exited with status 3" {
		t.Errorf("three: got %v", st)
	}
	if st := alloc.await("segv", mesos.TaskState_TASK_FAILED); st.GetMessage() != "Command terminated with signal Segmentation fault" {
		t.Errorf("segv: got %v", st)
	}
	alloc.await("argv", mesos.TaskState_TASK_FINISHED)
	if got := n.read("argv", "stdout"); got != "arg0 arg1 task\n" {
		t.Errorf("argv: stdout %q", got)
	}
	if st := alloc.await("none", mesos.TaskState_TASK_FAILED); st.GetMessage() != "Command exited with status 1" {
		t.Errorf("none: got %v", st)
	}
	if got := n.read("none", "stderr"); !strings.HasPrefix(got, "Failed to execute command: ") {
		t.Errorf("none: stderr %q", got)
	}
	out := n.read("ok", "stdout")
	real, _ := filepath.EvalSymlinks(n.sandbox("ok"))
	for _, want := range []string{
		"out\n", "MESOS_FRAMEWORK_ID=fw\n", "MESOS_EXECUTOR_ID=ok\n", "MESOS_SANDBOX=" + real + "\n", "OPERATOR=yes\n",
		"MESOS_AGENT_ENDPOINT=" + n.address + "\n", "MESOS_SLAVE_ID=" + agentID + "\n", "MESOS_ALLOCATION_ROLE=r\n", "\n" + real + "\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("stdout lacks %q:\n%s", want, out)
		}
	}
	if got := n.read("ok", "stderr"); got != "err\n" {
		t.Errorf("stderr %q", got)
	}
	// The sandbox is found through /state and read through /files.
	_, state := n.get("/state")
	if !strings.Contains(state, `"directory":"`+real+`"`) {
		t.Errorf("/state lacks the directory %s: %s", real, state)
	}
	if code, body := n.get("/files/read?path=" + real + "/stderr&offset=0"); code != 200 || body != `{"data":"err\n","offset":0}` {
		t.Errorf("/files/read: %d %s", code, body)
	}
	if code, _ := n.get("/files/read?path=/etc/passwd&offset=0"); code != 404 {
		t.Errorf("/files/read of /etc/passwd: got %d, want 404", code)
	}
}

func TestKill(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	f := framework(mesos.FrameworkInfo_Capability_TASK_KILLING_STATE)
	stubborn := shell("stubborn", `trap "" TERM; echo ready; while :; do sleep 1000 & wait $!; done`)
	stubborn.KillPolicy = &mesos.KillPolicy{GracePeriod: &mesos.DurationInfo{Nanoseconds: new(int64(300e6))}}
	slow := shell("slow", "sleep 1000")
	slow.MaxCompletionTime = &mesos.DurationInfo{Nanoseconds: new(int64(300e6))}
	alloc.launch(f, shell("polite", "sleep 1000"), stubborn, slow)
	for _, id := range []string{"polite", "stubborn"} {
		alloc.await(id, mesos.TaskState_TASK_RUNNING)
		if id == "stubborn" {
			n.eventually("the trap", func() bool { return n.read(id, "stdout") != "" })
		}
		alloc.kill(id)
	}
	if st := alloc.await("polite", mesos.TaskState_TASK_KILLED); st.GetMessage() != "Command terminated with signal Terminated" {
		t.Errorf("polite: %v", st)
	}
	if st := alloc.await("stubborn", mesos.TaskState_TASK_KILLED); st.GetMessage() != "Command terminated with signal Killed" {
		t.Errorf("stubborn: %v", st)
	}
	if !slices.Contains(alloc.states("polite"), mesos.TaskState_TASK_KILLING) {
		t.Errorf("polite: no TASK_KILLING in %v", alloc.states("polite"))
	}
	if st := alloc.await("slow", mesos.TaskState_TASK_FAILED); st.GetReason() != mesos.TaskStatus_REASON_MAX_COMPLETION_TIME_REACHED {
		t.Errorf("slow: %v", st)
	}
}

// Where there are no cgroups, tasks run as plain sessions.
func TestWithoutCgroups(t *testing.T) {
	t.Setenv("CAPROCK_TEST_ISOLATION", runner.Posix)
	t.Run("command tasks", TestCommandTasks)
	t.Run("kill", TestKill)
	t.Run("restart", TestRestart)
}

func TestOutOfMemory(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIP-ENV: needs cgroups")
	}
	alloc := newAllocator(t)
	startNode(t, alloc, nil)
	hog := shell("hog", "tail /dev/zero")
	alloc.launch(framework(), hog)
	st := alloc.await("hog", mesos.TaskState_TASK_FAILED)
	if st.GetReason() != mesos.TaskStatus_REASON_CONTAINER_LIMITATION_MEMORY || st.Limitation == nil {
		t.Errorf("got %v", st)
	}
}

// The agent stops and comes back while tasks run, end, and are to be launched.
func TestRestart(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	alloc.launch(framework(), shell("long", "echo $$; sleep 1000"), shell("ends", "while [ ! -e go ]; do sleep 0.05; done; exit 7"))
	alloc.await("long", mesos.TaskState_TASK_RUNNING)
	alloc.await("ends", mesos.TaskState_TASK_RUNNING)
	n.eventually("long's output", func() bool { return n.read("long", "stdout") != "" })
	before := n.read("long", "stdout")
	n.halt()
	if err := os.WriteFile(filepath.Join(n.sandbox("ends"), "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	pidGone(t, alloc.last("ends"))
	alloc.launch(framework(), shell("later", "true"))
	n.start()
	alloc.await("later", mesos.TaskState_TASK_FINISHED)
	st := alloc.await("ends", mesos.TaskState_TASK_FAILED)
	if st.GetMessage() != "Command exited with status 7" {
		t.Errorf("the exit while no agent ran: %v", st)
	}
	alloc.kill("long")
	alloc.await("long", mesos.TaskState_TASK_KILLED)
	if after := n.read("long", "stdout"); after != before {
		t.Errorf("the task was started again: stdout %q, then %q", before, after)
	}
	if !equalStates(alloc.states("long"), mesos.TaskState_TASK_STARTING, mesos.TaskState_TASK_RUNNING, mesos.TaskState_TASK_KILLED) {
		t.Errorf("long: %v", alloc.states("long"))
	}
	reg := alloc.registers[len(alloc.registers)-1]
	if reg.Agent.Id.GetValue() != agentID || len(reg.Tasks) != 2 {
		t.Errorf("second registration: %v", reg)
	}
}

func pidGone(t *testing.T, st *mesos.TaskStatus) {
	t.Helper()
	pid := st.ContainerStatus.GetExecutorPid()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(b), ") Z ") {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("process %d does not end", pid)
}

func TestTaskGroup(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	ex := &mesos.ExecutorInfo{
		Type: mesos.ExecutorInfo_DEFAULT.Enum(), ExecutorId: &mesos.ExecutorID{Value: new("pod")},
		FrameworkId: &mesos.FrameworkID{Value: new("fw")},
		Resources:   []*mesos.Resource{scalar("cpus", 0.1), scalar("mem", 32)},
	}
	alloc.send(&link.Down{Body: &link.Down_Launch{Launch: &link.Launch{
		Framework: framework(), Executor: ex, Group: new(true), LaunchExecutor: new(true),
		Tasks: []*mesos.TaskInfo{shell("a", "echo a; sleep 1000"), shell("b", "while [ ! -e go ]; do sleep 0.05; done; exit 2")},
	}}})
	alloc.await("a", mesos.TaskState_TASK_RUNNING)
	st := alloc.await("b", mesos.TaskState_TASK_RUNNING)
	if st.ContainerStatus.ContainerId.GetParent() == nil {
		t.Errorf("b has no parent container: %v", st)
	}
	n.eventually("a's output", func() bool { return n.read("pod", "tasks/a/stdout") == "a\n" })
	if code, body := n.get("/containers"); code != 200 || !strings.Contains(body, `"executor_id":"pod"`) {
		t.Errorf("/containers: %d %s", code, body)
	}
	if err := os.WriteFile(filepath.Join(n.sandbox("pod"), "tasks", "b", "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	alloc.await("b", mesos.TaskState_TASK_FAILED)
	alloc.await("a", mesos.TaskState_TASK_KILLED)
	alloc.wait("the executor to end", func() bool { return len(alloc.exits) == 1 && alloc.exits[0].GetStatus() == 0 })
}

func TestLeave(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	alloc.launch(framework(), shell("long", "sleep 1000"))
	st := alloc.await("long", mesos.TaskState_TASK_RUNNING)
	n.leave("bye")
	pidGone(t, st)
	alloc.wait("the agent to unregister", func() bool { return alloc.unregister == 1 })
	n.start()
	alloc.mu.Lock()
	defer alloc.mu.Unlock()
	first, last := alloc.registers[0], alloc.registers[len(alloc.registers)-1]
	if first.Agent.Id != nil || last.Agent.GetId().GetValue() == "" || len(last.Tasks) != 0 {
		t.Errorf("after it left the agent registers as %v, want the same agent without tasks", last)
	}
}

func TestSecondAgentOnOneWorkDir(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	other, err := agent.New(agent.Options{
		Allocator: alloc.url, Listen: "127.0.0.1:0", WorkDir: n.dir, Isolation: runner.Posix,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Fatalf("got %v, want a refusal: the work dir is in use", err)
	}
}

// runOnce runs an agent on the work dir of n that is expected to fail.
func runOnce(t *testing.T, n *node, edit func(*agent.Options)) error {
	t.Helper()
	o := n.options()
	edit(&o)
	a, err := agent.New(o)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return a.Run(ctx)
}

// The grace of a KILL stands above that of the task, and a later KILL may shorten it.
func TestKillWithAPolicyOfItsOwn(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	task := func(id string) *mesos.TaskInfo {
		info := shell(id, `trap "" TERM; echo ready; while :; do sleep 1000 & wait $!; done`)
		info.KillPolicy = &mesos.KillPolicy{GracePeriod: &mesos.DurationInfo{Nanoseconds: new(int64(time.Hour))}}
		return info
	}
	kill := func(id string, grace time.Duration) {
		alloc.send(&link.Down{Body: &link.Down_Kill{Kill: &link.Kill{
			FrameworkId: framework().Id, TaskId: &mesos.TaskID{Value: &id},
			KillPolicy: &mesos.KillPolicy{GracePeriod: &mesos.DurationInfo{Nanoseconds: new(int64(grace))}},
		}}})
	}
	alloc.launch(framework(), task("short"), task("shorter"))
	for _, id := range []string{"short", "shorter"} {
		alloc.await(id, mesos.TaskState_TASK_RUNNING)
		n.eventually("the trap", func() bool { return n.read(id, "stdout") != "" })
	}
	kill("short", 100*time.Millisecond)
	kill("shorter", time.Hour)
	kill("shorter", 100*time.Millisecond)
	for _, id := range []string{"short", "shorter"} {
		if st := alloc.await(id, mesos.TaskState_TASK_KILLED); st.GetMessage() != "Command terminated with signal Killed" {
			t.Errorf("%s: %v", id, st)
		}
		// The framework has no TASK_KILLING_STATE.
		if slices.Contains(alloc.states(id), mesos.TaskState_TASK_KILLING) {
			t.Errorf("%s: got %v, want no TASK_KILLING", id, alloc.states(id))
		}
	}
}
