package view

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestTheLowestFreeSlotComesFirst(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var f freeSlots
	var model []uint32 // sorted
	for step := range 200_000 {
		if r.IntN(3) > 0 || len(model) == 0 {
			slot := uint32(r.IntN(1 << (1 + r.IntN(20))))
			if at, found := slices.BinarySearch(model, slot); !found {
				f.add(slot)
				model = slices.Insert(model, at, slot)
			}
		}
		if r.IntN(2) == 0 && len(model) > 0 {
			if got, ok := f.take(); !ok || got != model[0] {
				t.Fatalf("step %d: got %d, %v, want %d", step, got, ok, model[0])
			}
			model = model[1:]
		}
	}
	for _, want := range model {
		if got, ok := f.take(); !ok || got != want {
			t.Fatalf("got %d, %v, want %d", got, ok, want)
		}
	}
	if slot, ok := f.take(); ok {
		t.Fatalf("got %d of none", slot)
	}
}
