package cycle

import (
	"slices"

	"github.com/caprock/caprock/alloc/drf"
	"github.com/caprock/caprock/alloc/shard"
	"github.com/caprock/caprock/wire/resource"
)

// take moves resources of an agent from available to offered. vec may be the
// available row itself.
func (a *Allocator) take(slot shard.Slot, vec []int64, rest resource.Resources) {
	sh, row := a.space.At(slot)
	if sh.Rows[row].Traits&shard.Over != 0 {
		a.recomputeAvail(slot)
		return
	}
	avail := sh.AvailRow(row, a.space.Stride())
	left := false
	for d, x := range vec {
		if avail[d] -= x; avail[d] != 0 {
			left = true
		}
	}
	if len(rest) > 0 {
		if sameSlice(rest, sh.Rows[row].AvailRest) && sh.Rows[row].Traits&shard.Complex == 0 {
			sh.Rows[row].AvailRest = nil
		} else {
			sh.Rows[row].AvailRest = sh.Rows[row].AvailRest.Minus(rest.NonShared())
			a.classify(sh, row)
		}
	}
	sh.Note(row, left || len(sh.Rows[row].AvailRest) > 0, false)
}

// free makes resources available that were taken out of a holding.
func (a *Allocator) free(slot shard.Slot, vec []int64, rest resource.Resources) {
	sh, row := a.space.At(slot)
	if sh.Rows[row].Traits&shard.Over != 0 {
		a.recomputeAvail(slot)
		return
	}
	avail := sh.AvailRow(row, a.space.Stride())
	has := sh.IsAvailable(row)
	for d, x := range vec {
		avail[d] += x
		has = has || x != 0
	}
	if len(rest) > 0 {
		if rest = rest.NonShared(); len(rest) > 0 { // shared ones are available as long as the agent has them
			sh.Rows[row].AvailRest = sh.Rows[row].AvailRest.Plus(rest)
			a.classify(sh, row)
			has = true
		}
	}
	sh.Note(row, has, true)
	a.checkRoof(slot)
}

// classify derives the trait Complex from what is available on a row.
func (a *Allocator) classify(sh *shard.Shard, row int) {
	t := sh.Rows[row].Traits &^ shard.Complex
	for i := range sh.Rows[row].AvailRest {
		k := sh.Rows[row].AvailRest[i].Kind
		if k.IsReserved() || k.IsRevocable() || k.IsShared() || k.Type() == scalarType {
			t |= shard.Complex
		}
	}
	sh.Rows[row].Traits = t
}

// recomputeAvail derives what is available from the total and all holdings.
// Where more is held than there is, nothing is available. Shared resources
// always are.
func (a *Allocator) recomputeAvail(slot shard.Slot) {
	sh, row := a.space.At(slot)
	stride := a.space.Stride()
	avail := sh.AvailRow(row, stride)
	copy(avail, sh.TotalRow(row, stride))
	var held resource.Resources
	for i := sh.Rows[row].Holdings; i != noHolding; i = a.hold.entries[i].next {
		drf.SubFrom(avail, a.hold.row(i))
		held = held.Plus(a.hold.all(i).NonShared())
	}
	over := false
	for d, x := range avail {
		if x < 0 {
			avail[d] = 0
			over = true
		}
	}
	total := sh.TotalRest[row]
	own := total.NonShared()
	if !own.Contains(held) {
		over = true
	}
	sh.Rows[row].AvailRest = a.rests.share(own.Minus(held).Plus(total.Shared()))
	if len(held) == 0 {
		sh.Rows[row].AvailRest = total
	}
	sh.Rows[row].Traits &^= shard.Over
	if over {
		sh.Rows[row].Traits |= shard.Over
	}
	a.classify(sh, row)
	sh.Note(row, len(sh.Rows[row].AvailRest) > 0 || !drf.IsZero(avail), true)
	a.checkRoof(slot)
}

