package cycle

// moment orders timers: by time and, at the same time, by age. gen counts the
// periodic timers that existed when the timer was made.
type moment struct {
	nanos int64
	gen   int64
}

func (m moment) before(o moment) bool {
	return m.nanos < o.nanos || m.nanos == o.nanos && m.gen < o.gen
}

// wheel is the groups by the moment they end.
type wheel struct {
	queue   momentQueue
	buckets map[moment][]*group
}

func (w *wheel) init() { w.buckets = make(map[moment][]*group) }

func (w *wheel) add(g *group) {
	if _, ok := w.buckets[g.ends]; !ok {
		w.queue.push(g.ends)
	}
	w.buckets[g.ends] = append(w.buckets[g.ends], g)
}

// next returns the earliest moment at which a group ends.
func (w *wheel) next() (moment, bool) {
	if len(w.queue) == 0 {
		return moment{}, false
	}
	return w.queue[0], true
}

func (w *wheel) pop() []*group {
	m := w.queue.pop()
	groups := w.buckets[m]
	delete(w.buckets, m)
	return groups
}

// momentQueue is a binary heap.
type momentQueue []moment

func (q *momentQueue) push(m moment) {
	*q = append(*q, m)
	h := *q
	for c := len(h) - 1; c > 0; {
		p := (c - 1) / 2
		if !h[c].before(h[p]) {
			return
		}
		h[c], h[p] = h[p], h[c]
		c = p
	}
}

func (q *momentQueue) pop() moment {
	h := *q
	first, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	*q = h
	for p := 0; ; {
		c := 2*p + 1
		if c >= len(h) {
			return first
		}
		if c+1 < len(h) && h[c+1].before(h[c]) {
			c++
		}
		if !h[c].before(h[p]) {
			return first
		}
		h[c], h[p] = h[p], h[c]
		p = c
	}
}
