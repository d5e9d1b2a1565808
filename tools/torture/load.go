package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/caprock/caprock/tools/framework"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/resource"
)

const (
	tasksPerOffer = 5
	// longestTask keeps many tasks alive over a kill.
	longestTaskMillis = 2000
	// longestMixedMillis: many of these live through several kills.
	longestMixedMillis = 8000
)

// wanted is what one task uses.
var wanted = mustParse("cpus:0.01;mem:16")

func mustParse(text string) resource.Resources {
	r, err := resource.Parse(text, resource.DefaultRole)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return r
}

// load is a framework that launches as many tasks as it is allowed to.
type load struct {
	client    *framework.Client
	ledger    *ledger
	begunFile string
	random    *rand.Rand // used by the event handler only
	mixture   *mixture   // nil: short commands only
	live      int        // how many tasks are kept alive
	cancel    context.CancelFunc
	done      sync.WaitGroup
	launching atomic.Bool
	events    atomic.Int64 // task ends seen; progress watches it
	failure   atomic.Pointer[error]
}

func startLoad(ctx context.Context, url, begunFile string, seed uint64, mix *mixture, live int) *load {
	ctx, cancel := context.WithCancel(ctx)
	l := &load{
		ledger: newLedger(), begunFile: begunFile, random: rand.New(rand.NewPCG(seed, 1)), cancel: cancel, mixture: mix, live: live,
	}
	l.client = framework.New(framework.Options{URL: url, Codec: codec.Protobuf, Info: &mesos.FrameworkInfo{
		User:            proto.String("root"),
		Name:            proto.String("torture"),
		FailoverTimeout: proto.Float64(3600),
		Checkpoint:      proto.Bool(true),
		Roles:           []string{role},
		Capabilities: []*mesos.FrameworkInfo_Capability{
			{Type: mesos.FrameworkInfo_Capability_MULTI_ROLE.Enum()},
			{Type: mesos.FrameworkInfo_Capability_RESERVATION_REFINEMENT.Enum()},
			{Type: mesos.FrameworkInfo_Capability_PARTITION_AWARE.Enum()},
		},
	}})
	l.launching.Store(true)
	l.done.Go(func() {
		err := l.client.Run(ctx, func(e *scheduler.Event) error { return l.handle(ctx, e) })
		if ctx.Err() == nil {
			l.failure.Store(&err)
		}
	})
	return l
}

func (l *load) stop() {
	l.cancel()
	l.done.Wait()
}

func (l *load) handle(ctx context.Context, e *scheduler.Event) error {
	switch e.GetType() {
	case scheduler.Event_SUBSCRIBED:
		// What ended while nobody was subscribed is asked for; errors show in
		// the next subscription.
		_ = l.client.Reconcile(ctx)
	case scheduler.Event_OFFERS:
		for _, o := range e.GetOffers().GetOffers() {
			if err := l.offer(ctx, o); err != nil {
				return err
			}
		}
	case scheduler.Event_UPDATE:
		s := e.GetUpdate().GetStatus()
		l.ledger.updated(s)
		if terminal(s.GetState()) {
			l.events.Add(1)
		}
		_ = l.client.Acknowledge(ctx, s) // a lost acknowledgement brings the update again
	}
	return nil
}

// offer launches what fits and notes what was promised.
func (l *load) offer(ctx context.Context, o *mesos.Offer) error {
	has, err := resource.FromProto(o.GetResources())
	if err != nil {
		return err
	}
	if l.mixture != nil {
		return l.mix(ctx, o, has)
	}
	has = has.Unallocate()
	var tasks []*mesos.TaskInfo
	var ids []string
	live := len(l.ledger.open())
	for l.launching.Load() && len(tasks) < tasksPerOffer && live+len(tasks) < l.live && has.Contains(wanted) {
		has = has.Minus(wanted)
		id := fmt.Sprintf("t%06d", l.ledger.count())
		l.ledger.launched(id)
		ids = append(ids, id)
		tasks = append(tasks, l.task(id, o.GetAgentId()))
	}
	if len(tasks) == 0 {
		_ = l.client.Decline(ctx, 1, o)
		return nil
	}
	l.book(l.client.Launch(ctx, o, 0, tasks...), ids)
	return nil
}

// mix launches tasks of every kind, after cleaning up what earlier ones left.
func (l *load) mix(ctx context.Context, o *mesos.Offer, has resource.Resources) error {
	operations := cleanUp(has)
	free := has.Unallocate().Unreserved()
	live := len(l.ledger.open())
	var ids []string
	for range tasksPerOffer {
		if !l.launching.Load() || live+len(ids) >= l.live {
			break
		}
		number := l.ledger.count()
		u := l.mixture.one(o.GetFrameworkId(), o.GetAgentId(), func() string {
			number++
			return fmt.Sprintf("t%06d", number)
		}, func() int { return l.random.IntN(longestMixedMillis) })
		if !free.Contains(u.needs) {
			break
		}
		free = free.Minus(u.needs)
		for _, id := range u.ids {
			l.ledger.launched(id)
		}
		ids = append(ids, u.ids...)
		operations = append(operations, u.operations...)
	}
	if len(operations) == 0 {
		_ = l.client.Decline(ctx, 1, o)
		return nil
	}
	l.book(l.client.Call(ctx, accept(o, operations)), ids)
	return nil
}

// book notes what became of the ACCEPT of these tasks.
func (l *load) book(err error, ids []string) {
	var refused *framework.StatusError
	switch {
	case err == nil:
		l.ledger.answered(ids)
	case errors.As(err, &refused), errors.Is(err, framework.ErrNotSubscribed):
		l.ledger.refused(ids)
	}
}

// task notes its own start with one append, then lives for a while.
func (l *load) task(id string, agent *mesos.AgentID) *mesos.TaskInfo {
	command := fmt.Sprintf("echo %s >> %s; sleep %.3f", id, l.begunFile, float64(l.random.IntN(longestTaskMillis))/1000)
	return &mesos.TaskInfo{
		Name:      proto.String("torture"),
		TaskId:    &mesos.TaskID{Value: proto.String(id)},
		AgentId:   agent,
		Resources: allocated(wanted),
		Command:   &mesos.CommandInfo{Value: proto.String(command)},
	}
}

// begun counts each task's starts.
func (l *load) begun() (map[string]int, error) {
	f, err := os.Open(l.begunFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	counts := map[string]int{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		counts[lines.Text()]++
	}
	return counts, lines.Err()
}

// progress waits until another task has ended, so that every kill hits a
// cluster that had come back to work.
func (l *load) progress(ctx context.Context, patience time.Duration) error {
	seen := l.events.Load()
	deadline := time.Now().Add(patience)
	for l.events.Load() == seen {
		if err := l.failure.Load(); err != nil {
			return *err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no task ended for %v; %d have no end", patience, len(l.ledger.open()))
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// settle stops launching, waits until everything that was promised or has begun
// has an end, and closes the books. It does not wait for ever: what is still
// open then is lost.
func (l *load) settle(ctx context.Context, patience time.Duration) (verdict, error) {
	l.launching.Store(false)
	deadline := time.Now().Add(patience)
	for {
		begun, err := l.begun()
		if err != nil {
			return verdict{}, err
		}
		v := l.ledger.settle(begun)
		if len(v.Lost) == 0 || time.Now().After(deadline) {
			return v, nil
		}
		if err := l.failure.Load(); err != nil {
			return v, *err
		}
		_ = l.client.Reconcile(ctx, l.ledger.open()...)
		if err := pause(ctx, time.Second); err != nil {
			return v, err
		}
	}
}
