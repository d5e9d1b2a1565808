package view

import (
	"fmt"
	"sync"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/store/record"
)

// View holds what readers see. The zero value is empty and ready.
type View struct {
	mu struct {
		sync.Mutex
		epoch uint64    // grows with each snapshot; guarded by mu
		last  *Snapshot // nil if something changed since; guarded by mu

		// All guarded by mu.
		frameworks table[core.Framework]
		agents     table[core.Agent]
		executors  table[core.Executor]
		tasks      table[core.Task]
		completed  table[core.Task]
		operations table[core.Operation]
		offers     table[core.Offer]
		roles      table[core.Role]
		kept       map[string]*core.Kept // by framework; not in snapshots

		maintenance *core.Maintenance
	}
}

// Snapshot is the state at one moment. It never changes.
type Snapshot struct {
	Frameworks Frozen[core.Framework] // completed ones included
	Agents     Frozen[core.Agent]     // unreachable and gone ones included
	Executors  Frozen[core.Executor]
	Tasks      Frozen[core.Task] // live, and unreachable
	Completed  Frozen[core.Task]
	Operations Frozen[core.Operation]
	Offers     Frozen[core.Offer]
	Roles      Frozen[core.Role] // those that operators have set something for

	Maintenance *core.Maintenance // nil if nothing is scheduled
}

// Publish replaces entities.
func (v *View) Publish(changed []core.Change) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(changed) > 0 {
		v.mu.last = nil
	}
	for i := range changed {
		v.publishLocked(&changed[i])
	}
}

func (v *View) publishLocked(c *core.Change) {
	m := &v.mu
	switch c.ID.Kind {
	case record.KindFramework:
		set(&m.frameworks, m.epoch, c.ID, c.Entity)
	case record.KindAgent:
		set(&m.agents, m.epoch, c.ID, c.Entity)
	case record.KindExecutor:
		set(&m.executors, m.epoch, c.ID, c.Entity)
	case record.KindTask:
		set(&m.tasks, m.epoch, c.ID, c.Entity)
	case record.KindCompletedTask:
		set(&m.completed, m.epoch, c.ID, c.Entity)
	case record.KindOperation:
		set(&m.operations, m.epoch, c.ID, c.Entity)
	case record.KindOffer:
		set(&m.offers, m.epoch, c.ID, c.Entity)
	case record.KindRole:
		set(&m.roles, m.epoch, c.ID, c.Entity)
	case record.KindKeptValue:
		v.keepLocked(c)
	case record.KindMaintenance:
		m.maintenance, _ = c.Entity.(*core.Maintenance)
	default:
		panic(fmt.Sprintf("BUG: the core published %v, which readers know nothing of", c.ID))
	}
}

func (v *View) keepLocked(c *core.Change) {
	kept, ok := c.Entity.(*core.Kept)
	if !ok {
		delete(v.mu.kept, c.ID.Parts[0])
		return
	}
	if v.mu.kept == nil {
		v.mu.kept = map[string]*core.Kept{}
	}
	v.mu.kept[c.ID.Parts[0]] = kept
}

// Kept returns what a framework keeps, nil if nothing.
func (v *View) Kept(framework string) *core.Kept {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.mu.kept[framework]
}

// set puts the entity, or removes what is there if it is nil.
func set[T any](t *table[T], epoch uint64, id record.ID, e core.Entity) {
	if e == nil {
		t.remove(epoch, id)
		return
	}
	item, ok := any(e).(*T)
	if !ok {
		panic(fmt.Sprintf("BUG: the core published a %T as %v", e, id))
	}
	t.put(epoch, id, item)
}

// Snapshot returns the state as of the last Publish.
func (v *View) Snapshot() *Snapshot {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.mu.last != nil {
		return v.mu.last
	}
	v.mu.epoch++
	m := &v.mu
	v.mu.last = &Snapshot{
		Frameworks: m.frameworks.freeze(), Agents: m.agents.freeze(), Executors: m.executors.freeze(),
		Tasks: m.tasks.freeze(), Completed: m.completed.freeze(), Operations: m.operations.freeze(),
		Offers: m.offers.freeze(), Roles: m.roles.freeze(), Maintenance: m.maintenance,
	}
	return v.mu.last
}

// Agents is how many agents there are, unreachable and gone ones included.
func (v *View) Agents() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.mu.agents.slots)
}

// Task returns the current task of a framework, nil if there is none.
func (v *View) Task(framework, task string) *core.Task {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.mu.tasks.get(record.ID{Kind: record.KindTask, Parts: [3]string{framework, task}})
}

// Framework returns the current framework, nil if there is none.
func (v *View) Framework(id string) *core.Framework {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.mu.frameworks.get(record.ID{Kind: record.KindFramework, Parts: [3]string{id}})
}

// Offer returns an outstanding offer, nil if there is none.
func (v *View) Offer(id string) *core.Offer {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.mu.offers.get(record.ID{Kind: record.KindOffer, Parts: [3]string{id}})
}

// Agent returns the current agent, nil if there is none.
func (v *View) Agent(id string) *core.Agent {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.mu.agents.get(record.ID{Kind: record.KindAgent, Parts: [3]string{id}})
}
