package main

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/resources"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"
)

// step is one page of the story: it is turned when an offer holds what the step
// needs, and is over when all its operations are finished and its task has ended.
type step struct {
	name  string
	needs func(offered []mesos.Resource) bool
	does  func(*mesos.Offer) []mesos.Offer_Operation
}

// story runs the steps one after another, on the agent of the first.
type story struct {
	caller  calls.Caller
	stop    func()
	steps   []step
	at      int
	agent   string          // the agent that was chosen, "" before
	pending map[string]bool // operations and tasks of this step that have not ended
	failure error
}

func newStory(caller calls.Caller, stop func()) *story {
	return &story{caller: caller, stop: stop, steps: steps(), pending: map[string]bool{}}
}

func (s *story) ended() bool { return s.at == len(s.steps) }

func (s *story) waitingFor() string {
	if s.ended() {
		return "nothing"
	}
	if len(s.pending) == 0 {
		return "an offer for: " + s.steps[s.at].name
	}
	return fmt.Sprintf("the end of %s: %v", s.steps[s.at].name, s.pending)
}

func (s *story) fail(err error) error {
	if s.failure == nil {
		s.failure = err
	}
	s.stop()
	return err
}

func (s *story) offers(ctx context.Context, e *scheduler.Event) error {
	for i := range e.GetOffers().GetOffers() {
		offer := &e.GetOffers().Offers[i]
		if err := s.offer(ctx, offer); err != nil {
			return s.fail(err)
		}
	}
	return nil
}

// offer turns the page if the offer allows it and declines it otherwise.
func (s *story) offer(ctx context.Context, offer *mesos.Offer) error {
	mine := s.agent == "" || s.agent == offer.AgentID.Value
	if s.ended() || !mine || len(s.pending) > 0 || !s.steps[s.at].needs(offer.Resources) {
		decline := calls.Decline(offer.ID).With(calls.Filters(mesos.RefuseSeconds(0)))
		return calls.CallNoData(ctx, s.caller, decline)
	}
	s.agent = offer.AgentID.Value
	now := s.steps[s.at]
	log.Printf("step %d: %s", s.at+1, now.name)
	operations := now.does(offer)
	for i := range operations {
		s.expect(&operations[i])
	}
	accept := calls.Accept(calls.OfferOperations(operations).WithOffers(offer.ID)).With(calls.Filters(mesos.RefuseSeconds(0)))
	return calls.CallNoData(ctx, s.caller, accept)
}

// expect notes what must end before the next step. Operations get an id, so
// that their outcome is reported; a launch is known by its task.
func (s *story) expect(op *mesos.Offer_Operation) {
	if op.Type == mesos.Offer_Operation_LAUNCH {
		s.pending[op.Launch.TaskInfos[0].TaskID.Value] = true
		return
	}
	id := fmt.Sprintf("step-%d-%s", s.at+1, op.Type)
	op.ID = &mesos.OperationID{Value: id}
	s.pending[id] = true
}

func (s *story) update(ctx context.Context, e *scheduler.Event) error {
	status := e.GetUpdate().GetStatus()
	switch status.GetState() {
	case mesos.TASK_STAGING, mesos.TASK_STARTING, mesos.TASK_RUNNING:
		return nil
	case mesos.TASK_FINISHED:
		return s.over(ctx, status.TaskID.Value)
	default:
		return s.fail(fmt.Errorf("task %s: got %v (%s), want TASK_FINISHED", status.TaskID.Value, status.GetState(), status.GetMessage()))
	}
}

// operation acknowledges with the agent's id, without which Mesos answers 400;
// mesos-go's own rule leaves it out.
func (s *story) operation(ctx context.Context, e *scheduler.Event) error {
	status := e.GetUpdateOperationStatus().GetStatus()
	if uuid := status.GetUUID().GetValue(); len(uuid) > 0 {
		ack := calls.AcknowledgeOperationStatus(status.GetAgentID().GetValue(), "", uuid, status.GetOperationID().GetValue())
		if err := calls.CallNoData(ctx, s.caller, ack); err != nil {
			return s.fail(err)
		}
	}
	switch status.GetState() {
	case mesos.OPERATION_PENDING:
		return nil
	case mesos.OPERATION_FINISHED:
		return s.over(ctx, status.GetOperationID().GetValue())
	default:
		return s.fail(fmt.Errorf("operation %s: got %v (%s), want OPERATION_FINISHED",
			status.GetOperationID().GetValue(), status.GetState(), status.GetMessage()))
	}
}

// over strikes one thing off; with the last the page is turned. Updates that
// are sent again find nothing to strike off.
func (s *story) over(ctx context.Context, id string) error {
	if !s.pending[id] {
		return nil
	}
	delete(s.pending, id)
	if len(s.pending) > 0 {
		return nil
	}
	if s.at++; !s.ended() {
		return nil
	}
	err := calls.CallNoData(ctx, s.caller, &scheduler.Call{Type: scheduler.Call_TEARDOWN})
	s.stop()
	if err != nil {
		return s.fail(errors.New("TEARDOWN: " + err.Error()))
	}
	return nil
}

// steps of the story. Sizes are megabytes of disk.
func steps() []step {
	const size, growth = 32, 16
	free := func(offered []mesos.Resource) bool {
		cpus, _ := resources.CPUs(unreserved(offered)...)
		mem, _ := resources.Memory(unreserved(offered)...)
		disk, _ := resources.Disk(unreserved(offered)...)
		return cpus >= 0.2 && mem >= 64 && disk >= 2*size
	}
	volumeOf := func(megabytes float64) func([]mesos.Resource) bool {
		return func(offered []mesos.Resource) bool {
			v := volumeIn(offered)
			return v != nil && v.GetScalar().GetValue() == megabytes
		}
	}
	return []step{
		{"reserve resources and make a volume of the disk", free, func(*mesos.Offer) []mesos.Offer_Operation {
			return []mesos.Offer_Operation{
				calls.OpReserve(reserved("cpus", 0.1), reserved("mem", 32), reserved("disk", size+growth)),
				calls.OpCreate(volume(size)),
			}
		}},
		{"a task writes a file on the volume", volumeOf(size), func(o *mesos.Offer) []mesos.Offer_Operation {
			return []mesos.Offer_Operation{calls.OpLaunch(task("writer", "echo kept > data/file", o, volume(size)))}
		}},
		{"grow the volume", volumeOf(size), func(*mesos.Offer) []mesos.Offer_Operation {
			return []mesos.Offer_Operation{calls.OpGrowVolume(volume(size), reserved("disk", growth))}
		}},
		{"another task finds the file there", volumeOf(size + growth), func(o *mesos.Offer) []mesos.Offer_Operation {
			return []mesos.Offer_Operation{calls.OpLaunch(task("reader", "grep -qx kept data/file", o, volume(size+growth)))}
		}},
		{"shrink the volume", volumeOf(size + growth), func(*mesos.Offer) []mesos.Offer_Operation {
			return []mesos.Offer_Operation{calls.OpShrinkVolume(volume(size+growth), mesos.Value_Scalar{Value: growth})}
		}},
		{"destroy the volume and give everything back", volumeOf(size), func(*mesos.Offer) []mesos.Offer_Operation {
			return []mesos.Offer_Operation{
				calls.OpDestroy(volume(size)),
				calls.OpUnreserve(reserved("cpus", 0.1), reserved("mem", 32), reserved("disk", size+growth)),
			}
		}},
	}
}
