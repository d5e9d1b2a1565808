package replay

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Target is the cluster to replay against: host:port of the allocator and of
// its only agent ("" if there is none).
type Target struct {
	Allocator, Agent string
}

// Result is what became of one exchange.
type Result struct {
	*Exchange
	Differences []Difference
	// Sent is when the request left, for whoever reads a log beside it.
	Sent time.Time
}

// Same says that nothing differed.
func (r *Result) Same() bool { return len(r.Differences) == 0 }

const (
	requestPatience = 20 * time.Second
	// stepPatience is how long a call waits for what it answers.
	stepPatience = 6 * time.Second
	// gapLimit is the longest pause that is kept between two calls; longer ones are
	// waited for only as far as something recorded happens in them.
	gapLimit = 600 * time.Millisecond
	// repetition is somewhat more than the time after which an update is repeated.
	repetition = 10500 * time.Millisecond
	// lastPatience is how long a stream may take to bring what it should before
	// it is closed.
	lastPatience = 3 * time.Second
	tick         = 20 * time.Millisecond
	// settlePatience is some allocation intervals.
	settlePatience = 700 * time.Millisecond
	// longestGap bounds how long something that took its time in the recording is
	// waited for.
	longestGap = time.Minute
)

// step is something to do at its place on the timeline.
type step struct {
	when     time.Time
	exchange *Exchange // nil for an action of the runner's own
	act      func(context.Context)
	after    *step // must be done first
	done     bool
	eager    bool // done at its time, whatever has come
}

// runner plays one world.
type runner struct {
	target  Target
	world   *World
	past    *past
	ids     *Ids
	files   localFiles
	dir     string
	log     func(string, ...any)
	control *cluster // nil where only URLs are known
	keep    map[string]bool

	steps      []*step
	frameworks map[string]*framework // by recorded stream id
	executors  map[string]*stream    // by recorded framework and executor id
	streams    []*stream
	offers     map[string][]string // live offers by recorded id
	late       map[string]bool     // groups and tasks that are no longer waited for
	changed    chan struct{}
	results    []Result
	// unsettled is set by calls that give resources back.
	unsettled bool
	// unmet says of an exchange what it answers and never came.
	unmet map[*Exchange]string
}

// Play replays a world against a target and tells what differed in those of its
// exchanges that are counted. It ends early with ctx. What ids know from worlds before on
// the same cluster is not compared where the recording has no word of it.
func Play(ctx context.Context, w *World, target Target, ids *Ids, log func(string, ...any)) ([]Result, error) {
	if ids.before == nil {
		ids.before = &before{frameworks: map[string]string{}, registeredOnce: true}
	}
	ids.before.agent = ""
	return play(ctx, w, target, scene{ids: ids, last: true, leaves: ids.before.frameworks}, log)
}

// scene is where a world is played.
type scene struct {
	control *cluster // nil: there is no power over the processes
	ids     *Ids     // known from the worlds before
	last    bool     // no other world goes on with what this one leaves
	// leaves takes the live frameworks of this world; nil: nobody asks.
	leaves map[string]string
	// keep holds the frameworks that the next world still knows.
	keep map[string]bool
}

func play(ctx context.Context, w *World, target Target, on scene, log func(string, ...any)) ([]Result, error) {
	dir, err := os.MkdirTemp("", "conform-replay-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	r := &runner{target: target, world: w, past: remember(w), ids: on.ids, dir: dir, log: log, control: on.control, keep: on.keep,
		frameworks: map[string]*framework{}, executors: map[string]*stream{}, offers: map[string][]string{},
		late: map[string]bool{}, unmet: map[*Exchange]string{}, changed: make(chan struct{}, 1)}
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	r.plan()
	r.walk(ctx)
	if on.last {
		r.finish(ctx)
	}
	if on.leaves != nil {
		r.noteLeft(ctx, on.leaves)
	}
	return r.results, ctx.Err()
}

