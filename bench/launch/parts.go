package launch

import (
	"errors"
	"fmt"
	"time"

	"github.com/caprock/caprock/bench/world"
)

// parts is what a probe's two latencies consist of. The answer to a call comes when the call is
// durable; a launch and its answer leave the allocator together.
//
//	REVIVE ─ revived ─► 202 ─ offered ─► OFFERS
//	ACCEPT ─ accepted ─► 202
//	ACCEPT ─ delivered ─► agent ─ reported ─► TASK_RUNNING
type parts struct {
	revived, offered, accepted, delivered, reported world.Latencies
	// late is by how much this program, which plays agents and frameworks, runs behind: from
	// when a timer of the kernel is due to when a goroutine that waits for it goes on. Each
	// step of a probe that happens here waits like that.
	late world.Latencies
}

// Parts are the same as distributions.
type Parts struct {
	Revived   Latency `json:"revive_answered"`
	Offered   Latency `json:"answer_to_offer"`
	Accepted  Latency `json:"accept_answered"`
	Delivered Latency `json:"accept_to_agent"`
	Reported  Latency `json:"agent_to_running"`
	Late      Latency `json:"generator_late"`
}

func (p *parts) total() Parts {
	return Parts{latencyOf(&p.revived), latencyOf(&p.offered), latencyOf(&p.accepted), latencyOf(&p.delivered), latencyOf(&p.reported), latencyOf(&p.late)}
}

// String is a line for a table's foot, p50 / p99 in milliseconds.
func (p Parts) String() string {
	of := func(l Latency) string { return world.Milliseconds(l.P50) + " / " + world.Milliseconds(l.P99) }
	return fmt.Sprintf("REVIVE answered %s, then OFFERS %s; ACCEPT answered %s; at the agent %s, then TASK_RUNNING %s; the load generator ran %s behind",
		of(p.Revived), of(p.Offered), of(p.Accepted), of(p.Delivered), of(p.Reported), of(p.Late))
}

// lateEvery is how often lateness is looked at: too seldom to be load.
const lateEvery = 5 * time.Millisecond

// watch records by how much this program runs behind until stop is called.
func (p *parts) watch() (stop func() error, err error) {
	clock, err := world.NewMetronome(lateEvery)
	if err != nil {
		return nil, err
	}
	end, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			due, err := clock.Wait()
			if err != nil {
				ended <- err
				return
			}
			p.late.Record(time.Since(due))
			select {
			case <-end:
				ended <- nil
				return
			default:
			}
		}
	}()
	return func() error {
		close(end)
		err := <-ended
		return errors.Join(err, clock.Close())
	}, nil
}
