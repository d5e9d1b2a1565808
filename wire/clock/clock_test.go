package clock_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/caprock/caprock/wire/clock"
	"pgregory.net/rapid"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestSimStandsStillUntilAdvanced(t *testing.T) {
	c := clock.NewSim(epoch)
	if c.Now() != epoch || c.Monotonic() != 0 {
		t.Fatalf("new clock shows %v and %v, want %v and 0", c.Now(), c.Monotonic(), epoch)
	}
	c.Advance(90 * time.Second)
	if got, want := c.Now(), epoch.Add(90*time.Second); got != want || c.Monotonic() != 90*time.Second {
		t.Fatalf("after 90s it shows %v and %v", got, c.Monotonic())
	}
	c.StepWall(-time.Hour)
	if got, want := c.Now(), epoch.Add(90*time.Second-time.Hour); got != want || c.Monotonic() != 90*time.Second {
		t.Fatalf("after a step back it shows %v and %v; the monotonic scale must not move", got, c.Monotonic())
	}
}

func TestTimersFireInOrderAtTheirMoment(t *testing.T) {
	c := clock.NewSim(epoch)
	var log []string
	note := func(name string) func() {
		return func() { log = append(log, fmt.Sprintf("%s@%v", name, c.Monotonic())) }
	}
	c.AfterFunc(3*time.Second, note("c"))
	c.AfterFunc(time.Second, func() {
		note("a")()
		c.AfterFunc(time.Second, note("nested"))
		c.AfterFunc(time.Hour, note("late"))
	})
	c.AfterFunc(3*time.Second, note("d"))
	stopped := c.AfterFunc(2*time.Second, note("stopped"))
	c.AfterFunc(-time.Second, note("past"))
	if !stopped.Stop() || stopped.Stop() {
		t.Error("Stop must report true once")
	}
	c.Advance(5 * time.Second)
	want := []string{"past@0s", "a@1s", "nested@2s", "c@3s", "d@3s"}
	if !slices.Equal(log, want) {
		t.Errorf("fired %v, want %v", log, want)
	}
	if due, ok := c.Next(); !ok || due != time.Second+time.Hour {
		t.Errorf("next is %v %v, want 1h0m1s", due, ok)
	}
	if !c.AdvanceToNext() || c.Monotonic() != time.Hour+time.Second || c.AdvanceToNext() {
		t.Errorf("AdvanceToNext left the clock at %v", c.Monotonic())
	}
}

func TestTimerResetDropsAnOldFire(t *testing.T) {
	c := clock.NewSim(epoch)
	timer := c.NewTimer(time.Second)
	c.Advance(time.Second)
	if timer.Reset(time.Second) {
		t.Error("Reset of a fired timer reported it pending")
	}
	select {
	case at := <-timer.C():
		t.Fatalf("received the old fire of %v", at)
	default:
	}
	c.Advance(time.Second)
	if at := <-timer.C(); at != epoch.Add(2*time.Second) {
		t.Errorf("fired at %v, want 2s after the start", at)
	}
}

func TestRealClockFires(t *testing.T) {
	c := clock.Real()
	before := c.Monotonic()
	timer := c.NewTimer(time.Millisecond)
	<-timer.C()
	done := make(chan struct{})
	c.AfterFunc(0, func() { close(done) })
	<-done
	if c.Monotonic()-before < time.Millisecond {
		t.Error("the monotonic clock did not move by the timer's millisecond")
	}
}

// However a span is cut into advances, the same timers fire at the same
// moments in the same order.
func TestAdvanceInPartsEqualsAdvanceAtOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		delays := rapid.SliceOfN(rapid.IntRange(-2, 20), 0, 30).Draw(t, "delays")
		steps := rapid.SliceOfN(rapid.IntRange(0, 9), 1, 10).Draw(t, "steps")
		run := func(steps []int) (log []string) {
			c := clock.NewSim(epoch)
			for i, d := range delays {
				c.AfterFunc(time.Duration(d), func() { log = append(log, fmt.Sprint(i, c.Monotonic())) })
			}
			for _, s := range steps {
				c.Advance(time.Duration(s))
			}
			return log
		}
		total := 0
		for _, s := range steps {
			total += s
		}
		if a, b := run(steps), run([]int{total}); !slices.Equal(a, b) {
			t.Fatalf("in parts %v, at once %v", a, b)
		}
	})
}
