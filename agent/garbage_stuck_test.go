package agent

import (
	"errors"
	"testing"
	"time"

	"github.com/caprock/caprock/agent/core"
)

// A sandbox that cannot be removed is tried again after a minute, then after longer and
// longer pauses of at most an hour, and keeps no other from being removed.
func TestRemovalsThatFailAreTriedAgainMoreAndMoreSeldom(t *testing.T) {
	var g garbage
	now := time.Unix(1_000_000, 0)
	g.add(core.Discard{ContainerID: "stuck", EndedAt: now.UnixNano()})
	for try, want := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, 32 * time.Minute, time.Hour, time.Hour} {
		due := g.due(now, 0)
		if len(due) != 1 || due[0].ContainerID != "stuck" {
			t.Fatalf("try %d at %v: got %v, want the one that is stuck", try, now, due)
		}
		if got := g.settle(due[0], now, errors.New("device or resource busy")); got != want {
			t.Errorf("after try %d: got a pause of %v, want %v", try, got, want)
		}
		if early := g.due(now.Add(want-time.Second), 0); len(early) > 0 {
			t.Errorf("after try %d: it is due again a second too early", try)
		}
		now = now.Add(want)
	}
	g.add(core.Discard{ContainerID: "fresh", EndedAt: now.UnixNano()})
	due := g.due(now, 0)
	for _, r := range due {
		g.settle(r, now, nil)
	}
	counts := map[string]float64{}
	g.put(func(name string, value float64) { counts[name] = value })
	if len(due) != 2 || counts["gc/path_removals_pending"] != 0 || counts["gc/path_removals_succeeded"] != 2 || counts["gc/path_removals_failed"] != 8 {
		t.Errorf("in the end: %d due and %v, want both removed after 8 failures", len(due), counts)
	}
}
