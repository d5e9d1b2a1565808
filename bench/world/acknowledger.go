package world

import (
	"slices"
	"sync"
	"time"

	"github.com/caprock/caprock/wire/mesos"
)

// pipelined is how many acknowledgements are sent before the first answer is read.
const pipelined = 32

// Acknowledger confirms the updates of one framework, in their order and beside the event stream: a scheduler that waited for each answer before it read
// on would be cut for being slow.
type Acknowledger struct {
	framework *Framework
	failed    func(error)

	mu      sync.Mutex
	waiting []*mesos.TaskStatus // guarded by mu
	busy    bool                // a goroutine works on waiting; guarded by mu
}

// NewAcknowledger makes one; failed is told of calls that fail.
func NewAcknowledger(f *Framework, failed func(error)) *Acknowledger {
	return &Acknowledger{framework: f, failed: failed}
}

// Put takes an update and returns at once. Those without uuid need no
// acknowledgement.
func (a *Acknowledger) Put(s *mesos.TaskStatus) {
	if len(s.GetUuid()) == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting = append(a.waiting, s)
	if !a.busy {
		a.busy = true
		go a.work()
	}
}

func (a *Acknowledger) work() {
	for {
		a.mu.Lock()
		batch := a.waiting
		a.waiting = nil
		a.busy = len(batch) > 0
		a.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		for some := range slices.Chunk(batch, pipelined) {
			if err := a.framework.AcknowledgeAll(some, func(time.Duration) {}); err != nil {
				a.failed(err)
			}
		}
	}
}
