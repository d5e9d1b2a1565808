//go:build race

package cgroup

// The race detector allocates; tests of allocations are for builds without it.
const raceDetector = true
