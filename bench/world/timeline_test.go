package world

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestTimelineHasRatesGaugesAndLatenciesOfEachInterval(t *testing.T) {
	s := NewSampler(time.Second, &Allocator{})
	total, level := 100.0, 7.0
	var l Latencies
	s.Rate("tasks per s", "launched", func() float64 { return total })
	s.Latency("latency, ms", &l)
	s.Gauge("tasks", "running", func() float64 { return level })
	for range 99 {
		l.Record(2 * time.Millisecond)
	}
	l.Record(time.Second)
	total = 150
	s.sample(2 * time.Second)
	level = 8
	s.sample(time.Second)
	want := map[string][]float64{"launched": {25, 0}, "p50": {2, 0}, "p99": {2, 0}, "running": {7, 8}}
	for _, c := range s.timeline.Curves {
		for i, v := range c.Values {
			if w := want[c.Name][i]; v < w || v > w*65/64+1e-6 {
				t.Errorf("%s in interval %d is %v, want %v", c.Name, i, v, w)
			}
		}
	}
	if len(s.timeline.Curves) != 4 {
		t.Errorf("got %d curves, want 4", len(s.timeline.Curves))
	}
	if h := l.Total(); h.Count() != 100 || h.Max() != time.Second {
		t.Errorf("the total has %d with a maximum of %v, want all 100", h.Count(), h.Max())
	}
}

func TestTurnsKeepTheOrderAndTellOfFailures(t *testing.T) {
	var got []int
	done := make(chan struct{})
	var mu sync.Mutex
	var failed error
	turns := NewTurns(func(some []int) error {
		got = append(got, some...)
		if len(got) == 1000 {
			close(done)
			return errors.New("enough")
		}
		return nil
	}, func(err error) {
		mu.Lock()
		defer mu.Unlock()
		failed = err
	})
	for i := range 1000 {
		turns.Put(i)
	}
	<-done
	if !slices.IsSorted(got) {
		t.Error("out of order")
	}
	if err := waitUntil(t.Context(), func() error { return nil }, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return failed != nil
	}, func() string { return "the failure was not told" }); err != nil {
		t.Error(err)
	}
}