// prepare learns the names of what is there before the first call.
func (r *runner) prepare(ctx context.Context) error {
	if r.ids.before != nil {
		// One allocator stands for every recorded master.
		if state, err := get(ctx, r.target.Allocator, "/state"); err == nil {
			for id := range masterOf(r.world.Exchanges) {
				r.ids.Bind(id, textAt(state, "id"))
			}
		}
	}
	r.files = localFiles{executor: "until [ -e " + r.doneFile() + " ]; do sleep 0.05; done", fetched: filepath.Join(r.dir, "fetched.txt")}
	if err := os.WriteFile(r.files.fetched, []byte("fetched\n"), 0o644); err != nil {
		return err
	}
	if err := os.Chmod(r.dir, 0o755); err != nil {
		return err
	}
	if r.target.Agent == "" {
		return nil
	}
	slaves, err := get(ctx, r.target.Allocator, "/slaves")
	if err != nil {
		return fmt.Errorf("asking the allocator for its agents: %w", err)
	}
	if list := listAt(slaves, "slaves"); len(list) == 1 {
		r.ids.Bind(r.past.agent(), textAt(list[0], "id"))
		if r.ids.before != nil && withoutAgent(r.world) {
			r.ids.before.agent = textAt(list[0], "id")
		}
	} else {
		return fmt.Errorf("got %d registered agents, want one, as in the recording", len(list))
	}
	if flags, err := get(ctx, r.target.Agent, "/flags"); err == nil {
		if dir := textAt(flags, "flags", "work_dir"); dir != "" {
			for _, recorded := range []string{"run", "run2", "run3", "run4"} {
				r.ids.Bind("/srv/mesos/"+recorded+"/agent/slaves", dir+"/slaves")
			}
		}
	}
	return nil
}

// doneFile ends custom executors when it appears.
func (r *runner) doneFile() string { return filepath.Join(r.dir, "done") }

// walk does the steps. One whose conditions are not met lets executors' calls
// of about the same time pass.
func (r *runner) walk(ctx context.Context) {
	var last, lastSent, headSince time.Time
	var head *step
	for ctx.Err() == nil {
		next := r.head()
		if next == nil {
			return
		}
		if next != head {
			head, headSince = next, time.Now()
		}
		s := r.pick(head)
		r.acknowledgeOverdue()
		if s == nil && time.Since(headSince) > r.patience(head, last) {
			r.giveUpWaiting(head)
			s = head
		}
		if s == nil {
			select {
			case <-r.changed:
			case <-time.After(tick):
			case <-ctx.Done():
			}
			continue
		}
		if !last.IsZero() {
			pause := r.pause(s.when.Sub(last)) - time.Since(lastSent)
			if pause > 0 {
				time.Sleep(pause)
			}
		}
		if s.when.After(last) {
			last = s.when
		}
		if s.exchange != nil && s.exchange.Request.Header("Mesos-Stream-Id") == "" {
			r.settle(ctx)
		}
		lastSent = time.Now()
		s.done = true
		if s.exchange != nil {
			r.do(ctx, s)
		} else {
			s.act(ctx)
		}
	}
}

// settle lets what a framework gave back be offered again before somebody
// looks: recorded reads were made slower than the allocation interval.
func (r *runner) settle(ctx context.Context) {
	if !r.unsettled {
		return
	}
	r.unsettled = false
	for deadline := time.Now().Add(settlePatience); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(tick) {
		waiting := false
		for _, f := range r.frameworks {
			_, ended := f.seen()
			f.mu.Lock()
			waiting = waiting || !ended && len(f.offers) == 0 && !f.lastAt.IsZero()
			f.mu.Unlock()
		}
		if !waiting {
			return
		}
	}
}

// patience grows with the recorded pause before the step.
func (r *runner) patience(s *step, last time.Time) time.Duration {
	gap := s.when.Sub(last)
	if last.IsZero() || gap < 0 || gap > time.Hour {
		gap = 0
	}
	if s.exchange == nil {
		return lastPatience + min(gap, stepPatience)
	}
	if r.late[needsOf(s.exchange, r.past).subject] {
		return lastPatience / 2
	}
	return stepPatience + min(gap, longestGap)
}

func (r *runner) head() *step {
	for len(r.steps) > 0 && r.steps[0].done {
		r.steps = r.steps[1:]
	}
	if len(r.steps) == 0 {
		return nil
	}
	return r.steps[0]
}

