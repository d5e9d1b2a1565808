package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// The allocator makes much garbage per call and keeps a heap that is small at
// first. With Go's default, a collection whenever the heap has doubled, a small
// cluster spends a fifth of its CPU time on collections that memory would spare.
// So small heaps may grow to several times what lives on them, and large ones, where
// memory is what counts, to little more.
const (
	roomyPercent = 400
	// leastPercent: collections of a large heap cost CPU time in proportion to it, so
	// they must not come too often.
	leastPercent = 15
	// heapComfort is what garbage and live data together may reach before
	// room is taken back.
	heapComfort = 640 << 20
	heapLook    = 500 * time.Millisecond
)

// heapPercent is how much garbage to allow on a heap of live bytes, as in
// debug.SetGCPercent.
func heapPercent(live uint64) int {
	if live == 0 {
		return roomyPercent
	}
	percent := (int64(heapComfort) - int64(live)) * 100 / int64(live)
	return int(min(roomyPercent, max(leastPercent, percent)))
}

// roomWhileSmall runs until ctx ends.
func roomWhileSmall(ctx context.Context) {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	tick := time.NewTicker(heapLook)
	defer tick.Stop()
	last := 0
	for {
		metrics.Read(sample)
		// Each change stops the world for a moment.
		if percent := heapPercent(sample[0].Value.Uint64()); percent < last*9/10 || percent > last*11/10 {
			debug.SetGCPercent(percent)
			last = percent
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
