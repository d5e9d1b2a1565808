package world

import "sync"

// Turns works through what is put into it, in its order, beside whoever puts: a
// scheduler that waited for each answer before it read on would be cut for being
// slow. An idle one has no goroutine. What waits is bounded by what the allocator
// has sent and not had answered.
type Turns[T any] struct {
	do     func([]T) error
	failed func(error)

	mu      sync.Mutex
	waiting []T  // guarded by mu
	busy    bool // a goroutine works on waiting; guarded by mu
}

// NewTurns makes one: do takes all that has gathered, failed is told of its errors.
func NewTurns[T any](do func([]T) error, failed func(error)) *Turns[T] {
	return &Turns[T]{do: do, failed: failed}
}

// Put adds items and returns at once.
func (t *Turns[T]) Put(items ...T) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting = append(t.waiting, items...)
	if !t.busy && len(t.waiting) > 0 {
		t.busy = true
		go t.work()
	}
}

func (t *Turns[T]) work() {
	for {
		t.mu.Lock()
		batch := t.waiting
		t.waiting = nil
		t.busy = len(batch) > 0
		t.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		if err := t.do(batch); err != nil {
			t.failed(err)
		}
	}
}
