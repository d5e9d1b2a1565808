package core

import (
	"fmt"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/resource"
)

// engine is the allocation engine with this package's view of frameworks and
// agents. Times are Time.Mono; resources carry the role they are allocated to.
//
// The engine and the core keep separate books. Where they disagree the engine
// refuses and says so; that is a bug here, which tests turn into a failure and a
// running allocator counts and survives.
type engine struct {
	a        *cycle.Allocator
	admitted map[string]bool // agents that the engine has
	misuses  uint64
	onMisuse func(error)
	batches  OfferBatches
	agents   []*agentState // scratch, of the offers of a batch
	byNumber []*agentState // agents that the engine has, by its number for them
	offers   offerMemory
}

// noFilter is the refuseSeconds that means that no filter is wanted.
const noFilter = -1

func newEngine(o *Options) (*engine, error) {
	options, err := engineOptions(o)
	if err != nil {
		return nil, err
	}
	return &engine{a: cycle.New(options), admitted: map[string]bool{}}, nil
}

func engineOptions(o *Options) (cycle.Options, error) {
	options := cycle.Options{
		ExcludeNames: o.ExcludeNames, ShowGPUsToAll: o.ShowGPUsToAll, Domain: o.MasterInfo.GetDomain(),
		IntervalNanos: int64(o.AllocationInterval), RecoveryFactor: o.RecoveryFactor, RecoveryTimeoutNanos: int64(o.RecoveryTimeout),
		Shards: o.Shards, Seed: o.Seed, QuotaScope: o.QuotaScope,
		RoleSorter: o.RoleSorter, FrameworkSorter: o.FrameworkSorter, ShuffleOff: o.ShuffleOff,
		OfferShareLimit: o.OfferShareLimit,
	}
	switch o.MinAllocatable {
	case "":
	case NoMinimum:
		options.MinAllocatable = []resource.Quantities{}
	default:
		for _, text := range splitAlternatives(o.MinAllocatable) {
			q, err := resource.ParseQuantities(text)
			if err != nil {
				return options, fmt.Errorf("MinAllocatable: %w", err)
			}
			options.MinAllocatable = append(options.MinAllocatable, q)
		}
	}
	return options, nil
}

// check counts a disagreement.
func (e *engine) check(err error) {
	if err == nil {
		return
	}
	e.misuses++
	if e.onMisuse != nil {
		e.onMisuse(err)
	}
}

func (c *Core) engineFramework(f *frameworkState) cycle.Framework {
	return cycle.Framework{
		ID: f.id(), Roles: frameworkRoles(f.info()), Suppressed: f.cur.Rec.GetSuppressedRoles(),
		Capabilities: f.caps.set(), Active: f.cur.Active,
		MinAllocatable: minAllocatable(f.info()), Constraints: compiled(f.cur.Rec.GetOfferConstraints()),
	}
}

// minAllocatable are the framework's own minima per role; a role that is listed
// without quantities has no minimum.
func minAllocatable(info *mesos.FrameworkInfo) map[string][]resource.Quantities {
	if len(info.GetOfferFilters()) == 0 {
		return nil
	}
	all := map[string][]resource.Quantities{}
	for role, filters := range info.GetOfferFilters() {
		if filters.GetMinAllocatableResources() == nil {
			continue
		}
		sets := []resource.Quantities{}
		for _, q := range filters.GetMinAllocatableResources().GetQuantities() {
			set, err := resource.FromScalarMap(q.GetQuantities())
			if err != nil {
				panic("BUG: offer filters were not validated: " + err.Error())
			}
			sets = append(sets, set)
		}
		all[role] = sets
	}
	return all
}

// compiled are constraints that were validated when the framework gave them, under
// limits that may have been wider then.
func compiled(oc *scheduler.OfferConstraints) *cycle.Constraints {
	if oc == nil {
		return nil
	}
	constraints, err := cycle.CompileConstraints(oc, cycle.Unlimited)
	if err != nil {
		panic("BUG: offer constraints were not validated: " + err.Error())
	}
	return constraints
}

func engineAgentOf(a *agentState) cycle.Agent {
	return cycle.Agent{
		ID: a.id(), Hostname: a.info().GetHostname(), Attributes: a.info().GetAttributes(), Domain: a.info().GetDomain(),
		Capabilities: a.caps.set(), Total: a.cur.total, Unavailability: a.cur.Unavailability,
	}
}

func (e *engine) addFramework(now int64, f cycle.Framework) { e.check(e.a.AddFramework(now, f, nil)) }

// updateFramework replaces the description and makes offers again if active.
func (e *engine) updateFramework(now int64, f cycle.Framework) {
	e.check(e.a.UpdateFramework(now, f))
	if f.Active {
		e.check(e.a.ActivateFramework(now, f.ID))
	}
}

func (e *engine) deactivateFramework(id string) { e.check(e.a.DeactivateFramework(id)) }
func (e *engine) removeFramework(id string)     { e.check(e.a.RemoveFramework(id)) }

