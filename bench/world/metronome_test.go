package world

import (
	"testing"
	"time"
)

// A call is due at every interval: none early, none left out, also when nobody asked
// for a while.
func TestMetronomeTellsEveryCall(t *testing.T) {
	const interval = 200 * time.Microsecond
	m, err := NewMetronome(interval)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	first, err := m.Wait()
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= 500; i++ {
		at, err := m.Wait()
		if err != nil {
			t.Fatal(err)
		}
		if want := first.Add(time.Duration(i) * interval); !at.Equal(want) {
			t.Fatalf("call %d is due at %v after the first, want %v", i, at.Sub(first), want.Sub(first))
		}
		if early := time.Until(at); early > 0 {
			t.Fatalf("call %d was told %v before it is due", i, early)
		}
		if i == 100 { // nobody asks until fifty have passed
			for time.Since(at) < 50*interval {
			}
		}
	}
}

func TestMetronomeWantsAnInterval(t *testing.T) {
	if _, err := NewMetronome(0); err == nil {
		t.Error("an interval of 0 was taken")
	}
}
