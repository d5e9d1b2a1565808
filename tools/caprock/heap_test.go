package main

import "testing"

func TestSmallHeapsHaveRoom(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{
		{0, 400}, {10 << 20, 400}, {128 << 20, 400}, {160 << 20, 300}, {320 << 20, 100}, {500 << 20, 28}, {640 << 20, 15}, {4 << 30, 15},
	} {
		if got := heapPercent(c.live); got != c.want {
			t.Errorf("%d MiB live: got %d %%, want %d %%", c.live>>20, got, c.want)
		}
	}
}
