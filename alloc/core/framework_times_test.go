package core

import "testing"

// To a framework that comes back the allocator is the one it knew, or a new one
// that meets it for the first time.
func TestRegistrationTimes(t *testing.T) {
	w := newWorld(t)
	times := func() [2]string {
		rec := w.core.frameworks[w.frameworks["f1"].id].cur.Rec
		return [2]string{sinceEpoch(rec.GetRegisteredNanos()), sinceEpoch(rec.GetReregisteredNanos())}
	}
	for _, step := range []struct {
		commands string
		want     [2]string
	}{
		{"subscribe f1 failover=1000", [2]string{"0s", "0s"}},
		{"tick 10s\nclose f1\nsubscribe f1", [2]string{"0s", "10s"}},
		{"tick 10s\nrestart\nsubscribe f1", [2]string{"20s", "20s"}},
		{"tick 10s\nsubscribe f1", [2]string{"20s", "30s"}},
	} {
		w.run(step.commands)
		if got := times(); got != step.want {
			t.Errorf("after %q: got registered, reregistered at %v, want %v", step.commands, got, step.want)
		}
	}
}
