package report

import (
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
	cycle := `[{"name":"10 × 1","mesos_s":0.5,"report":{"median":{"cpu_s":0.005,"offers":10},"cycles":[{"cpu_s":0.004},{"cpu_s":0.006}]}}]`
	write(t, dir, "cycle-2026-01-01.json", strings.ReplaceAll(cycle, "10 ×", "OLD ×"))
	write(t, dir, "cycle-2026-02-01.json", cycle)
	write(t, dir, "table-calls-2026-02-01.json", `{"title":"Calls","command":"caprock bench calls","machine":"m","commit":"c",
		"columns":["a","b"],"rows":[["1","2"]],"limits":"fsync"}`)
	text, err := Render(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| 10 × 1 | 10 | 5 ms (4 ms–6 ms) | 500 ms | 100 |", "## Calls", "| 1 | 2 |", "fsync"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "OLD") {
		t.Error("an old run is shown")
	}
}

func TestRowThatDoesNotFitItsColumnsIsRefused(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "table-calls-2026-02-01.json", `{"title":"Calls","columns":["a","b"],"rows":[["1"]]}`)
	if _, err := Render(dir); err == nil || !strings.Contains(err.Error(), "has 1 cells, want 2") {
		t.Errorf("got %v", err)
	}
}

func TestBenchmarksFileIsWhatTheHistorySays(t *testing.T) {
	want, err := Render("../history")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../BENCHMARKS.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("BENCHMARKS.md is not what `caprock bench report` writes from bench/history; run it")
	}
}
