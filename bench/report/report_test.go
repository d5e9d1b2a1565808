package report

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestNewestRunOfEachScenarioIsShown(t *testing.T) {
	dir := t.TempDir()
	cycle := `[{"name":"10 × 1","mesos_s":0.5,"report":{"median":{"cpu_s":0.005,"offers":10},"cycles":[{"cpu_s":0.004},{"cpu_s":0.006}],"allocs_per_cycle":3},
		"parts":{"decide_cpu_s":0.002,"records_cpu_s":0.001,"encode_cpu_s":0.0005,"floor_cpu_s":0.0015,"refusals":7,"rss_bytes":5242880,"refused_scan_cpu_s":0.003}}]`
	write(t, dir, "cycle-2026-01-01.json", strings.ReplaceAll(cycle, "10 ×", "OLD ×"))
	write(t, dir, "cycle-2026-02-01.json", cycle)
	write(t, dir, "calls-2026-02-01.json", `{"command":"bench calls","when":"now","machine":{"cpu":"x","cores":2},"notes":["busy"],
		"rows":[{"case":"accept-1","calls":100,"calls_per_s":50,"tasks_per_s":50,"p50_ns":2000000,"p99_ns":9000000,
		"allocator_cpu_s":0.01,"allocator_rss_bytes":1048576,"runs":[{"calls_per_s":40},{"calls_per_s":60}]}]}`)
	write(t, dir, "storm-2026-02-01.json", `{"command":"bench storm","rows":[{"phase":"restart","count":7,"seconds":1.5}]}`)
	write(t, dir, "launch-2026-02-01.json", `{"command":"bench launch","rows":[{"agents":1000,"running":2000,"tasks_per_s":66,"probes":50,
		"launch":{"p50_ns":1000000,"p99_ns":2000000,"max_ns":3000000},"wait":{"p50_ns":4000000,"p99_ns":5000000,"max_ns":6000000},"parts":{"revive_answered":{"p50_ns":7000000,"p99_ns":8000000,"max_ns":9000000}},
		"seconds":2,"allocator_cpu_s":1,"allocator_rss_bytes":1048576}]}`)
	write(t, dir, "fleet-2026-02-01.json", `{"command":"bench fleet","rows":[{"kind":"batch","frameworks":5,"offers":40,"declined":30,
		"tasks_per_s":12,"running":360,"phase":"steady","dominant_share":0.255,"role_share":0.26,"fair_share":0.27,"deviation":0.015,"accept":{"p50_ns":1000000,"p99_ns":2000000,"max_ns":3000000}}]}`)
	write(t, dir, "fanout-2026-02-01.json", `{"command":"bench fanout","rows":[{"kind":"slow","subscribers":9,"cut":8,"events_per_s":7,
		"bytes_per_s":1048576,"p50_ns":1000000,"p99_ns":2000000,"max_ns":3000000}]}`)
	write(t, dir, "state-2026-02-01.json", `{"command":"bench state","rows":[{"readers":"/state","accepts_per_s":100,
		"accept":{"p50_ns":1000000,"p99_ns":2000000,"max_ns":3000000},"read":{"p50_ns":4000000,"p99_ns":5000000,"max_ns":6000000},
		"reads_per_s":2,"read_bytes_per_s":3145728,"seconds":2,"allocator_cpu_s":1,"allocator_rss_bytes":1048576}]}`)
	write(t, dir, "agent-2026-02-01.json", `{"command":"bench agent","rows":[{"way":"the agent","tasks":10,"idle":{"rss_bytes":20971520},
		"agent":{"rss_bytes":31457280,"anonymous_bytes":10485760},"helpers":{},"per_task_bytes":10240,"agent_cpu":0.001,
		"launch":{"p50_ns":1000000,"p99_ns":2000000,"max_ns":3000000},"launch_cpu_s":0.002},{"way":"a helper each","tasks":10,
		"idle":{"rss_bytes":20971520},"agent":{"rss_bytes":31457280,"anonymous_bytes":10485760},"helpers":{"rss_bytes":419430400,
		"pss_bytes":52428800,"anonymous_bytes":41943040},"per_task_bytes":5242880,"agent_cpu":0.001,"helpers_cpu":0.003,
		"launch":{"p50_ns":4000000,"p99_ns":5000000,"max_ns":6000000},"launch_cpu_s":0.02}]}`)
	write(t, dir, "peers-2026-02-01.json", `{"command":"bench peers","rows":[
		{"kind":"measured","system":"kube","shape":"10 on 2 nodes","value":5,"tasks":10,"cpu_s":0.01,"of_fastest_peer":0.5,
		"peak_rss_bytes":2097152,"runs":[{"seconds":1},{"seconds":2},{"seconds":5}]},
		{"kind":"published","system":"Hydra","shape":"containers","value":40000,"unit":"tasks/s","source":"a paper"}]}`)
	write(t, dir, "scalability-2026-02-01.json", `{"command":"bench paper scalability","rows":[{"agents":100000,"running":7,"launch":{"p50_ns":1000000,"p99_ns":2000000},"seconds":2}]}`)
	write(t, dir, "fairness-2026-02-01.json", `{"command":"bench paper fairness","rows":[{"phase":"both","role":"a","running":7,"role_share":0.6,"fair_share":0.667,"deviation":0.07}]}`)
	text, err := Render(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"100000 agents: p50 1 ms, p99 2 ms |", "| both | a | 7 | 60.0 % | 66.7 % | 7.0 points |", "| 10 × 1 | 10 | 5 ms (4 ms–6 ms) | 500 ms | 100 | 1.5 ms | 2 ms | 1 ms | 500 µs | 3 |",
		"10 × 1: 7 refusals are in force, the process has had 5 MiB;", "takes 3 ms.", "## Scheduler calls", "busy",
		"| accept-1 | 50 (40–60) | 50 | 2 ms | 9 ms | 100 µs | 1 MiB |", "| restart | 7 | 1.5 s |",
		"| 1000 | 7 ms / 8 ms | – / – |", "| agents, p50 / p99 of | wait: REVIVE answered | then OFFERS | launch: ACCEPT answered |",
		"| steady | batch | 5 | 12 | 360 | 25.5 % | 26.0 % | 27.0 % | 1.5 points | 40 | 30 | 1 ms | 2 ms | 3 ms |",
		"| slow | 9 | 8 | 7 | 1.0 | 1 ms | 2 ms | 3 ms |",
		"| /state | 100 | 1 ms | 2 ms | 3 ms | 2.0 | 3.0 | 4 ms | 5 ms | 6 ms | 0.50 | 1 MiB |",
		"| the agent | 10 | 20.0 MiB | 30.0 MiB, 10.0 MiB |  | 10 KiB | 1 ms | 1 ms | 2 ms | 3 ms | 2 ms |",
		"| a helper each | 10 | 20.0 MiB | 30.0 MiB, 10.0 MiB | 400.0 MiB, 50.0 MiB, 40.0 MiB | 5120 KiB | 4 ms | 4 ms | 5 ms | 6 ms | 20 ms |",
		"| ratio | | | | | × 512 | × 4.0 | × 4.0 | × 2.5 | × 2.0 | × 10.0 |"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "OLD") {
		t.Error("an old run is shown")
	}
}

