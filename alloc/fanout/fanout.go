package fanout

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/recordio"
)

// ErrCut is why a stream whose peer does not read was aborted.
var ErrCut = errors.New("subscriber cut: it does not read its events")

// Fanout holds the subscribers.
type Fanout struct {
	opts  Options
	beats [2][2][]byte // framed heartbeats by operator (0, 1) and codec

	mu struct {
		sync.Mutex
		subs map[core.StreamRef]*Subscriber // guarded by mu
	}
	due     queue // of heartbeats
	writers *writers

	// The releaser's own.
	operators []*Subscriber // open operator streams, oldest first
	dirty     []*Subscriber // have data and perhaps no writer
	scratch   [2][]byte     // encoded event by codec

	agents atomic.Int64 // see Expect

	metrics metrics
}

// New makes a Fanout.
func New(opts Options) (*Fanout, error) {
	opts.EnsureDefaults()
	if err := opts.Validate(); err != nil {
		return nil, fmt.Errorf("fanout options: %w", err)
	}
	f := &Fanout{opts: opts, writers: newWriters()}
	f.mu.subs = map[core.StreamRef]*Subscriber{}
	f.due.wake = make(chan struct{}, 1)
	for i, m := range []codec.Message{opts.FrameworkHeartbeat, opts.OperatorHeartbeat} {
		for _, t := range []codec.Type{codec.JSON, codec.Protobuf} {
			b, err := t.Append(nil, m)
			if err != nil {
				return nil, fmt.Errorf("fanout options: heartbeat: %w", err)
			}
			f.beats[i][t] = recordio.Append(nil, b)
		}
	}
	return f, nil
}

// Expect says how many agents there are that may be offered. What waits for a framework is bounded by
// BytesPerAgent and RecordsPerAgent of them, where that is more than Options.FrameworkBytes and
// Options.Records.
func (f *Fanout) Expect(agents int) { f.agents.Store(int64(agents)) }

// Register announces a subscriber whose stream is about to be asked for.
func (f *Fanout) Register(ref core.StreamRef, t codec.Type, operator bool) *Subscriber {
	s := &Subscriber{fan: f, ref: ref, codec: t, operator: operator, maxBytes: f.opts.FrameworkBytes}
	if operator {
		s.maxBytes = f.opts.OperatorBytes
	}
	f.mu.Lock()
	f.mu.subs[ref] = s
	f.mu.Unlock()
	return s
}

// Drop forgets a registered subscriber that never got its stream. Nobody is
// told.
func (f *Fanout) Drop(s *Subscriber) {
	s.mu.Lock()
	s.mu.over = true
	s.freeLocked()
	s.mu.Unlock()
	f.remove(s)
}

func (f *Fanout) remove(s *Subscriber) {
	f.mu.Lock()
	delete(f.mu.subs, s.ref)
	f.mu.Unlock()
}

func (f *Fanout) find(ref core.StreamRef) *Subscriber {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.subs[ref]
}

// Open starts the heartbeats of a framework's stream: the first comes an
// interval from now.
func (f *Fanout) Open(ref core.StreamRef) {
	if s := f.find(ref); s != nil {
		f.due.push(s, f.opts.Clock.Monotonic()+f.opts.Interval)
	}
}

// Push sends one event to one stream. Streams that are gone swallow it.
func (f *Fanout) Push(ref core.StreamRef, event codec.Message) error {
	s := f.find(ref)
	if s == nil {
		f.metrics.missed.Add(1)
		return nil
	}
	b, err := f.encode(s.codec, event)
	if err != nil {
		return err
	}
	f.give(s, b)
	return nil
}

// encode encodes into the codec's scratch buffer, valid until its next use.
func (f *Fanout) encode(t codec.Type, event codec.Message) ([]byte, error) {
	const keep = 1 << 20
	b, err := t.Append(f.scratch[t][:0], event)
	if cap(b) <= keep {
		f.scratch[t] = b
	}
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	f.metrics.encoded.Add(1)
	return b, nil
}

// give appends a record to s' buffer and remembers to start its writer.
func (f *Fanout) give(s *Subscriber, b []byte) {
	if s.append(b) {
		f.dirty = append(f.dirty, s)
	}
}

// OpenOperator opens an operator stream: first what render gives, which runs
// on the stream's own goroutine, then a heartbeat, then every event that is
// broadcast after this call. render appends an unframed record.
func (f *Fanout) OpenOperator(ref core.StreamRef, render func(dst []byte, t codec.Type) ([]byte, error)) {
	s := f.find(ref)
	if s == nil {
		return
	}
	if !s.begin(func() ([]byte, error) { return render(nil, s.codec) }, f.beats[1][s.codec]) {
		return
	}
	f.dirty = append(f.dirty, s)
	f.due.push(s, f.opts.Clock.Monotonic()+f.opts.Interval)
	f.operators = append(f.operators, s)
	if len(f.operators) > f.opts.Operators {
		f.operators[0].cut()
		f.operators = f.operators[1:]
	}
}

// Broadcast sends one event to every open operator stream.
func (f *Fanout) Broadcast(event codec.Message) error {
	var encoded [2][]byte
	live := f.operators[:0]
	for _, s := range f.operators {
		if s.ended() {
			continue
		}
		live = append(live, s)
		if encoded[s.codec] == nil {
			b, err := f.encode(s.codec, event)
			if err != nil {
				return err
			}
			encoded[s.codec] = b
		}
		f.give(s, encoded[s.codec])
	}
	clear(f.operators[len(live):])
	f.operators = live
	return nil
}

// End ends a stream once everything pushed has been sent.
func (f *Fanout) End(ref core.StreamRef) {
	if s := f.find(ref); s != nil {
		s.end()
		f.dirty = append(f.dirty, s)
	}
}

// Flush starts the writers of what was pushed since the last Flush.
func (f *Fanout) Flush() {
	for i, s := range f.dirty {
		s.schedule()
		f.dirty[i] = nil
	}
	f.dirty = f.dirty[:0]
}
