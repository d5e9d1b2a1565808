package core

import (
	"maps"
	"slices"
	"strings"

	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/allocator"
)

// state is everything that records say. It changes in apply.go only.
type state struct {
	meta        *record.Meta
	maintenance *Maintenance
	roles       map[string]*Role
	frameworks  map[string]*frameworkState // live
	completed   map[string]*frameworkState
	agents      map[string]*agentState // registered, unreachable and gone
	operations  map[string]*Operation  // by uuid
	batches     map[uint64]*offerBatch // by the number of their first offer
	kept        map[string]*Kept       // what frameworks keep here, by framework
	lists       lists
	oldOffers   map[string]*record.Offer // of stores from before there were batches; to be deleted
}

func newState() state {
	return state{
		meta:        &record.Meta{},
		maintenance: &Maintenance{Rec: &record.Maintenance{}},
		roles:       map[string]*Role{},
		frameworks:  map[string]*frameworkState{},
		completed:   map[string]*frameworkState{},
		agents:      map[string]*agentState{},
		operations:  map[string]*Operation{},
		batches:     map[uint64]*offerBatch{},
		oldOffers:   map[string]*record.Offer{},
		kept:        map[string]*Kept{},
		lists:       newLists(),
	}
}

// frameworkState is a framework with indices of what belongs to it.
type frameworkState struct {
	cur  *Framework
	caps frameworkCaps
	// tasks holds live and unreachable tasks; done the completed ones by serial.
	tasks     map[string]*Task
	done      []*Task
	executors map[executorKey]*Executor
	offers    []*Offer // Offer.at is where
	// operations by uuid; operationIDs from the framework's id to the newest uuid.
	operations   map[string]*Operation
	operationIDs map[string]string

	loaded []*Task // in the order of their keys, until Recovered

	// What dies with the process.
	stream   StreamRef
	streamID string
	inverse  map[string]*inverseOffer
}

func newFrameworkState() *frameworkState {
	return &frameworkState{
		tasks: map[string]*Task{}, executors: map[executorKey]*Executor{},
		operations: map[string]*Operation{}, operationIDs: map[string]string{}, inverse: map[string]*inverseOffer{},
	}
}

func (f *frameworkState) id() string                 { return f.cur.ID() }
func (f *frameworkState) info() *mesos.FrameworkInfo { return f.cur.Rec.GetInfo() }

// subscribed reports whether the framework has the role.
func (f *frameworkState) subscribed(role string) bool {
	return slices.Contains(frameworkRoles(f.info()), role)
}

// liveTask is the task if it exists and is not remembered as unreachable.
func (f *frameworkState) liveTask(id string) *Task {
	if t := f.tasks[id]; t != nil && !t.Unreachable() {
		return t
	}
	return nil
}

// sortedTasks are the live and unreachable tasks by id.
func (f *frameworkState) sortedTasks() []*Task {
	return sortedValues(f.tasks, strings.Compare)
}

// taskKey names a task on an agent.
type taskKey struct{ framework, task string }

func compareTaskKeys(a, b taskKey) int {
	if d := strings.Compare(a.framework, b.framework); d != 0 {
		return d
	}
	return strings.Compare(a.task, b.task)
}

// executorKey names an executor.
type executorKey struct{ agent, framework, executor string }

func compareExecutorKeys(a, b executorKey) int {
	if d := strings.Compare(a.agent, b.agent); d != 0 {
		return d
	}
	if d := strings.Compare(a.framework, b.framework); d != 0 {
		return d
	}
	return strings.Compare(a.executor, b.executor)
}

// agentState is an agent with indices of what is on it.
type agentState struct {
	face   offerFace // of cur; see setCur
	offers []*Offer
	cur    *Agent
	// executors is nil until there is one: offers ask, and mostly there is none.
	executors map[executorKey]*Executor
	caps      agentCaps
	// tasks holds live and unreachable tasks, by key. A map would take ten times the
	// memory: most agents run a few.
	tasks      []*Task
	operations map[string]*Operation
	outbox     []*link.Down // by seq, lowest first
	nextSeq    uint64       // of the outbox
	head       *record.OutboxHead

	// What dies with the process.
	channel      ChannelRef
	lastHeard    int64  // Mono
	pingTimer    uint64 // number of the timer of the next ping; others are stale
	catchingUp   bool   // it registers; its outbox is sent at the end of that
	leaving      bool   // its tasks are being ended; nothing drains any more
	probedAt     int64  // Mono; another process claimed the id and this one was asked
	inverse      map[string]*inverseOffer
	answers      map[string]*allocator.InverseOfferStatus // by framework
	pendingKills map[taskKey]bool
}

// newAgentState has no maps: there may be a hundred thousand idle agents. put makes them.
func newAgentState() *agentState { return &agentState{nextSeq: 1} }

// put sets a key of a map that may not be there yet.
func put[K comparable, V any](m *map[K]V, k K, v V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[k] = v
}

func (a *agentState) id() string             { return a.cur.ID() }
func (a *agentState) info() *mesos.AgentInfo { return a.cur.Rec.GetInfo() }
func (a *agentState) registered() bool       { return a.cur.Registered() }

// findTask is where the task of a key is, or belongs.
func (a *agentState) findTask(key taskKey) (int, bool) {
	return slices.BinarySearchFunc(a.tasks, key, func(t *Task, key taskKey) int { return compareTaskKeys(t.key(), key) })
}

func (a *agentState) setTask(t *Task) {
	at, found := a.findTask(t.key())
	if found {
		a.tasks[at] = t
	} else {
		a.tasks = slices.Insert(a.tasks, at, t)
	}
}

func (a *agentState) removeTask(t *Task) {
	if at, found := a.findTask(t.key()); found {
		a.tasks = slices.Delete(a.tasks, at, at+1)
	}
}

// sortedTasks are the agent's tasks by key; the list stays as it is while they change.
func (a *agentState) sortedTasks() []*Task { return slices.Clone(a.tasks) }

func (a *agentState) sortedExecutors() []*Executor {
	return sortedValues(a.executors, compareExecutorKeys)
}

// sortedValues are a map's values in the order of their keys: whenever order can
// be seen from outside, maps are walked this way.
func sortedValues[K comparable, V any](m map[K]V, compare func(a, b K) int) []V {
	keys := slices.SortedFunc(maps.Keys(m), compare)
	values := make([]V, len(keys))
	for i, k := range keys {
		values[i] = m[k]
	}
	return values
}

func sortedStrings[V any](m map[string]V) []V { return sortedValues(m, strings.Compare) }
