package core

import "container/heap"

// timerKind says what to do when a timer fires. Timers are hints: the handler
// looks at the state and may find nothing to do.
type timerKind uint8

const (
	timerPing              timerKind = iota // agent: send a ping, count misses
	timerAgentReregister                    // agent: disconnected for too long
	timerFrameworkFailover                  // framework: disconnected for too long
	timerOffer                              // offer: unanswered for too long
	timerInverseOffer                       // inverse offer: the same
	timerOperation                          // operation: status not acknowledged
	timerPrune                              // forget old unreachable and gone agents
	timerRemoval                            // the next unreachable agent's tasks may be declared lost
)

type timer struct {
	at    int64 // Mono
	kind  timerKind
	id    string
	seq   uint64 // order among equal times
	tries int    // how often it fired before
}

type timerHeap []timer

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].seq < h[j].seq
}
func (h timerHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *timerHeap) Push(x any)   { *h = append(*h, x.(timer)) }
func (h *timerHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

// timers is the set of armed timers, earliest first.
type timers struct {
	heap timerHeap
	seq  uint64
}

// arm arms a timer and returns its number.
func (t *timers) arm(at int64, kind timerKind, id string) uint64 {
	t.seq++
	heap.Push(&t.heap, timer{at: at, kind: kind, id: id, seq: t.seq})
	return t.seq
}

// armAgain arms a timer that fired.
func (t *timers) armAgain(at int64, fired timer) {
	t.seq++
	heap.Push(&t.heap, timer{at: at, kind: fired.kind, id: fired.id, seq: t.seq, tries: fired.tries + 1})
}

// pop takes the earliest timer that is due.
func (t *timers) pop(now int64) (timer, bool) {
	if len(t.heap) == 0 || t.heap[0].at > now {
		return timer{}, false
	}
	return heap.Pop(&t.heap).(timer), true
}

func (t *timers) next() (int64, bool) {
	if len(t.heap) == 0 {
		return 0, false
	}
	return t.heap[0].at, true
}

// armWall arms a timer for a wall time that was written down, perhaps by an
// earlier process.
func (c *Core) armWall(wall int64, kind timerKind, id string) {
	c.timers.arm(c.now.Mono+max(0, wall-c.now.Wall), kind, id)
}

// runTimers handles every timer that is due.
func (c *Core) runTimers() {
	for {
		t, ok := c.timers.pop(c.now.Mono)
		if !ok {
			return
		}
		switch t.kind {
		case timerPing:
			c.pingAgent(t)
		case timerAgentReregister:
			c.agentReregisterTimeout(t.id)
		case timerFrameworkFailover:
			c.frameworkFailoverTimeout(t.id)
		case timerOffer:
			c.offerTimeout(t.id)
		case timerInverseOffer:
			c.inverseOfferTimeout(t.id)
		case timerOperation:
			c.repeatOperation(t)
		case timerPrune:
			c.pruneAgents()
		case timerRemoval:
			c.nextRemoval()
		}
	}
}
