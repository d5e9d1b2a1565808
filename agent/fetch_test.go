package agent_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caprock/caprock/wire/mesos"
)

// withURI is a task that fetches value before it runs line.
func withURI(id, value, line string) *mesos.TaskInfo {
	t := shell(id, line)
	t.Command.Uris = []*mesos.CommandInfo_URI{{Value: &value, Cache: new(true), OutputFile: new("fetched")}}
	return t
}

func TestFetchedFilesAndTheirMetrics(t *testing.T) {
	asked := 0
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/app" {
			http.NotFound(w, r)
			return
		}
		asked++
		w.Write([]byte("from the store\n"))
	}))
	defer store.Close()
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	f := framework()
	for _, id := range []string{"first", "second"} {
		alloc.launch(f, withURI(id, store.URL+"/app", "cat fetched"))
		alloc.await(id, mesos.TaskState_TASK_FINISHED)
		if got := n.read(id, "stdout"); got != "from the store\n" {
			t.Errorf("%s: stdout is %q", id, got)
		}
	}
	if asked != 1 {
		t.Errorf("the store was asked %d times, want once", asked)
	}
	alloc.launch(f, withURI("wrong", store.URL+"/missing", "true"))
	st := alloc.await("wrong", mesos.TaskState_TASK_FAILED)
	if st.GetReason() != mesos.TaskStatus_REASON_CONTAINER_LAUNCH_FAILED || !strings.Contains(st.GetMessage(), "404 Not Found") {
		t.Errorf("wrong: got %v, want CONTAINER_LAUNCH_FAILED for a 404", st)
	}
	if got := n.read("wrong", "stderr"); !strings.Contains(got, "404 Not Found") {
		t.Errorf("wrong: stderr in its sandbox is %q, want the reason", got)
	}
	_, metrics := n.get("/metrics/snapshot")
	for _, want := range []string{
		`"containerizer/fetcher/task_fetches_succeeded":2`, `"containerizer/fetcher/task_fetches_failed":1`,
		`"containerizer/fetcher/cache_size_used_bytes":15`, `"containerizer/fetcher/cache_size_total_bytes":2147483648`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("/metrics/snapshot lacks %s", want)
		}
	}
}
