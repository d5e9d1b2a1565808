package devcluster

import (
	"context"
	"fmt"
	"time"

	"github.com/caprock/caprock/tools/framework"
	"github.com/caprock/caprock/wire/mesos/master"
)

// readyPoll is how often Ready looks; a newcomer waits for it.
const readyPoll = 20 * time.Millisecond

// Ready returns when every agent is registered and active: from then on a
// framework that subscribes is offered the whole machine.
func (c *Cluster) Ready(ctx context.Context) error {
	look := time.NewTicker(readyPoll)
	defer look.Stop()
	var last error
	for {
		active, err := ActiveAgents(ctx, c.URL())
		if err == nil && active >= len(c.agents) {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("%d of %d agents are registered", active, len(c.agents))
		}
		last = err
		select {
		case <-look.C:
		case <-c.failed:
			return c.failure
		case <-ctx.Done():
			return fmt.Errorf("the cluster did not get ready: %w (%w)", ctx.Err(), last)
		}
	}
}

// ActiveAgents asks the allocator at url how many agents it can offer.
func ActiveAgents(ctx context.Context, url string) (int, error) {
	var response master.Response
	if err := framework.Ask(ctx, url, &master.Call{Type: master.Call_GET_AGENTS.Enum()}, &response); err != nil {
		return 0, err
	}
	active := 0
	for _, a := range response.GetGetAgents().GetAgents() {
		if a.GetActive() {
			active++
		}
	}
	return active, nil
}
