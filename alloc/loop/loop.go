package loop

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/store/journal"
	"github.com/caprock/caprock/store/record"
)

// Core is what the loop drives; *core.Core implements it. Only the loop's
// goroutine calls it.
type Core interface {
	Step(now core.Time, cmd core.Command, out *core.Output)
	Cycle(now core.Time, out *core.Output)
	NextDeadline() int64
}

// Journal is where batches become durable; *journal.Journal implements it.
type Journal interface {
	NewBatch(sizeHint int) *journal.Batch
	Append(b *journal.Batch, done func(error)) (uint64, error)
	Failed() <-chan struct{}
	Err() error
}

// Sink hears of what is durable. Only the journal's goroutine calls it, so
// calls come one at a time and in order.
type Sink interface {
	// Publish makes changed entities visible to readers.
	Publish(changed []core.Change)
	// Perform does one effect.
	Perform(effect core.Effect)
	// Flush is called after the last effect of a batch: what was buffered for
	// coalescing should go out now.
	Flush()
}

// Loop is the driver. Make it with New, start it with Run.
type Loop struct {
	opts    Options
	core    Core
	journal Journal
	sink    Sink
	inbox   *inbox

	spare   chan *round // rounds to use again
	scratch []byte      // encodes records; Run's goroutine only
	metrics metrics

	// held is a round that nobody waits for, and heldUntil when its batch is written at the
	// latest, on the Mono scale. Run's goroutine only.
	held      *round
	heldUntil int64

	releasing struct {
		sync.Mutex
		over bool // nothing is released any more; guarded by Mutex
	}
}

// round is everything that one batch leads to.
type round struct {
	out   core.Output
	steps []step
	began int64 // Mono time of its drain
}

// spareRounds is how many rounds wait to be used again, and spareEntries how large they
// may be: some hundred kB.
const (
	spareRounds  = 32
	spareEntries = 1 << 13
)

// step marks where a step's changes and effects end in its round's output.
type step struct{ changed, effects int }

// New makes a loop over a core that has been loaded and has Recovered.
func New(c Core, j Journal, s Sink, opts Options) (*Loop, error) {
	opts.EnsureDefaults()
	if err := opts.Validate(); err != nil {
		return nil, fmt.Errorf("loop options: %w", err)
	}
	return &Loop{
		opts: opts, core: c, journal: j, sink: s,
		inbox: newInbox(opts.InboxCommands, opts.InboxBytes),
		spare: make(chan *round, spareRounds),
	}, nil
}

// Submit queues a call of bytes weight, or returns ErrFull or ErrStopped.
func (l *Loop) Submit(cmd core.Command, bytes int) error {
	_, err := l.inbox.offer(item{cmd, bytes, calls}, false)
	if err != nil {
		l.metrics.refused.Add(1)
	}
	return err
}

// SubmitWait queues an agent's frame and waits for room if there is none. It
// returns ErrStopped, or the context's error.
func (l *Loop) SubmitWait(ctx context.Context, cmd core.Command, bytes int) error {
	return l.inbox.wait(ctx, item{cmd, bytes, frames})
}

// Notify queues a command that is never refused: something ended.
func (l *Loop) Notify(cmd core.Command) {
	_, _ = l.inbox.offer(item{cmd, 0, classOf(cmd)}, true)
}

// Now reads the clock as core wants it.
func (l *Loop) Now() core.Time {
	return core.Time{Mono: int64(l.opts.Clock.Monotonic()), Wall: l.opts.Clock.Now().UnixNano()}
}

// Run drives the core until ctx ends (nil) or the journal fails (its error); it
// can be called once. recovered is what core.Recovered put out; it becomes the
// first batch. When Run returns, nothing is performed any more, durable or not.
func (l *Loop) Run(ctx context.Context, recovered *core.Output) error {
	err := l.run(ctx, recovered)
	l.inbox.stop()
	l.releasing.Lock()
	l.releasing.over = true
	l.releasing.Unlock()
	return err
}

func (l *Loop) run(ctx context.Context, recovered *core.Output) error {
	first := &round{}
	if recovered != nil {
		first.out, *recovered = *recovered, core.Output{} // it may be large
	}
	first.endStep()
	if err := l.commit(first); err != nil {
		return err
	}
	timer := l.opts.Clock.NewTimer(0)
	defer timer.Stop()
	var items []item
	for {
		timer.Reset(l.untilDeadline())
		select {
		case <-ctx.Done():
			return l.commitHeld()
		case <-l.journal.Failed():
			return l.journal.Err()
		case <-l.inbox.wake:
		case <-timer.C():
		}
		items = l.inbox.drain(items[:0], l.opts.BatchCommands, l.opts.BatchBytes)
		if err := l.turn(items); err != nil {
			return err
		}
		clear(items)
	}
}

// turn decides the commands, and a tick if one is due, and then runs the cycle. What the cycle offers is a
// batch of its own: whoever made a call need not wait for the offers to hundreds of others.
func (l *Loop) turn(items []item) error {
	now := l.Now()
	if err := l.pass(l.decide(now, items)); err != nil {
		return err
	}
	return l.pass(l.cycle(now))
}

// pass commits a round, now or with what follows.
func (l *Loop) pass(r *round) error {
	if l.hold(r) {
		return nil
	}
	return l.commit(r)
}

