package fleet

import (
	"hash/fnv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caprock/caprock/bench/world"
	"github.com/caprock/caprock/wire/mesos"
)

// kind is how the frameworks of one role behave.
type kind struct {
	name string
	// cpus and memMiB of a task, which runs for the run's task time, or on and on.
	cpus, memMiB float64
	endless      bool
	// most tasks of one ACCEPT.
	most int
	// perAgent, if not 0, bounds the role's tasks: so many for each agent of the fleet.
	perAgent float64
	// refuses tells offers that are not wanted whatever they hold.
	refuses func(*mesos.Offer) bool
	// delay before offers are answered.
	delay time.Duration
}

// refuseSeconds is for how long what is declined is not wanted; Mesos' default.
const refuseSeconds = 5

// kinds of frameworks. Demands differ as in the DRF paper: some need mostly CPU, some
// mostly memory, of agents with 4 GiB for each CPU.
var kinds = []kind{
	{name: "service", cpus: 1, memMiB: 8192, endless: true, most: 2, perAgent: 2},
	{name: "batch", cpus: 2, memMiB: 2048, most: 8},
	{name: "memory", cpus: 1, memMiB: 16384, most: 8},
	{name: "greedy", cpus: 4, memMiB: 8192, most: 1000},
	{name: "picky", cpus: 2, memMiB: 4096, most: 8, refuses: otherThanQuarter},
	{name: "slow", cpus: 2, memMiB: 4096, most: 8, delay: time.Second},
	{name: "declining", cpus: 1, memMiB: 1024, refuses: func(*mesos.Offer) bool { return true }},
}

// otherThanQuarter refuses all agents but a quarter of them, always the same.
func otherThanQuarter(o *mesos.Offer) bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(o.GetAgentId().GetValue())) // never fails
	return h.Sum32()%4 != 0
}

// share is a role's larger part of the cluster's CPUs and memory when so many of its
// tasks run.
func (k *kind) share(running int64, agents int) float64 {
	n := float64(running) / float64(agents)
	return max(n*k.cpus/agentCPUs, n*k.memMiB/agentMemMiB)
}

// An agent of the plain shape.
const (
	agentCPUs   = 64
	agentMemMiB = 262144
)

// endlessTime is longer than any run.
const endlessTime = 24 * time.Hour

func (k *kind) task(mean time.Duration) world.Task {
	t := world.Task{CPUs: k.cpus, MemMiB: k.memMiB, Sleep: mean, Spread: .5}
	if k.endless {
		t.Sleep, t.Spread = endlessTime, 0
	}
	return t
}

// party is the frameworks of one kind.
type party struct {
	*kind
	tasks      world.Task
	bound      int64 // tasks wanted; 0: no end
	desks      *world.Desks
	frameworks *world.Frameworks
	accept     world.Latencies

	claimed                             atomic.Int64 // tasks accepted or being accepted, and not ended
	running                             atomic.Int64
	offers, declined, launched, refused atomic.Uint64

	mu    sync.Mutex
	alive map[string]bool // tasks that were reported running; guarded by mu
}

func newParty(k *kind, agents int, taskTime time.Duration) *party {
	p := &party{kind: k, tasks: k.task(taskTime), bound: int64(k.perAgent * float64(agents)), alive: map[string]bool{}}
	p.desks = world.NewDesks(p.take)
	p.desks.Delay = k.delay
	return p
}

// claim takes n tasks of what is still wanted, or fewer.
func (p *party) claim(n int) int {
	if p.bound == 0 || n == 0 {
		return n
	}
	left := p.bound - p.claimed.Add(int64(n))
	if left >= 0 {
		return n
	}
	over := min(int64(n), -left)
	p.claimed.Add(-over)
	return n - int(over)
}

// content says that the party has all it wants, for good: bounded kinds are endless.
func (p *party) content() bool { return p.bound > 0 && p.claimed.Load() >= p.bound }

// take answers an offer. Who has all that it wants asks for no more.
func (p *party) take(f *world.Framework, o *mesos.Offer) error {
	p.offers.Add(1)
	n := 0
	if p.refuses == nil || !p.refuses(o) {
		n = p.claim(p.tasks.ThatFit(o, p.most))
	}
	if n == 0 {
		p.declined.Add(1)
		_, err := f.Refuse(o, refuseSeconds)
		if err == nil && p.content() {
			_, err = f.Suppress()
		}
		return err
	}
	took, err := f.Accept(o, n)
	if err == nil {
		p.accept.Record(took)
		p.launched.Add(uint64(n))
	}
	return err
}

// update counts the tasks that run.
func (p *party) update(f *world.Framework, s *mesos.TaskStatus) {
	p.desks.Update(f, s)
	id := f.ID() + "/" + s.GetTaskId().GetValue()
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case s.GetState() == mesos.TaskState_TASK_RUNNING && !p.alive[id]:
		p.alive[id] = true
		p.running.Add(1)
	case s.GetState() == mesos.TaskState_TASK_FINISHED && p.alive[id]:
		delete(p.alive, id)
		p.running.Add(-1)
		p.claimed.Add(-1)
	case s.GetState() != mesos.TaskState_TASK_RUNNING && s.GetState() != mesos.TaskState_TASK_FINISHED:
		p.refused.Add(1)
		p.claimed.Add(-1)
	}
}
