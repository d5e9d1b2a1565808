package core

import (
	"fmt"
	"slices"
	"sort"

	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/resource"
)

// apply gives the state what one record says. It is the only way in which the
// state changes, for records that were just decided and for those that a journal
// kept. It returns the entity as readers should see it, nil if it is gone.
func (s *state) apply(id record.ID, v record.Value) (Entity, error) {
	if v == nil {
		s.forget(id)
		return nil, nil
	}
	switch v := v.(type) {
	case *record.Meta:
		s.meta = v
		return nil, nil
	case *record.Maintenance:
		s.maintenance = &Maintenance{Rec: v}
		return s.maintenance, nil
	case *record.Role:
		s.roles[v.GetName()] = &Role{Rec: v}
		return s.roles[v.GetName()], nil
	case *record.Framework:
		return s.applyFramework(v), nil
	case *record.KeptValue:
		return s.applyKept(v), nil
	case *record.Agent:
		return s.applyAgent(v)
	case *record.Executor:
		res, err := resource.FromProto(v.GetInfo().GetResources())
		if err != nil {
			return nil, fmt.Errorf("%v: %w", id, err)
		}
		return s.applyExecutor(v, res), nil
	case *record.Task:
		list, err := s.lists.resources(v.GetTask().GetResources())
		if err != nil {
			return nil, fmt.Errorf("%v: %w", id, err)
		}
		return s.applyTask(id, v, list), nil
	case *record.Operation:
		res, err := resource.FromProto(v.GetConsumed())
		if err != nil {
			return nil, fmt.Errorf("%v: %w", id, err)
		}
		return s.applyOperation(v, res), nil
	case *record.OfferBatch:
		s.batches[v.GetFirst()] = &offerBatch{rec: v}
		return nil, nil
	case *record.Offer:
		s.oldOffers[v.GetId()] = v
		return nil, nil
	case *record.OutboxHead:
		s.applyOutboxHead(v)
		return nil, nil
	case *record.Outbox:
		s.applyOutbox(v)
		return nil, nil
	}
	return nil, fmt.Errorf("%v: got a %T, want a message of record.proto", id, v)
}

func (s *state) applyFramework(v *record.Framework) *Framework {
	id := v.GetInfo().GetId().GetValue()
	f := s.frameworks[id]
	if f == nil {
		f = s.completed[id]
	}
	if f == nil {
		f = newFrameworkState()
	}
	next := &Framework{Rec: v}
	if f.cur != nil {
		*next = *f.cur
		next.Rec = v
	}
	f.cur, f.caps = next, frameworkCapsOf(v.GetInfo())
	if next.Completed() {
		delete(s.frameworks, id)
		s.completed[id] = f
	} else {
		delete(s.completed, id)
		s.frameworks[id] = f
	}
	return next
}

func (s *state) applyAgent(v *record.Agent) (*Agent, error) {
	id := v.GetInfo().GetId().GetValue()
	a := s.agents[id]
	if a == nil {
		a = newAgentState()
		s.agents[id] = a
	}
	next := &Agent{}
	if a.cur != nil {
		*next = *a.cur
	}
	if a.cur == nil || !sameSlice(next.Rec.GetTotal(), v.GetTotal()) || !sameSlice(next.Rec.GetOversubscribed(), v.GetOversubscribed()) {
		total, err := s.lists.resources(v.GetTotal())
		if err != nil {
			return nil, fmt.Errorf("agent %s: %w", id, err)
		}
		over, err := resource.FromProto(v.GetOversubscribed())
		if err != nil {
			return nil, fmt.Errorf("agent %s: %w", id, err)
		}
		if next.total = total.res; len(over) > 0 {
			next.total = total.res.Plus(over)
		}
	}
	if a.cur == nil || next.Rec.GetInfo() != v.GetInfo() || next.Rec.GetAddress() != v.GetAddress() {
		next.url = agentURL(v)
	}
	next.Rec = v
	a.caps = agentCapsOf(v.GetCapabilities())
	a.setCur(next)
	return next, nil
}

func (s *state) applyExecutor(v *record.Executor, res resource.Resources) *Executor {
	e := &Executor{Rec: v, res: res}
	key := e.key()
	if f := s.framework(key.framework); f != nil {
		f.executors[key] = e
	}
	if a := s.agents[key.agent]; a != nil {
		put(&a.executors, key, e)
	}
	return e
}

func (s *state) applyTask(id record.ID, v *record.Task, list *sharedList) *Task {
	t := compactTask(v, list)
	f := s.framework(t.FrameworkID())
	if f == nil {
		return t
	}
	if id.Kind == record.KindCompletedTask {
		at, found := f.findDone(id.Number)
		if found {
			f.done[at] = t
		} else {
			f.done = slices.Insert(f.done, at, t)
		}
		return t
	}
	f.tasks[t.ID()] = t
	if a := s.agents[t.AgentID()]; a != nil {
		a.setTask(t)
	}
	return t
}

