package fleet

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caprock/caprock/bench/workload"
	"github.com/caprock/caprock/bench/world"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/mesos"
)

// refuseSeconds is for how long what is declined is not wanted; Mesos' default.
const refuseSeconds = 5

// party is the frameworks of a group.
type party struct {
	*workload.Group
	number int
	queued bool // tasks arrive, by the group's rate or from a trace
	books  books

	accept, start                                      world.Latencies
	offers, declined, launched, refused, shed, inverse atomic.Uint64
	claimed                                            atomic.Int64 // tasks accepted or being accepted, and not ended
	ids                                                atomic.Uint64

	mu     sync.Mutex
	random *rand.Rand // guarded by mu

	// What follows is there while the frameworks are; it belongs to the run, but for
	// seats, which callbacks read.
	desks      *world.Desks
	frameworks *world.Frameworks
	seats      atomic.Pointer[map[*world.Framework]*seat]
	turn       int // whose arrival is next; belongs to the goroutine of arrivals
}

func newParty(g *workload.Group, number int, seed int64, replayed bool) *party {
	return &party{Group: g, number: number, queued: g.PerSecond > 0 || replayed,
		random: rand.New(rand.NewPCG(uint64(seed), uint64(number)+1))}
}

// subscribe brings the frameworks on.
func (p *party) subscribe(ctx context.Context, url string) (err error) {
	desks := world.NewDesks(p.take)
	desks.Delay = time.Duration(p.Delay)
	p.desks = desks
	p.frameworks, err = world.Subscribe(ctx, url, world.FrameworksOptions{
		Count: p.Count, Role: p.Role, Codec: codec.Protobuf,
		Events: world.Events{Offers: desks.Offers,
			Inverse: func(f *world.Framework, offers []*mesos.InverseOffer) { p.agree(desks, f, offers) },
			Update:  func(f *world.Framework, s *mesos.TaskStatus) { p.update(desks, f, s) }},
	})
	if err == nil && p.queued {
		seats := map[*world.Framework]*seat{}
		for _, f := range p.frameworks.All {
			seats[f] = newSeat(f, p.frameworks.Fail)
		}
		p.seats.Store(&seats)
	}
	return err
}

// leave takes the frameworks off; their tasks end if they are torn down.
func (p *party) leave(tearDown bool) {
	p.desks.Close()
	if tearDown {
		p.frameworks.Leave()
	}
	p.frameworks.Close()
	p.frameworks = nil
	p.seats.Store(nil)
	p.claimed.Store(0)
	p.books.close()
}

func (p *party) present() bool { return p.frameworks != nil }

// err is what failed so far.
func (p *party) err() error {
	if !p.present() {
		return nil
	}
	if err := p.frameworks.Err(); err != nil {
		return err
	}
	return p.desks.Err()
}

// wants says whether an agent's offers are wanted, always of the same agents.
func (p *party) wants(agent string) bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(agent)) // never fails
	return float64(h.Sum32()%1000) < *p.Takes*1000
}

// claim says whether one task more is wanted, and counts it.
func (p *party) claim() bool {
	if n := p.claimed.Add(1); p.Tasks > 0 && n > p.Tasks {
		p.claimed.Add(-1)
		return false
	}
	return true
}

// content says that the group has all it wants, for good.
func (p *party) content() bool {
	return p.Endless && p.Tasks > 0 && !p.queued && p.claimed.Load() >= p.Tasks
}

