package storm

import (
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// Whatever the numbers and however claims interleave, tasks are claimed exactly
// once each, and no claim exceeds a call.
func TestClaimsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &storm{o: Options{
			Agents: rapid.IntRange(1, 50).Draw(t, "agents"),
			Tasks:  rapid.IntRange(0, 5000).Draw(t, "tasks"),
		}}
		s.wanted.Store(int64(s.o.Tasks))
		var total atomic.Int64
		done := make(chan struct{})
		for range 4 {
			go func() {
				defer func() { done <- struct{}{} }()
				for range s.o.Tasks + 5 {
					n := s.claim()
					if n < 0 || n > perCall {
						total.Add(1 << 40)
					}
					total.Add(int64(n))
				}
			}()
		}
		for range 4 {
			<-done
		}
		if got := total.Load(); got != int64(s.o.Tasks) {
			t.Fatalf("%d tasks were claimed, want %d", got, s.o.Tasks)
		}
	})
}
