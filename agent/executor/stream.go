package executor

import (
	"errors"
	"sync"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/mesos/executor"
)

// maxQueued is how many bytes may wait for one executor.
const maxQueued = 64 << 20

var errBacklog = errors.New("executor does not read its events")

// stream is one subscription: a queue of encoded events and who writes them.
type stream struct {
	gateway *Gateway
	token   core.Token
	typ     codec.Type
	wake    chan struct{}

	mu       sync.Mutex
	queue    [][]byte // guarded by mu
	bytes    int      // guarded by mu
	finished bool     // guarded by mu
	overflow bool     // guarded by mu
}

func newStream(g *Gateway, token core.Token, typ codec.Type) *stream {
	return &stream{gateway: g, token: token, typ: typ, wake: make(chan struct{}, 1)}
}

// push queues an event.
func (s *stream) push(e *executor.Event) {
	b, err := encode(s.typ, e)
	if err != nil {
		s.gateway.log.Error("BUG: executor event cannot be encoded", "type", e.GetType(), "err", err)
		return
	}
	s.mu.Lock()
	if s.bytes+len(b) > maxQueued {
		s.overflow = true
	} else {
		s.queue, s.bytes = append(s.queue, b), s.bytes+len(b)
	}
	s.mu.Unlock()
	s.signal()
}

// finish ends the stream after what is queued.
func (s *stream) finish() {
	s.mu.Lock()
	s.finished = true
	s.mu.Unlock()
	s.signal()
}

func (s *stream) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *stream) take() (batch [][]byte, finished, overflow bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch, s.queue, s.bytes = s.queue, nil, 0
	return batch, s.finished, s.overflow
}

// run writes events until the stream ends on either side.
func (s *stream) run(out *httpd.Stream) {
	defer func() {
		s.gateway.forget(s.token)
		// An error means that the agent has stopped, which forgets all streams.
		_ = s.gateway.report(core.ExecutorGone{Token: s.token})
	}()
	for {
		batch, finished, overflow := s.take()
		if len(batch) > 0 && out.SendBatch(batch...) != nil {
			return
		}
		if overflow {
			out.Abort(errBacklog)
			return
		}
		if finished {
			out.Close()
			return
		}
		select {
		case <-s.wake:
		case <-out.Closed():
			return
		}
	}
}