// length of the next task; 0 for ever.
func (p *party) length() time.Duration {
	if p.Endless {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(time.Millisecond, time.Duration(float64(p.TaskTime)*(1+*p.Spread*(2*p.random.Float64()-1))))
}

// choose returns the tasks to launch on an offer.
func (p *party) choose(f *world.Framework, o *mesos.Offer) (tasks []world.Launch) {
	if !p.wants(o.GetAgentId().GetValue()) {
		return nil
	}
	room, now := world.RoomOf(o), time.Now()
	add := func(a arrival, reserved bool) {
		id := fmt.Sprintf("g%d-f%d-%d", p.number, f.Number, p.ids.Add(1))
		p.books.note(id, a.Amount, a.since)
		tasks = append(tasks, world.Launch{ID: id, Amount: a.Amount, Reserved: reserved, Sleep: a.sleep})
	}
	if p.queued {
		if seats := p.seats.Load(); seats != nil {
			(*seats)[f].give(&room, p.Most, add)
		}
		return tasks
	}
	for len(tasks) < p.Most && p.claim() {
		fits, reserved := room.Take(p.Amount())
		if !fits {
			p.claimed.Add(-1)
			break
		}
		add(arrival{Amount: p.Amount(), sleep: p.length(), since: now}, reserved)
	}
	return tasks
}

// take answers an offer. Who has all that it wants asks for no more.
func (p *party) take(f *world.Framework, o *mesos.Offer) error {
	p.offers.Add(1)
	tasks := p.choose(f, o)
	if len(tasks) == 0 {
		p.declined.Add(1)
		_, err := f.Refuse(o, refuseSeconds)
		if err == nil && p.content() {
			_, err = f.Suppress()
		}
		return err
	}
	took, err := f.Launch(o, tasks)
	if err == nil {
		p.accept.Record(took)
		p.launched.Add(uint64(len(tasks)))
	}
	return err
}

// update counts the tasks that run.
func (p *party) update(desks *world.Desks, f *world.Framework, s *mesos.TaskStatus) {
	desks.Update(f, s)
	switch what, wanted := p.books.update(s.GetTaskId().GetValue(), s.GetState(), time.Now()); what {
	case started:
		p.start.Record(wanted)
	case ended:
		p.claimed.Add(-1)
	case failed:
		p.refused.Add(1)
		p.claimed.Add(-1)
	}
}

// agree gives machines back for their maintenance.
func (p *party) agree(desks *world.Desks, f *world.Framework, offers []*mesos.InverseOffer) {
	p.inverse.Add(uint64(len(offers)))
	go func() {
		if _, err := f.AcceptInverse(offers); err != nil {
			desks.Fail(err)
		}
	}()
}

// arrive hands a task to the framework whose turn it is.
func (p *party) arrive(a arrival) {
	seats := p.seats.Load()
	if seats == nil {
		p.shed.Add(1)
		return
	}
	f := p.frameworks.All[p.turn%len(p.frameworks.All)]
	p.turn++
	if !(*seats)[f].arrive(a) {
		p.shed.Add(1)
	}
}

// arrivals makes tasks arrive at the group's rate times load, at random times, until
// ctx ends.
func (p *party) arrivals(ctx context.Context, load float64) {
	perSecond := p.PerSecond * load
	if perSecond <= 0 {
		return
	}
	due := time.Now()
	for {
		p.mu.Lock()
		gap := p.random.ExpFloat64() / perSecond
		p.mu.Unlock()
		due = due.Add(time.Duration(gap * float64(time.Second)))
		if wait := time.Until(due); wait > 0 {
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
		}
		if ctx.Err() != nil {
			return
		}
		p.arrive(arrival{Amount: p.Amount(), sleep: p.length(), since: due})
	}
}

// waits is what has arrived and was not yet accepted.
func (p *party) waits() (sum world.Amount, count int) {
	seats := p.seats.Load()
	if seats == nil {
		return sum, 0
	}
	for _, s := range *seats {
		a, n := s.waits()
		sum, count = sum.Plus(a, 1), count+n
	}
	return sum, count
}

// demand is what the group would run if it could: of what arrives what is there, else as
// much as there is.
func (p *party) demand() workload.Claim {
	c := workload.Claim{Role: p.Role, Task: p.Amount()}
	switch {
	case !p.present() || *p.Takes == 0:
	case p.queued:
		held, n := p.books.held()
		waiting, m := p.waits()
		if n+m > 0 {
			c.Task, c.Tasks = world.Amount{}.Plus(held.Plus(waiting, 1), 1/float64(n+m)), float64(n+m)
		}
	case p.Tasks > 0:
		c.Tasks = float64(p.Tasks)
	default:
		c.Tasks = math.Inf(1)
	}
	return c
}
