package cycle

import "math/bits"

// random is a splitmix64 generator: eight bytes of state, part of the snapshot.
type random struct{ state uint64 }

func (r *random) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number below n.
func (r *random) below(n uint32) uint32 {
	hi, _ := bits.Mul64(r.next(), uint64(n))
	return uint32(hi)
}

// unit returns a number in (0, 1).
func (r *random) unit() float64 {
	return (float64(r.next()>>11) + 0.5) / (1 << 53)
}

// shuffle brings slots into a random order.
func (r *random) shuffle(slots []uint32) {
	for i := len(slots) - 1; i > 0; i-- {
		j := r.below(uint32(i + 1))
		slots[i], slots[j] = slots[j], slots[i]
	}
}
