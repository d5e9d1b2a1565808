package main

import (
	"runtime/metrics"
	"testing"
)

func TestSmallHeapsHaveRoom(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{
		{0, 800}, {10 << 20, 800}, {64 << 20, 800}, {128 << 20, 400}, {160 << 20, 300}, {320 << 20, 100}, {500 << 20, 28}, {640 << 20, 15}, {4 << 30, 15},
	} {
		if got := heapPercent(c.live); got != c.want {
			t.Errorf("%d MiB live: got %d %%, want %d %%", c.live>>20, got, c.want)
		}
	}
}

func TestMemoryIsGivenBackOnceAfterAStorm(t *testing.T) {
	const live, mib = 800 << 20, 1 << 20
	var c calm
	allocated := uint64(1)
	looks := func(n int, each, idle uint64) (returned int) {
		for range n {
			allocated += each
			if c.look(allocated, live, idle) {
				returned++
			}
		}
		return returned
	}
	for _, phase := range []struct {
		what       string
		looks      int
		each, idle uint64
		want       int
	}{
		{"a storm", 30, 100 * mib, 120 * mib, 0},
		{"calm, but for heartbeats", 30, 4 * mib, 120 * mib, 1},
		{"calm", 100, mib, 120 * mib, 0},
		{"a second storm", 10, 100 * mib, 120 * mib, 0},
		{"calm without much to give", 30, mib, 70 * mib, 0},
		{"calm", 30, mib, 90 * mib, 1},
	} {
		if got := looks(phase.looks, phase.each, phase.idle); got != phase.want {
			t.Errorf("%s: memory was given back %d times, want %d", phase.what, got, phase.want)
		}
	}
}

func TestHeapSamplesAreKnown(t *testing.T) {
	samples := heapSamples()
	metrics.Read(samples)
	for _, s := range samples {
		if s.Value.Kind() != metrics.KindUint64 {
			t.Errorf("%s is not a number of bytes here", s.Name)
		}
	}
}
