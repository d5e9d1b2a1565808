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
	roomyPercent = 800
	// leastPercent: collections of a large heap cost CPU time in proportion to it, so
	// they must not come too often.
	leastPercent = 15
	// heapComfort is what garbage and live data together may reach before
	// room is taken back.
	heapComfort = 640 << 20
	heapLook    = 500 * time.Millisecond
)

// A storm leaves memory behind that nobody needs afterwards: garbage up to the next collection, which
// does not come while nothing is allocated, and pages that Go keeps for what may come. When
// it has been calm for a while, both are given back, once.
const (
	// calmLooks in a row must be calm.
	calmLooks = 10
	// calmPart of what lives is what may be allocated in those: heartbeats go on.
	calmPart = 10
	// stormPart of what lives must have been allocated since memory was given back.
	stormPart = 4
	// worthReturning is the least for which a collection is made.
	worthReturning = 32 << 20
)

// calm decides when memory is given back.
type calm struct {
	allocated [calmLooks]uint64 // by earlier looks, oldest at next
	next      int
	returned  uint64 // allocated when memory was given back
}

// look is told the bytes that were ever allocated, that live, and that could be given
// back, and reports whether they should be.
func (c *calm) look(allocated, live, idle uint64) bool {
	before := c.allocated[c.next]
	c.allocated[c.next] = allocated
	c.next = (c.next + 1) % calmLooks
	if before == 0 || allocated-before > live/calmPart || allocated-c.returned < live/stormPart || idle < max(worthReturning, live/calmPart) {
		return false
	}
	c.returned = allocated
	return true
}

// heapSamples in this order are what the look needs.
func heapSamples() []metrics.Sample {
	return []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
}

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
	samples := heapSamples()
	tick := time.NewTicker(heapLook)
	defer tick.Stop()
	last := 0
	var calm calm
	for {
		metrics.Read(samples)
		live, allocated, objects, free := samples[0].Value.Uint64(), samples[1].Value.Uint64(), samples[2].Value.Uint64(), samples[3].Value.Uint64()
		// Each change stops the world for a moment.
		if percent := heapPercent(live); percent < last*9/10 || percent > last*11/10 {
			debug.SetGCPercent(percent)
			last = percent
		}
		if garbage := max(objects, live) - live; calm.look(allocated, live, garbage+free) {
			debug.FreeOSMemory()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
