package world

import (
	"fmt"
	"time"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/resource"
)

// Launch is a task with demands of its own.
type Launch struct {
	// ID of the task, unlike any other of its framework.
	ID string
	Amount
	// Reserved says that it takes what is reserved for the framework's role.
	Reserved bool
	// Sleep is how long it runs on a Sleeping agent; 0 for ever.
	Sleep time.Duration
}

// demand is what tasks of equal resources have in common.
type demand struct {
	Amount
	reserved bool
}

// manyDemands bounds the demands whose messages are kept.
const manyDemands = 4096

// demands are the resources of a framework's tasks as messages.
type demands struct {
	role  string
	known map[demand][]*mesos.Resource
}

func (d *demands) of(l *Launch) ([]*mesos.Resource, error) {
	key := demand{l.Amount, l.Reserved}
	if got := d.known[key]; got != nil {
		return got, nil
	}
	from := ""
	if l.Reserved {
		from = "(" + d.role + ")"
	}
	text := fmt.Sprintf("cpus%s:%.3f;mem%s:%.3f", from, l.CPUs, from, l.MemMiB)
	if l.GPUs > 0 {
		text += fmt.Sprintf(";gpus%s:%.0f", from, l.GPUs)
	}
	rs, err := resource.Parse(text, "*")
	if err != nil {
		return nil, err
	}
	if len(d.known) >= manyDemands {
		clear(d.known)
	}
	messages := rs.Allocate(d.role).ToProto(resource.PostRefinement)
	d.known[key] = messages
	return messages, nil
}

// Launch accepts an offer for these tasks and takes the rest again at once.
func (f *Framework) Launch(o *mesos.Offer, tasks []Launch) (time.Duration, error) {
	return f.post(func(c *calls) ([]byte, error) {
		if c.demands.known == nil {
			c.demands = demands{role: f.Role, known: map[demand][]*mesos.Resource{}}
		}
		name := "task"
		infos := make([]*mesos.TaskInfo, len(tasks))
		for i := range tasks {
			t := &tasks[i]
			rs, err := c.demands.of(t)
			if err != nil {
				return nil, err
			}
			command := fmt.Sprintf("sleep %.3f", t.Sleep.Seconds())
			if t.Sleep == 0 {
				command = "sleep infinity"
			}
			infos[i] = &mesos.TaskInfo{Name: &name, TaskId: &mesos.TaskID{Value: &t.ID}, AgentId: o.AgentId, Resources: rs,
				Command: &mesos.CommandInfo{Value: &command}}
		}
		return c.encode(acceptCall(o.Id, infos))
	})
}

func acceptCall(offer *mesos.OfferID, tasks []*mesos.TaskInfo) *scheduler.Call {
	return &scheduler.Call{
		Type: scheduler.Call_ACCEPT.Enum(),
		Accept: &scheduler.Call_Accept{
			OfferIds: []*mesos.OfferID{offer},
			Operations: []*mesos.Offer_Operation{{
				Type: mesos.Offer_Operation_LAUNCH.Enum(), Launch: &mesos.Offer_Operation_Launch{TaskInfos: tasks},
			}},
			Filters: &mesos.Filters{RefuseSeconds: noRefusal},
		},
	}
}

// AcceptInverse agrees to give machines back for their maintenance.
func (f *Framework) AcceptInverse(offers []*mesos.InverseOffer) (time.Duration, error) {
	ids := make([]*mesos.OfferID, len(offers))
	for i, o := range offers {
		ids[i] = o.GetId()
	}
	return f.post(func(c *calls) ([]byte, error) {
		return c.encode(&scheduler.Call{
			Type:                scheduler.Call_ACCEPT_INVERSE_OFFERS.Enum(),
			AcceptInverseOffers: &scheduler.Call_AcceptInverseOffers{InverseOfferIds: ids},
		})
	})
}
