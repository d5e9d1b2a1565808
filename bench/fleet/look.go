package fleet

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/caprock/caprock/bench/workload"
	"github.com/caprock/caprock/bench/world"
)

// Latency is a distribution.
type Latency struct {
	P50 time.Duration `json:"p50_ns"`
	P99 time.Duration `json:"p99_ns"`
	Max time.Duration `json:"max_ns"`
}

func latencyOf(l *world.Latencies) Latency {
	h := l.Total()
	return Latency{h.Quantile(.5), h.Quantile(.99), h.Max()}
}

// Row is what a group of frameworks did and got in a phase.
type Row struct {
	Phase string `json:"phase"`
	// Kind is the group's name.
	Kind       string `json:"kind"`
	Role       string `json:"role"`
	Frameworks int    `json:"frameworks"`
	Offers     uint64 `json:"offers"`
	Declined   uint64 `json:"declined"`
	// Inverse offers, of machines in maintenance.
	Inverse uint64 `json:"inverse_offers,omitempty"`
	// Refused are tasks that ended without having run; Shed are those that arrived while
	// too many waited.
	Refused        uint64  `json:"refused,omitempty"`
	Shed           uint64  `json:"shed,omitempty"`
	Tasks          uint64  `json:"tasks"`
	TasksPerSecond float64 `json:"tasks_per_s"`
	// Waiting tasks at the end of the phase.
	Waiting int `json:"waiting,omitempty"`
	// Running tasks and DominantShare, of the group, are means over the phase.
	Running       float64 `json:"running"`
	DominantShare float64 `json:"dominant_share"`
	// RoleShare is the mean share of its role, FairShare what dominant resource fairness
	// would have given it of one pool, and Deviation the mean distance of the two.
	RoleShare float64 `json:"role_share"`
	FairShare float64 `json:"fair_share"`
	Deviation float64 `json:"deviation"`
	// Accept is how long ACCEPTs took; Start is from when a task was wanted to its
	// TASK_RUNNING.
	Accept Latency `json:"accept"`
	Start  Latency `json:"start"`
}

// shares are those of roles as they were last seen.
type shares struct {
	mu       sync.Mutex
	has, due map[string]float64 // guarded by mu
}

func (s *shares) set(has, due map[string]float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.has, s.due = has, due
}

func (s *shares) of(role string) (has, due float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.has[role], s.due[role]
}

// survey looks at the shares of all roles, of the whole fleet: what vanishes for a while goes on
// working, and the allocator counts it in until it is unreachable.
func (r *run) survey() {
	sums, has := map[string]world.Amount{}, map[string]float64{}
	var claims []workload.Claim
	for _, p := range r.parties {
		running, _ := p.books.runs()
		sums[p.Role] = sums[p.Role].Plus(running, 1)
		c := p.demand()
		if limit, ok := r.limits[p.Role]; ok {
			c.Tasks = min(c.Tasks, limit.Times(c.Task))
		}
		claims = append(claims, c)
	}
	for role, sum := range sums { // each on its own
		has[role] = sum.DominantShare(r.total)
	}
	r.shares.set(has, workload.Fair(r.total, claims, r.o.Workload.Weight))
}

// sampler samples the run: throughput, latencies, shares.
func (r *run) sampler() *world.Sampler {
	s := world.NewSampler(time.Second, r.allocator)
	var roles []string
	for _, p := range r.parties {
		if !slices.Contains(roles, p.Role) {
			roles = append(roles, p.Role)
		}
	}
	for _, role := range roles {
		s.Gauge("dominant share, percent", role, func() float64 { has, _ := r.shares.of(role); return 100 * has })
		s.Reference("dominant share, percent", role+", fair", func() float64 { _, due := r.shares.of(role); return 100 * due })
	}
	for _, p := range r.parties {
		s.Rate("tasks launched per s", p.Name, func() float64 { return float64(p.launched.Load()) })
	}
	for _, p := range r.parties {
		if *p.Takes > 0 {
			s.Latency("ACCEPT of "+p.Name+", ms", &p.accept)
		}
		if p.queued {
			s.Latency("arrival to TASK_RUNNING of "+p.Name+", ms", &p.start)
		}
	}
	return s
}

// counted is what a group had counted when a phase began, and sums since.
type counted struct {
	Row
	looks                     int
	running                   int64
	share, role, fair, differ float64
}

func (c *counted) look(p *party, r *run) {
	amount, running := p.books.runs()
	has, due := r.shares.of(p.Role)
	c.looks++
	c.running += running
	c.share += amount.DominantShare(r.total)
	c.role, c.fair, c.differ = c.role+has, c.fair+due, c.differ+math.Abs(has-due)
}

func (p *party) counters() Row {
	return Row{Offers: p.offers.Load(), Declined: p.declined.Load(), Tasks: p.launched.Load(), Refused: p.refused.Load(),
		Shed: p.shed.Load(), Inverse: p.inverse.Load()}
}

// row is what was counted since.
func (c *counted) row(p *party, phase string, seconds float64) Row {
	now, n := p.counters(), float64(max(1, c.looks))
	_, waiting := p.waits()
	return Row{
		Phase: phase, Kind: p.Name, Role: p.Role, Frameworks: p.Count, Waiting: waiting,
		Offers: now.Offers - c.Offers, Declined: now.Declined - c.Declined, Tasks: now.Tasks - c.Tasks, Refused: now.Refused - c.Refused,
		Shed: now.Shed - c.Shed, Inverse: now.Inverse - c.Inverse, TasksPerSecond: float64(now.Tasks-c.Tasks) / seconds,
		Running: float64(c.running) / n, DominantShare: c.share / n, RoleShare: c.role / n, FairShare: c.fair / n, Deviation: c.differ / n,
		Accept: latencyOf(&p.accept), Start: latencyOf(&p.start),
	}
}

// lookEvery is how often running tasks are counted for the means.
const lookEvery = 50 * time.Millisecond

// look watches a phase and adds its rows.
func (r *run) look(ctx context.Context, ph *workload.Phase) error {
	books := make([]counted, len(r.parties))
	for i, p := range r.parties {
		books[i].Row = p.counters()
		p.accept.Reset()
		p.start.Reset()
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	began := time.Now()
	end := time.NewTimer(time.Duration(ph.Time))
	defer end.Stop()
	for over := false; !over; {
		select {
		case <-end.C:
			over = true
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		r.survey()
		err := r.fleet.Err()
		var running int64
		for i, p := range r.parties {
			books[i].look(p, r)
			err = errors.Join(err, p.err())
			_, n := p.books.runs()
			running += n
		}
		if err != nil {
			return err
		}
		r.progress.ShowPart(float64(time.Since(began))/float64(ph.Time), "%s, %v: %d tasks run, %d have ended", ph.Name, time.Duration(ph.Time), running, r.fleet.Finished())
	}
	if ph.Uncounted {
		return nil
	}
	for i, p := range r.parties {
		if p.present() {
			r.result.Rows = append(r.result.Rows, books[i].row(p, ph.Name, time.Since(began).Seconds()))
		}
	}
	return nil
}
