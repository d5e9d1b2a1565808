package shard

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
)

// Slots are given out lowest first, and what a slot was before does not show.
func TestSlotsAreReusedLowestFirst(t *testing.T) {
	for _, shards := range []int{1, 4, 64} {
		s := NewSpace(shards, 4)
		for i := range 300 {
			if got := s.Add(fmt.Sprint(i)); got != Slot(i) {
				t.Fatalf("%d shards: agent %d got slot %d", shards, i, got)
			}
		}
		sh, row := s.At(70)
		sh.AvailRow(row, 4)[0] = 5
		sh.Note(row, true, true)
		for _, slot := range []Slot{200, 70, 5} {
			s.Remove(slot)
		}
		for _, want := range []Slot{5, 70, 200, 300} {
			if got := s.Add("x"); got != want {
				t.Errorf("%d shards: got slot %d, want %d", shards, got, want)
			}
		}
		if sh.AvailRow(row, 4)[0] != 0 || sh.IsAvailable(row) || sh.Rows[row].Gen != 1 {
			t.Errorf("%d shards: slot 70 remembers its former agent: %+v", shards, sh.Rows[row])
		}
		if s.Len() != 301 {
			t.Errorf("%d shards: %d agents, want 301", shards, s.Len())
		}
	}
}

// Slot and row are each other's inverse.
func TestSlotOf(t *testing.T) {
	for _, shards := range []int{1, 2, 16, 256} {
		s := NewSpace(shards, 4)
		for slot := range Slot(1000) {
			sh, row := s.At(slot)
			i := 0
			for sh != &s.shards[i] {
				i++
			}
			if got := s.SlotOf(i, row); got != slot {
				t.Fatalf("%d shards: slot %d is row %d of shard %d, which is slot %d", shards, slot, row, i, got)
			}
		}
	}
}

// Candidates come in slot order whatever the number of shards.
func TestCandidates(t *testing.T) {
	var first []Slot
	for _, shards := range []int{1, 4, 64} {
		s := NewSpace(shards, 4)
		for i := range 1000 {
			slot := s.Add(fmt.Sprint(i))
			sh, row := s.At(slot)
			sh.Note(row, i%3 != 0, true)
			s.Put(Deactivated, slot, i%7 == 0)
			s.Put(Unlisted, slot, i%11 == 0)
			if i%13 == 0 {
				sh.Rest(row)
			}
			if i%17 == 0 {
				sh.RestScant(row)
			}
		}
		got := s.Candidates(nil)
		if first == nil {
			first = got
			for i := range Slot(1000) {
				want := i%3 != 0 && i%7 != 0 && i%11 != 0 && i%13 != 0 && i%17 != 0
				if slices.Contains(got, i) != want || s.IsCandidate(i) != want {
					t.Errorf("slot %d: candidate is %t, want %t", i, !want, want)
				}
			}
		}
		if !slices.IsSorted(got) || !slices.Equal(got, first) {
			t.Errorf("%d shards: candidates differ from those of 1 shard", shards)
		}
		// Who takes part is one thing, what a row has another.
		s.WakeAll()
		if !s.IsCandidate(13) || s.IsCandidate(17) {
			t.Errorf("%d shards: once all are awake slot 13 is a candidate: %t, and 17, below every minimum: %t", shards, s.IsCandidate(13), s.IsCandidate(17))
		}
		sh, row := s.At(17)
		if sh.Note(row, true, true); !s.IsCandidate(17) || s.IsCandidate(34) {
			t.Errorf("%d shards: slot 17, which has grown, is a candidate: %t, and 34: %t", shards, s.IsCandidate(17), s.IsCandidate(34))
		}
		if s.ForgetScant(); !s.IsCandidate(34) {
			t.Errorf("%d shards: slot 34 is none, with other minima", shards)
		}
	}
}

func TestIndices(t *testing.T) {
	s := NewSpace(4, 4)
	for i := range 500 {
		slot := s.Add(fmt.Sprint(i))
		s.AddAttribute(slot, "rack", fmt.Sprintf("r%d", i%3))
		s.AddReserved(slot, "a")
	}
	in := func(prefix string) *roaring.Bitmap {
		b := roaring.New()
		s.WithAttribute(b, "rack", func(v string) bool { return strings.HasPrefix(v, prefix) })
		return b
	}
	if got := in("r1").GetCardinality(); got != 167 {
		t.Errorf("%d agents in rack r1, want 167", got)
	}
	for i := range Slot(500) {
		s.DropAttribute(i, "rack", fmt.Sprintf("r%d", i%3))
		if i != 77 {
			s.DropReserved(i, "a")
		}
	}
	if got := in("r").GetCardinality(); got != 0 {
		t.Errorf("%d agents in any rack, want none", got)
	}
	if got := s.ReservedFor("a", nil); !slices.Equal(got, []Slot{77}) {
		t.Errorf("slots %v are reserved for a, want 77", got)
	}
	for i := range Slot(500) {
		s.Put(Maintenance, i, i%100 == 0)
	}
	if got := s.Members(Maintenance, nil); !slices.Equal(got, []Slot{0, 100, 200, 300, 400}) {
		t.Errorf("slots %v have maintenance", got)
	}
}

func TestWidenKeepsRows(t *testing.T) {
	s := NewSpace(2, 4)
	for i := range 100 {
		sh, row := s.At(s.Add(fmt.Sprint(i)))
		sh.TotalRow(row, 4)[3] = int64(i)
		sh.AvailRow(row, 4)[0] = int64(i)
	}
	s.Widen(8)
	for i := range Slot(100) {
		sh, row := s.At(i)
		if sh.TotalRow(row, 8)[3] != int64(i) || sh.AvailRow(row, 8)[0] != int64(i) || sh.AvailRow(row, 8)[7] != 0 {
			t.Errorf("slot %d changed", i)
		}
	}
	total, available := s.Usage()
	if total[3] != 4950 || available[0] != 4950 {
		t.Errorf("usage is %v and %v, want sums of 4950", total, available)
	}
}
