package api

import (
	"sync"

	"github.com/caprock/caprock/alloc/core"
)

// answer is what a waiting call gets.
type answer struct {
	status int
	text   string
	value  any // of calls that are answered with more than a text
}

// waiters are the calls whose commands are on their way, by token.
type waiters struct {
	shards [16]struct {
		mu      sync.Mutex
		waiting map[core.Token]chan answer // guarded by mu
	}
}

// channels are reused: a call waits for tens of microseconds.
var answerChannels = sync.Pool{New: func() any { return make(chan answer, 1) }}

// add announces a call. Its channel gets exactly one answer, or none if the
// process stops first.
func (w *waiters) add(t core.Token) chan answer {
	ch := answerChannels.Get().(chan answer)
	s := &w.shards[t%16]
	s.mu.Lock()
	if s.waiting == nil {
		s.waiting = map[core.Token]chan answer{}
	}
	s.waiting[t] = ch
	s.mu.Unlock()
	return ch
}

// drop withdraws a call whose command was not taken.
func (w *waiters) drop(t core.Token) {
	s := &w.shards[t%16]
	s.mu.Lock()
	delete(s.waiting, t)
	s.mu.Unlock()
}

// answer wakes the call. Tokens that nobody waits for are ignored.
func (w *waiters) answer(t core.Token, a answer) {
	s := &w.shards[t%16]
	s.mu.Lock()
	ch := s.waiting[t]
	delete(s.waiting, t)
	s.mu.Unlock()
	if ch != nil {
		ch <- a // has room for one
	}
}