// RecoverResources returns what was offered, or what tasks used (allocated), of
// one role on one agent. With a filter it is not offered to the framework in
// that role for a while. It starts no cycle.
func (a *Allocator) RecoverResources(now int64, fwID, agentID string, res resource.Resources, filter *Filter, allocated bool) error {
	a.at(now)
	if res.IsEmpty() {
		return nil
	}
	slot, ok := a.agents[agentID]
	if !ok {
		return nil // it went before the message about its resources
	}
	roles := res.AllocationRoles()
	if len(roles) != 1 {
		return misuse("resources %s are allocated to %d roles, want one", res, len(roles))
	}
	fw, err := a.known(fwID)
	if err != nil {
		return nil // its resources were recovered with it
	}
	roleID, ok := a.roleIDs[roles[0]]
	if !ok {
		return misuse("framework %s holds nothing in role %q", fwID, roles[0])
	}
	c, ok := a.fws[fw].claims[roleID]
	if !ok {
		return misuse("framework %s holds nothing in role %q", fwID, roles[0])
	}
	vec, rest := a.splitScratch(res)
	return a.recover(slot, c, vec, rest, filter, allocated)
}

// DeclineOffer returns a whole offer: RecoverResources without the detour over
// resource lists. Offers that are no longer held as made are refused.
func (a *Allocator) DeclineOffer(now int64, o *Offer, filter *Filter) error {
	a.at(now)
	sh, row := a.space.At(o.slot)
	if row >= len(sh.Rows) || sh.Rows[row].ID != o.agent || sh.Rows[row].Gen != o.gen {
		return nil
	}
	if int(o.claim) >= len(a.claims) {
		return nil
	}
	cl := &a.claims[o.claim]
	if cl.party != o.party {
		return nil
	}
	return a.recover(o.slot, o.claim, o.list.plain, o.list.rest, filter, false)
}

func (a *Allocator) recover(slot shard.Slot, c int32, vec []int64, rest resource.Resources, filter *Filter, allocated bool) error {
	sh, row := a.space.At(slot)
	if len(vec) < a.space.Stride() { // an offer from before there was a new dimension
		vec = drf.Grow(slices.Clone(vec), a.space.Stride())
	}
	i := a.hold.find(sh.Rows[row].Holdings, c)
	if i == noHolding || !a.holds(i, vec, rest) {
		return misuse("agent %s: framework %s does not hold %s", sh.Rows[row].ID,
			a.fws[a.claims[c].framework].info.ID, a.merge(vec, rest))
	}
	if allocated {
		a.bookAllocated(slot, c, vec, rest, -1)
	}
	mu := a.space.Lock(slot)
	tracked := a.hold.entries[i].tracked
	a.subHolding(slot, i, vec, rest)
	if tracked {
		a.unbook(c, slot, vec, rest)
	}
	a.free(slot, vec, rest)
	if filter != nil {
		a.refuse(slot, c, vec, rest, filter)
	}
	mu.Unlock()
	a.settle(c)
	return nil
}

// UpdateAllocation applies the conversions of a framework's operations to what
// it was offered on an agent, and to the agent's total. Conversions that
// consume nothing add copies of shared resources and do not change the total.
func (a *Allocator) UpdateAllocation(fwID, agentID string, offered resource.Resources, conv []resource.Conversion) error {
	fw, err := a.known(fwID)
	if err != nil {
		return err
	}
	slot, err := a.slot(agentID)
	if err != nil {
		return err
	}
	roles := offered.AllocationRoles()
	if len(roles) != 1 {
		return misuse("resources %s are allocated to %d roles, want one", offered, len(roles))
	}
	roleID, ok := a.roleIDs[roles[0]]
	c, held := a.fws[fw].claims[roleID]
	if !ok || !held {
		return misuse("framework %s holds nothing in role %q", fwID, roles[0])
	}
	updated, err := offered.Apply(conv)
	if err != nil {
		return err
	}
	var onTotal []resource.Conversion
	for _, x := range conv {
		if !x.Consumed.IsEmpty() {
			onTotal = append(onTotal, x.Unallocate())
		}
	}
	total, err := a.totalOf(slot).Apply(onTotal)
	if err != nil {
		return err
	}
	oldVec, oldRest := a.splitScratch(offered)
	oldVec = slices.Clone(oldVec)
	newVec, newRest := a.splitScratch(updated)
	newVec = slices.Clone(newVec)
	sh, row := a.space.At(slot)
	i := a.hold.find(sh.Rows[row].Holdings, c)
	if i == noHolding || !a.holds(i, oldVec, oldRest) {
		return misuse("agent %s: framework %s does not hold %s", agentID, fwID, offered)
	}
	mu := a.space.Lock(slot)
	a.convertHolding(slot, c, i, oldVec, oldRest, newVec, newRest)
	mu.Unlock()
	if !a.updateTotal(slot, total) {
		mu := a.space.Lock(slot)
		a.recomputeAvail(slot)
		mu.Unlock()
	}
	a.settle(c)
	return nil
}