// findDone is where the completed task of a serial is, or belongs.
func (f *frameworkState) findDone(serial uint64) (int, bool) {
	at := sort.Search(len(f.done), func(i int) bool { return f.done[i].serial >= serial })
	return at, at < len(f.done) && f.done[at].serial == serial
}

func (s *state) applyOperation(v *record.Operation, consumed resource.Resources) *Operation {
	o := &Operation{Rec: v, consumed: consumed}
	uuid := o.UUID()
	s.operations[uuid] = o
	if f := s.framework(o.framework()); f != nil {
		f.operations[uuid] = o
		if id := o.Info().GetInfo().GetId().GetValue(); id != "" {
			f.operationIDs[id] = uuid
		}
	}
	if a := s.agents[o.agent()]; a != nil {
		put(&a.operations, uuid, o)
	}
	return o
}

func (s *state) applyOutboxHead(v *record.OutboxHead) {
	if a := s.agents[v.GetAgentId()]; a != nil {
		a.head, a.nextSeq = v, max(a.nextSeq, v.GetNextSeq())
	}
}

func (s *state) applyOutbox(v *record.Outbox) {
	a := s.agents[v.GetAgentId()]
	if a == nil {
		return
	}
	a.nextSeq = max(a.nextSeq, v.GetDown().GetSeq()+1)
	at, found := a.findOutbox(v.GetDown().GetSeq())
	if found {
		a.outbox[at] = v.Down
	} else {
		a.outbox = slices.Insert(a.outbox, at, v.Down)
	}
}

// findOutbox is where the entry of a number is, or belongs.
func (a *agentState) findOutbox(seq uint64) (int, bool) {
	return slices.BinarySearchFunc(a.outbox, seq, func(d *link.Down, seq uint64) int {
		switch {
		case d.GetSeq() < seq:
			return -1
		case d.GetSeq() > seq:
			return 1
		}
		return 0
	})
}

// forget removes an entity.
func (s *state) forget(id record.ID) {
	switch id.Kind {
	case record.KindRole:
		delete(s.roles, id.Parts[0])
	case record.KindMaintenance:
		s.maintenance = &Maintenance{Rec: &record.Maintenance{}}
	case record.KindFramework:
		delete(s.frameworks, id.Parts[0])
		delete(s.completed, id.Parts[0])
	case record.KindKeptValue:
		s.forgetKept(id.Parts[0], id.Parts[1])
	case record.KindAgent:
		delete(s.agents, id.Parts[0])
	case record.KindExecutor:
		s.forgetExecutor(executorKey{agent: id.Parts[0], framework: id.Parts[1], executor: id.Parts[2]})
	case record.KindTask:
		s.forgetTask(id.Parts[0], id.Parts[1])
	case record.KindCompletedTask:
		if f := s.framework(id.Parts[0]); f != nil {
			if at, found := f.findDone(id.Number); found {
				f.done = slices.Delete(f.done, at, at+1)
			}
		}
	case record.KindOperation:
		s.forgetOperation(id.Parts[0])
	case record.KindOffer:
		delete(s.oldOffers, id.Parts[0])
	case record.KindOfferBatch:
		delete(s.batches, id.Number)
	case record.KindOutboxHead:
		if a := s.agents[id.Parts[0]]; a != nil {
			a.head = nil
		}
	case record.KindOutbox:
		if a := s.agents[id.Parts[0]]; a != nil {
			switch at, found := a.findOutbox(id.Number); {
			case found && at == 0: // nearly always: agents apply in order
				a.outbox[0] = nil
				a.outbox = a.outbox[1:]
			case found:
				a.outbox = slices.Delete(a.outbox, at, at+1)
			}
		}
	}
}

func (s *state) forgetExecutor(key executorKey) {
	if f := s.framework(key.framework); f != nil {
		delete(f.executors, key)
	}
	if a := s.agents[key.agent]; a != nil {
		delete(a.executors, key)
	}
}

func (s *state) forgetTask(framework, id string) {
	f := s.framework(framework)
	if f == nil || f.tasks[id] == nil {
		return
	}
	t := f.tasks[id]
	delete(f.tasks, id)
	if a := s.agents[t.AgentID()]; a != nil {
		a.removeTask(t)
		delete(a.pendingKills, t.key())
	}
}

func (s *state) forgetOperation(uuid string) {
	o := s.operations[uuid]
	if o == nil {
		return
	}
	delete(s.operations, uuid)
	if f := s.framework(o.framework()); f != nil {
		delete(f.operations, uuid)
		if id := o.Info().GetInfo().GetId().GetValue(); f.operationIDs[id] == uuid {
			delete(f.operationIDs, id)
		}
	}
	if a := s.agents[o.agent()]; a != nil {
		delete(a.operations, uuid)
	}
}

// framework is a live or completed framework.
func (s *state) framework(id string) *frameworkState {
	if f := s.frameworks[id]; f != nil {
		return f
	}
	return s.completed[id]
}

// sameSlice reports whether two slices are the same memory: messages that were
// carried over from the last version of an entity need no parsing.
func sameSlice[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
