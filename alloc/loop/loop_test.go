package loop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/store/journal"
	"github.com/caprock/caprock/store/kv"
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/clock"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// echoCore answers every scheduler call with its number, recording it first;
// Ticks and cycles it only counts. The number travels as the call's principal.
type echoCore struct {
	deadline atomic.Int64
	ticks    atomic.Int64
	offers   atomic.Bool
	steps    int
}

func (c *echoCore) Step(now core.Time, cmd core.Command, out *core.Output) {
	c.steps++
	switch cmd := cmd.(type) {
	case *core.SchedulerCall:
		name := cmd.Principal
		rec := record.Put(record.RoleKey(name), &record.Role{Name: &name})
		out.Records = append(out.Records, rec)
		out.Changed = append(out.Changed, core.Change{ID: rec.ID(), Entity: &core.Role{Rec: rec.Value.(*record.Role)}})
		if !strings.HasPrefix(name, "quiet") {
			out.Effects = append(out.Effects, &core.Reply{Token: cmd.Reply, Status: 202, Text: name})
		}
	case *core.Tick:
		c.ticks.Add(1)
		c.deadline.Store(1 << 62)
		out.Effects = append(out.Effects, &core.Reply{Text: "tick"})
	}
}

// Cycle makes one offer whenever offers says so.
func (c *echoCore) Cycle(_ core.Time, out *core.Output) {
	if c.offers.Swap(false) {
		name := "offered"
		out.Records = append(out.Records, record.Put(record.RoleKey(name), &record.Role{Name: &name}))
		out.Effects = append(out.Effects, &core.Reply{Text: name})
	}
}

func (c *echoCore) NextDeadline() int64 { return c.deadline.Load() }

// listSink writes down what it is told.
type listSink struct {
	mu    sync.Mutex
	lines []string
	gate  chan struct{} // nil, or must be readable before each flush
}

func (s *listSink) add(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

func (s *listSink) Publish(changed []core.Change) {
	for _, c := range changed {
		s.add("see %s", c.ID.Parts[0])
	}
}

func (s *listSink) Perform(e core.Effect) { s.add("do %s", e.(*core.Reply).Text) }

func (s *listSink) Flush() {
	if s.gate != nil {
		<-s.gate
	}
}

func (s *listSink) snapshot() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lines)
}

type rig struct {
	t       *testing.T
	core    *echoCore
	sink    *listSink
	clock   *clock.Sim
	journal *journal.Journal
	loop    *Loop
	cancel  context.CancelFunc
	result  chan error
}

func start(t *testing.T, fs vfs.FS, opts Options) *rig {
	t.Helper()
	db, err := kv.Open("d", kv.Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(db, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, core: &echoCore{}, sink: &listSink{}, clock: clock.NewSim(time.Unix(1e9, 0)), journal: j, result: make(chan error, 1)}
	r.core.deadline.Store(1 << 62)
	opts.Clock = r.clock
	if r.loop, err = New(r.core, j, r.sink, opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = j.Close()
		_ = db.Close()
	})
	return r
}

func (r *rig) run(recovered *core.Output) *rig {
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	done := make(chan struct{})
	r.t.Cleanup(func() {
		cancel()
		<-done
	})
	go func() { defer close(done); r.result <- r.loop.Run(ctx, recovered) }()
	return r
}

