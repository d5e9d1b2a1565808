package agent_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caprock/caprock/agent"
	"github.com/caprock/caprock/wire/mesos"
)

// Executors reach the agent at a Unix socket, also the next agent, and there is nothing else to be had there.
func TestExecutorsCallAtASocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "s") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "agent.sock")
	alloc := newAllocator(t)
	n := startNode(t, alloc, func(o *agent.Options) { o.ExecutorSocket = socket })
	alloc.launch(framework(), shell("sees", `test -S "$MESOS_DOMAIN_SOCKET"`))
	alloc.await("sees", mesos.TaskState_TASK_FINISHED)
	ex := customExecutor(t, "ex", "json")
	// Whoever calls here instead does not get through.
	ex.Command.Value = new("MESOS_AGENT_ENDPOINT=127.0.0.1:1 exec ./test-executor")
	alloc.launchOn(ex, true, false, custom("t1", "long"))
	alloc.await("t1", mesos.TaskState_TASK_RUNNING)
	n.halt()
	n.start()
	alloc.kill("t1")
	alloc.await("t1", mesos.TaskState_TASK_KILLED)
	for path, want := range map[string]int{"/slave(1)/api/v1": 200, "/api/v1": 200, "/state": 403, "/slave(1)/files/browse": 403, "/metrics/snapshot": 403} {
		resp, err := atSocket(socket).Post("http://agent"+path, "application/json", strings.NewReader(`{"type":"GET_HEALTH"}`))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: got %s, want %d", path, resp.Status, want)
		}
	}
	if code, _ := n.get("/state"); code != http.StatusOK {
		t.Errorf("/state at the port: got %d", code)
	}
}

func TestSocketThatCannotBe(t *testing.T) {
	n := startNode(t, newAllocator(t), nil)
	n.halt()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{file: "no socket", "/" + strings.Repeat("x", 107): "want fewer than 108"} {
		if err := runOnce(t, n, func(o *agent.Options) { o.ExecutorSocket = path }); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: got %v, want %q", path, err, text)
		}
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("the file that was there: %v", err)
	}
}
