package fleet

import (
	"math"
	"testing"
)

func TestDominantShareIsTheLargerPart(t *testing.T) {
	cpu := kind{cpus: 2, memMiB: 2048}
	if got, want := cpu.share(320, 10), 1.0; math.Abs(got-want) > 1e-9 {
		t.Errorf("ten agents full by CPU: got %v, want %v", got, want)
	}
	memory := kind{cpus: 1, memMiB: 16384}
	if got, want := memory.share(16, 10), .1; math.Abs(got-want) > 1e-9 {
		t.Errorf("a tenth of the memory: got %v, want %v", got, want)
	}
}

func TestBoundedKindsClaimNoMoreThanTheyWant(t *testing.T) {
	p := &party{kind: &kind{}, bound: 10}
	for i, c := range []struct{ ask, want int }{{7, 7}, {7, 3}, {1, 0}, {0, 0}} {
		if got := p.claim(c.ask); got != c.want {
			t.Errorf("claim %d: %d of %d were granted, want %d", i, got, c.ask, c.want)
		}
	}
	if got := p.claimed.Load(); got != 10 {
		t.Errorf("%d are claimed, want 10", got)
	}
	if got := (&party{kind: &kind{}}).claim(1000); got != 1000 {
		t.Errorf("without a bound %d of 1000 were granted", got)
	}
}