func (r *rig) call(name string) error {
	return r.loop.Submit(&core.SchedulerCall{Principal: name, Call: &scheduler.Call{}}, len(name))
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

func TestEffectsFollowTheirChangesInOrder(t *testing.T) {
	r := start(t, vfs.NewMem(), Options{})
	recovered := &core.Output{Effects: []core.Effect{&core.Reply{Text: "recovered"}}}
	r.run(recovered)
	for _, name := range []string{"a", "b", "c"} {
		if err := r.call(name); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"do recovered", "see a", "do a", "see b", "do b", "see c", "do c"}
	eventually(t, "all is released", func() bool { return len(r.sink.snapshot()) == len(want) })
	if got := r.sink.snapshot(); !slices.Equal(got, want) {
		t.Fatalf("released %q, wanted %q", got, want)
	}
	r.cancel()
	if err := <-r.result; err != nil {
		t.Fatalf("Run returned %v after a cancel", err)
	}
	if err := r.call("late"); !errors.Is(err, ErrStopped) {
		t.Fatalf("a call after the end got %v", err)
	}
	var keys []string
	if err := r.journal.Load(func(key, value []byte) error {
		rec, err := record.Decode(key, value)
		keys = append(keys, rec.ID().String())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(keys, ", "); got != "role a, role b, role c" {
		t.Fatalf("the journal holds %q", got)
	}
	if m := r.loop.Metrics(); m.Commands != 3 || m.Records != 3 || m.Effects != 4 || m.InboxBytes != 0 {
		t.Fatalf("metrics: %v", m)
	}
}

func TestRecordsThatNobodyWaitsForShareABatch(t *testing.T) {
	r := start(t, vfs.NewMem(), Options{HoldFor: time.Second})
	r.run(nil)
	call := func(name string) {
		t.Helper()
		before := r.loop.Metrics().Commands
		if err := r.call(name); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the call is decided", func() bool { return r.loop.Metrics().Commands > before })
	}
	sees := func(want ...string) {
		t.Helper()
		eventually(t, fmt.Sprint(want), func() bool { return slices.Equal(r.sink.snapshot(), want) })
	}
	call("quiet 1")
	call("quiet 2")
	r.clock.Advance(time.Second / 2)
	if m := r.journal.Metrics(); m.Batches != 0 {
		t.Fatalf("%d batches were written for records that nobody waits for", m.Batches)
	}
	call("a")
	sees("see quiet 1", "see quiet 2", "see a", "do a")
	if m := r.journal.Metrics(); m.Batches != 1 || m.Records != 3 {
		t.Fatalf("%d records in %d batches, wanted 3 in 1", m.Records, m.Batches)
	}
	call("quiet 3") // alone, and written in time all the same
	eventually(t, "it is written", func() bool {
		r.clock.Advance(time.Second / 4)
		return r.journal.Metrics().Batches == 2
	})
	call("quiet 4")
	r.cancel()
	if err := <-r.result; err != nil {
		t.Fatal(err)
	}
	eventually(t, "what was held at the end is written", func() bool { return r.journal.Metrics().Batches == 3 })
}

// Whoever calls need not wait until what the cycle offers to everybody is written.
func TestOffersAreABatchOfTheirOwn(t *testing.T) {
	r := start(t, vfs.NewMem(), Options{})
	r.run(nil)
	r.core.offers.Store(true)
	if err := r.call("a"); err != nil {
		t.Fatal(err)
	}
	want := []string{"see a", "do a", "do offered"}
	eventually(t, "all is released", func() bool { return len(r.sink.snapshot()) == len(want) })
	if got := r.sink.snapshot(); !slices.Equal(got, want) {
		t.Fatalf("released %q, wanted %q", got, want)
	}
	if m := r.journal.Metrics(); m.Batches != 2 {
		t.Fatalf("a call and an offer were written in %d batches, wanted 2", m.Batches)
	}
}

func TestTicksComeWhenTheDeadlineHasPassed(t *testing.T) {
	r := start(t, vfs.NewMem(), Options{})
	r.core.deadline.Store(int64(5 * time.Second))
	r.run(nil)
	eventually(t, "the loop sleeps", func() bool { _, ok := r.clock.Next(); return ok })
	r.clock.Advance(4 * time.Second)
	if err := r.call("a"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the call is answered", func() bool { return len(r.sink.snapshot()) == 2 })
	if n := r.core.ticks.Load(); n != 0 {
		t.Fatalf("%d ticks before the deadline", n)
	}
	eventually(t, "the tick", func() bool {
		r.clock.Advance(100 * time.Millisecond)
		return r.core.ticks.Load() == 1
	})
}

// gate holds back syncs of the log.
type gate struct {
	mu     sync.Mutex
	cond   *sync.Cond
	closed bool
	broken error
}

func (g *gate) String() string { return "gate" }

func (g *gate) MaybeError(op errorfs.Op) error {
	sync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
	if !sync || !strings.HasSuffix(op.Path, ".log") {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.closed {
		g.cond.Wait()
	}
	return g.broken
}

func (g *gate) set(closed bool, broken error) {
	g.mu.Lock()
	g.closed, g.broken = closed, broken
	g.mu.Unlock()
	g.cond.Broadcast()
}

func newGate() *gate { g := &gate{}; g.cond = sync.NewCond(&g.mu); return g }

func TestNothingIsReleasedBeforeItIsDurable(t *testing.T) {
	g := newGate()
	r := start(t, errorfs.Wrap(vfs.NewMem(), g), Options{}).run(nil)
	g.set(true, nil)
	for i := range 10 {
		if err := r.call(fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all is decided", func() bool { return r.loop.Metrics().Commands == 10 })
	if got := r.sink.snapshot(); len(got) != 0 {
		t.Fatalf("released %q while the disk had not synced", got)
	}
	g.set(false, nil)
	eventually(t, "all is released", func() bool { return len(r.sink.snapshot()) == 20 })
}

func TestJournalFailureEndsTheLoopUnanswered(t *testing.T) {
	g := newGate()
	r := start(t, errorfs.Wrap(vfs.NewMem(), g), Options{}).run(nil)
	if err := r.call("good"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the good call is answered", func() bool { return len(r.sink.snapshot()) == 2 })
	broken := errors.New("no space left on device")
	g.set(false, broken)
	if err := r.call("bad"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-r.result:
		if err == nil || !strings.Contains(err.Error(), broken.Error()) {
			t.Fatalf("Run returned %v, wanted the disk's error", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the loop goes on over a failed journal")
	}
	if got := r.sink.snapshot(); len(got) != 2 {
		t.Fatalf("released %q although the disk failed", got)
	}
}

// A sink that does not move on fills the pipeline, then the inbox; calls are
// refused, waiters wait, notices are taken; afterwards everything gets its
// turn in order.
func TestPressureReachesTheProducers(t *testing.T) {
	r := start(t, vfs.NewMem(), Options{InboxCommands: 4, BatchCommands: 1})
	r.sink.gate = make(chan struct{})
	r.run(nil)
	accepted := 0
	eventually(t, "the inbox is full", func() bool {
		err := r.call(fmt.Sprintf("%03d", accepted))
		if err == nil {
			accepted++
			return false
		}
		if !errors.Is(err, ErrFull) {
			t.Fatal(err)
		}
		return r.loop.Metrics().Refused > 10
	})
	// Agents have room of their own, until it is full too.
	for range 4 {
		if err := r.loop.SubmitWait(context.Background(), &core.AgentFrame{}, 1); err != nil {
			t.Fatal(err)
		}
	}
	waited := make(chan error, 1)
	go func() {
		waited <- r.loop.SubmitWait(context.Background(), &core.SchedulerCall{Principal: "waiter"}, 1)
	}()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.loop.SubmitWait(ctx, &core.Tick{}, 1); !errors.Is(err, context.Canceled) {
		t.Fatalf("a cancelled wait got %v", err)
	}
	r.loop.Notify(&core.StreamClosed{Stream: 1})
	close(r.sink.gate)
	if err := <-waited; err != nil {
		t.Fatal(err)
	}
	eventually(t, "the waiter is released", func() bool { return slices.Contains(r.sink.snapshot(), "do waiter") })
	want := 0
	for _, line := range r.sink.snapshot() {
		if name, ok := strings.CutPrefix(line, "do "); ok && name != "waiter" && name != "tick" {
			if name != fmt.Sprintf("%03d", want) {
				t.Fatalf("released %s where %03d belongs", name, want)
			}
			want++
		}
	}
	if want < accepted {
		t.Fatalf("%d of %d accepted calls were released", want, accepted)
	}
}

func TestInboxBoundsBytes(t *testing.T) {
	q := newInbox(100, 1000)
	if _, err := q.offer(item{&core.Tick{}, 5000, calls}, false); err != nil {
		t.Fatalf("a lone command over the bound got %v", err)
	}
	if _, err := q.offer(item{&core.Tick{}, 1, calls}, false); !errors.Is(err, ErrFull) {
		t.Fatalf("a command beyond the bound got %v", err)
	}
	if _, err := q.offer(item{&core.Tick{}, 1, frames}, false); err != nil {
		t.Fatalf("a frame beside too many calls got %v", err)
	}
	if got := q.drain(nil, 10, 1); len(got) != 2 {
		t.Fatalf("drained %d, want the lone command over the bound, and the frame", len(got))
	}
	for range 3 {
		if _, err := q.offer(item{&core.Tick{}, 100, calls}, false); err != nil {
			t.Fatal(err)
		}
	}
	// The third hundred is for the next batch.
	if got := q.drain(nil, 10, 250); len(got) != 2 {
		t.Fatalf("drained %d, want 2 that weigh at most 250", len(got))
	}
	if got := q.drain(nil, 10, 250); len(got) != 1 {
		t.Fatalf("drained %d, want the one that was left", len(got))
	}
	if n, b := q.depth(); n != 0 || b != 0 {
		t.Fatalf("empty inbox holds %d commands, %d bytes", n, b)
	}
}

// Behind any number of agents that come back at once, calls have half of every batch,
// in the order in which each kind came; and so have agents in a storm of calls.
func TestNeitherKindOfCommandKeepsTheOtherWaiting(t *testing.T) {
	q := newInbox(1000, 1<<20)
	var arrived, next [classes]core.StreamRef
	put := func(c class, n, bytes int) {
		t.Helper()
		for range n {
			if _, err := q.offer(item{&core.StreamClosed{Stream: arrived[c]}, bytes, c}, false); err != nil {
				t.Fatal(err)
			}
			arrived[c]++
		}
	}
	drained := func(limit, bytes, wantCalls, wantFrames int) {
		t.Helper()
		for _, it := range q.drain(nil, limit, bytes) {
			if ref := it.cmd.(*core.StreamClosed).Stream; ref != next[it.class] {
				t.Fatalf("command %d of its kind came where %d belongs", ref, next[it.class])
			}
			next[it.class]++
			if it.class == calls {
				wantCalls--
			} else {
				wantFrames--
			}
		}
		if wantCalls != 0 || wantFrames != 0 {
			t.Fatalf("of the batch %d calls and %d frames are missing", wantCalls, wantFrames)
		}
	}
	put(frames, 500, 100)
	put(calls, 8, 100)
	drained(10, 1<<20, 5, 5)
	drained(10, 1<<20, 3, 7)
	drained(100, 1000, 0, 10)
	put(calls, 400, 100)
	drained(100, 1000, 5, 5)
	drained(1, 1000, 1, 1)
	put(frames, 1, 5000)
	drained(1000, 1<<20, 394, 473)
}

// The end of a channel stays behind what was said on it, that of a stream behind its calls.
func TestNoticesStayBehindWhatTheyAreAbout(t *testing.T) {
	for want, cmd := range map[class]core.Command{frames: &core.ChannelClosed{}, calls: &core.StreamClosed{}} {
		if got := classOf(cmd); got != want {
			t.Errorf("%T: got class %d, want %d", cmd, got, want)
		}
	}
}

func TestOffersAreJournalledUnlessToldOtherwise(t *testing.T) {
	for _, forget := range []bool{false, true} {
		r := start(t, vfs.NewMem(), Options{ForgetOffers: forget})
		first := uint64(1)
		r.run(&core.Output{
			Records: []record.Record{
				record.Put(record.OfferBatchKey(first), &record.OfferBatch{First: &first}),
				record.Put(record.MaintenanceKey(), &record.Maintenance{Down: []*mesos.MachineID{}}),
			},
			Effects: []core.Effect{&core.Reply{Text: "done"}},
		})
		eventually(t, "released", func() bool { return len(r.sink.snapshot()) == 1 })
		n, want := 0, 2
		if forget {
			want = 1
		}
		if err := r.journal.Load(func(key, _ []byte) error { n++; return nil }); err != nil || n != want {
			t.Fatalf("forget=%v: the journal holds %d records (%v), wanted %d", forget, n, err, want)
		}
	}
}

func TestOptionsNameTheirFaults(t *testing.T) {
	_, err := New(nil, nil, nil, Options{InboxCommands: -1, HoldFor: -1})
	if err == nil || !strings.Contains(err.Error(), "InboxCommands") || !strings.Contains(err.Error(), "HoldFor") {
		t.Fatalf("got %v", err)
	}
}
