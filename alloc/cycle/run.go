package cycle

import (
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/caprock/caprock/alloc/drf"
	"github.com/caprock/caprock/alloc/shard"
)

// run is the state of a cycle, kept between cycles for its memory.
type run struct {
	dst          *Result
	totalChanged bool
	version      uint64 // of the total, see role trees
	defaultMin   []minimum

	order []shard.Slot
	roles drf.Iter
	fws   drf.Iter
	drawn []drf.Leaf // random sorters
	seeds [2]uint64  // of the stages
	lots  random     // of the stage, for random sorters
	shuffler
	left      []int32 // claims left to try on one agent
	few       int     // how many claims are worth comparing one by one
	made      int     // offers
	secondTry bool    // requests are not waited for any more
	chopped   bool    // quota, headroom or the share limit cut something on this agent

	quotaRoles []int32 // roles with a quota
	required   []int64 // headroom that unmet guarantees need
	available  []int64 // what is free, unreserved and not revocable
	holdBack   bool    // required is not zero
	closed     int     // roles found to be unable to take anything from plain agents
	pruning    bool    // closed roles are left out of the order

	offer, unmet, room []int64 // scratch vectors
	sink               int64   // see shard.Space.Warm
	increase           []int64
}

func (r *run) widen(n int) {
	for _, v := range []*[]int64{&r.required, &r.available, &r.offer, &r.unmet, &r.room, &r.increase} {
		*v = drf.Grow(*v, n)
	}
	r.version++
}

// Dirty says whether RunCycle has something to do before NextDeadline.
func (a *Allocator) Dirty() bool {
	return !a.paused && (a.all || !a.candidates.IsEmpty())
}

// NextDeadline returns when the next periodic cycle is due, or the end of the
// wait for agents.
func (a *Allocator) NextDeadline() int64 {
	if a.paused && a.resume.nanos > 0 {
		return min(a.periodic, a.resume.nanos)
	}
	return a.periodic
}

// at moves the clock forward; it never goes back.
func (a *Allocator) at(now int64) { a.now = max(a.now, now) }

// RunCycle fires the timers that are due, in order: ends of filters, the end of
// a recovery pause, the periodic cycle over all agents, each at most once. Then
// it runs a cycle over the agents that became candidates by events. dst is
// overwritten.
func (a *Allocator) RunCycle(now int64, dst *Result) {
	a.at(now)
	dst.Offers, dst.Inverse = dst.Offers[:0], dst.Inverse[:0]
	a.lists.nextCycle()
	a.run.dst = dst
	defer func() { a.run.dst = nil }()
	ran := false
	for {
		m, ok := a.wheel.next()
		periodic := moment{a.periodic, a.periodicGen}
		duePeriodic := !ran && a.periodic <= a.now
		dueResume := a.resume.nanos > 0 && a.resume.nanos <= a.now
		switch {
		case ok && m.nanos <= a.now && (!duePeriodic || m.before(periodic)) && (!dueResume || m.nanos <= a.resume.nanos):
			for _, g := range a.wheel.pop() {
				a.end(g)
			}
		case dueResume && (!duePeriodic || a.resume.before(periodic)):
			a.resume = moment{}
			a.paused = false
		case duePeriodic:
			ran = true
			if !a.paused {
				a.all = true
				a.cycle()
			}
			a.periodic = a.now + a.opts.IntervalNanos
			a.periodicGen++
		default:
			if a.Dirty() {
				a.cycle()
			}
			return
		}
	}
}

// cycle offers what the candidates have to whom it is due.
func (a *Allocator) cycle() {
	a.space.LockAll()
	defer a.space.UnlockAll()
	a.stats.Cycles++
	if a.run.totalChanged {
		a.run.totalChanged = false
		a.run.version++
		a.roleTree.SetCluster(a.total, a.excluded)
	}
	r := &a.run
	r.made = 0
	r.seeds = [2]uint64{a.rng.next(), a.rng.next()}
	r.order = a.collect(r.order[:0])
	a.prepareQuota()
	a.checks.before(a)
	if len(r.order) == 0 && a.anyOfferable() {
		a.roleTree.Refresh() // as in Mesos, looking at the order fixes weights of inner nodes
	}
	if len(r.order) > 0 {
		if len(r.quotaRoles) > 0 {
			a.firstStage()
		}
		a.secondStage()
	}
	a.inverseOffers()
	a.stats.Offers += uint64(r.made)
	a.finishQuota()
	a.all = false
	if !a.candidates.IsEmpty() {
		a.candidates.Clear()
	}
	a.checks.after(a)
}

