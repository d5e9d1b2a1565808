package fleet

import (
	"sync"
	"time"

	"github.com/caprock/caprock/bench/world"
	"github.com/caprock/caprock/wire/mesos"
)

// books are the tasks of a group that were accepted and have not ended.
type books struct {
	mu      sync.Mutex
	tasks   map[string]*entry // guarded by mu
	running world.Amount      // sum over those that run; guarded by mu
	count   int64             // of those; guarded by mu
	all     world.Amount      // sum over all; guarded by mu
}

type entry struct {
	world.Amount
	since   time.Time // wanted
	started bool      // ran at least once
	running bool
}

// note writes a task down before it is launched.
func (b *books) note(id string, a world.Amount, since time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tasks == nil {
		b.tasks = map[string]*entry{}
	}
	b.tasks[id] = &entry{Amount: a, since: since}
	b.all = b.all.Plus(a, 1)
}

// outcome is what an update means.
type outcome uint8

const (
	nothing outcome = iota
	started         // for the first time
	ended           // after having run
	failed          // without having run
)

// update takes a state in, and says how long the task has been wanted.
func (b *books) update(id string, s mesos.TaskState, now time.Time) (outcome, time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.tasks[id]
	if e == nil {
		return nothing, 0
	}
	wanted := now.Sub(e.since)
	switch s {
	case mesos.TaskState_TASK_STAGING, mesos.TaskState_TASK_STARTING:
		return nothing, 0
	case mesos.TaskState_TASK_RUNNING:
		b.setLocked(e, true)
		if e.started {
			return nothing, 0
		}
		e.started = true
		return started, wanted
	case mesos.TaskState_TASK_UNREACHABLE:
		b.setLocked(e, false)
		return nothing, 0
	}
	b.setLocked(e, false)
	delete(b.tasks, id)
	b.all = b.all.Plus(e.Amount, -1)
	if e.started {
		return ended, wanted
	}
	return failed, wanted
}

func (b *books) setLocked(e *entry, running bool) {
	switch {
	case running && !e.running:
		b.running = b.running.Plus(e.Amount, 1)
		b.count++
	case !running && e.running:
		b.running = b.running.Plus(e.Amount, -1)
		b.count--
	}
	e.running = running
}

// runs is what runs now.
func (b *books) runs() (world.Amount, int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.running, b.count
}

// held is what was accepted and has not ended.
func (b *books) held() (sum world.Amount, count int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all, len(b.tasks)
}

// close forgets all, when the frameworks have left.
func (b *books) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.tasks)
	b.running, b.all, b.count = world.Amount{}, world.Amount{}, 0
}
