package fanout

import (
	"sync"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/recordio"
)

// Conn is the stream under a subscriber; *httpd.Stream implements it.
// Both ways to send keep records apart (each is a chunk of the body) and fail once the
// stream has ended. SendBatch blocks for a bounded time; SendSoon does not: it reports
// whether all was sent, and otherwise calls then with what became of it, after
// which the records are the caller's again.
type Conn interface {
	SendBatch(records ...[]byte) error
	SendSoon(then func(error), records ...[]byte) (done bool, err error)
	Close()
	Abort(cause error)
	OnClose(func())
}

// keep is the largest buffer that an idle subscriber keeps.
const keep = 16 << 10

// Subscriber is one stream's end of the fanout.
type Subscriber struct {
	fan      *Fanout
	ref      core.StreamRef
	codec    codec.Type
	operator bool
	maxBytes int

	mu struct {
		sync.Mutex
		conn    Conn   // nil until attached; guarded by mu
		pending []byte // framed records; guarded by mu
		ends    []int  // where each record of pending ends; guarded by mu
		spare   []byte // an empty buffer to swap in; guarded by mu
		sending int    // bytes the writer has taken and not yet sent; guarded by mu
		dirty   bool   // in Fanout.dirty; guarded by mu
		writing bool   // a writer runs; guarded by mu
		ending  bool   // close after pending; guarded by mu
		over    bool   // takes nothing more; guarded by mu
		told    bool   // Ended was called or is not to be; guarded by mu
		// first renders what goes before pending; nil when done. Guarded by mu.
		first func() ([]byte, error)
		then  []byte // framed, follows first
	}
}

// Attach gives the subscriber its open stream.
func (s *Subscriber) Attach(c Conn) {
	s.mu.Lock()
	over := s.mu.over
	s.mu.conn = c
	s.mu.Unlock()
	if over {
		c.Abort(ErrCut)
	}
	c.OnClose(s.closed)
	s.schedule()
}

// closed is called once when the stream has ended, for whatever reason.
func (s *Subscriber) closed() {
	s.mu.Lock()
	s.mu.over = true
	told := s.mu.told
	s.mu.told = true
	s.freeLocked()
	s.mu.Unlock()
	s.fan.remove(s)
	if !told {
		s.fan.opts.Ended(s.ref, s.operator)
	}
}

func (s *Subscriber) freeLocked() {
	s.mu.pending, s.mu.spare, s.mu.ends, s.mu.first, s.mu.then = nil, nil, nil, nil, nil
}

// append takes a record and reports whether the subscriber must be remembered
// for the next Flush.
func (s *Subscriber) append(b []byte) bool {
	s.mu.Lock()
	if s.mu.over || s.mu.ending {
		s.mu.Unlock()
		return false
	}
	s.appendLocked(recordio.AppendHeader(s.pendingLocked(), len(b)), b)
	// A lone record may be larger than the bound: a snapshot of everything.
	held := len(s.mu.pending) + s.mu.sending
	mostBytes, mostRecords := s.bounds()
	full := len(s.mu.ends) > mostRecords || held > mostBytes && len(s.mu.ends) > 1
	first := !s.mu.dirty
	s.mu.dirty = true
	s.mu.Unlock()
	s.fan.metrics.records.Add(1)
	if full {
		s.cut()
		return false
	}
	return first
}

// bounds are how much may wait.
func (s *Subscriber) bounds() (bytes, records int) {
	if s.operator {
		return s.maxBytes, s.fan.opts.Records
	}
	agents := int(s.fan.agents.Load())
	return max(s.maxBytes, agents*BytesPerAgent), max(s.fan.opts.Records, agents*RecordsPerAgent)
}

// pendingLocked is the buffer that the next record goes to.
func (s *Subscriber) pendingLocked() []byte {
	if s.mu.pending == nil {
		s.mu.pending, s.mu.spare = s.mu.spare, nil
	}
	return s.mu.pending
}

// appendLocked completes a record in the buffer.
func (s *Subscriber) appendLocked(pending, b []byte) {
	s.mu.pending = append(pending, b...)
	s.mu.ends = append(s.mu.ends, len(s.mu.pending))
}

// begin sets what goes before everything else, and reports whether the
// subscriber still takes it.
func (s *Subscriber) begin(first func() ([]byte, error), then []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.first, s.mu.then = first, then
	return !s.mu.over
}

