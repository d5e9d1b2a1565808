package core

import (
	"github.com/caprock/caprock/store/record"
)

// Output collects what commands lead to. The driver may let several Steps and a
// Cycle append to one Output before it commits the records as one batch.
type Output struct {
	// Records, already applied to the state, in order. A later record of the
	// same key replaces an earlier one.
	Records []record.Record
	// Effects, to perform in order when Records are durable.
	Effects []Effect
	// Changed is what readers of the state should see from then on.
	Changed []Change
}

// Reset empties the output and keeps its memory. Callers that still use the
// slices must not call it.
func (o *Output) Reset() {
	clear(o.Records)
	clear(o.Effects)
	clear(o.Changed)
	o.Records, o.Effects, o.Changed = o.Records[:0], o.Effects[:0], o.Changed[:0]
}

func (o *Output) effect(e Effect) { o.Effects = append(o.Effects, e) }

// Change says that readers should see Entity from now on under ID, or, if
// Entity is nil, that there is none. ID.Kind is one of KindRole,
// KindMaintenance, KindFramework, KindAgent, KindExecutor, KindTask,
// KindCompletedTask, KindOperation, KindOffer and KindKeptValue (with the
// framework's id alone); Entity is then a *Role, *Maintenance, *Framework, *Agent,
// *Executor, *Task, *Task, *Operation, *Offer or *Kept.
type Change struct {
	ID     record.ID
	Entity Entity
}

// Entity is a published, immutable piece of state.
type Entity interface{ entity() }

func (*Role) entity()        {}
func (*Maintenance) entity() {}
func (*Framework) entity()   {}
func (*Agent) entity()       {}
func (*Executor) entity()    {}
func (*Task) entity()        {}
func (*Operation) entity()   {}
func (*Offer) entity()       {}