// reorder is how far ahead of a waiting step an executor may be.
const reorder = time.Second

func (r *runner) pick(head *step) *step {
	for _, s := range r.steps {
		if s.when.Sub(head.when) > reorder || s != head && !r.awaitsUpdate(head) {
			return nil
		}
		if s.done || s.after != nil && !s.after.done {
			continue
		}
		if (s == head || s.byExecutor()) && r.ready(s) {
			return s
		}
	}
	return nil
}

// awaitsUpdate says whether a step waits for what an executor may have to send.
func (r *runner) awaitsUpdate(s *step) bool {
	return s.exchange != nil && r.awaits(needsOf(s.exchange, r.past))
}

// byExecutor says whether a step is a call of an executor. Those were made by another
// program than all others, and what the others wait for may depend on them.
func (s *step) byExecutor() bool {
	return s.exchange != nil && apiOf(s.exchange.Request.Path(), true) == executorAPI
}

// ready says whether the live cluster has said everything that precedes s.
func (r *runner) ready(s *step) bool {
	if s.eager {
		return true
	}
	when := s.when
	if s.exchange != nil && s.exchange.Request.Header("Mesos-Stream-Id") != "" {
		// What a call answers is looked at below; the rest may as well have come after it.
		when = when.Add(-slack)
	}
	if !r.caughtUp(when) {
		return false
	}
	if s.exchange == nil {
		return true
	}
	f := r.frameworks[s.exchange.Request.Header("Mesos-Stream-Id")]
	if f == nil {
		return true
	}
	n := needsOf(s.exchange, r.past)
	if len(n.offers) > 0 && r.unknownOffers(n) != nil {
		if n.inverse {
			f.mu.Lock()
			defer f.mu.Unlock()
			return len(f.inverse) > 0
		}
		return f.enoughOffers(n.role, wantedScalars(r.unknownOffers(n), r.past))
	}
	if !r.awaits(n) {
		return true
	}
	if f.hasUpdate(n.operation, n.subject, n.state) {
		return true
	}
	return false
}

// wantedLater says whether a later step acknowledges that state of the task.
func (r *runner) wantedLater(subject, state string) bool {
	for _, s := range r.steps {
		if s.done || s.exchange == nil || s.exchange.Request.Header("Mesos-Stream-Id") == "" {
			continue
		}
		if n := needsOf(s.exchange, r.past); n.subject == subject && n.state == state {
			return true
		}
	}
	return false
}

// awaits says whether n acknowledges an update that the live cluster can be
// expected to send.
func (r *runner) awaits(n needs) bool {
	if n.uuid == "" {
		return false
	}
	if _, known := r.ids.Live(n.uuid); known {
		return false
	}
	return r.launched(n.subject)
}

// launched says whether any call names this task or operation, rather than
// answering for it.
func (r *runner) launched(subject string) bool { return r.past.subjects[subject] }

func (r *runner) unknownOffers(n needs) []string {
	var unknown []string
	for _, id := range n.offers {
		if _, ok := r.offers[id]; !ok {
			unknown = append(unknown, id)
		}
	}
	return unknown
}

// giveUpWaiting notes what did not come, so that later steps do not wait for it again.
func (r *runner) giveUpWaiting(s *step) {
	missing := ""
	for _, st := range r.streams {
		for name := range r.missingGroups(st, s.when) {
			r.late[name] = true
			missing += "; " + name
		}
	}
	if s.exchange == nil {
		return
	}
	r.log("%s: sent although what it refers to did not come%s", s.exchange.Key(), missing)
	n := needsOf(s.exchange, r.past)
	if n.subject != "" {
		r.late[n.subject] = true
	}
	if f := r.frameworks[s.exchange.Request.Header("Mesos-Stream-Id")]; f != nil && r.awaits(n) && !f.hasUpdate(n.operation, n.subject, n.state) {
		r.unmet[s.exchange] = fmt.Sprintf("no %s of %s to acknowledge; there were %s", n.state, n.subject, f.states(n.subject))
	}
}