func (s *Subscriber) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.over || s.mu.ending
}

// end closes the stream after what is pending; nobody needs to be told.
func (s *Subscriber) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.ending, s.mu.told = true, true
}

// cut ends a subscriber that does not read.
func (s *Subscriber) cut() {
	s.mu.Lock()
	already := s.mu.over
	s.mu.over = true
	conn := s.mu.conn
	s.freeLocked()
	s.mu.Unlock()
	if already {
		return
	}
	s.fan.metrics.cut.Add(1)
	if conn != nil {
		conn.Abort(ErrCut) // calls closed
	}
}

// schedule starts a writer if there is something to write and none runs.
func (s *Subscriber) schedule() {
	s.mu.Lock()
	s.mu.dirty = false
	idle := len(s.mu.pending) == 0 && s.mu.first == nil && !s.mu.ending
	if s.mu.conn == nil || s.mu.writing || s.mu.over || idle {
		s.mu.Unlock()
		return
	}
	s.mu.writing = true
	s.mu.Unlock()
	s.fan.writers.add(s)
}

// work is what a writer sends next.
type work struct {
	conn  Conn
	first func() ([]byte, error) // rendered and framed, if not nil, then
	then  []byte                 // this, then
	b     []byte                 // the records of this, which
	ends  []int                  // end here
}

// write sends until nothing is left or it would have to wait; then it goes on elsewhere.
func (s *Subscriber) write() {
	for {
		w, more := s.take()
		if !more {
			return
		}
		if w.first != nil { // it may take long to render
			go func() {
				if s.sendFirst(w) {
					s.sendRest(w)
				}
			}()
			return
		}
		if !s.sendSoon(w) {
			return // closed has been called, or is about to be; or the rest is on its way
		}
	}
}

// sendSoon sends what was taken and reports whether it was all sent at once.
func (s *Subscriber) sendSoon(w work) bool {
	done, err := w.conn.SendSoon(func(err error) {
		if err == nil {
			s.sent(w)
			s.write()
		}
	}, split(w.b, w.ends)...)
	if done && err == nil {
		s.sent(w)
		return true
	}
	return false
}

// sendRest sends what was taken, however long it takes, and goes on.
func (s *Subscriber) sendRest(w work) {
	if w.conn.SendBatch(split(w.b, w.ends)...) == nil {
		s.sent(w)
		s.write()
	}
}

// sent counts what was sent and keeps its buffers.
func (s *Subscriber) sent(w work) {
	s.fan.metrics.bytes.Add(uint64(len(w.b)))
	s.recycle(w)
}

// take swaps the pending buffer out. If nothing is pending the writer ends,
// after closing the stream if it is to be.
func (s *Subscriber) take() (work, bool) {
	s.mu.Lock()
	w := work{conn: s.mu.conn, first: s.mu.first, then: s.mu.then, b: s.mu.pending, ends: s.mu.ends}
	s.mu.first, s.mu.then = nil, nil
	if s.mu.over {
		s.mu.Unlock()
		return w, false
	}
	if len(w.b) == 0 && w.first == nil {
		s.mu.writing = false
		ending := s.mu.ending
		s.mu.Unlock()
		if ending {
			go w.conn.Close() // calls closed; may wait for the peer
		}
		return w, false
	}
	s.mu.pending, s.mu.spare, s.mu.ends = s.mu.spare, nil, nil
	s.mu.sending = len(w.b)
	s.mu.Unlock()
	return w, true
}

func (s *Subscriber) sendFirst(w work) bool {
	b, err := w.first()
	if err != nil {
		w.conn.Abort(err)
		return false
	}
	framed := recordio.Append(nil, b)
	if w.conn.SendBatch(framed, w.then) != nil {
		return false
	}
	s.fan.metrics.bytes.Add(uint64(len(framed) + len(w.then)))
	return true
}

// split cuts a buffer of records apart.
func split(b []byte, ends []int) [][]byte {
	records := make([][]byte, len(ends))
	start := 0
	for i, end := range ends {
		records[i] = b[start:end]
		start = end
	}
	return records
}

// recycle keeps sent buffers for the next records, unless they grew large.
func (s *Subscriber) recycle(w work) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.sending = 0
	if s.mu.over || s.mu.spare != nil || cap(w.b) > keep {
		return
	}
	s.mu.spare = w.b[:0]
	if s.mu.ends == nil {
		s.mu.ends = w.ends[:0]
	}
}