func TestFileThatIsNoRunIsNamed(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "storm-2026-02-01.json", `[1]`)
	if _, err := Render(dir); err == nil || !strings.Contains(err.Error(), "storm-2026-02-01.json") {
		t.Errorf("got %v, want an error naming the file", err)
	}
}

func TestHistoryListsEveryRun(t *testing.T) {
	dir := t.TempDir()
	for date, seconds := range map[string]string{"2026-01-01": "9", "2026-02-01": "1.5"} {
		write(t, dir, "recovery-"+date+".json", `{"command":"bench paper recovery --kills=3","commit":"0123456789abcdef","when":"`+date+`T00:00:00Z","rows":[
			{"what":"all back","mean_s":`+seconds+`,"min_s":1,"max_s":9,"runs_s":[4,1,2]}]}`)
	}
	text, err := Render(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"caprock bench paper recovery --kills=3\n\n2026-02-01T00:00:00Z, commit 0123456789ab.", "| all back | 1.5 s | 2 s | 1 s–9 s | 3 |",
		"| 2026-02-01 | commit 0123456789ab | all back after 1.5 s on average, at most 9 s |\n| 2026-01-01 | commit 0123456789ab | all back after 9 s"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
}

func TestSectionsWithoutARunSaySo(t *testing.T) {
	text, err := Render(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "No run is kept. To make one:"); n != len(sections) {
		t.Errorf("%d sections say that they have no run, want all %d", n, len(sections))
	}
	if !strings.Contains(string(text), "caprock bench paper fairness --json > bench/history/fairness-DATE.json") {
		t.Errorf("no command to make a run in\n%s", text)
	}
}

// A run without rows is odd, and no reason to crash.
func TestRunsWithoutRowsAreShown(t *testing.T) {
	dir := t.TempDir()
	for _, s := range []string{"cycle", "calls", "storm", "launch", "scalability", "recovery", "fairness", "fleet", "fanout", "state", "isolation", "agent", "peers"} {
		write(t, dir, s+"-2026-02-01.json", `{"rows":[]}`)
	}
	if text, err := Render(dir); err != nil || strings.Contains(string(text), "No run is kept") {
		t.Errorf("got %v in\n%s", err, text)
	}
}

func TestHistoryIsCheckedBeforeAnythingIsWritten(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"storm-2026-02-01.json":   {`{"command":"bench calls","commit":"0123456789abcdef"}`, "got a run of `caprock bench calls`, want one of `caprock bench storm`"},
		"nosuch-2026-02-01.json":  {`{}`, "want SCENARIO-DATE.json with a scenario of agent, calls, "},
		"storm.json":              {`{}`, "got a name that is no run's"},
		"launch-2026-02-01.json":  {`{`, "is no run: "},
		"fairness-2026-02-01.txt": {`{}`, "got no run, want files"},
	} {
		dir := t.TempDir()
		write(t, dir, name, c.text)
		if err := checkHistory(io.Discard, dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestRunsThatNobodyCanRepeatAreMarked(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "storm-2026-02-01.json", `{"command":"bench storm --agents=5","commit":"0123456789abcdef","rows":[]}`)
	write(t, dir, "storm-2026-02-02.json", `{"command":"bench storm","commit":"0123456789abcdef+changes","rows":[]}`)
	write(t, dir, "calls-2026-02-01.json", `{"command":"bench calls","rows":[]}`)
	var warnings strings.Builder
	if err := checkHistory(&warnings, dir); err != nil {
		t.Fatal(err)
	}
	if got := warnings.String(); strings.Count(got, "\n") != 2 || strings.Contains(got, "storm-2026-02-01") {
		t.Errorf("got the warnings\n%swant one for each of the two", got)
	}
	text, err := Render(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"commit 0123456789ab with changes that were not committed.", "| 2026-02-01 | commit not noted |", "| 2026-02-01 | commit 0123456789ab |"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
}

func TestCheckTellsWhereTheFileDiffers(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "B.md")
	run := func() error {
		cmd := Command()
		cmd.SetArgs([]string{"--history=" + dir, "--out=" + file, "--check"})
		cmd.SilenceUsage, cmd.SilenceErrors = true, true
		return cmd.Execute()
	}
	write(t, dir, "storm-2026-02-01.json", `{"command":"bench storm","commit":"0123456789abcdef","rows":[]}`)
	text, err := Render(dir)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "B.md", string(text))
	if err := run(); err != nil {
		t.Error(err)
	}
	write(t, dir, "B.md", strings.Replace(string(text), "# Benchmarks\n", "# Benchmarks\nedited", 1))
	if err := run(); err == nil || !strings.Contains(err.Error(), "B.md:2: got \"edited\", want \"\"") {
		t.Errorf("got %v, want the line that was edited", err)
	}
}

// The file is written by hand of `caprock bench report`, which --check compares exactly;
// here it must show the newest run of each scenario.
func TestBenchmarksFileShowsTheNewestRuns(t *testing.T) {
	text, err := os.ReadFile("../../BENCHMARKS.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../history/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d runs: %v", len(files), err)
	}
	newest := map[string]string{}
	for _, f := range files {
		scenario, date, _ := strings.Cut(strings.TrimSuffix(filepath.Base(f), ".json"), "-")
		newest[scenario] = max(newest[scenario], date)
	}
	for scenario, date := range newest {
		all, err := runs[struct{}]("../history", scenario)
		if err != nil {
			t.Fatal(err)
		}
		if when := all[0].When; !strings.Contains(string(text), when) || !strings.Contains(string(text), date) {
			t.Errorf("BENCHMARKS.md does not show the run of %s at %s %s; run `caprock bench report`", scenario, date, when)
		}
	}
}
