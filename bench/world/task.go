package world

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/resource"
)

// TaskResources is what every simulated task uses: so little that agents hold
// thousands, because a run of some seconds launches a million.
const TaskResources = "cpus:0.01;mem:4"

// What TaskResources says, in numbers.
const (
	taskCPUs   = 0.01
	taskMemMiB = 4
)

// Task says what the tasks of a framework are like. The zero value means
// TaskResources and the command "sleep 30".
type Task struct {
	// CPUs and MemMiB; 0 means what TaskResources says.
	CPUs, MemMiB float64
	// Sleep is how long a task runs on a Sleeping agent. Spread, a part below 1, makes
	// that uniform from (1 - Spread) to (1 + Spread) times Sleep.
	Sleep  time.Duration
	Spread float64
	// Running is how many tasks of a framework, the first ones, end as if they had begun
	// before the run, at times that long runs of such tasks would have: a fleet that
	// is filled with them has tasks that end evenly from the start.
	Running uint64
	// IDPrefix begins the ids of tasks; then come t, the framework's number, - and
	// the number of the task, from 1.
	IDPrefix string
}

func (t *Task) resources() string {
	if t.CPUs == 0 && t.MemMiB == 0 {
		return TaskResources
	}
	return fmt.Sprintf("cpus:%g;mem:%g", t.CPUs, t.MemMiB)
}

// spreadSteps is how many lengths of tasks a framework has.
const spreadSteps = 64

func (t *Task) commands() []*mesos.CommandInfo {
	if t.Sleep == 0 && t.CPUs == 0 {
		value := "sleep 30"
		return []*mesos.CommandInfo{{Value: &value}}
	}
	return sleeps(func(part float64) float64 { return t.Sleep.Seconds() * (1 + t.Spread*(2*part-1)) })
}

// sleeps are commands as long, in seconds, as length says for parts evenly from 0 to 1.
func sleeps(length func(part float64) float64) []*mesos.CommandInfo {
	cs := make([]*mesos.CommandInfo, spreadSteps)
	for i := range cs {
		// An odd step visits all of them, far from each other.
		value := fmt.Sprintf("sleep %.3f", length((float64(i*37%spreadSteps)+.5)/spreadSteps))
		cs[i] = &mesos.CommandInfo{Value: &value}
	}
	return cs
}

// rests are the commands of tasks that began earlier.
func (t *Task) rests() []*mesos.CommandInfo { return sleeps(t.rest) }

// rest is how many seconds a task has left that is found running: a part of those that
// are found have at most that left. Long tasks are found more often than short ones. Up to the
// length of the shortest the rests of all are spread evenly, and get scarcer after.
func (t *Task) rest(part float64) float64 {
	mean, width := t.Sleep.Seconds(), 2*t.Spread*t.Sleep.Seconds()
	least := mean - width/2
	if part*mean <= least {
		return part * mean
	}
	return least + width - math.Sqrt(width*width-2*width*(part*mean-least))
}

// TasksThatFit is how many simulated tasks an offer has room for, at most most.
func TasksThatFit(o *mesos.Offer, most int) int {
	return (&Task{CPUs: taskCPUs, MemMiB: taskMemMiB}).ThatFit(o, most)
}

// ThatFit is how many of these tasks an offer has room for, at most most, beside what
// it holds of reservations.
func (t *Task) ThatFit(o *mesos.Offer, most int) int {
	free := RoomOf(o).Free
	return max(0, min(most, int(free.CPUs/t.CPUs+slack), int(free.MemMiB/t.MemMiB+slack)))
}

// calls encodes a framework's calls. Messages are made once and reused; only
// ids change. It belongs to whoever holds the framework's connection.
type calls struct {
	codec     codec.Type
	framework *mesos.FrameworkID
	resources []*mesos.Resource
	commands  []*mesos.CommandInfo // taken in turn
	rests     []*mesos.CommandInfo // of the first ones, as many as running
	running   uint64
	tasks     []*mesos.TaskInfo
	launched  uint64
	prefix    string // of task ids
	demands   demands
	buf       []byte
}

func newCalls(t codec.Type, framework *mesos.FrameworkID, role string, task *Task, number int) (*calls, error) {
	rs, err := resource.Parse(task.resources(), "*")
	if err != nil {
		return nil, err
	}
	return &calls{codec: t, framework: framework, prefix: fmt.Sprintf("%st%d-", task.IDPrefix, number),
		resources: rs.Allocate(role).ToProto(resource.PostRefinement), commands: task.commands(), rests: task.rests(), running: task.Running}, nil
}

func (c *calls) encode(call *scheduler.Call) ([]byte, error) {
	call.FrameworkId = c.framework
	var err error
	c.buf, err = c.codec.Append(c.buf[:0], call)
	return c.buf, err
}

var noRefusal = new(float64)

// accept launches n tasks on an offer and takes the rest again at once.
func (c *calls) accept(offer *mesos.OfferID, agent *mesos.AgentID, n int) ([]byte, error) {
	for len(c.tasks) < n {
		name := "task"
		c.tasks = append(c.tasks, &mesos.TaskInfo{Name: &name, TaskId: &mesos.TaskID{}, Resources: c.resources})
	}
	for _, t := range c.tasks[:n] {
		c.launched++
		id := c.prefix + strconv.FormatUint(c.launched, 10)
		t.TaskId.Value, t.AgentId = &id, agent
		t.Command = c.command()
	}
	return c.encode(acceptCall(offer, c.tasks[:n]))
}

// command of the task that was numbered last.
func (c *calls) command() *mesos.CommandInfo {
	all := c.commands
	if c.launched <= c.running {
		all = c.rests
	}
	return all[c.launched%uint64(len(all))]
}

func (c *calls) decline(offer *mesos.OfferID, refuse *float64) ([]byte, error) {
	return c.encode(&scheduler.Call{
		Type: scheduler.Call_DECLINE.Enum(),
		Decline: &scheduler.Call_Decline{
			OfferIds: []*mesos.OfferID{offer}, Filters: &mesos.Filters{RefuseSeconds: refuse},
		},
	})
}

func (c *calls) acknowledge(s *mesos.TaskStatus) ([]byte, error) {
	return c.encode(&scheduler.Call{
		Type: scheduler.Call_ACKNOWLEDGE.Enum(),
		Acknowledge: &scheduler.Call_Acknowledge{
			AgentId: s.AgentId, TaskId: s.TaskId, Uuid: s.Uuid,
		},
	})
}

func (c *calls) suppress() ([]byte, error) {
	return c.encode(&scheduler.Call{Type: scheduler.Call_SUPPRESS.Enum()})
}

func (c *calls) revive() ([]byte, error) {
	return c.encode(&scheduler.Call{Type: scheduler.Call_REVIVE.Enum()})
}

func (c *calls) teardown() ([]byte, error) {
	return c.encode(&scheduler.Call{Type: scheduler.Call_TEARDOWN.Enum()})
}
