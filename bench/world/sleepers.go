package world

import (
	"container/heap"
	"time"

	"github.com/caprock/caprock/wire/link"
)

// sleepers are the running tasks of a link that end by themselves, the next to end
// first. It belongs to the holder of the link's lock.
type sleepers []sleeper

type sleeper struct {
	at    time.Time
	agent *Agent
	task  string
}

// take moves what an agent has begun into the heap.
func (s *sleepers) take(a *Agent, now time.Time) {
	for _, t := range a.slept {
		heap.Push(s, sleeper{now.Add(t.time), a, t.task})
	}
	a.slept = a.slept[:0]
}

// end appends the reports of tasks whose time is over. What an agent that is away
// would report waits until it is registered again.
func (s *sleepers) end(now time.Time, out []*link.Up) []*link.Up {
	for len(*s) > 0 && !(*s)[0].at.After(now) {
		t := heap.Pop(s).(sleeper)
		if !t.agent.registered {
			t.at = now.Add(time.Second)
			heap.Push(s, t)
			continue
		}
		out = t.agent.End(t.task, out)
	}
	return out
}

// Len, Less, Swap, Push and Pop are for container/heap.

func (s sleepers) Len() int           { return len(s) }
func (s sleepers) Less(i, j int) bool { return s[i].at.Before(s[j].at) }
func (s sleepers) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }

// Push appends.
func (s *sleepers) Push(x any) { *s = append(*s, x.(sleeper)) }

// Pop takes the last.
func (s *sleepers) Pop() any {
	last := len(*s) - 1
	t := (*s)[last]
	(*s)[last] = sleeper{}
	*s = (*s)[:last]
	return t
}