// collect appends the candidates that may be offered and have something to offer.
func (a *Allocator) collect(dst []shard.Slot) []shard.Slot {
	if a.all {
		return a.wanted(a.space.Candidates(dst))
	}
	if a.candidates.GetCardinality() == 1 {
		if slot := a.candidates.Minimum(); a.space.IsCandidate(slot) {
			dst = append(dst, slot)
		}
		return dst
	}
	it := a.candidates.Iterator()
	for it.HasNext() {
		if slot := it.Next(); a.space.IsCandidate(slot) {
			dst = append(dst, slot)
		}
	}
	return dst
}

// wanted leaves out, in place, the slots that every claim is barred from; they
// rest until something changes for them. Where there are as many refusals as claims,
// their number says so, and the bitset need not be fetched.
func (a *Allocator) wanted(slots []shard.Slot) []shard.Slot {
	kept := slots[:0]
	claims := uint32(len(a.claims) - len(a.freeClaim))
	for _, slot := range slots {
		sh, row := a.space.At(slot)
		if r := &sh.Rows[row]; r.Traits&shard.Barred != 0 && (r.Covers == claims || !a.anyoneMay(r.Class, sh.Blocked[row])) {
			sh.Rest(row)
			continue
		}
		kept = append(kept, slot)
	}
	return kept
}

// anyoneMay says whether there is a claim that takes part, suits the agent's
// class and is not barred.
func (a *Allocator) anyoneMay(class int32, blocked []uint64) bool {
	eligible := a.classes.list[class-1].eligible
	for w, word := range a.active[:min(len(a.active), len(eligible))] {
		if word &= eligible[w]; w < len(blocked) {
			word &^= blocked[w]
		}
		if word != 0 {
			return true
		}
	}
	return false
}

// anyOfferable says whether a candidate may be offered, whether or not anything
// on it is available.
func (a *Allocator) anyOfferable() bool {
	if a.all {
		return a.space.AnyOfferable()
	}
	it := a.candidates.Iterator()
	for it.HasNext() {
		if slot := it.Next(); a.space.MayBeOffered(slot) {
			return true
		}
	}
	return false
}

// shuffle brings the candidates into the order of a stage.
func (a *Allocator) shuffle(stage int) {
	a.run.lots = random{a.run.seeds[stage]}
	if !a.opts.ShuffleOff {
		a.run.shuffler.shuffle(a.run.order, a.run.seeds[stage])
	}
}

// treeOf returns the tree of a role's frameworks, in order as of now.
func (a *Allocator) treeOf(r *role) *drf.Tree {
	if r.version != a.run.version {
		r.version = a.run.version
		r.tree.SetCluster(a.total, a.excluded)
	}
	r.tree.Refresh()
	return r.tree
}

// prepareQuota works out, for this cycle, what roles with quota consume and
// which headroom their unmet guarantees need.
func (a *Allocator) prepareQuota() {
	r := &a.run
	r.quotaRoles, r.closed, r.pruning = r.quotaRoles[:0], 0, false
	r.holdBack = false
	clear(r.required)
	if a.quotas == 0 {
		return
	}
	for id := range a.roles {
		x := &a.roles[id]
		if x.quota.IsDefault() {
			continue
		}
		r.quotaRoles = append(r.quotaRoles, int32(id))
		x.consumed = drf.Grow(x.consumed[:0], len(x.offered))
		clear(x.consumed)
		if x.parent != 0 {
			continue // consumption is known for top-level roles only
		}
		drf.AddTo(x.consumed, x.offered)
		drf.AddTo(x.consumed, x.reservations)
		for d, g := range x.guarantee {
			if unmet := g - x.consumed[d]; unmet > 0 {
				r.required[d] += unmet
				r.holdBack = true
			}
		}
	}
	if !r.holdBack {
		return
	}
	copy(r.available, a.total)
	drf.SubClamped(r.available, a.roleTree.RootTotals())
	root := &a.roles[0]
	for d := range r.available {
		if idle := root.reservations[d] - root.offeredReserved[d]; idle > 0 {
			r.available[d] = max(0, r.available[d]-idle)
		}
	}
	a.scratch.slots = a.space.Members(shard.Revocable, a.scratch.slots[:0])
	for _, slot := range a.scratch.slots {
		sh, row := a.space.At(slot)
		for _, x := range sh.Rows[row].AvailRest {
			if x.IsRevocable() && x.Type() == scalarType {
				d := a.dim(x.Name())
				r.available[d] = max(0, r.available[d]-x.ScalarMilli())
			}
		}
	}
}

func (a *Allocator) finishQuota() {
	if a.run.pruning || len(a.run.quotaRoles) > 0 {
		a.roleTree.ForgetWanted()
	}
}

// quotaRole returns the role whose quota binds offers to a role: itself, or the
// top of its subtree.
func (a *Allocator) quotaRole(id int32) int32 {
	if a.opts.QuotaScope == Subtree {
		return a.roles[id].top
	}
	return id
}

