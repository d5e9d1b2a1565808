package world

import (
	"os"
	"runtime"
	"runtime/debug"
)

// Garbage of the load generator: collections come seldom, for while one runs half the
// cores of a small machine do nothing else, and what the allocator's callers then wait for
// is not the allocator. They must not come too seldom either: memory that is never used
// again has to be cleared by the kernel first. The limit, a share of the machine's memory,
// still holds.
const (
	garbagePercent = 400
	memoryShare    = 4 // of the machine: one part in
)

// spareCollections lets this process collect garbage seldom, unless the user has said how.
// Allocators that it starts are not affected.
func spareCollections() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	if mib := ThisMachine().MemMiB; mib > 0 {
		debug.SetMemoryLimit(mib << 20 / memoryShare)
		debug.SetGCPercent(garbagePercent)
	}
}

// Collect is for the moment before what is measured begins: what was garbage until then
// is collected now, and not in the middle.
func Collect() { runtime.GC() }
