package history_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/alloc/cycle/history"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// reference is the rules of allocation written down as directly as possible:
// maps, whole resource lists, everything recomputed. It visits agents in the
// order of their slots, which is what alloc/cycle does with ShuffleOff.
type reference struct {
	opts       cycle.Options
	now        int64
	frameworks map[string]*refFramework
	agents     map[string]*refAgent
	slots      []string // agent ids by slot, "" is free

	quotas    map[string]cycle.Quota
	tracked   map[string]map[string]bool // role → frameworks
	roles     *refSorter
	sorters   map[string]*refSorter // by role
	whitelist []string
	listed    bool // there is a white list

	timers     []*refTimer
	made       int
	candidates map[string]bool
	paused     bool
	expected   int
}

type refTimer struct {
	due, seq int64
	fire     func()
	dead     bool
}

type refFramework struct {
	info       cycle.Framework
	suppressed map[string]bool
	active     bool
	filters    map[string]map[string][]*refFilter // role → agent
	inverse    map[string][]int64                 // agent → ends
}

type refFilter struct {
	refused resource.Resources
	timer   *refTimer
}

type refAgent struct {
	info        cycle.Agent
	deactivated bool
	total       resource.Resources
	held        map[string]resource.Resources // by framework
	window      *mesos.Unavailability
	outstanding map[string]bool
	statuses    map[string]cycle.InverseStatus
}

func newReference(o cycle.Options) history.Target {
	if o.MinAllocatable == nil {
		o.MinAllocatable = []resource.Quantities{{{Name: "cpus", Milli: 10}}, {{Name: "mem", Milli: 32000}}}
	}
	if o.IntervalNanos == 0 {
		o.IntervalNanos = 1e9
	}
	if o.RecoveryFactor == 0 {
		o.RecoveryFactor = 0.8
	}
	if o.RecoveryTimeoutNanos == 0 {
		o.RecoveryTimeoutNanos = 600e9
	}
	r := &reference{
		opts: o, frameworks: map[string]*refFramework{}, agents: map[string]*refAgent{}, quotas: map[string]cycle.Quota{},
		tracked: map[string]map[string]bool{}, roles: newRefSorter(o.ExcludeNames), sorters: map[string]*refSorter{},
		candidates: map[string]bool{}, expected: -1,
	}
	r.periodic()
	return r
}

func (r *reference) at(now int64) { r.now = max(r.now, now) }

func (r *reference) after(d int64, fire func()) *refTimer {
	t := &refTimer{due: r.now + d, seq: int64(r.made), fire: fire}
	r.made++
	r.timers = append(r.timers, t)
	return t
}

func (r *reference) periodic() {
	r.after(r.opts.IntervalNanos, func() {
		r.everyAgent()
		r.offerIfAny()
		r.periodic()
	})
}

// --- roles and what is held ---

func ancestry(role string) []string {
	out := []string{role}
	for up, ok := resource.RoleParent(role); ok; up, ok = resource.RoleParent(up) {
		out = append(out, up)
	}
	return out
}

func (r *reference) track(fw, role string) {
	if r.tracked[role][fw] {
		return
	}
	if len(r.tracked[role]) == 0 {
		r.tracked[role] = map[string]bool{}
		r.roles.add(role)
		r.roles.setActive(role, true)
		s := newRefSorter(r.opts.ExcludeNames)
		maps.Copy(s.totals, r.roles.totals)
		r.sorters[role] = s
	}
	r.tracked[role][fw] = true
	r.sorters[role].add(fw)
}

func (r *reference) untrack(fw, role string) {
	if !r.tracked[role][fw] || !r.sorters[role].empty(fw) {
		return
	}
	delete(r.tracked[role], fw)
	r.sorters[role].remove(fw)
	if len(r.tracked[role]) == 0 {
		delete(r.tracked, role)
		r.roles.remove(role)
		delete(r.sorters, role)
	}
}

func (r *reference) book(fw, agent string, res resource.Resources) {
	for _, role := range res.AllocationRoles() {
		r.track(fw, role)
		part := res.AllocatedTo(role)
		r.roles.allocated(role, agent, part)
		r.sorters[role].allocated(fw, agent, part)
	}
}

