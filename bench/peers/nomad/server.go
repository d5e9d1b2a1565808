package nomad

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-version"
	"github.com/hashicorp/nomad/helper/uuid"
	"github.com/hashicorp/nomad/nomad/state"
	"github.com/hashicorp/nomad/nomad/structs"
	"github.com/hashicorp/nomad/scheduler"

	"github.com/caprock/caprock/bench/peers/work"
)

// server is what is left of a Nomad server when nothing crosses a network.
type server struct {
	store *state.StateStore
	evals chan *structs.Evaluation // waiting for a worker; closed when the last is done
	open  sync.WaitGroup           // evaluations that are not done

	mu    sync.Mutex // one plan is applied at a time
	index uint64
	err   error
}

func evaluation(j *structs.Job) *structs.Evaluation {
	return &structs.Evaluation{ID: uuid.Generate(), Namespace: j.Namespace, Priority: j.Priority, Type: j.Type,
		TriggeredBy: structs.EvalTriggerJobRegister, JobID: j.ID, Status: structs.EvalStatusPending}
}

// next is the index of the next change of the store.
func (s *server) next() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nextLocked()
}

func (s *server) nextLocked() uint64 {
	s.index++
	return s.index
}

// process works evaluations off, and those that they lead to.
func (s *server) process(ctx context.Context, evals []*structs.Evaluation, workers int) error {
	s.open.Add(len(evals))
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for e := range s.evals {
				if ctx.Err() == nil {
					s.fail(s.schedule(e))
				}
				s.open.Done()
			}
		})
	}
	for _, e := range evals {
		s.evals <- e
	}
	s.open.Wait()
	close(s.evals)
	all.Wait()
	return errors.Join(s.err, ctx.Err())
}

func (s *server) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

// schedule is what a worker does with an evaluation.
func (s *server) schedule(e *structs.Evaluation) error {
	snapshot, err := s.store.Snapshot()
	if err != nil {
		return fmt.Errorf("reading Nomad's state store: %w", err)
	}
	collisions := make(chan any, 1) // of ports, which nobody asks for
	it, err := scheduler.NewScheduler(e.Type, hclog.NewNullLogger(), collisions, snapshot, s)
	if err != nil {
		return err
	}
	if err := it.Process(e); err != nil {
		return fmt.Errorf("evaluation of job %s: %w", e.JobID, err)
	}
	return nil
}

// SubmitPlan implements scheduler.Planner: nodes that have become too full meanwhile are left out
// and the scheduler is told to look again.
func (s *server) SubmitPlan(plan *structs.Plan) (*structs.PlanResult, scheduler.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	result := &structs.PlanResult{NodeUpdate: plan.NodeUpdate, NodeAllocation: map[string][]*structs.Allocation{},
		NodePreemptions: plan.NodePreemptions, Deployment: plan.Deployment, DeploymentUpdates: plan.DeploymentUpdates}
	var placed []*structs.Allocation
	for node, more := range plan.NodeAllocation {
		fits, err := s.fits(node, more)
		if err != nil {
			return nil, nil, err
		}
		if fits {
			result.NodeAllocation[node] = more
			placed = append(placed, more...)
		}
	}
	index, now := s.nextLocked(), time.Now().UnixNano()
	for _, a := range placed {
		a.CreateTime, a.ModifyTime = now, now
	}
	result.AllocIndex = index
	err := s.store.UpsertPlanResults(structs.ApplyPlanResultsRequestType, index, &structs.ApplyPlanResultsRequest{
		AllocUpdateRequest: structs.AllocUpdateRequest{Job: plan.Job, AllocsUpdated: placed},
		Deployment:         plan.Deployment, DeploymentUpdates: plan.DeploymentUpdates,
		EvalID: plan.EvalID, UpdatedAt: now,
	})
	if err != nil || len(result.NodeAllocation) == len(plan.NodeAllocation) {
		return result, nil, err
	}
	result.RefreshIndex = index
	snapshot, err := s.store.Snapshot()
	return result, snapshot, err
}

// fits says whether a node has room for more beside what it has.
func (s *server) fits(node string, more []*structs.Allocation) (bool, error) {
	n, err := s.store.NodeByID(nil, node)
	if err != nil {
		return false, err
	}
	has, err := s.store.AllocsByNodeTerminal(nil, node, false)
	if err != nil {
		return false, err
	}
	fit, _, _, err := structs.AllocsFit(n, append(has, more...), nil, true)
	return fit, err
}

// UpdateEval implements scheduler.Planner.
func (s *server) UpdateEval(e *structs.Evaluation) error {
	return s.store.UpsertEvals(structs.EvalUpdateRequestType, s.next(), []*structs.Evaluation{e})
}

// CreateEval implements scheduler.Planner: tasks that found no node because other plans came
// first are tried again.
func (s *server) CreateEval(e *structs.Evaluation) error {
	if err := s.UpdateEval(e); err != nil {
		return err
	}
	if e.TriggeredBy != structs.EvalTriggerMaxPlans {
		for group, why := range e.FailedTGAllocs {
			return fmt.Errorf("job %s: no node for group %s: %s", e.JobID, group, reasons(why))
		}
	}
	again := e.Copy()
	again.Status = structs.EvalStatusPending
	s.open.Add(1)
	select {
	case s.evals <- again:
		return nil
	default:
		s.open.Done()
		return fmt.Errorf("job %s cannot be tried again: %d evaluations wait", e.JobID, len(s.evals))
	}
}

// reasons is why nodes were turned down.
func reasons(m *structs.AllocMetric) string {
	return fmt.Sprintf("%d of %d nodes looked at are out (%v), %d are full (%v)",
		m.NodesFiltered, m.NodesEvaluated, m.ConstraintFiltered, m.NodesExhausted, m.DimensionExhausted)
}

// ReblockEval implements scheduler.Planner.
func (s *server) ReblockEval(e *structs.Evaluation) error { return s.CreateEval(e) }

// ServersMeetMinimumVersion implements scheduler.Planner: there is one server, of this version.
func (*server) ServersMeetMinimumVersion(*version.Version, bool) bool { return true }

// placement is what the store says.
func (s *server) placement() (work.Placement, error) {
	iter, err := s.store.Allocs(nil, state.SortDefault)
	if err != nil {
		return nil, err
	}
	on := work.Placement{}
	for raw := iter.Next(); raw != nil; raw = iter.Next() {
		if a, ok := raw.(*structs.Allocation); ok && !a.TerminalStatus() {
			on[a.Name] = a.NodeName
		}
	}
	return on, nil
}
