package loop

import (
	"slices"
	"sync"
	"time"
)

// windowSize is how many of the last durations a summary is made of, as in Mesos.
const windowSize = 1000

// window keeps the last durations of something that happens again and again.
type window struct {
	mu struct {
		sync.Mutex
		last  [windowSize]time.Duration // guarded by mu
		count uint64                    // ever; guarded by mu
	}
}

func (w *window) add(d time.Duration) {
	w.mu.Lock()
	w.mu.last[w.mu.count%windowSize] = max(0, d)
	w.mu.count++
	w.mu.Unlock()
}

// Summary is what the last durations of something look like.
type Summary struct {
	Count  uint64 // ever
	Last   time.Duration
	sorted []time.Duration
}

// summary sorts a copy, so that nobody waits for it.
func (w *window) summary() Summary {
	w.mu.Lock()
	s := Summary{Count: w.mu.count}
	if s.Count > 0 {
		s.Last = w.mu.last[(s.Count-1)%windowSize]
		s.sorted = slices.Clone(w.mu.last[:min(s.Count, windowSize)])
	}
	w.mu.Unlock()
	slices.Sort(s.sorted)
	return s
}

// Quantile is the duration that a part of them, between 0 and 1, does not exceed; 0
// if there are none. 0 gives the shortest and 1 the longest.
func (s Summary) Quantile(part float64) time.Duration {
	if len(s.sorted) == 0 {
		return 0
	}
	at := part * float64(len(s.sorted)-1)
	below := min(int(at), len(s.sorted)-1)
	above := min(below+1, len(s.sorted)-1)
	rest := at - float64(below)
	return s.sorted[below] + time.Duration(rest*float64(s.sorted[above]-s.sorted[below]))
}
