package paper

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestMeasuresAreOverAllKills(t *testing.T) {
	r := &Recovered{Kills: []Kill{
		{Listening: 1, Offer: 2, Frameworks: 3, Agents: 5, All: 5}, {Listening: 2, Offer: 2, Frameworks: 9, Agents: 6, All: 9},
	}}
	all := r.Measures()
	for i, want := range []Measure{{Mean: 1.5, Min: 1, Max: 2}, {Mean: 2, Min: 2, Max: 2}, {Mean: 6, Min: 3, Max: 9}, {Mean: 5.5, Min: 5, Max: 6}, {Mean: 7, Min: 5, Max: 9}} {
		if got := all[i]; got.Mean != want.Mean || got.Min != want.Min || got.Max != want.Max || len(got.Runs) != 2 {
			t.Errorf("%s: got %+v, want %+v", got.What, got, want)
		}
	}
	if none := (&Recovered{}).Measures(); len(none) != 5 || none[0].Mean != 0 {
		t.Errorf("of no kills got %+v", none)
	}
}

func TestThoseWhoLostTheAllocatorTryAgainUntilTheyAreToldToStop(t *testing.T) {
	tries := 0
	if err := retry(t.Context(), func() error {
		if tries++; tries < 3 {
			return errors.New("refused")
		}
		return nil
	}); err != nil || tries != 3 {
		t.Errorf("got %v after %d tries, want success at the third", err, tries)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	refused := errors.New("refused")
	if err := retry(ctx, func() error { return refused }); !errors.Is(err, refused) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want both why it failed and why it ended", err)
	}
}
