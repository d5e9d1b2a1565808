package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain lets this binary be what scenarios of bench start: an allocator, an agent and its helpers.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "alloc" || os.Args[1] == "agent" || os.Args[1] == "bench") {
		main()
		return
	}
	os.Exit(m.Run())
}

// bench runs `caprock bench` with these arguments and a page, and decodes the rows
// of its report.
func bench[R any](t *testing.T, args ...string) []R {
	t.Helper()
	page := filepath.Join(t.TempDir(), "page.html")
	cmd := root()
	var out, progress bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&progress)
	cmd.SetArgs(append([]string{"bench"}, append(args, "--json", "--html", page)...))
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	var report struct {
		Rows []R `json:"rows"`
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("%v in %s", err, out.String())
	}
	text, err := os.ReadFile(page)
	if err != nil || !strings.Contains(string(text), "<svg ") {
		t.Errorf("the page has no plot: %v", err)
	}
	return report.Rows
}

type quantiles struct {
	P50 int64 `json:"p50_ns"`
	P99 int64 `json:"p99_ns"`
	Max int64 `json:"max_ns"`
}

func (q quantiles) ascend() bool { return q.P50 > 0 && q.P50 <= q.P99 && q.P99 <= q.Max }

func TestBenchLaunchProbesABusyFleet(t *testing.T) {
	rows := bench[struct {
		Agents, Running, Probes int
		Launch, Wait            quantiles
		TasksPerSecond          float64 `json:"tasks_per_s"`
	}](t, "launch", "--sizes=5,20", "--frameworks=3", "--roles=2", "--task-time=200ms", "--probes=5", "--every=1ms", "--warm-up=300ms",
		"--alloc-flags=--allocation-interval=20ms")
	if len(rows) != 2 {
		t.Fatalf("got %d rows, want one per size", len(rows))
	}
	for i, r := range rows {
		// There is room for two tasks on each agent; one that has ended counts until it is acknowledged.
		if want := []int{5, 20}[i]; r.Agents != want || r.Probes != 5 || r.Running > 10*want || r.Running == 0 || !r.Launch.ascend() || !r.Wait.ascend() {
			t.Errorf("size %d: got %+v", want, r)
		}
	}
}

func TestBenchFanoutReachesEverySubscriber(t *testing.T) {
	rows := bench[struct {
		quantiles
		Kind             string
		Subscribers, Cut int
		Events           int
		Least            int `json:"least_events"`
		Most             int `json:"most_events"`
	}](t, "fanout", "--subscribers=20", "--slow=2", "--agents=20", "--frameworks=2", "--rate=50", "--warm-up=100ms", "--window=1500ms",
		"--alloc-flags=--allocation-interval=20ms")
	if len(rows) != 2 {
		t.Fatalf("got %d rows, want those who keep up and the slow", len(rows))
	}
	// All who keep up have had the same events.
	if r := rows[0]; r.Subscribers != 20 || r.Cut != 0 || r.Events < 20 || r.Least != r.Most || !r.ascend() {
		t.Errorf("who keeps up: got %+v", r)
	}
	if r := rows[1]; r.Subscribers != 2 || r.Events >= rows[0].Events/20 {
		t.Errorf("the slow: got %+v", r)
	}
}

func TestBenchStateComparesPhasesOfOneRun(t *testing.T) {
	rows := bench[struct {
		Readers        string
		Accept, Read   quantiles
		Accepts, Reads int
		Bytes          float64 `json:"read_bytes_per_s"`
	}](t, "state", "--agents=20", "--frameworks=4", "--rate=40", "--endpoints=/state,GET_TASKS", "--readers=1", "--pause=10ms",
		"--rounds=2", "--settle=50ms", "--window=300ms", "--alloc-flags=--allocation-interval=20ms")
	var names []string
	for _, r := range rows {
		names = append(names, r.Readers)
		if r.Accepts == 0 || !r.Accept.ascend() {
			t.Errorf("%s: got %+v", r.Readers, r)
		}
		if reads := r.Readers != "nobody"; reads != (r.Reads > 0) || reads != (r.Bytes > 0) || reads != r.Read.ascend() {
			t.Errorf("%s: got %+v", r.Readers, r)
		}
	}
	if got := strings.Join(names, " "); got != "nobody /state GET_TASKS" {
		t.Errorf("the rows are %s", got)
	}
}

func TestBenchFleetGivesEachKindItsShare(t *testing.T) {
	rows := bench[struct {
		Kind                    string
		Offers, Declined, Tasks int
		Share                   float64 `json:"dominant_share"`
	}](t, "fleet", "--agents=10", "--frameworks=1", "--task-time=300ms", "--warm-up=1s", "--window=1500ms", "--alloc-flags=--allocation-interval=20ms")
	total := 0.0
	for _, r := range rows {
		total += r.Share
		switch declines := r.Kind == "declining"; {
		case declines && (r.Offers != r.Declined || r.Tasks > 0):
			t.Errorf("who declines everything: got %+v", r)
		case r.Kind == "service" && r.Share > 20*8192/float64(10*262144)+1e-9:
			t.Errorf("services have more than they want: %+v", r)
		case (r.Kind == "batch" || r.Kind == "greedy") && (r.Tasks == 0 || r.Share == 0):
			t.Errorf("got nothing: %+v", r)
		}
	}
	// Dominant shares may add up to more than the whole, but not to twice of it: there are two resources.
	if len(rows) != 7 || total <= 0 || total > 2 {
		t.Errorf("%d kinds have %v of the fleet together", len(rows), total)
	}
}

func TestBenchAgentCountsHelpersToo(t *testing.T) {
	type memory struct {
		RSS       int64 `json:"rss_bytes"`
		PSS       int64 `json:"pss_bytes"`
		Anonymous int64 `json:"anonymous_bytes"`
	}
	// Without cgroups, so that it runs for everybody.
	rows := bench[struct {
		Tasks                int
		Idle, Agent, Helpers memory
		PerTask              float64 `json:"per_task_bytes"`
		LaunchCPU            float64 `json:"launch_cpu_s"`
		Launch               quantiles
	}](t, "agent", "--tasks=3", "--settle=100ms", "--window=200ms", "--agent-flags=--isolation=posix")
	if len(rows) != 2 {
		t.Fatalf("got %d rows, want one for each way", len(rows))
	}
	for i, r := range rows {
		if r.Tasks != 3 || !r.Launch.ascend() || r.LaunchCPU <= 0 || r.Idle.RSS == 0 || r.Agent.PSS == 0 || r.Agent.Anonymous == 0 {
			t.Errorf("row %d: got %+v", i, r)
		}
	}
	if h := rows[0].Helpers; h != (memory{}) {
		t.Errorf("command tasks have helpers of %+v", h)
	}
	if h := rows[1].Helpers; h.Anonymous < 3<<20 || h.PSS < h.Anonymous || h.RSS < h.PSS || rows[1].PerTask < float64(h.PSS/3)/2 {
		t.Errorf("three helpers have %+v, of which a task counts %v", h, rows[1].PerTask)
	}
}

func TestBenchPeersIsFoundInACheckoutOnly(t *testing.T) {
	checkout, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(checkout, "bench", "peers")
	for _, from := range []string{checkout, want, filepath.Join(checkout, "tools", "caprock")} {
		if got := peersModule(from); got != want {
			t.Errorf("from %s: got %q, want %s", from, got, want)
		}
	}
	t.Chdir(t.TempDir())
	cmd := root()
	cmd.SetArgs([]string{"bench", "peers", "--quick"})
	if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "want a directory in a checkout") {
		t.Errorf("outside a checkout: got %v", err)
	}
}
