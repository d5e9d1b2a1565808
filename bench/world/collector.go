package world

import (
	"os"
	"runtime/debug"
)

// Garbage of the load generator: collections come seldom, for while one runs half the
// cores of a small machine do nothing else, and what the allocator's callers then wait for
// is not the allocator. The memory limit, a share of the machine's, still holds.
const (
	garbagePercent = 4000
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