func (r *reference) unbook(fw, agent string, res resource.Resources) {
	for _, role := range res.AllocationRoles() {
		part := res.AllocatedTo(role)
		r.sorters[role].unallocated(fw, agent, part)
		r.roles.unallocated(role, agent, part)
		if !slices.Contains(r.frameworks[fw].info.Roles, role) {
			r.untrack(fw, role)
		}
	}
}

// inSubtree sums scalars that known frameworks hold, per agent and role with
// shared resources counted once, in a role and its descendants ("" is all).
func (r *reference) inSubtree(role string, keep func(resource.Resource) bool) resource.Quantities {
	var sum resource.Quantities
	for _, g := range r.agents {
		var here resource.Resources
		for fw, held := range g.held {
			if r.frameworks[fw] == nil {
				continue
			}
			here = here.Plus(held.Filter(func(x resource.Resource) bool {
				return (role == "" || resource.IsInSubtree(x.AllocationRole(), role)) && keep(x)
			}))
		}
		sum = sum.Plus(here.CreateStrippedScalarQuantity())
	}
	return sum
}

func (r *reference) reservations(role string) resource.Quantities {
	var sum resource.Quantities
	for _, g := range r.agents {
		sum = sum.Plus(g.total.Filter(func(x resource.Resource) bool {
			return x.IsReserved() && (role == "" || resource.IsInSubtree(x.ReservationRole(), role))
		}).CreateStrippedScalarQuantity())
	}
	return sum
}

func (g *refAgent) available() resource.Resources {
	var held resource.Resources
	for _, fw := range slices.Sorted(maps.Keys(g.held)) {
		held = held.Plus(g.held[fw].Unallocate())
	}
	return g.total.NonShared().Minus(held.NonShared()).Plus(g.total.Shared())
}

func (r *reference) give(fw, agent string, res resource.Resources) {
	g := r.agents[agent]
	if g.held[fw] = g.held[fw].Minus(res); g.held[fw].IsEmpty() {
		delete(g.held, fw)
	}
}

// --- frameworks ---

func (r *reference) AddFramework(now int64, info cycle.Framework, used map[string]resource.Resources) error {
	r.at(now)
	f := &refFramework{info: info, suppressed: map[string]bool{}, active: info.Active,
		filters: map[string]map[string][]*refFilter{}, inverse: map[string][]int64{}}
	r.frameworks[info.ID] = f
	for _, role := range info.Suppressed {
		f.suppressed[role] = true
	}
	for _, role := range info.Roles {
		r.track(info.ID, role)
		r.sorters[role].setActive(info.ID, !f.suppressed[role])
	}
	for _, agent := range slices.Sorted(maps.Keys(used)) {
		if r.agents[agent] != nil {
			r.book(info.ID, agent, used[agent])
		}
	}
	if info.Active {
		r.everyAgent()
		return nil
	}
	return r.DeactivateFramework(info.ID)
}

func (r *reference) RemoveFramework(id string) error {
	for agent, g := range r.agents {
		if held := g.held[id]; !held.IsEmpty() {
			r.unbook(id, agent, held)
			r.give(id, agent, held)
		}
	}
	for _, role := range r.frameworks[id].info.Roles {
		r.untrack(id, role)
	}
	for _, f := range r.frameworks[id].filters {
		for _, list := range f {
			kill(list)
		}
	}
	delete(r.frameworks, id)
	return nil
}

func kill(list []*refFilter) {
	for _, f := range list {
		f.timer.dead = true
	}
}

func (r *reference) ActivateFramework(now int64, id string) error {
	r.at(now)
	f := r.frameworks[id]
	f.active = true
	for _, role := range f.info.Roles {
		if !f.suppressed[role] {
			r.sorters[role].setActive(id, true)
		}
	}
	r.everyAgent()
	return nil
}

func (r *reference) DeactivateFramework(id string) error {
	f := r.frameworks[id]
	for _, role := range f.info.Roles {
		r.sorters[role].setActive(id, false)
	}
	f.active = false
	f.filters = map[string]map[string][]*refFilter{}
	f.inverse = map[string][]int64{}
	return nil
}

