package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/tools/devcluster"
)

// startCluster runs the built program as a cluster of one allocator and one agent.
func startCluster(t *testing.T) *devcluster.Cluster {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "caprock")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cluster, err := devcluster.Start(ctx, devcluster.Options{Binary: binary, Listen: "127.0.0.1:0", Log: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := cluster.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	if err := cluster.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	return cluster
}

// caprock runs a command of the program in this process.
func caprock(ctx context.Context, args ...string) (string, error) {
	cmd := root()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	return out.String(), err
}

// Whoever reaches the allocator reads what tasks print, while they run and after.
func TestLogsAndFilesComeThroughTheAllocator(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program and starts a cluster")
	}
	cluster := startCluster(t)
	at := "--allocator=" + cluster.URL()
	gate := filepath.Join(t.TempDir(), "go")
	ran := make(chan error, 1)
	go func() {
		_, err := caprock(t.Context(), "run", at, "--name=teller", "--", "sh", "-c",
			"mkdir sub; echo inner > sub/note; echo first; until [ -e "+gate+" ]; do sleep 0.02; done; echo last")
		ran <- err
	}()
	var id string
	for id == "" {
		var tasks struct {
			Tasks []struct{ ID, Name, State string }
		}
		resp, err := http.Get(cluster.URL() + "/tasks")
		if err != nil {
			t.Fatal(err)
		}
		err = json.NewDecoder(resp.Body).Decode(&tasks)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range tasks.Tasks {
			if task.Name == "teller" && task.State == "TASK_RUNNING" {
				id = task.ID
			}
		}
	}
	followed := make(chan string, 1)
	go func() {
		out, err := caprock(t.Context(), "logs", at, "-f", id)
		if err != nil {
			t.Error(err)
		}
		followed <- out
	}()
	for out := ""; out != "first\n"; {
		var err error
		if out, err = caprock(t.Context(), "logs", at, id); err != nil {
			t.Fatal(err)
		}
	}
	list, err := caprock(t.Context(), "files", at, id[:len(id)-2])
	if err != nil || !strings.Contains(list, "stdout") || !strings.Contains(list, "sub") {
		t.Errorf("files: got %v\n%s", err, list)
	}
	if err := os.WriteFile(gate, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if out := <-followed; out != "first\nlast\n" {
		t.Errorf("followed: got %q, want both lines", out)
	}
	if err := <-ran; err != nil {
		t.Error(err)
	}
	// The task is over, its files are there.
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"logs", at, id}, "first\nlast\n"},
		{[]string{"logs", at, "--tail=5", id}, "last\n"},
		{[]string{"logs", at, "--stderr", id}, ""},
		{[]string{"logs", at, "--file=sub/note", id}, "inner\n"},
		{[]string{"logs", at, "-f", id}, "first\nlast\n"},
	} {
		if out, err := caprock(t.Context(), c.args...); err != nil || out != c.want {
			t.Errorf("%v: got %q, %v, want %q", c.args, out, err, c.want)
		}
	}
	for _, c := range []struct{ path, want string }{
		{"../../../../etc/passwd", "400"}, {"/etc/passwd", "400"}, {"missing", "404"}, {"sub", "400"},
	} {
		if _, err := caprock(t.Context(), "logs", at, "--file="+c.path, id); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want a refusal with %s", c.path, err, c.want)
		}
	}
	if _, err := caprock(t.Context(), "logs", at, "no-such-task"); err == nil || !strings.Contains(err.Error(), `no task has the id "no-such-task"`) {
		t.Errorf("an unknown task: got %v", err)
	}
	checkRelayedAgent(t, cluster.URL())
}

// checkRelayedAgent reads an agent through the allocator.
func checkRelayedAgent(t *testing.T, url string) {
	get := func(path string) (int, string) {
		resp, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	var slaves struct {
		Slaves []struct{ ID string }
	}
	_, body := get("/slaves")
	if err := json.Unmarshal([]byte(body), &slaves); err != nil || len(slaves.Slaves) != 1 {
		t.Fatalf("/slaves: %v: %s", err, body)
	}
	agent := "/agent/" + slaves.Slaves[0].ID
	for _, c := range []struct {
		path string
		want int
	}{
		{agent + "/state", 200}, {agent + "/health", 200}, {agent + "/api/v1/executor", 404}, {agent, 404}, {"/agent/unknown/state", 404},
	} {
		if status, body := get(c.path); status != c.want {
			t.Errorf("%s: got %d, want %d: %s", c.path, status, c.want, body)
		}
	}
	resp, err := http.Post(url+agent+"/api/v1", "application/json", strings.NewReader(`{"type":"GET_HEALTH"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 || !strings.Contains(string(body), `"healthy":true`) {
		t.Errorf("GET_HEALTH through the allocator: %d %s", resp.StatusCode, body)
	}
}
