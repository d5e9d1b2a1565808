package view

import "math/bits"

// freeSlots gives back the lowest free slot first, which keeps tables dense at their
// beginning. A bit of a level says that a word of the level below has one, so that adding and
// taking look at five words at most, whatever the number of slots.
type freeSlots struct {
	levels [6][]uint64 // levels[0] has a bit for each slot; 64^6 is more than a slot can be
}

func (f *freeSlots) add(slot uint32) {
	at := slot
	for l := range f.levels {
		word := int(at / 64)
		for word >= len(f.levels[l]) {
			f.levels[l] = append(f.levels[l], 0)
		}
		was := f.levels[l][word]
		f.levels[l][word] = was | 1<<(at%64)
		if was != 0 {
			return // the levels above know of the word
		}
		at /= 64
	}
}

// take removes the lowest; false if there is none.
func (f *freeSlots) take() (uint32, bool) {
	const top = len(f.levels) - 1
	if len(f.levels[top]) == 0 || f.levels[top][0] == 0 {
		return 0, false
	}
	at := 0
	for l := top; l >= 0; l-- {
		at = at*64 + bits.TrailingZeros64(f.levels[l][at])
	}
	slot := uint32(at)
	for l := range f.levels {
		word := &f.levels[l][at/64]
		*word &^= 1 << (at % 64)
		if *word != 0 {
			break // the levels above still have it
		}
		at /= 64
	}
	return slot, true
}
