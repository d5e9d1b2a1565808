package fanout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/wire/clock"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/master"
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/recordio"
)

// pipe is a stream whose peer reads when the test lets it.
type pipe struct {
	mu      sync.Mutex
	cond    *sync.Cond
	stuck   bool
	sends   int
	data    bytes.Buffer
	err     error
	onClose func()
}

func newPipe() *pipe { p := &pipe{}; p.cond = sync.NewCond(&p.mu); return p }

func (p *pipe) SendBatch(records ...[]byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.stuck && p.err == nil {
		p.cond.Wait()
	}
	p.sends++
	if p.err == nil {
		for _, r := range records {
			p.data.Write(r)
		}
	}
	return p.err
}

func (p *pipe) SendSoon(then func(error), records ...[]byte) (bool, error) {
	p.mu.Lock()
	stuck := p.stuck && p.err == nil
	p.mu.Unlock()
	if stuck {
		go func() { then(p.SendBatch(records...)) }()
		return false, nil
	}
	err := p.SendBatch(records...)
	return err == nil, err
}

func (p *pipe) Close()           { p.Abort(io.EOF) }
func (p *pipe) OnClose(f func()) { p.mu.Lock(); p.onClose = f; p.mu.Unlock() }

func (p *pipe) Abort(cause error) {
	p.mu.Lock()
	first := p.err == nil
	if first {
		p.err = cause
	}
	f := p.onClose
	p.mu.Unlock()
	p.cond.Broadcast()
	if first && f != nil {
		f()
	}
}

func (p *pipe) setStuck(stuck bool) {
	p.mu.Lock()
	p.stuck = stuck
	p.mu.Unlock()
	p.cond.Broadcast()
}

func (p *pipe) cause() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// records are what the peer has read so far.
func (p *pipe) records(t *testing.T) (out []string) {
	t.Helper()
	p.mu.Lock()
	data := bytes.Clone(p.data.Bytes())
	p.mu.Unlock()
	r := recordio.NewReader(bytes.NewReader(data))
	for {
		rec, err := r.Next()
		if err != nil {
			return out
		}
		out = append(out, string(rec))
	}
}

type rig struct {
	t     *testing.T
	fan   *Fanout
	clock *clock.Sim
	mu    sync.Mutex
	ended []core.StreamRef
}

func newRig(t *testing.T, o Options) *rig {
	t.Helper()
	r := &rig{t: t, clock: clock.NewSim(time.Unix(0, 0))}
	o.Clock = r.clock
	o.FrameworkHeartbeat = &scheduler.Event{Type: scheduler.Event_HEARTBEAT.Enum()}
	o.OperatorHeartbeat = &master.Event{Type: master.Event_HEARTBEAT.Enum()}
	o.Ended = func(ref core.StreamRef, _ bool) {
		r.mu.Lock()
		r.ended = append(r.ended, ref)
		r.mu.Unlock()
	}
	var err error
	if r.fan, err = New(o); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); r.fan.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return r
}

func (r *rig) endedStreams() []core.StreamRef {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ended)
}

func (r *rig) push(ref core.StreamRef, text string) {
	r.t.Helper()
	if err := r.fan.Push(ref, message(text)); err != nil {
		r.t.Fatal(err)
	}
}

