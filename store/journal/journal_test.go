package journal

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/caprock/caprock/store/kv"
)

func openKV(t testing.TB, fs vfs.FS, noSync bool) *kv.DB {
	t.Helper()
	db, err := kv.Open("d", kv.Options{FS: fs, NoSync: noSync})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func openJournal(t testing.TB, db *kv.DB, o Options) *Journal {
	t.Helper()
	j, err := Open(db, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func batch(j *Journal, keys ...string) *Batch {
	b := j.NewBatch(0)
	for _, k := range keys {
		b.Set([]byte(k), []byte("value of "+k))
	}
	return b
}

func loaded(t testing.TB, j *Journal) (keys []string) {
	t.Helper()
	if err := j.Load(func(k, v []byte) error {
		if string(v) != "value of "+string(k) {
			return fmt.Errorf("%s holds %q", k, v)
		}
		keys = append(keys, string(k))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestAppendedBatchesComeBack(t *testing.T) {
	fs := vfs.NewMem()
	db := openKV(t, fs, false)
	j := openJournal(t, db, Options{})
	if j.Term() != 1 {
		t.Fatalf("first term is %d", j.Term())
	}
	if seq, err := j.Append(batch(j, "b", "a"), nil); seq != 1 || err != nil {
		t.Fatalf("append: seq %d, %v", seq, err)
	}
	b := batch(j, "c")
	b.Delete([]byte("a"))
	b.Put([]byte("d"), len("value of d"), func(v []byte) { copy(v, "value of d") })
	if seq, err := j.Append(b, nil); seq != 2 || err != nil {
		t.Fatalf("append: seq %d, %v", seq, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(j.NewBatch(0), nil); !errors.Is(err, ErrClosed) {
		t.Fatalf("append after close: %v", err)
	}

	j = openJournal(t, db, Options{})
	if j.Term() != 2 {
		t.Fatalf("second term is %d", j.Term())
	}
	if got := strings.Join(loaded(t, j), " "); got != "b c d" {
		t.Fatalf("loaded %q", got)
	}
	if seq, _ := j.Append(batch(j, "e"), nil); seq != 3 {
		t.Fatalf("sequence goes on at %d, wanted 3", seq)
	}
}

func TestCallbacksRunInOrderAndEmptyBatchesKeepTheirPlace(t *testing.T) {
	j := openJournal(t, openKV(t, vfs.NewMem(), false), Options{QueueBatches: 4, Monotonic: func() time.Duration { return 5 }})
	var got []int
	for i := range 200 {
		b := j.NewBatch(0)
		if i%3 != 0 {
			b.Set(fmt.Appendf(nil, "k%d", i), nil)
		}
		if _, err := j.Append(b, func(err error) {
			if err != nil {
				t.Errorf("batch %d: %v", i, err)
			}
			got = append(got, i)
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for i, n := range got {
		if i != n {
			t.Fatalf("callback %d was batch %d's", i, n)
		}
	}
	if len(got) != 200 {
		t.Fatalf("%d callbacks ran, wanted 200", len(got))
	}
	m := j.Metrics()
	if m.Batches != 200 || m.Pending != 0 || m.Records != 133 {
		t.Fatalf("metrics: %v", m)
	}
}

// gateFS blocks syncs of the log while its gate is closed.
type gate struct {
	mu      sync.Mutex
	cond    *sync.Cond
	closed  bool
	waiting atomic.Int32
}

func newGate() *gate { g := &gate{}; g.cond = sync.NewCond(&g.mu); return g }

func (g *gate) set(closed bool) {
	g.mu.Lock()
	g.closed = closed
	g.mu.Unlock()
	g.cond.Broadcast()
}

func (g *gate) MaybeError(op errorfs.Op) error {
	if op.Kind != errorfs.OpFileSync && op.Kind != errorfs.OpFileSyncData && op.Kind != errorfs.OpFileSyncTo {
		return nil
	}
	if !strings.HasSuffix(op.Path, ".log") {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.closed {
		g.waiting.Add(1)
		g.cond.Wait()
		g.waiting.Add(-1)
	}
	return nil
}

func (g *gate) String() string { return "gate" }

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

// While the disk syncs one batch, the next ones are appended and written, up
// to the bound; none is answered; then all are, in order.
func TestAppendsGoOnWhileTheDiskIsBusy(t *testing.T) {
	g := newGate()
	j := openJournal(t, openKV(t, errorfs.Wrap(vfs.NewMem(), g), false), Options{QueueBatches: 8})
	g.set(true)
	var answered atomic.Int32
	appendOne := func(i int) {
		if _, err := j.Append(batch(j, fmt.Sprintf("k%d", i)), func(error) { answered.Add(1) }); err != nil {
			t.Error(err)
		}
	}
	for i := range 8 {
		appendOne(i)
	}
	eventually(t, "the log is being synced", func() bool { return g.waiting.Load() > 0 })
	if n := answered.Load(); n != 0 {
		t.Fatalf("%d batches were answered before they were durable", n)
	}
	ninth := make(chan struct{})
	go func() { appendOne(8); close(ninth) }()
	eventually(t, "the ninth append stalls", func() bool { return j.Metrics().Stalls == 1 })
	select {
	case <-ninth:
		t.Fatal("the queue took more batches than its bound")
	default:
	}
	g.set(false)
	<-ninth
	eventually(t, "all are answered", func() bool { return answered.Load() == 9 })
}

func TestSyncErrorIsFatalAndNothingIsAnswered(t *testing.T) {
	broken := errors.New("input/output error")
	var failing atomic.Bool
	for _, kind := range []errorfs.OpKind{errorfs.OpFileSync, errorfs.OpFileWrite} {
		failing.Store(false)
		fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			sync := op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
			if failing.Load() && (op.Kind == kind || kind == errorfs.OpFileSync && sync) {
				return broken
			}
			return nil
		}))
		j := openJournal(t, openKV(t, fs, false), Options{})
		good := make(chan error, 1)
		if _, err := j.Append(batch(j, "good"), func(err error) { good <- err }); err != nil {
			t.Fatal(err)
		}
		if err := <-good; err != nil {
			t.Fatal(err)
		}
		failing.Store(true)
		var answers []error
		var appended int
		for i := range 50 {
			_, err := j.Append(batch(j, fmt.Sprintf("bad%d", i)), func(err error) { answers = append(answers, err) })
			if err != nil {
				break
			}
			appended++
		}
		select {
		case <-j.Failed():
		case <-time.After(time.Minute):
			t.Fatal("the journal did not fail")
		}
		if err := j.Close(); err == nil || !strings.Contains(err.Error(), broken.Error()) {
			t.Fatalf("the journal's failure is %v, wanted it to name %v", err, broken)
		}
		if len(answers) != appended {
			t.Fatalf("%d of %d appended batches heard of the failure", len(answers), appended)
		}
		for i, err := range answers {
			if err == nil {
				t.Fatalf("batch %d was answered as durable", i)
			}
		}
		if _, err := j.Append(j.NewBatch(0), nil); err == nil {
			t.Fatal("a failed journal accepted a batch")
		}
	}
}

func TestDamagedNumbersAreReported(t *testing.T) {
	db := openKV(t, vfs.NewMem(), false)
	b := db.NewBatch(0)
	b.Set(seqKey, []byte("short"))
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(db, Options{}); err == nil || !strings.Contains(err.Error(), "wanted 8") {
		t.Fatalf("opening over a damaged number: %v", err)
	}
}

func TestKeysOfTheJournalAreRefused(t *testing.T) {
	j := openJournal(t, openKV(t, vfs.NewMem(), false), Options{})
	for _, key := range []string{"", "\x00x"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("key %q was accepted", key)
				}
			}()
			j.NewBatch(0).Delete([]byte(key))
		}()
	}
}
