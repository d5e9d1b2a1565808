package loop

import (
	"testing"
	"time"
)

func TestSummariesOfDurations(t *testing.T) {
	var w window
	if s := w.summary(); s.Count != 0 || s.Quantile(0.5) != 0 {
		t.Fatalf("of nothing: %+v", s)
	}
	w.add(7)
	if s := w.summary(); s.Count != 1 || s.Last != 7 || s.Quantile(0) != 7 || s.Quantile(1) != 7 {
		t.Fatalf("of one: %+v", s)
	}
	// Only the last ones count, and negative ones are none.
	for i := range 3 * windowSize {
		w.add(time.Duration(i))
	}
	s := w.summary()
	first := time.Duration(2 * windowSize)
	for part, want := range map[float64]time.Duration{0: first, 0.5: first + 499, 0.9: first + 899, 1: first + 999} {
		if got := s.Quantile(part); got != want {
			t.Errorf("quantile %v: got %v, want %v", part, got, want)
		}
	}
	if s.Count != 3*windowSize+1 || s.Last != first+999 {
		t.Errorf("got count %d and last %v", s.Count, s.Last)
	}
	w.add(-5)
	if got := w.summary().Quantile(0); got != 0 {
		t.Errorf("the least after a clock went back: %v", got)
	}
	if n := testing.AllocsPerRun(100, func() { w.add(1) }); n != 0 {
		t.Errorf("add allocates %v times", n)
	}
}