// hold keeps a round back that asks for nothing to be done, as when an agent says that it has
// what it was sent: what follows shares its batch, and saves the disk every second write while
// tasks are launched one at a time. It reports whether the round is to wait.
func (l *Loop) hold(r *round) bool {
	now := int64(l.opts.Clock.Monotonic())
	if l.held == nil {
		l.heldUntil = now + int64(l.opts.HoldFor)
	}
	if r.empty() || len(r.out.Effects) > 0 || len(r.out.Records) > spareEntries || now >= l.heldUntil {
		l.held = nil
		return false
	}
	l.held = r
	return true
}

// commitHeld writes what is held when the loop ends.
func (l *Loop) commitHeld() error {
	if l.held == nil {
		return nil
	}
	return l.commit(l.held)
}

// untilDeadline is how long the loop may sleep. A core whose deadline has
// passed and stays there would be a bug; the floor keeps it from eating a CPU.
func (l *Loop) untilDeadline() time.Duration {
	const floor = 100 * time.Microsecond
	at := l.core.NextDeadline()
	if l.held != nil {
		at = min(at, l.heldUntil)
	}
	return max(floor, time.Duration(at-int64(l.opts.Clock.Monotonic())))
}

// decide steps through the commands, and a tick if one is due.
func (l *Loop) decide(now core.Time, items []item) *round {
	r := l.newRound(now)
	recorded := len(r.out.Records)
	for i := range items {
		l.core.Step(now, items[i].cmd, &r.out)
		r.endStep()
	}
	if l.core.NextDeadline() <= now.Mono {
		l.core.Step(now, &core.Tick{}, &r.out)
		r.endStep()
	}
	l.metrics.decided(len(items), len(r.out.Records)-recorded, int64(l.opts.Clock.Monotonic())-now.Mono)
	return r
}

// cycle lets the core make offers.
func (l *Loop) cycle(now core.Time) *round {
	r := l.newRound(now)
	recorded := len(r.out.Records)
	began := int64(l.opts.Clock.Monotonic())
	l.core.Cycle(now, &r.out)
	r.endStep()
	l.metrics.cycled(len(r.out.Records)-recorded, began-now.Mono, int64(l.opts.Clock.Monotonic())-began)
	return r
}

// newRound is the round that is held, or another one.
func (l *Loop) newRound(now core.Time) *round {
	if l.held != nil {
		l.held.began = now.Mono
		return l.held
	}
	select {
	case r := <-l.spare:
		r.began = now.Mono
		return r
	default:
		return &round{began: now.Mono}
	}
}

func (r *round) endStep() {
	s := step{len(r.out.Changed), len(r.out.Effects)}
	if n := len(r.steps); n > 0 && r.steps[n-1] == s {
		return
	}
	r.steps = append(r.steps, s)
}

func (r *round) empty() bool {
	return len(r.out.Records) == 0 && len(r.out.Effects) == 0 && len(r.out.Changed) == 0
}

// commit appends the round's records as one batch. Its effects wait in the
// same queue, so they follow those of every earlier round.
func (l *Loop) commit(r *round) error {
	if r.empty() {
		l.recycle(r)
		return nil
	}
	b := l.journal.NewBatch(256 * len(r.out.Records))
	for i := range r.out.Records {
		if err := l.write(b, &r.out.Records[i]); err != nil {
			return err
		}
	}
	appended := l.opts.Clock.Monotonic()
	_, err := l.journal.Append(b, func(err error) {
		if err != nil {
			return
		}
		l.metrics.stores.add(l.opts.Clock.Monotonic() - appended)
		l.release(r)
	})
	return err
}

func (l *Loop) write(b *journal.Batch, r *record.Record) error {
	if l.opts.ForgetOffers && r.Kind().Volatile() {
		return nil
	}
	if r.Value == nil {
		b.Delete(r.Key)
		return nil
	}
	var err error
	if l.scratch, err = record.AppendValue(l.scratch[:0], r.Value); err != nil {
		return fmt.Errorf("BUG: record %v: %w", r.ID(), err)
	}
	b.Set(r.Key, l.scratch)
	return nil
}

// release performs a durable round, unless the loop has ended. The journal's goroutine
// does it, for one of our own would have to be woken for every batch; what is durable
// meanwhile has its turn afterwards either way.
func (l *Loop) release(r *round) {
	l.releasing.Lock()
	defer l.releasing.Unlock()
	if !l.releasing.over {
		l.perform(r)
	}
}

func (l *Loop) perform(r *round) {
	var done step
	for _, s := range r.steps {
		if s.changed > done.changed {
			l.sink.Publish(r.out.Changed[done.changed:s.changed])
		}
		for _, e := range r.out.Effects[done.effects:s.effects] {
			l.sink.Perform(e)
		}
		done = s
	}
	l.sink.Flush()
	l.metrics.released(len(r.out.Effects), int64(l.opts.Clock.Monotonic())-r.began)
	l.recycle(r)
}

// recycle keeps a round's memory for another one, unless it grew large.
func (l *Loop) recycle(r *round) {
	if cap(r.out.Records)+cap(r.out.Effects)+cap(r.out.Changed) > spareEntries {
		return
	}
	r.out.Reset()
	r.steps = r.steps[:0]
	select {
	case l.spare <- r:
	default:
	}
}
