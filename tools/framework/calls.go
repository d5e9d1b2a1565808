package framework

import (
	"context"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// Launch accepts an offer with these tasks; what they leave of it is refused
// for refuseSeconds.
func (c *Client) Launch(ctx context.Context, offer *mesos.Offer, refuseSeconds float64, tasks ...*mesos.TaskInfo) error {
	return c.Call(ctx, &scheduler.Call{
		Type: scheduler.Call_ACCEPT.Enum(),
		Accept: &scheduler.Call_Accept{
			OfferIds: []*mesos.OfferID{offer.GetId()},
			Operations: []*mesos.Offer_Operation{{
				Type:   mesos.Offer_Operation_LAUNCH.Enum(),
				Launch: &mesos.Offer_Operation_Launch{TaskInfos: tasks},
			}},
			Filters: &mesos.Filters{RefuseSeconds: &refuseSeconds},
		},
	})
}

// Decline gives offers back and does not want them again for refuseSeconds.
func (c *Client) Decline(ctx context.Context, refuseSeconds float64, offers ...*mesos.Offer) error {
	ids := make([]*mesos.OfferID, len(offers))
	for i, o := range offers {
		ids[i] = o.GetId()
	}
	return c.Call(ctx, &scheduler.Call{
		Type: scheduler.Call_DECLINE.Enum(),
		Decline: &scheduler.Call_Decline{
			OfferIds: ids,
			Filters:  &mesos.Filters{RefuseSeconds: &refuseSeconds},
		},
	})
}

// Acknowledge confirms a status update; one without uuid needs none.
func (c *Client) Acknowledge(ctx context.Context, status *mesos.TaskStatus) error {
	if len(status.GetUuid()) == 0 {
		return nil
	}
	return c.Call(ctx, &scheduler.Call{
		Type: scheduler.Call_ACKNOWLEDGE.Enum(),
		Acknowledge: &scheduler.Call_Acknowledge{
			AgentId: status.GetAgentId(),
			TaskId:  status.GetTaskId(),
			Uuid:    status.GetUuid(),
		},
	})
}

// Kill asks for the end of a task.
func (c *Client) Kill(ctx context.Context, task *mesos.TaskID, agent *mesos.AgentID) error {
	return c.Call(ctx, &scheduler.Call{
		Type: scheduler.Call_KILL.Enum(),
		Kill: &scheduler.Call_Kill{TaskId: task, AgentId: agent},
	})
}

// Reconcile asks for the state of these tasks, or of all if there are none.
func (c *Client) Reconcile(ctx context.Context, tasks ...string) error {
	call := &scheduler.Call{Type: scheduler.Call_RECONCILE.Enum(), Reconcile: &scheduler.Call_Reconcile{}}
	for _, id := range tasks {
		call.Reconcile.Tasks = append(call.Reconcile.Tasks, &scheduler.Call_Reconcile_Task{TaskId: &mesos.TaskID{Value: &id}})
	}
	return c.Call(ctx, call)
}

// Teardown ends the framework and its tasks.
func (c *Client) Teardown(ctx context.Context) error {
	return c.Call(ctx, &scheduler.Call{Type: scheduler.Call_TEARDOWN.Enum()})
}
