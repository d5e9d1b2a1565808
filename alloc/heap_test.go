package alloc

import "testing"

// The room is a fixed number of bytes, but never out of proportion.
func TestRoomFor(t *testing.T) {
	for _, c := range []struct {
		liveMiB uint64
		want    int
	}{{0, mostRoom}, {1, mostRoom}, {96, 200}, {192, 100}, {768, 25}, {2000, leastRoom}} {
		if got := roomFor(c.liveMiB << 20); got != c.want {
			t.Errorf("%d MiB alive: got room for %d %%, want %d", c.liveMiB, got, c.want)
		}
	}
}
