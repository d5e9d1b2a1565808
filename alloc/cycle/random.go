package cycle

import "slices"

const golden = 0x9e3779b97f4a7c15

// random is a splitmix64 generator: eight bytes of state, part of the snapshot.
type random struct{ state uint64 }

func (r *random) next() uint64 {
	r.state += golden
	return mix(r.state)
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// of returns a generator for one slot under a seed.
func (r random) of(slot uint32) random { return random{mix(r.state + golden*uint64(slot+1))} }

// unit returns a number in (0, 1).
func (r *random) unit() float64 {
	return (float64(r.next()>>11) + 0.5) / (1 << 53)
}

// shuffler brings slots into a random order. Each slot's place depends on the
// seed and the slot alone, so it makes no difference for the others whether a
// slot takes part: agents that nobody can use may be left out, or not.
type shuffler struct {
	keys, spare []uint64
}

// fewSlots is below what a comparison sort is quicker.
const fewSlots = 256

func (s *shuffler) shuffle(slots []uint32, seed uint64) {
	if len(slots) < 2 {
		return
	}
	s.keys = slices.Grow(s.keys[:0], len(slots))
	for _, slot := range slots {
		s.keys = append(s.keys, mix(seed+golden*uint64(slot+1))&^(1<<32-1)|uint64(slot))
	}
	if len(slots) < fewSlots {
		slices.Sort(s.keys)
	} else {
		s.radix()
	}
	for i, k := range s.keys {
		slots[i] = uint32(k)
	}
}

const (
	radixBits = 11
	radixMask = 1<<radixBits - 1
)

// radix sorts the keys by their upper halves, in three passes.
func (s *shuffler) radix() {
	s.spare = slices.Grow(s.spare[:0], len(s.keys))[:len(s.keys)]
	var count [3][1 << radixBits]uint32
	for _, k := range s.keys {
		count[0][k>>32&radixMask]++
		count[1][k>>43&radixMask]++
		count[2][k>>54&radixMask]++
	}
	for pass := range count {
		at := uint32(0)
		for i, n := range count[pass] {
			count[pass][i] = at
			at += n
		}
		shift := 32 + pass*radixBits
		for _, k := range s.keys {
			c := &count[pass][k>>shift&radixMask]
			s.spare[*c] = k
			*c++
		}
		s.keys, s.spare = s.spare, s.keys
	}
}