func (r *reference) UpdateFramework(now int64, info cycle.Framework) error {
	r.at(now)
	f := r.frameworks[info.ID]
	old := f.info
	for _, role := range info.Roles {
		if !slices.Contains(old.Roles, role) {
			r.track(info.ID, role)
			r.sorters[role].setActive(info.ID, true)
		}
	}
	for _, role := range old.Roles {
		if !slices.Contains(info.Roles, role) {
			r.sorters[role].setActive(info.ID, false)
			f.info.Roles = info.Roles
			r.untrack(info.ID, role)
			delete(f.filters, role)
			delete(f.suppressed, role)
		}
	}
	f.info = info
	was := maps.Clone(f.suppressed)
	for _, role := range info.Suppressed {
		r.sorters[role].setActive(info.ID, false)
		f.suppressed[role] = true
	}
	f.inverse = map[string][]int64{}
	for role := range was {
		if !slices.Contains(info.Suppressed, role) && slices.Contains(info.Roles, role) {
			r.reviveRole(info.ID, role)
		}
	}
	return nil
}

func (r *reference) reviveRole(id, role string) {
	f := r.frameworks[id]
	delete(f.filters, role)
	delete(f.suppressed, role)
	r.sorters[role].setActive(id, true)
}

func (r *reference) Suppress(id string, roles []string) error {
	f := r.frameworks[id]
	if len(roles) == 0 {
		roles = f.info.Roles
	}
	for _, role := range roles {
		r.sorters[role].setActive(id, false)
		f.suppressed[role] = true
	}
	return nil
}

func (r *reference) Revive(now int64, id string, roles []string) error {
	r.at(now)
	f := r.frameworks[id]
	if len(roles) == 0 {
		roles = f.info.Roles
	}
	f.inverse = map[string][]int64{}
	for _, role := range roles {
		r.reviveRole(id, role)
	}
	r.everyAgent()
	return nil
}

// --- agents ---

func (r *reference) setTotal(id string, total resource.Resources) {
	r.agents[id].total = total
	q := total.CreateStrippedScalarQuantity()
	r.roles.totals[id] = q
	for _, s := range r.sorters {
		s.totals[id] = q
	}
}

func (r *reference) AddAgent(now int64, info cycle.Agent, used map[string]resource.Resources) error {
	r.at(now)
	g := &refAgent{info: info, held: map[string]resource.Resources{}, window: info.Unavailability,
		outstanding: map[string]bool{}, statuses: map[string]cycle.InverseStatus{}}
	r.agents[info.ID] = g
	if i := slices.Index(r.slots, ""); i >= 0 {
		r.slots[i] = info.ID
	} else {
		r.slots = append(r.slots, info.ID)
	}
	r.setTotal(info.ID, info.Total)
	for _, fw := range slices.Sorted(maps.Keys(used)) {
		g.held[fw] = used[fw]
		if r.frameworks[fw] != nil {
			r.book(fw, info.ID, used[fw])
		}
	}
	if r.paused && r.expected >= 0 && len(r.agents) >= r.expected {
		r.paused, r.expected = false, -1
	}
	r.candidate(info.ID)
	return nil
}

func (r *reference) RemoveAgent(id string) error {
	g := r.agents[id]
	for _, fw := range slices.Sorted(maps.Keys(g.held)) {
		if r.frameworks[fw] != nil {
			r.unbook(fw, id, g.held[fw])
		}
	}
	delete(r.roles.totals, id)
	for _, s := range r.sorters {
		delete(s.totals, id)
	}
	delete(r.agents, id)
	delete(r.candidates, id)
	r.slots[slices.Index(r.slots, id)] = ""
	r.removeFilters(id)
	return nil
}

func (r *reference) removeFilters(agent string) {
	for _, f := range r.frameworks {
		delete(f.inverse, agent)
		for _, byAgent := range f.filters {
			delete(byAgent, agent)
		}
	}
}

// canonical is an attribute as text, with scalars cut to three decimals and ranges as the
// numbers that they cover, of which there must be few.
func canonical(x *mesos.Attribute) string {
	switch x.GetType() {
	case mesos.Value_SCALAR:
		return fmt.Sprintf("%s:%.3f", x.GetName(), x.GetScalar().GetValue())
	case mesos.Value_RANGES:
		covered := map[uint64]bool{}
		for _, r := range x.GetRanges().GetRange() {
			for n := r.GetBegin(); n <= r.GetEnd(); n++ {
				covered[n] = true
			}
		}
		return fmt.Sprintf("%s:%v", x.GetName(), slices.Sorted(maps.Keys(covered)))
	}
	return x.String()
}

