package cgroup

import (
	"testing"
	"time"
)

func TestPressureLines(t *testing.T) {
	got := parsePressure("some avg10=1.50 avg60=0.25 avg300=0.01 total=44639216\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\nodd line\n")
	want := Pressure{Some: Stall{1.5, 0.25, 0.01, 44639216 * time.Microsecond}, Full: Stall{Total: 7 * time.Microsecond}}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestPressureOfAThrottledGroup(t *testing.T) {
	onEach(t, func(t *testing.T, tree *Tree) {
		g := create(t, tree, "squeezed", Limits{CPUMilli: 100})
		before, ok := g.Pressures()
		if !ok {
			t.Skipf("SKIP-ENV: no pressure stall information on layout %s", tree.Mode())
		}
		// More loops than CPUs: some must wait.
		p := start(t, g, "for i in 1 2 3 4 5 6 7 8; do while :; do :; done & done; wait")
		eventually(t, "CPU pressure", func() bool {
			now, ok := g.Pressures()
			return ok && now.CPU.Some.Total > before.CPU.Some.Total+10*time.Millisecond
		})
		if err := g.Destroy(); err != nil {
			t.Fatal(err)
		}
		exit(t, p)
	})
}