func (e *engine) addAgent(now int64, state *agentState, a cycle.Agent, used map[string]resource.Resources) {
	e.admitted[a.ID] = true
	e.check(e.a.AddAgent(now, a, used))
	if n, ok := e.a.AgentNumber(a.ID); ok {
		for n >= len(e.byNumber) {
			e.byNumber = append(e.byNumber, nil)
		}
		e.byNumber[n] = state
	}
}

// agentOf is the agent of an offer that was just decided.
func (e *engine) agentOf(d *cycle.Offer) *agentState { return e.byNumber[d.AgentNumber()] }

func (e *engine) updateAgent(now int64, a cycle.Agent) {
	e.check(e.a.UpdateAgent(now, a))
	e.check(e.a.UpdateUnavailability(now, a.ID, a.Unavailability))
}

// The engine has an agent from its registration until it is unreachable or
// removed; agents that the last process knew are not in it until they return.
func (e *engine) removeAgent(id string) {
	if e.admitted[id] {
		delete(e.admitted, id)
		if n, ok := e.a.AgentNumber(id); ok {
			e.byNumber[n] = nil
		}
		e.check(e.a.RemoveAgent(id))
	}
}

func (e *engine) activateAgent(id string) { e.check(e.a.ActivateAgent(id)) }

func (e *engine) deactivateAgent(id string) {
	if e.admitted[id] {
		e.check(e.a.DeactivateAgent(id))
	}
}

func (e *engine) suppress(framework string, roles []string) { e.check(e.a.Suppress(framework, roles)) }

func (e *engine) revive(now int64, framework string, roles []string) {
	e.check(e.a.Revive(now, framework, roles))
}

func filterOf(refuseSeconds float64) *cycle.Filter {
	if refuseSeconds < 0 {
		return nil
	}
	return &cycle.Filter{RefuseSeconds: refuseSeconds}
}

// recover returns resources that were offered (allocated false) or used (true). A
// filter keeps them from being offered to the framework again for
// refuseSeconds.
func (e *engine) recover(now int64, framework, agent string, res resource.Resources, refuseSeconds float64, allocated bool) {
	if !res.IsEmpty() && e.admitted[agent] {
		e.check(e.a.RecoverResources(now, framework, agent, res, filterOf(refuseSeconds), allocated))
	}
}

// convert changes offered resources as operations of a framework do.
func (e *engine) convert(framework, agent string, offered resource.Resources, conversions []resource.Conversion) {
	e.check(e.a.UpdateAllocation(framework, agent, offered, conversions))
}

// convertAvailable changes resources that nobody holds; it fails, without effect, if
// somebody does.
func (e *engine) convertAvailable(agent string, conversions []resource.Conversion) error {
	if !e.admitted[agent] {
		return fmt.Errorf("agent %s has not returned yet", agent)
	}
	return e.a.UpdateAvailable(agent, conversions)
}

// launch turns offered resources into used ones.
func (e *engine) launch(framework, agent string, res resource.Resources) {
	e.check(e.a.TransitionOfferedToAllocated(framework, agent, res))
}

func (e *engine) updateUnavailability(now int64, agent string, u *mesos.Unavailability) {
	if e.admitted[agent] {
		e.check(e.a.UpdateUnavailability(now, agent, u))
	}
}

func (e *engine) answerInverseOffer(now int64, agent, framework string, accepted bool, wall int64, refuseSeconds float64) {
	e.check(e.a.UpdateInverseOffer(now, agent, framework, &cycle.InverseStatus{Accepted: accepted, Nanos: wall}, filterOf(refuseSeconds)))
}

func (e *engine) clearInverseOffer(now int64, agent, framework string) {
	if e.admitted[agent] {
		e.check(e.a.UpdateInverseOffer(now, agent, framework, nil, nil))
	}
}

// usedOnAgent is what each framework's tasks, executors and running operations
// hold on an agent.
func (c *Core) usedOnAgent(a *agentState) map[string]resource.Resources {
	used := map[string]resource.Resources{}
	for _, t := range a.sortedTasks() {
		if t.holdsResources() {
			used[t.FrameworkID()] = used[t.FrameworkID()].Plus(t.Resources())
		}
	}
	for _, e := range a.sortedExecutors() {
		used[e.framework()] = used[e.framework()].Plus(e.res)
	}
	for _, o := range sortedStrings(a.operations) {
		if !o.consumed.IsEmpty() {
			used[o.framework()] = used[o.framework()].Plus(o.consumed)
		}
	}
	return used
}

// Explain says why a framework is not offered an agent in a role.
func (c *Core) Explain(framework, role, agent string) cycle.Explanation {
	return c.engine.a.Explain(framework, role, agent)
}

// AllocatorMetrics counts what the allocation engine did. Misuses, which should be
// zero, are disagreements between its books and the core's.
func (c *Core) AllocatorMetrics() (metrics cycle.Metrics, misuses uint64) {
	return c.engine.a.Metrics(), c.engine.misuses
}
