package main

import (
	"os"
	"runtime"
)

// leastThreads is how many threads run Go code at a time at least, on machines with
// fewer cores as well. The loop, the writer of the log and the releaser follow each
// other within a millisecond; behind a collection or a compaction Go's scheduler may
// let them wait for ten, while the kernel shares a core in smaller pieces and
// prefers those that slept.
const leastThreads = 4

// spreadOverCores applies that, unless the operator has set GOMAXPROCS.
func spreadOverCores() {
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) < leastThreads {
		runtime.GOMAXPROCS(leastThreads)
	}
}
