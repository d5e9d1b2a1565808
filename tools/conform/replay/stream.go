package replay

import (
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// stream is a response that goes on: events of a scheduler, an executor or an
// operator, or the output of a container.
type stream struct {
	exchange *Exchange // nil for one that the runner invented
	api      endpoint
	conn     net.Conn
	started  time.Time
	status   int

	mu     sync.Mutex
	events []liveEvent // guarded by mu
	ended  bool        // guarded by mu
}

type liveEvent struct {
	since time.Duration
	tree  any
	err   error // why it could not be decoded
}

// openStream sends the request and, if the answer is a stream, reads it in the
// background, handing each event to note in order. Otherwise the response holds
// the body.
func openStream(ctx context.Context, address string, request *Message, s *stream, note func(*stream, any)) (*Message, error) {
	conn, err := send(ctx, address, request)
	if err != nil {
		return nil, err
	}
	conn.SetReadDeadline(time.Now().Add(requestPatience))
	m, body, err := answer(conn, request.Method())
	if err != nil {
		conn.Close()
		if closed(err) {
			return &Message{}, nil
		}
		return nil, err
	}
	s.status = m.Status()
	if m.Status() != 200 || m.Header("Transfer-Encoding") != "chunked" {
		defer conn.Close()
		m.Body, err = io.ReadAll(body)
		return m, err
	}
	conn.SetReadDeadline(time.Time{})
	s.conn, s.started = conn, time.Now()
	go s.read(body, note)
	return m, nil
}

func (s *stream) read(body io.Reader, note func(*stream, any)) {
	event := s.api.event()
	readRecords(body, func(record []byte) {
		tree, err := recordTree(record, event)
		s.mu.Lock()
		s.events = append(s.events, liveEvent{time.Since(s.started), tree, err})
		s.mu.Unlock()
		note(s, tree)
	})
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	note(s, nil)
}

// seen is a copy of what has arrived so far.
func (s *stream) seen() (events []liveEvent, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]liveEvent(nil), s.events...), s.ended
}

// close hangs up.
func (s *stream) close() {
	if s.conn != nil {
		s.conn.Close()
	}
}
