package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/caprock/caprock/store/kv"
)

// Keys of the journal's own numbers. They sort before every record: a record
// key never starts with a zero byte.
var (
	termKey     = []byte("\x00journal/term")
	seqKey      = []byte("\x00journal/seq")
	firstRecord = []byte{1}
)

// ErrClosed is what Append and pending callbacks get once Close has begun or
// the journal has failed for another reason.
var ErrClosed = errors.New("the journal is closed")

// Options tune a journal.
type Options struct {
	// QueueBatches bounds the batches that are appended but not yet durable;
	// default 64. More hide a slow disk for longer and answer later.
	QueueBatches int

	// Monotonic is the clock that commit latencies are measured with; nil
	// leaves them out of the metrics.
	Monotonic func() time.Duration
}

// EnsureDefaults replaces zero fields by their defaults.
func (o *Options) EnsureDefaults() {
	if o.QueueBatches <= 0 {
		o.QueueBatches = 64
	}
	if o.Monotonic == nil {
		o.Monotonic = func() time.Duration { return 0 }
	}
}

// Journal is an open journal, safe for concurrent use; the order of concurrent
// appends is whichever came first.
type Journal struct {
	db   *kv.DB
	term uint64
	now  func() time.Duration

	queue    chan *Batch // to the committer; a slot each, so sends never block
	applied  chan *Batch // from the committer to the completer
	slots    chan struct{}
	finished chan struct{} // closed when both goroutines have ended
	stopping chan struct{} // closed by Close or the first failure
	failed   chan struct{} // closed by the first failure

	mu struct {
		sync.Mutex
		err     error  // the first failure; guarded by mu
		stopped bool   // stopping is closed, nothing is queued any more; guarded by mu
		seq     uint64 // of the last appended batch; guarded by mu
	}

	metrics metrics
}

// Open opens the journal kept in db, durably starting a new term.
func Open(db *kv.DB, opts Options) (*Journal, error) {
	opts.EnsureDefaults()
	j := &Journal{
		db:       db,
		now:      opts.Monotonic,
		queue:    make(chan *Batch, opts.QueueBatches),
		applied:  make(chan *Batch, opts.QueueBatches),
		slots:    make(chan struct{}, opts.QueueBatches),
		finished: make(chan struct{}),
		stopping: make(chan struct{}),
		failed:   make(chan struct{}),
	}
	var err error
	if j.term, err = readNumber(db, termKey); err != nil {
		return nil, err
	}
	if j.mu.seq, err = readNumber(db, seqKey); err != nil {
		return nil, err
	}
	j.term++
	b := db.NewBatch(0)
	b.Set(termKey, binary.BigEndian.AppendUint64(nil, j.term))
	if err := b.Commit(); err != nil {
		return nil, fmt.Errorf("start term %d: %w", j.term, err)
	}
	go j.commit()
	go j.complete()
	return j, nil
}

func readNumber(db *kv.DB, key []byte) (uint64, error) {
	value, ok, err := db.Get(key)
	if err != nil || !ok {
		return 0, err
	}
	if len(value) != 8 {
		return 0, fmt.Errorf("journal number %q has %d bytes, wanted 8: the store is damaged", key[1:], len(value))
	}
	return binary.BigEndian.Uint64(value), nil
}

// Term returns the number of times this journal has been opened, this time
// included: 1 for a new one.
func (j *Journal) Term() uint64 { return j.term }

// Failed is closed when the journal can make no further promise. Err says why,
// and the process should end.
func (j *Journal) Failed() <-chan struct{} { return j.failed }

// Err returns the failure that Failed announces, or nil.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.mu.err
}

// Load calls fn for every record in key order. The slices are valid during the
// call only. An error of fn ends the walk and is returned.
func (j *Journal) Load(fn func(key, value []byte) error) error {
	return j.db.Iterate(firstRecord, nil, fn)
}

// fail records the first failure.
func (j *Journal) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.mu.err != nil {
		return
	}
	j.mu.err = err
	close(j.failed)
	j.stopLocked()
}

func (j *Journal) stopLocked() {
	if !j.mu.stopped {
		j.mu.stopped = true
		close(j.stopping)
	}
}

// Close waits until everything appended is durable and its callbacks have run,
// then stops. It returns the journal's failure, if any. The store stays open.
func (j *Journal) Close() error {
	j.mu.Lock()
	j.stopLocked()
	j.mu.Unlock()
	<-j.finished
	return j.Err()
}
