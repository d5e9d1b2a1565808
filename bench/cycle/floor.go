package cycle

// bareHeap is what a full cycle would be if there were nothing but fair shares: frameworks in a
// plain heap by dominant share, number of offers and number; each agent is given whole to the
// first. It is measured beside every shape: what the machine of the moment can do.
type bareHeap struct {
	heap  []*floorFramework
	total [floorScalars]float64
}

type floorFramework struct {
	number, offers int
	share          float64
	held           [floorScalars]float64
}

const floorScalars = 3

// floorAgent is the scalars of fullAgent.
var floorAgent = [floorScalars]float64{24, 4096, 4096}

func newFloor(agents, frameworks int) *bareHeap {
	f := &bareHeap{}
	for i := range frameworks {
		f.heap = append(f.heap, &floorFramework{number: i})
	}
	for d := range f.total {
		f.total[d] = floorAgent[d] * float64(agents)
	}
	return f
}

// cycle gives away the agents, and counts what the last framework to be served has then.
func (f *bareHeap) cycle(agents int) (offers int) {
	for range agents {
		x := f.heap[0]
		x.offers++
		offers = x.offers
		x.share = 0
		for d := range x.held {
			x.held[d] += floorAgent[d]
			x.share = max(x.share, x.held[d]/f.total[d])
		}
		f.down()
	}
	return offers
}

// down brings the first framework to where it belongs.
func (f *bareHeap) down() {
	h := f.heap
	for p := 0; ; {
		c := 2*p + 1
		if c >= len(h) {
			return
		}
		if c+1 < len(h) && h[c+1].before(h[c]) {
			c++
		}
		if !h[c].before(h[p]) {
			return
		}
		h[c], h[p] = h[p], h[c]
		p = c
	}
}

func (x *floorFramework) before(y *floorFramework) bool {
	if x.share != y.share {
		return x.share < y.share
	}
	if x.offers != y.offers {
		return x.offers < y.offers
	}
	return x.number < y.number
}