// alike says whether two agents have equally many attributes and each of one is
// somewhere in the other.
func alike(x, y cycle.Agent) bool {
	in := func(x, y cycle.Agent) bool {
		for _, p := range x.Attributes {
			if !slices.ContainsFunc(y.Attributes, func(q *mesos.Attribute) bool { return canonical(p) == canonical(q) }) {
				return false
			}
		}
		return true
	}
	return len(x.Attributes) == len(y.Attributes) && in(x, y) && in(y, x)
}

func (r *reference) UpdateAgent(now int64, info cycle.Agent) error {
	r.at(now)
	g := r.agents[info.ID]
	other := g.info.Hostname != info.Hostname || g.info.Domain.String() != info.Domain.String()
	if !alike(g.info, info) {
		other = true
		r.removeFilters(info.ID)
	}
	updated := other || g.info.Capabilities != info.Capabilities
	if other {
		g.info = info
	}
	g.info.Capabilities = info.Capabilities
	if !g.total.Equal(info.Total) {
		updated = true
		r.setTotal(info.ID, info.Total)
	}
	if updated {
		r.candidate(info.ID)
	}
	return nil
}

func (r *reference) AddResourceProvider(id string, total resource.Resources, _ map[string]resource.Resources) error {
	r.setTotal(id, r.agents[id].total.Plus(total))
	return nil
}

func (r *reference) ActivateAgent(id string) error {
	r.agents[id].deactivated = false
	return nil
}

func (r *reference) DeactivateAgent(id string) error {
	r.agents[id].deactivated = true
	return nil
}

func (r *reference) SetWhitelist(hosts []string)                  { r.whitelist, r.listed = hosts, hosts != nil }
func (r *reference) AgentTotal(id string) resource.Resources      { return r.agents[id].total }
func (r *reference) UpdateQuota(role string, q cycle.Quota) error { r.quotas[role] = q; return nil }
func (r *reference) UpdateWeights(weights map[string]float64) {
	for role, w := range weights {
		r.roles.setWeight(role, w)
	}
}

// --- resources ---

func (r *reference) RecoverResources(now int64, fw, agent string, res resource.Resources, filter *cycle.Filter, _ bool) error {
	r.at(now)
	f, g := r.frameworks[fw], r.agents[agent]
	if res.IsEmpty() || f == nil || g == nil {
		return nil
	}
	role := res.AllocationRoles()[0]
	if !g.held[fw].Contains(res) {
		return fmt.Errorf("%s does not hold %s", fw, res)
	}
	r.give(fw, agent, res)
	if r.tracked[role][fw] {
		r.unbook(fw, agent, res)
	}
	if filter == nil {
		return nil
	}
	timeout := refSeconds(filter.RefuseSeconds)
	if timeout == 0 {
		return nil
	}
	x := &refFilter{refused: res.Unallocate()}
	x.timer = r.after(max(timeout, r.opts.IntervalNanos), func() {
		if byAgent := f.filters[role]; byAgent != nil {
			byAgent[agent] = slices.DeleteFunc(byAgent[agent], func(y *refFilter) bool { return y == x })
		}
	})
	if f.filters[role] == nil {
		f.filters[role] = map[string][]*refFilter{}
	}
	f.filters[role][agent] = append(f.filters[role][agent], x)
	return nil
}

func refSeconds(s float64) int64 {
	const year = 365 * 24 * 3600
	switch {
	case s > year:
		return year * 1e9
	case s < 0:
		return 5e9
	case math.IsNaN(s):
		return -1
	}
	return int64(s * 1e9)
}

func (r *reference) UpdateAllocation(fw, agent string, offered resource.Resources, conv []resource.Conversion) error {
	role := offered.AllocationRoles()[0]
	updated, err := offered.Apply(conv)
	if err != nil {
		return err
	}
	g := r.agents[agent]
	g.held[fw] = g.held[fw].Minus(offered).Plus(updated)
	r.sorters[role].update(fw, agent, offered, updated)
	r.roles.update(role, agent, offered, updated)
	var plain []resource.Conversion
	for _, c := range conv {
		if !c.Consumed.IsEmpty() {
			plain = append(plain, c.Unallocate())
		}
	}
	total, err := g.total.Apply(plain)
	if err == nil && !total.Equal(g.total) {
		r.setTotal(agent, total)
	}
	return err
}

