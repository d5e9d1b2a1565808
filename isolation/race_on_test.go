//go:build race

package isolation

// The race detector allocates; tests of allocations are for builds without it.
const raceDetector = true
