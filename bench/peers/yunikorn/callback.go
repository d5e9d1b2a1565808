package yunikorn

import (
	"context"
	"fmt"
	"sync"

	"github.com/apache/yunikorn-scheduler-interface/lib/go/si"

	"github.com/caprock/caprock/bench/peers/work"
)

// callback hears what the core decides, as the Kubernetes shim does. It has no
// predicates of its own.
type callback struct {
	work                     work.Work
	nodesIn, appsIn, tasksIn chan struct{} // closed when all are
	failed                   chan struct{} // closed with the first refusal

	mu          sync.Mutex
	nodes, apps int
	on          work.Placement
	refusal     error
}

func newCallback(w work.Work) *callback {
	return &callback{work: w, nodesIn: make(chan struct{}), appsIn: make(chan struct{}), tasksIn: make(chan struct{}),
		failed: make(chan struct{}), on: make(work.Placement, w.Tasks())}
}

func (c *callback) wait(ctx context.Context, all <-chan struct{}) error {
	var err error
	select {
	case <-all:
		return nil
	case <-c.failed:
	case <-ctx.Done():
		err = ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refusal != nil {
		return c.refusal
	}
	return fmt.Errorf("YuniKorn has %d nodes, %d applications and placed %d tasks: %w", c.nodes, c.apps, len(c.on), err)
}

func (c *callback) refuseLocked(format string, args ...any) {
	if c.refusal == nil {
		c.refusal = fmt.Errorf("YuniKorn "+format, args...)
		close(c.failed)
	}
}

// reach closes a channel once all that it stands for are there.
func reach(got, want int, all chan struct{}) {
	if got == want {
		close(all)
	}
}

func (c *callback) UpdateNode(r *si.NodeResponse) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range r.Rejected {
		c.refuseLocked("refused node %s: %s", n.NodeID, n.Reason)
	}
	for range r.Accepted {
		c.nodes++
		reach(c.nodes, c.work.Nodes, c.nodesIn)
	}
	return nil
}

func (c *callback) UpdateApplication(r *si.ApplicationResponse) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range r.Rejected {
		c.refuseLocked("refused application %s: %s", a.ApplicationID, a.Reason)
	}
	for range r.Accepted {
		c.apps++
		reach(c.apps, c.work.Apps, c.appsIn)
	}
	return nil
}

func (c *callback) UpdateAllocation(r *si.AllocationResponse) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range r.RejectedAllocations {
		c.refuseLocked("refused task %s: %s", a.AllocationKey, a.Reason)
	}
	for _, a := range r.Released {
		c.refuseLocked("took task %s back: %s", a.AllocationKey, a.Message)
	}
	for _, a := range r.New {
		if node, ok := c.on[a.AllocationKey]; ok {
			c.refuseLocked("placed task %s on %s and on %s", a.AllocationKey, node, a.NodeID)
			continue
		}
		c.on[a.AllocationKey] = a.NodeID
		reach(len(c.on), c.work.Tasks(), c.tasksIn)
	}
	return nil
}

// placement is complete once tasksIn is closed.
func (c *callback) placement() work.Placement {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.on
}

func (*callback) Predicates(*si.PredicatesArgs) error { return nil }

func (*callback) PreemptionPredicates(args *si.PreemptionPredicatesArgs) *si.PreemptionPredicatesResponse {
	return &si.PreemptionPredicatesResponse{Success: true, Index: args.StartIndex}
}

func (*callback) SendEvent([]*si.EventRecord) {}

func (*callback) UpdateContainerSchedulingState(*si.UpdateContainerSchedulingStateRequest) {}
