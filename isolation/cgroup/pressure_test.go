package cgroup

import (
	"fmt"
	"os"
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

func TestMemoryEventsAreCounted(t *testing.T) {
	onEachWith(t, Options{MemoryEvents: true}, func(t *testing.T, tree *Tree) {
		g := create(t, tree, "short", Limits{MemBytes: 16 << 20, LimitSwap: true})
		calm, err := g.Usage()
		if err != nil {
			t.Fatal(err)
		}
		if g.hasV2("memory") {
			if calm.Events != nil {
				t.Errorf("got %+v, which v2 does not count", calm.Events)
			}
			if calm.AtLimit == nil || *calm.AtLimit != (LimitEvents{}) {
				t.Errorf("got %+v of a group without processes", calm.AtLimit)
			}
			p := start(t, g, "while :; do head -c 64000000 /dev/zero >${TMPDIR:-/tmp}/caprock-pressure-$$ 2>/dev/null; done; :")
			eventually(t, "the limit to be met", func() bool {
				u, err := g.Usage()
				return err == nil && u.AtLimit.Max > 0 && u.AtLimit.Low == 0
			})
			if err := g.Destroy(); err != nil {
				t.Fatal(err)
			}
			exit(t, p)
			_ = os.Remove(fmt.Sprintf("%s/caprock-pressure-%d", os.TempDir(), p.Pid()))
			return
		}
		if calm.Events == nil || *calm.Events != (MemoryEvents{}) {
			t.Errorf("got %+v of a group without processes", calm.Events)
		}
		// More of a file than fits: its pages must be reclaimed all the time.
		p := start(t, g, "while :; do head -c 64000000 /dev/zero >${TMPDIR:-/tmp}/caprock-pressure-$$; done; :")
		defer os.Remove(fmt.Sprintf("%s/caprock-pressure-%d", os.TempDir(), p.Pid()))
		eventually(t, "memory pressure", func() bool {
			u, err := g.Usage()
			return err == nil && u.Events.Low > 0 && u.Events.Low >= u.Events.Critical
		})
		again, err := tree.Reopen("short")
		if err != nil {
			t.Fatal(err)
		}
		if u, err := again.Usage(); err != nil || u.Events == nil {
			t.Errorf("reopened: got %+v, %v", u.Events, err)
		}
		again.Release()
		if err := g.Destroy(); err != nil {
			t.Fatal(err)
		}
		exit(t, p)
	})
}
