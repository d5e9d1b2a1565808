package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/bench/peers/work"
)

// TestMain lets this binary be the processes that a run starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "one" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestEverySystemPlacesEveryTaskOnANodeWithRoom gives them little room, and both shapes.
func TestEverySystemPlacesEveryTaskOnANodeWithRoom(t *testing.T) {
	o := &options{dir: t.TempDir()}
	remove, err := o.findProgram(t.Context(), systems)
	if err != nil {
		t.Fatal(err)
	}
	defer remove()
	for _, s := range systems {
		for _, w := range []work.Work{{Nodes: 3, Apps: 2, TasksPerApp: 90}, {Nodes: 8, Apps: 40, TasksPerApp: 5}} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			var watch work.Watch
			on, err := s.place(o)(ctx, w, &watch)
			cancel()
			if err == nil {
				err = w.Check(on)
			}
			if err != nil {
				t.Errorf("%s, %+v: %v", s.name, w, err)
				continue
			}
			if watch.Seconds <= 0 || watch.CPUSeconds <= 0 {
				t.Errorf("%s, %+v: took %g s, %g s of CPU, want more than nothing", s.name, w, watch.Seconds, watch.CPUSeconds)
			}
		}
	}
}

func TestWorkThatIsNotDoneIsFound(t *testing.T) {
	w := work.Work{Nodes: 1, Apps: 1, TasksPerApp: 2}
	full := work.Work{Nodes: 2, Apps: 1, TasksPerApp: work.NodeTasks + 1}
	crowd := work.Placement{}
	for i := range full.Tasks() {
		crowd[work.Task(0, i)] = work.Node(0)
	}
	for _, c := range []struct {
		w    work.Work
		on   work.Placement
		want string
	}{
		{w, work.Placement{"a": work.Node(0), "b": work.Node(0)}, ""},
		{w, work.Placement{"a": work.Node(0)}, "1 tasks placed, want 2"},
		{w, work.Placement{"a": work.Node(0), "b": work.Node(1)}, "does not exist"},
		{full, crowd, "more than the 64 tasks"},
	} {
		err := c.w.Check(c.on)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

func TestRunComparesMediansWithTheFastestPeer(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.html")
	cmd := command()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&bytes.Buffer{})
	cmd.SetArgs([]string{"--quick", "--nodes=16", "--tasks=1000", "--runs=2", "--systems=yunikorn,nomad-batch,engine", "--json", "--html=" + page})
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	var report struct{ Rows []row }
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("%v in %s", err, out.String())
	}
	fastest, kinds := map[string]float64{}, map[string]int{}
	for _, r := range report.Rows {
		kinds[r.Kind]++
		if r.Peer {
			fastest[r.Shape] = max(fastest[r.Shape], r.OfFastestPeer)
		}
		switch low, high := r.spread(); {
		case r.Kind != "measured" && (r.Source == "" || r.Unit == "" || r.Value <= 0 || len(r.Runs) > 0):
			t.Errorf("got %+v, want a figure with its source", r)
		case r.Kind == "measured" && (len(r.Runs) != 2 || r.Value < low || r.Value > high || r.OfFastestPeer <= 0):
			t.Errorf("got %+v, want a median of 2 runs within %g to %g", r, low, high)
		}
	}
	if kinds["measured"] != 6 || kinds["recorded"] == 0 || kinds["published"] == 0 {
		t.Errorf("the kinds of rows are %v, want 3 systems in 2 shapes and some of the others", kinds)
	}
	for shape, f := range fastest {
		if f != 1 {
			t.Errorf("%s: the fastest peer has %g of itself, want 1", shape, f)
		}
	}
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "<svg ") {
		t.Errorf("the page has no plot: %v", err)
	}
}

func TestWhatCannotBeRunIsRefused(t *testing.T) {
	for args, want := range map[string]string{
		"--tasks=1500":            "multiple of the 1000",
		"--nodes=10 --tasks=1000": "1000 tasks for 10 nodes, want at most 64 on each",
		"--nodes=0":               "want at least 1",
		"--systems=mesos":         `got system "mesos"`,
		"--runs=0":                "got --runs=0",
	} {
		cmd := command()
		cmd.SetArgs(strings.Fields(args))
		if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", args, err, want)
		}
	}
}