// consume adds an offer to a role to what quotas know as consumed.
func (a *Allocator) consume(id int32, amount []int64, firstStage bool) {
	if len(a.run.quotaRoles) == 0 {
		return
	}
	if a.run.holdBack {
		drf.SubClamped(a.run.available, amount)
	}
	if a.opts.QuotaScope == Subtree {
		id = a.roles[id].top
	} else if !firstStage && a.roles[id].quota.IsDefault() {
		return // as in Mesos, what children get shows only in the next cycle
	}
	for at := id; at > 0; at = a.roles[at].parent {
		if !a.roles[at].quota.IsDefault() {
			drf.AddTo(a.roles[at].consumed, amount)
		}
	}
}

// unmetBy sets run.unmet to what is missing to the guarantee that serves a role
// and says whether anything is.
func (a *Allocator) unmetBy(id int32) bool {
	q := &a.roles[a.quotaRole(id)]
	if q.guarantee == nil {
		return false
	}
	missing := false
	for d, g := range q.guarantee {
		left := max(0, g-q.consumed[d])
		a.run.unmet[d] = left
		missing = missing || left > 0
	}
	return missing
}

// firstStage serves unmet guarantees.
func (a *Allocator) firstStage() {
	wanted := false
	a.roleTree.WantOnly(func(id int32) bool {
		w := a.roles[id].frameworks > 0 && a.unmetBy(id)
		wanted = wanted || w
		return w
	})
	if !wanted {
		return
	}
	a.shuffle(0)
	for _, slot := range a.run.order {
		if !a.space.IsCandidate(slot) {
			continue
		}
		a.serveGuarantees(slot)
		if !a.anyWanted() {
			return
		}
	}
}

// anyWanted says whether a role in the subset is left.
func (a *Allocator) anyWanted() bool {
	a.roleTree.Refresh()
	a.run.roles.ResetWanted(a.roleTree)
	return a.run.roles.Next() != drf.NoLeaf
}

// activeClaims is the number of claims that take part.
func (a *Allocator) activeClaims() int {
	n := 0
	for _, w := range a.active {
		n += bits.OnesCount64(w)
	}
	return n
}

func rootOf(n int) int { return int(math.Sqrt(float64(n))) }

// warmed is how many agents ahead rows are fetched.
const warmed = 32

// secondStage gives away the rest by fair share.
func (a *Allocator) secondStage() {
	a.shuffle(1)
	a.run.few = rootOf(a.activeClaims())
	hinted := a.hintedOrder()
	first := a.firstTakesAll() && !hinted
	order := a.run.order
	for i, slot := range order {
		if i%warmed == 0 {
			a.run.sink += a.space.Warm(order[i:min(i+warmed, len(order))])
		}
		sh, row := a.space.At(slot)
		if !sh.IsOfferable(row) {
			continue
		}
		if first && a.serveFirst(slot, sh, row) {
			continue
		}
		if a.tooLittle(sh, row) {
			sh.RestScant(row)
			continue
		}
		before := a.run.made
		a.run.chopped = false
		a.serve(slot)
		if a.run.made == before && !a.run.chopped && !hinted {
			sh.Rest(row)
		}
	}
	if hinted {
		a.secondPass()
	}
}

// inverseOffers asks frameworks to leave agents with a maintenance window, if
// they hold something there and were not asked or have answered since.
func (a *Allocator) inverseOffers() {
	if a.space.Size(shard.Maintenance) == 0 {
		return
	}
	dst := a.run.dst
	from := len(dst.Inverse)
	a.scratch.slots = a.space.Members(shard.Maintenance, a.scratch.slots[:0])
	for _, slot := range a.scratch.slots {
		if !a.all && !a.candidates.Contains(slot) {
			continue
		}
		a.inverseOn(slot)
	}
	slices.SortFunc(dst.Inverse[from:], func(x, y InverseOffer) int {
		if c := strings.Compare(x.Framework, y.Framework); c != 0 {
			return c
		}
		return strings.Compare(x.Agent, y.Agent)
	})
}

// Recover prepares a restarted allocator, before any agent is added: it sets the
// quotas and, if there are any, makes no offers until a part of the expected
// agents is back or a time has passed.
func (a *Allocator) Recover(now int64, expectedAgents int, quotas map[string]Quota) error {
	a.at(now)
	if len(quotas) == 0 {
		return nil
	}
	for _, name := range sortedKeys(quotas) {
		if err := a.UpdateQuota(name, quotas[name]); err != nil {
			return err
		}
	}
	a.expected = int(float64(expectedAgents) * a.opts.RecoveryFactor)
	if a.expected == 0 {
		return nil
	}
	a.paused = true
	a.resume = moment{a.now + a.opts.RecoveryTimeoutNanos, a.periodicGen}
	return nil
}
