package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caprock/caprock/bench/workload"
)

// fleetRow is what tests look at of a row of bench fleet.
type fleetRow struct {
	Phase, Kind, Role string
	Offers, Tasks     int
	Refused, Waiting  int
	Inverse           int     `json:"inverse_offers"`
	Share             float64 `json:"role_share"`
	Fair              float64 `json:"fair_share"`
	Start             quantiles
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const troubled = `
[fleet]
shape = "racks"
agents = 20
[[roles]]
name = "batch"
limit = "cpus:128"
[[frameworks]]
kind = "batch"
count = 2
task_time = "300ms"
[[frameworks]]
name = "arriving"
kind = "batch"
cpus = 1
mem_mib = 512
task_time = "100ms"
per_second = 50
[[frameworks]]
name = "late"
kind = "service"
phases = ["trouble"]
[[phases]]
name = "calm"
time = "1500ms"
[[phases]]
name = "trouble"
time = "1500ms"
maintenance = 0.3
vanish = 0.25
load = 2.0
`

func TestBenchFleetPlaysAWorkload(t *testing.T) {
	rows := bench[fleetRow](t, "fleet", "--workload="+write(t, "w.toml", troubled), "--alloc-flags=--allocation-interval=20ms")
	got := map[string]fleetRow{}
	for _, r := range rows {
		got[r.Phase+"/"+r.Kind] = r
	}
	if _, early := got["calm/late"]; len(rows) != 5 || early {
		t.Fatalf("got rows %+v, want late frameworks only in the second phase", rows)
	}
	if r := got["calm/batch"]; r.Tasks == 0 || r.Share > .101 || r.Share == 0 || r.Fair < .09 || r.Fair > .101 {
		t.Errorf("with a limit of a tenth: got %+v", r)
	}
	calm, trouble := got["calm/arriving"], got["trouble/arriving"]
	if calm.Tasks < 30 || trouble.Tasks < 70 || !calm.Start.ascend() {
		t.Errorf("50 and 100 tasks a second arrive: got %+v and %+v", calm, trouble)
	}
	if calm.Inverse != 0 || trouble.Inverse+got["trouble/batch"].Inverse == 0 {
		t.Errorf("no inverse offers came: %+v", rows)
	}
}

func TestBenchFleetOfASeedIsAWorkloadThatCanBePrinted(t *testing.T) {
	printed := func() string {
		cmd := root()
		var out bytes.Buffer
		cmd.SetOut(&out)
		cmd.SetArgs([]string{"bench", "fleet", "--seed=5", "--agents=20", "--frameworks=7", "--warm-up=0s", "--window=1s", "--print-workload"})
		if err := cmd.Execute(); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	text := printed()
	if text != printed() {
		t.Error("a seed makes two workloads")
	}
	w, err := workload.Parse("printed", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if rows := bench[fleetRow](t, "fleet", "--workload="+write(t, "w.toml", text)); len(rows) != len(w.Groups) {
		t.Errorf("got %d rows of %d groups", len(rows), len(w.Groups))
	}
}

func TestBenchFleetReplaysATrace(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, lines []string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var machines, jobs, instances []string
	for i := range 10 {
		machines = append(machines, fmt.Sprintf("0,%d,ADD,s,%g,1,p,0", i, []float64{.5, 1}[i%2]))
	}
	for j := range 30 {
		at := j * 1_000_000
		jobs = append(jobs, fmt.Sprintf("%d,SUBMIT,%d,2,0,0,103,0,User/%d,n,l,0,,0,0,0,0", at, j, j%4))
		for i := range 4 {
			for k, after := range map[string]int{"SUBMIT": 0, "SCHEDULE": 100_000, "FINISH": 6_100_000} {
				instances = append(instances, fmt.Sprintf("%d,%s,%d,2,0,JOB,103,0,%d,1,-1,.01,.01,", at+after, k, j, i))
			}
		}
	}
	instances = append(instances, "nonsense")
	put("machine_events.csv", machines)
	put("collection_events.csv", jobs)
	put("instance_events.csv", instances)
	rows := bench[fleetRow](t, "fleet", "--trace=google2019:"+dir, "--scale=1", "--speed=20", "--trace-for=40s", "--trace-roles=3", "--frameworks=2",
		"--alloc-flags=--allocation-interval=20ms")
	tasks := 0
	for _, r := range rows {
		tasks += r.Tasks
		if !r.Start.ascend() || r.Refused > 0 {
			t.Errorf("got %+v", r)
		}
	}
	if len(rows) != 4 || rows[3].Kind != "others" || !strings.HasPrefix(rows[0].Role, "1-User-") || tasks != 120 {
		t.Errorf("%d tasks ran, want 120 in three roles of users and one of others: %+v", tasks, rows)
	}
}

func TestBenchFleetRefusesWhatContradictsItself(t *testing.T) {
	for want, args := range map[string][]string{
		"got --agents beside --workload": {"--workload=kinds", "--agents=5"},
		"got --speed without --trace":    {"--speed=3"},
		"got --shape beside --trace":     {"--trace=google2019:/x", "--shape=mixed"},
		"want google2019:DIR":            {"--trace=borg:/x"},
		"got --speed=0":                  {"--trace=google2019:/x", "--speed=0"},
		"got workload \"nothing\"":       {"--workload=nothing"},
		"got --frameworks=5000":          {"--frameworks=5000"},
		"fleet.shape: got \"round\"":     {"--shape=round"},
	} {
		cmd := root()
		var out bytes.Buffer
		cmd.SetOut(&out)
		cmd.SetErr(&out)
		cmd.SetArgs(append([]string{"bench", "fleet"}, args...))
		if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", args, err, want)
		}
	}
}

func TestBenchStormTakesTheFleetOfAWorkload(t *testing.T) {
	rows := bench[struct {
		Phase string
		Count int
	}](t, "storm", "--shape="+write(t, "w.toml", troubled), "--agents=40", "--frameworks=4", "--roles=2", "--tasks=80", "--heartbeats=100ms",
		"--alloc-flags=--allocation-interval=20ms")
	got := map[string]int{}
	for _, r := range rows {
		got[r.Phase] = r.Count
	}
	for phase, want := range map[string]int{"agents registered from cold": 40, "agents back after their links broke": 20,
		"tasks launched and reported running": 80, "restart to agents back": 40, "restart to first offer": 1, "restart to frameworks back": 4} {
		if got[phase] != want {
			t.Errorf("%s: got %d, want %d", phase, got[phase], want)
		}
	}
}
