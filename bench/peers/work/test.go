package work

import (
	"context"
	"testing"
	"time"
)

// Test holds a system to small work that leaves little room, twice in one process.
func Test(t *testing.T, place Place) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, w := range []Work{{Nodes: 3, Apps: 2, TasksPerApp: 90}, {Nodes: 8, Apps: 40, TasksPerApp: 5}} {
		var watch Watch
		on, err := place(ctx, w, &watch)
		if err == nil {
			err = w.Check(on)
		}
		if err != nil {
			t.Fatalf("%+v: %v", w, err)
		}
		if watch.Seconds <= 0 || watch.CPUSeconds <= 0 {
			t.Errorf("%+v: took %g s, %g s of CPU, want more than nothing", w, watch.Seconds, watch.CPUSeconds)
		}
	}
}