// convertHolding replaces a part of a holding. Shares change by the difference
// of scalars, which is none unless something vanished; it is no service.
func (a *Allocator) convertHolding(slot shard.Slot, c, i int32, oldVec []int64, oldRest resource.Resources, newVec []int64, newRest resource.Resources) {
	cl := &a.claims[c]
	r := &a.roles[cl.role]
	tracked := a.hold.entries[i].tracked
	before, after := a.scalarSum(oldVec, oldRest), a.scalarSum(newVec, newRest)
	_, unreserved, reserved, _ := a.amounts(oldVec, oldRest)
	a.bookRoles(cl.role, unreserved, reserved, -1)
	a.subHolding(slot, i, oldVec, oldRest)
	a.convertSharedRoles(c, slot, oldRest, -1)
	a.convertSharedRoles(c, slot, newRest, 1)
	_, unreserved, reserved, _ = a.amounts(newVec, newRest)
	a.bookRoles(cl.role, unreserved, reserved, 1)
	i = a.addHolding(slot, c, newVec, newRest)
	a.hold.entries[i].tracked = tracked
	if cl.leaf < 0 || slices.Equal(before, after) {
		return
	}
	r.tree.Discharge(cl.leaf, before)
	a.roleTree.Discharge(r.leaf, before)
	r.tree.Restore(cl.leaf, after)
	a.roleTree.Restore(r.leaf, after)
}

// scalarSum adds up all scalars, shared ones once.
func (a *Allocator) scalarSum(vec []int64, rest resource.Resources) []int64 {
	sum := slices.Clone(vec)
	for _, x := range rest {
		if x.Type() == scalarType {
			sum[a.dim(x.Name())] += x.ScalarMilli()
		}
	}
	return sum
}

// convertSharedRoles is bookShared for the sums of roles alone.
func (a *Allocator) convertSharedRoles(c int32, slot shard.Slot, rest resource.Resources, sign int64) {
	id := a.claims[c].role
	for i := range rest {
		k := rest[i].Kind
		if !k.IsShared() || k.Type() != scalarType ||
			a.sharedHeld(noHolding, slot, rest[i], func(other int32) bool { return a.claims[other].role == id }) {
			continue
		}
		a.bookSharedRoles(id, k, a.dim(k.Name()), sign*rest[i].ScalarMilli())
	}
}

// UpdateAvailable applies an operator's conversions to what is available on an
// agent. It fails, without effect, if they need something that is not.
func (a *Allocator) UpdateAvailable(agentID string, conv []resource.Conversion) error {
	slot, err := a.slot(agentID)
	if err != nil {
		return err
	}
	plain := make([]resource.Conversion, len(conv))
	for i, x := range conv {
		plain[i] = x.Unallocate()
	}
	sh, row := a.space.At(slot)
	available := a.merge(sh.AvailRow(row, a.space.Stride()), sh.Rows[row].AvailRest)
	if _, err := available.Apply(plain); err != nil {
		return err
	}
	total, err := a.totalOf(slot).Apply(plain)
	if err != nil {
		return err
	}
	a.updateTotal(slot, total)
	return nil
}

// TransitionOfferedToAllocated says that tasks use what was offered.
func (a *Allocator) TransitionOfferedToAllocated(fwID, agentID string, res resource.Resources) error {
	slot, err := a.slot(agentID)
	if err != nil {
		return err
	}
	fw, err := a.known(fwID)
	if err != nil {
		return err
	}
	for _, name := range res.AllocationRoles() {
		c, ok := a.fws[fw].claims[a.roleIDs[name]]
		if !ok {
			return misuse("framework %s holds nothing in role %q", fwID, name)
		}
		vec, rest := a.splitScratch(res.AllocatedTo(name))
		a.bookAllocated(slot, c, vec, rest, 1)
	}
	return nil
}
