package api

import (
	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/alloc/view"
	"github.com/caprock/caprock/wire/mesos"
)

// cluster is a snapshot with the sums and joins that endpoints show. Its memory is used again
// for the next snapshot.
type cluster struct {
	snap       *view.Snapshot
	sums       sums
	frameworks map[string]*belongings
}

// belongings are what belongs to a framework.
type belongings struct {
	tasks, unreachable, completed []*core.Task
	offers                        []*core.Offer
	executors                     []*core.Executor
}

var noBelongings = &belongings{}

func newCluster() *cluster { return &cluster{frameworks: map[string]*belongings{}} }

// clusterOf is one for a single use.
func clusterOf(snap *view.Snapshot) *cluster {
	c := newCluster()
	c.snap = snap
	return c
}

// of returns what a framework has.
func (c *cluster) of(framework string) *belongings {
	if b := c.frameworks[framework]; b != nil {
		return b
	}
	return noBelongings
}

func (c *cluster) entry(framework string) *belongings {
	b := c.frameworks[framework]
	if b == nil {
		b = &belongings{}
		c.frameworks[framework] = b
	}
	return b
}

// add sums the snapshot up.
func (c *cluster) add() *sums {
	c.sums.add(c.snap)
	return &c.sums
}

// join sums the snapshot up and finds what belongs to whom.
func (c *cluster) join() {
	c.add()
	for t := range c.snap.Tasks.All() {
		of := c.entry(t.FrameworkID())
		if t.Unreachable() {
			of.unreachable = append(of.unreachable, t)
		} else {
			of.tasks = append(of.tasks, t)
		}
	}
	for t := range c.snap.Completed.All() {
		of := c.entry(t.FrameworkID())
		of.completed = append(of.completed, t)
	}
	for o := range c.snap.Offers.All() {
		of := c.entry(o.FrameworkID())
		of.offers = append(of.offers, o)
	}
	for e := range c.snap.Executors.All() {
		of := c.entry(e.Rec.GetFrameworkId())
		of.executors = append(of.executors, e)
	}
}

// forget lets go of the snapshot and keeps the memory. What was of a framework that had
// nothing any more goes.
func (c *cluster) forget() {
	c.snap = nil
	c.sums.forget()
	for id, b := range c.frameworks {
		if len(b.tasks)+len(b.unreachable)+len(b.completed)+len(b.offers)+len(b.executors) == 0 {
			delete(c.frameworks, id)
			continue
		}
		b.tasks, b.unreachable, b.completed = emptied(b.tasks), emptied(b.unreachable), emptied(b.completed)
		b.offers, b.executors = emptied(b.offers), emptied(b.executors)
	}
}

func emptied[T any](list []*T) []*T {
	clear(list)
	return list[:0]
}

// talliedStates are what /state-summary counts, in its order.
var talliedStates = [...]mesos.TaskState{
	mesos.TaskState_TASK_STAGING, mesos.TaskState_TASK_STARTING, mesos.TaskState_TASK_RUNNING,
	mesos.TaskState_TASK_KILLING, mesos.TaskState_TASK_FINISHED, mesos.TaskState_TASK_KILLED,
	mesos.TaskState_TASK_FAILED, mesos.TaskState_TASK_LOST, mesos.TaskState_TASK_ERROR,
	mesos.TaskState_TASK_UNREACHABLE,
}

// tally counts an agent's or a framework's tasks by state, and remembers with whom.
type tally struct {
	states [len(talliedStates)]int64
	with   []string
}

func (t *tally) count(state mesos.TaskState) {
	for i, s := range talliedStates {
		if s == state {
			t.states[i]++
		}
	}
}

// tally counts the tasks of all agents and frameworks. join must have been called. As in
// Mesos, what is over with its framework does not count.
func (c *cluster) tally() {
	for f := range c.snap.Frameworks.All() {
		if !f.Completed() {
			c.tallyOf(f.ID())
		}
	}
}

// tallyOf counts one framework, all of it at once, so that an agent that was seen already
// has it last among those it knows.
func (c *cluster) tallyOf(framework string) {
	own, of := c.of(framework), c.sums.entry(&c.sums.frameworks, framework)
	met := func(agent string) *usage {
		at := c.sums.entry(&c.sums.agents, agent)
		if n := len(at.with); n == 0 || at.with[n-1] != framework {
			at.with = append(at.with, framework)
			of.with = append(of.with, agent)
		}
		return at
	}
	for _, tasks := range [...][]*core.Task{own.tasks, own.unreachable, own.completed} {
		for _, t := range tasks {
			state := t.State()
			if t.Unreachable() {
				state = mesos.TaskState_TASK_UNREACHABLE
			}
			met(t.AgentID()).count(state)
			of.count(state)
		}
	}
	for _, e := range own.executors {
		met(e.Rec.GetAgentId())
	}
}