func (r *reference) UpdateAvailable(agent string, conv []resource.Conversion) error {
	g := r.agents[agent]
	if _, err := g.available().Apply(conv); err != nil {
		return err
	}
	total, err := g.total.Apply(conv)
	if err == nil && !total.Equal(g.total) {
		r.setTotal(agent, total)
	}
	return err
}

func (r *reference) TransitionOfferedToAllocated(string, string, resource.Resources) error {
	return nil
}

// --- maintenance ---

func (r *reference) UpdateUnavailability(now int64, agent string, u *mesos.Unavailability) error {
	r.at(now)
	for _, f := range r.frameworks {
		delete(f.inverse, agent)
	}
	g := r.agents[agent]
	g.window, g.outstanding, g.statuses = u, map[string]bool{}, map[string]cycle.InverseStatus{}
	r.candidate(agent)
	return nil
}

func (r *reference) UpdateInverseOffer(now int64, agent, fw string, status *cycle.InverseStatus, filter *cycle.Filter) error {
	r.at(now)
	g, f := r.agents[agent], r.frameworks[fw]
	if g.outstanding[fw] {
		delete(g.outstanding, fw)
		if status != nil {
			g.statuses[fw] = *status
		}
	}
	if filter != nil {
		if d := refSeconds(filter.RefuseSeconds); d != 0 {
			f.inverse[agent] = append(f.inverse[agent], r.now+max(d, 0))
		}
	}
	return nil
}

func (r *reference) InverseOfferStatuses() map[string]map[string]cycle.InverseStatus {
	out := map[string]map[string]cycle.InverseStatus{}
	for id, g := range r.agents {
		if g.window != nil {
			out[id] = g.statuses
		}
	}
	return out
}

// --- cycles ---

func (r *reference) candidate(id string) {
	if !r.paused {
		r.candidates[id] = true
	}
}

func (r *reference) everyAgent() {
	for id := range r.agents {
		r.candidate(id)
	}
}

func (r *reference) Recover(now int64, expected int, quotas map[string]cycle.Quota) error {
	r.at(now)
	if len(quotas) == 0 {
		return nil
	}
	maps.Copy(r.quotas, quotas)
	r.expected = int(float64(expected) * r.opts.RecoveryFactor)
	if r.expected == 0 {
		return nil
	}
	r.paused = true
	r.after(r.opts.RecoveryTimeoutNanos, func() { r.paused = false })
	return nil
}

type refRun struct {
	offers  []history.Decided
	inverse []cycle.InverseOffer
}

var collecting *refRun

func (r *reference) Run(now int64) ([]history.Decided, []cycle.InverseOffer) {
	r.at(now)
	run := &refRun{}
	collecting = run
	r.fire()
	r.offerIfAny()
	return run.offers, run.inverse
}

// fire runs the timers that are due, by time and age, each once.
func (r *reference) fire() {
	var due []*refTimer
	r.timers = slices.DeleteFunc(r.timers, func(t *refTimer) bool {
		if t.due <= r.now {
			due = append(due, t)
			return true
		}
		return false
	})
	slices.SortFunc(due, func(x, y *refTimer) int {
		if x.due != y.due {
			return int(min(max(x.due-y.due, -1), 1))
		}
		return int(x.seq - y.seq)
	})
	for _, t := range due {
		if !t.dead {
			t.fire()
		}
	}
}

func (r *reference) offerIfAny() {
	if r.paused || len(r.candidates) == 0 {
		return
	}
	r.offer()
	r.inverseOffers()
	r.candidates = map[string]bool{}
}

func (r *reference) inverseOffers() {
	for _, id := range slices.Sorted(maps.Keys(r.candidates)) {
		g := r.agents[id]
		if g.window == nil {
			continue
		}
		for _, fw := range slices.Sorted(maps.Keys(g.held)) {
			f := r.frameworks[fw]
			if f == nil || !f.active || g.outstanding[fw] {
				continue
			}
			if slices.ContainsFunc(f.inverse[id], func(end int64) bool { return end > r.now }) {
				continue
			}
			g.outstanding[fw] = true
			collecting.inverse = append(collecting.inverse, cycle.InverseOffer{Framework: fw, Agent: id, Unavailability: g.window})
		}
	}
	slices.SortFunc(collecting.inverse, func(x, y cycle.InverseOffer) int {
		if c := strings.Compare(x.Framework, y.Framework); c != 0 {
			return c
		}
		return strings.Compare(x.Agent, y.Agent)
	})
}
