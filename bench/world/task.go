package world

import (
	"strconv"

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

// TasksThatFit is how many simulated tasks an offer has room for, at most most.
func TasksThatFit(o *mesos.Offer, most int) int {
	var cpus, mem float64
	for _, r := range o.GetResources() {
		switch r.GetName() {
		case "cpus":
			cpus += r.GetScalar().GetValue()
		case "mem":
			mem += r.GetScalar().GetValue()
		}
	}
	const slack = 1e-4 // sums of decimal fractions are not exact
	return max(0, min(most, int(cpus/taskCPUs+slack), int(mem/taskMemMiB+slack)))
}

// calls encodes a framework's calls. Messages are made once and reused; only
// ids change. It belongs to whoever holds the framework's connection.
type calls struct {
	codec     codec.Type
	framework *mesos.FrameworkID
	resources []*mesos.Resource
	command   *mesos.CommandInfo
	tasks     []*mesos.TaskInfo
	launched  uint64
	prefix    string // of task ids
	buf       []byte
}

func newCalls(t codec.Type, framework *mesos.FrameworkID, role, prefix string) (*calls, error) {
	rs, err := resource.Parse(TaskResources, "*")
	if err != nil {
		return nil, err
	}
	value := "sleep 30"
	return &calls{codec: t, framework: framework, prefix: prefix,
		resources: rs.Allocate(role).ToProto(resource.PostRefinement), command: &mesos.CommandInfo{Value: &value}}, nil
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
		c.tasks = append(c.tasks, &mesos.TaskInfo{Name: &name, TaskId: &mesos.TaskID{}, Resources: c.resources, Command: c.command})
	}
	for _, t := range c.tasks[:n] {
		c.launched++
		id := c.prefix + strconv.FormatUint(c.launched, 10)
		t.TaskId.Value, t.AgentId = &id, agent
	}
	return c.encode(&scheduler.Call{
		Type: scheduler.Call_ACCEPT.Enum(),
		Accept: &scheduler.Call_Accept{
			OfferIds: []*mesos.OfferID{offer},
			Operations: []*mesos.Offer_Operation{{
				Type: mesos.Offer_Operation_LAUNCH.Enum(), Launch: &mesos.Offer_Operation_Launch{TaskInfos: c.tasks[:n]},
			}},
			Filters: &mesos.Filters{RefuseSeconds: noRefusal},
		},
	})
}

func (c *calls) decline(offer *mesos.OfferID) ([]byte, error) {
	return c.encode(&scheduler.Call{
		Type: scheduler.Call_DECLINE.Enum(),
		Decline: &scheduler.Call_Decline{
			OfferIds: []*mesos.OfferID{offer}, Filters: &mesos.Filters{RefuseSeconds: noRefusal},
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

func (c *calls) teardown() ([]byte, error) {
	return c.encode(&scheduler.Call{Type: scheduler.Call_TEARDOWN.Enum()})
}
