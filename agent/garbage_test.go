package agent

import (
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/caprock/caprock/agent/core"
)

func at(nanos int64) time.Time { return time.Unix(0, nanos) }

func TestGarbageIsTakenOnceAndOldestFirst(t *testing.T) {
	var g garbage
	for i := range int64(4) {
		g.add(core.Discard{EndedAt: i})
	}
	if got := g.due(at(1), 0); len(got) != 2 || got[0].EndedAt != 0 || got[1].EndedAt != 1 {
		t.Fatalf("due at 1: got %v", got)
	}
	if got := g.due(at(1), 0); len(got) != 0 {
		t.Fatalf("due again: got %v", got)
	}
	g.add(core.Discard{EndedAt: 9})
	if got := g.due(at(9), 1); len(got) != 2 {
		t.Fatalf("due at 8: got %v", got)
	}
}

func TestFailedRemovalIsTriedAgain(t *testing.T) {
	var g garbage
	g.add(core.Discard{EndedAt: 1})
	g.add(core.Discard{EndedAt: 2})
	g.add(core.Discard{EndedAt: 9})
	due := g.due(at(3), 1)
	g.settle(due[0], at(3), errors.New("busy"))
	g.settle(due[1], at(3), nil)
	got := map[string]float64{}
	g.put(func(name string, value float64) { got[name] = value })
	want := map[string]float64{
		"gc/path_removals_succeeded": 1, "gc/path_removals_failed": 1, "gc/path_removals_pending": 2,
		"slave/executor_directory_max_allowed_age_secs": 1e-9,
	}
	if !maps.Equal(got, want) {
		t.Errorf("metrics are %v, want %v", got, want)
	}
	if again := g.due(at(3).Add(firstRetry), firstRetry); len(again) != 1 || again[0].EndedAt != 1 {
		t.Errorf("due again: got %v, want what failed", again)
	}
}

func TestFullerDisksKeepLess(t *testing.T) {
	const week = 7 * 24 * time.Hour
	for _, c := range []struct {
		used float64
		want time.Duration
	}{
		{0, week * 9 / 10}, {0.4, week / 2}, {0.9, 0}, {1, 0},
		{-0.1, week}, // not known
	} {
		got := keepFor(week, 0.1, c.used)
		if diff := got - c.want; diff < -time.Second || diff > time.Second {
			t.Errorf("with %g of the disk in use sandboxes are kept for %v, want %v", c.used, got, c.want)
		}
	}
}

func TestDiskUsed(t *testing.T) {
	if used, err := diskUsed(t.TempDir()); err != nil || used < 0 || used > 1 {
		t.Errorf("got %g, %v, want a part of 1", used, err)
	}
	if _, err := diskUsed("/no/such/directory"); err == nil {
		t.Error("the disk of a directory that is not there was measured")
	}
}