func message(text string) *scheduler.Event {
	return &scheduler.Event{Type: scheduler.Event_ERROR.Enum(), Error: &scheduler.Event_Error{Message: &text}}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(50 * time.Microsecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

func waitRecords(t *testing.T, p *pipe, n int) []string {
	t.Helper()
	eventually(t, fmt.Sprintf("%d records arrive", n), func() bool { return len(p.records(t)) >= n })
	return p.records(t)
}

func TestEventsArriveInOrderAlsoThoseBeforeTheStream(t *testing.T) {
	r := newRig(t, Options{})
	s := r.fan.Register(1, codec.JSON, false)
	r.fan.Open(1)
	r.push(1, "a")
	r.fan.Flush()
	p := newPipe()
	s.Attach(p)
	r.push(1, "b")
	r.push(1, "c")
	r.push(2, "nobody")
	r.fan.Flush()
	got := waitRecords(t, p, 3)
	for i, word := range []string{"a", "b", "c"} {
		if want := fmt.Sprintf(`{"type":"ERROR","error":{"message":"%s"}}`, word); got[i] != want {
			t.Fatalf("record %d is %s, wanted %s", i, got[i], want)
		}
	}
	r.fan.End(1)
	r.fan.Flush()
	eventually(t, "the stream is closed", func() bool { return p.cause() == io.EOF })
	if got := r.endedStreams(); len(got) != 0 {
		t.Fatalf("streams %v were reported although core ended them", got)
	}
	if m := r.fan.Metrics(); m.Streams != 0 || m.Missed != 1 || m.Records != 3 {
		t.Fatalf("metrics: %v", m)
	}
}

func TestABacklogGoesOutInFewSends(t *testing.T) {
	r := newRig(t, Options{})
	s := r.fan.Register(1, codec.Protobuf, false)
	p := newPipe()
	p.setStuck(true)
	s.Attach(p)
	for i := range 10_000 {
		r.push(1, fmt.Sprint(i))
		r.fan.Flush()
	}
	p.setStuck(false)
	got := waitRecords(t, p, 10_000)
	if p.sends > 20 {
		t.Fatalf("%d events took %d sends", len(got), p.sends)
	}
	for i, rec := range got {
		if !strings.HasSuffix(rec, fmt.Sprint(i)) {
			t.Fatalf("record %d is %q", i, rec)
		}
	}
}

func TestWhoDoesNotReadIsCutAndNobodyElseWaits(t *testing.T) {
	for _, bound := range []Options{{FrameworkBytes: 10_000}, {Records: 100}} {
		r := newRig(t, bound)
		slow, quick := newPipe(), newPipe()
		slow.setStuck(true)
		r.fan.Register(1, codec.JSON, false).Attach(slow)
		r.fan.Register(2, codec.JSON, false).Attach(quick)
		for i := 0; slow.cause() == nil; i++ {
			if i > 1000 {
				t.Fatal("the slow reader was never cut")
			}
			r.push(1, "to the slow one")
			r.push(2, fmt.Sprint(i))
			r.fan.Flush()
			waitRecords(t, quick, i+1)
		}
		if err := slow.cause(); !errors.Is(err, ErrCut) {
			t.Fatalf("the slow reader was ended by %v", err)
		}
		if got := r.endedStreams(); !slices.Equal(got, []core.StreamRef{1}) {
			t.Fatalf("ended streams %v, wanted 1", got)
		}
		if m := r.fan.Metrics(); m.Cut != 1 || m.Streams != 1 {
			t.Fatalf("metrics: %v", m)
		}
		r.push(1, "late")
		r.fan.Flush()
	}
}

// What a whole fleet may be offered waits for a framework that does not read, and not more; operators'
// streams are bounded as before.
func TestTheOffersOfAWholeFleetMayWait(t *testing.T) {
	const agents = 1000
	for _, bound := range []Options{{FrameworkBytes: 10_000, OperatorBytes: 10_000}, {Records: 100}} {
		for _, operator := range []bool{false, true} {
			r := newRig(t, bound)
			r.fan.Expect(agents)
			p := newPipe()
			p.setStuck(true)
			r.fan.Register(1, codec.JSON, operator).Attach(p)
			for i := 0; p.cause() == nil && i < 2*agents-1; i++ {
				r.push(1, strings.Repeat("x", BytesPerAgent/RecordsPerAgent-100))
			}
			if cut := p.cause() != nil; cut != operator {
				t.Errorf("%+v, operator %t: cut %t after what a fleet may be offered", bound, operator, cut)
			}
			for i := 0; p.cause() == nil; i++ {
				if r.push(1, strings.Repeat("x", BytesPerAgent)); i > 2*agents {
					t.Fatalf("%+v: never cut", bound)
				}
			}
		}
	}
}

func TestALoneRecordMayExceedTheBound(t *testing.T) {
	r := newRig(t, Options{FrameworkBytes: 100})
	p := newPipe()
	r.fan.Register(1, codec.JSON, false).Attach(p)
	r.push(1, strings.Repeat("x", 1<<20))
	r.fan.Flush()
	if got := waitRecords(t, p, 1); len(got[0]) < 1<<20 {
		t.Fatalf("got %d bytes", len(got[0]))
	}
}

func TestHeartbeatsComeEveryIntervalFromOpen(t *testing.T) {
	r := newRig(t, Options{})
	p := newPipe()
	s := r.fan.Register(1, codec.JSON, false)
	r.fan.Open(1)
	s.Attach(p)
	timers := func() bool { at, ok := r.clock.Next(); return ok && at <= r.clock.Monotonic()+15*time.Second }
	for i := 1; i <= 3; i++ {
		eventually(t, "the heartbeat is armed", timers)
		r.clock.Advance(14 * time.Second)
		if n := len(p.records(t)); n != i-1 {
			t.Fatalf("%d heartbeats before the interval, wanted %d", n, i-1)
		}
		eventually(t, "the heartbeat", func() bool {
			r.clock.Advance(time.Second / 10)
			return len(p.records(t)) == i
		})
		// Land on the next interval's start, wherever the steps above ended.
	}
	if got := p.records(t)[2]; got != `{"type":"HEARTBEAT"}` {
		t.Fatalf("the heartbeat is %s", got)
	}
	p.Abort(io.EOF)
	if got := r.endedStreams(); len(got) != 1 {
		t.Fatalf("ended %v", got)
	}
}

func TestOperatorsGetSnapshotHeartbeatAndWhatFollows(t *testing.T) {
	r := newRig(t, Options{Operators: 2})
	event := func(id string) *master.Event {
		return &master.Event{Type: master.Event_AGENT_REMOVED.Enum(), AgentRemoved: &master.Event_AgentRemoved{AgentId: &mesos.AgentID{Value: &id}}}
	}
	broadcast := func(id string) {
		if err := r.fan.Broadcast(event(id)); err != nil {
			t.Fatal(err)
		}
		r.fan.Flush()
	}
	var pipes []*pipe
	for i, typ := range []codec.Type{codec.JSON, codec.Protobuf, codec.JSON} {
		ref := core.StreamRef(i + 1)
		s := r.fan.Register(ref, typ, true)
		p := newPipe()
		pipes = append(pipes, p)
		s.Attach(p)
		broadcast(fmt.Sprintf("before-%d", i))
		r.fan.OpenOperator(ref, func(dst []byte, got codec.Type) ([]byte, error) {
			return append(dst, "snapshot in "+got.String()...), nil
		})
		broadcast(fmt.Sprintf("after-%d", i))
	}
	if got := waitRecords(t, pipes[2], 3); got[0] != "snapshot in json" || got[1] != `{"type":"HEARTBEAT"}` || !strings.Contains(got[2], "after-2") {
		t.Fatalf("third operator got %q", got)
	}
	got := waitRecords(t, pipes[1], 5)
	if got[0] != "snapshot in protobuf" || !strings.Contains(got[2], "after-1") || !strings.Contains(got[3], "before-2") || len(got) != 5 {
		t.Fatalf("second operator got %q", got)
	}
	if !errors.Is(pipes[0].cause(), ErrCut) {
		t.Fatalf("the oldest stream beyond the bound: %v", pipes[0].cause())
	}
	if r.fan.Metrics().Operators != 2 {
		t.Fatalf("metrics: %v", r.fan.Metrics())
	}
}

func TestAFailedSnapshotEndsTheStream(t *testing.T) {
	r := newRig(t, Options{})
	p := newPipe()
	r.fan.Register(1, codec.JSON, true).Attach(p)
	broken := errors.New("broken")
	r.fan.OpenOperator(1, func([]byte, codec.Type) ([]byte, error) { return nil, broken })
	r.fan.Flush()
	eventually(t, "the stream is aborted", func() bool { return p.cause() == broken })
}

func TestManyStreamsAtOnce(t *testing.T) {
	r := newRig(t, Options{})
	const streams, events = 200, 200
	pipes := make([]*pipe, streams)
	var wg sync.WaitGroup
	for i := range pipes {
		pipes[i] = newPipe()
		s := r.fan.Register(core.StreamRef(i), codec.JSON, i%2 == 1)
		wg.Go(func() { s.Attach(pipes[i]) })
	}
	for i := range pipes {
		if i%2 == 1 {
			r.fan.OpenOperator(core.StreamRef(i), func(dst []byte, _ codec.Type) ([]byte, error) { return append(dst, "{}"...), nil })
		}
	}
	for e := range events {
		for i := 0; i < streams; i += 2 {
			r.push(core.StreamRef(i), fmt.Sprint(e))
		}
		if err := r.fan.Broadcast(message(fmt.Sprint(e))); err != nil {
			t.Fatal(err)
		}
		r.fan.Flush()
	}
	wg.Wait()
	for i, p := range pipes {
		got := waitRecords(t, p, events+2*(i%2))
		if i%2 == 1 {
			got = got[2:]
		}
		for e, rec := range got {
			if rec != fmt.Sprintf(`{"type":"ERROR","error":{"message":"%d"}}`, e) {
				t.Fatalf("stream %d, record %d: %s", i, e, rec)
			}
		}
	}
	for _, p := range pipes {
		p.Abort(io.EOF)
	}
	eventually(t, "all are gone", func() bool { return r.fan.Metrics().Streams == 0 })
}

func TestOptionsNameTheirFaults(t *testing.T) {
	_, err := New(Options{Records: -1})
	if err == nil || !strings.Contains(err.Error(), "Records") || !strings.Contains(err.Error(), "heartbeat") {
		t.Fatalf("got %v", err)
	}
}

type discard struct{}

func (discard) SendBatch(...[]byte) error { return nil }

func (discard) SendSoon(func(error), ...[]byte) (bool, error) { return true, nil }
func (discard) Close()                                        {}
func (discard) Abort(error)                                   {}
func (discard) OnClose(func())                                {}

func BenchmarkPush(b *testing.B) {
	f, err := New(Options{
		FrameworkHeartbeat: message("x"), OperatorHeartbeat: message("x"),
	})
	if err != nil {
		b.Fatal(err)
	}
	const streams = 1000
	for i := range streams {
		f.Register(core.StreamRef(i), codec.JSON, false).Attach(discard{})
	}
	event := message(strings.Repeat("x", 300))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := f.Push(core.StreamRef(i%streams), event); err != nil {
			b.Fatal(err)
		}
		if i%streams == streams-1 {
			f.Flush()
		}
	}
}
