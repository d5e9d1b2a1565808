package cycle

import (
	"github.com/RoaringBitmap/roaring/v2"

	"github.com/caprock/caprock/alloc/shard"
)

// indexName returns the name under which the subject is indexed.
func (x *condition) indexName() string {
	switch x.subject {
	case regionName:
		return regionIndex
	case zoneName:
		return zoneIndex
	}
	return x.name
}

// admitted returns the agents that satisfy the expression, from the attribute
// index: predicates are evaluated once per distinct value.
func (a *Allocator) admitted(e *expression) *roaring.Bitmap {
	every := roaring.New()
	a.space.All(every)
	if e == nil {
		return every
	}
	out := roaring.New()
	for _, group := range e.groups {
		g := every.Clone()
		for i := range group {
			g.And(a.satisfying(&group[i], every))
		}
		out.Or(g)
	}
	return out
}

func (a *Allocator) satisfying(x *condition, every *roaring.Bitmap) *roaring.Bitmap {
	out := roaring.New()
	if x.subject == hostName {
		it := every.Iterator()
		for it.HasNext() {
			if slot := it.Next(); x.holds(a.agentAt(slot).info.Hostname) {
				out.Add(slot)
			}
		}
		return out
	}
	if x.absent() {
		present := roaring.New()
		a.space.WithAttribute(present, x.indexName(), func(string) bool { return true })
		out = roaring.AndNot(every, present)
	}
	a.space.WithAttribute(out, x.indexName(), func(v string) bool {
		if v == notText {
			return x.predicate != notExists
		}
		return x.holds(v)
	})
	return out
}

// ExcludedAgents returns the ids of the agents that the offer constraints of a
// framework exclude in a role, sorted by slot.
func (a *Allocator) ExcludedAgents(fwID, roleName string) []string {
	fw, err := a.known(fwID)
	if err != nil {
		return nil
	}
	e := a.fws[fw].info.Constraints.forRole(roleName)
	if e == nil {
		return nil
	}
	excluded := roaring.New()
	a.space.All(excluded)
	excluded.AndNot(a.admitted(e))
	out := make([]string, 0, excluded.GetCardinality())
	it := excluded.Iterator()
	for it.HasNext() {
		sh, row := a.space.At(it.Next())
		out = append(out, sh.Rows[row].ID)
	}
	return out
}

// barHosts bars a claim from the agents that its constraints on host names
// exclude. Constraints that do not look at host names are judged per class.
func (a *Allocator) barHosts(c int32) {
	cl := &a.claims[c]
	if cl.constraints == nil || !cl.constraints.hosts {
		a.clearHosts(c)
		return
	}
	barred := roaring.New()
	a.space.All(barred)
	barred.AndNot(a.admitted(cl.constraints))
	a.clearHosts(c)
	cl.hostBarred = barred
	a.hostClaims++
	it := barred.Iterator()
	for it.HasNext() {
		a.bar(c, it.Next())
	}
}

// clearHosts lifts what barHosts barred.
func (a *Allocator) clearHosts(c int32) {
	cl := &a.claims[c]
	barred := cl.hostBarred
	if barred == nil {
		return
	}
	cl.hostBarred = nil
	a.hostClaims--
	it := barred.Iterator()
	for it.HasNext() {
		if slot := it.Next(); cl.filters.covered == nil || !cl.filters.covered.Contains(slot) {
			a.unbar(c, slot)
		}
	}
}

// hostAdded applies constraints on host names to a new or changed agent.
func (a *Allocator) hostAdded(slot shard.Slot) {
	if a.hostClaims == 0 {
		return
	}
	g := a.agentAt(slot)
	for c := range a.claims {
		cl := &a.claims[c]
		if cl.hostBarred == nil {
			continue
		}
		if cl.constraints.admits(&g.info) {
			if cl.hostBarred.CheckedRemove(slot) && (cl.filters.covered == nil || !cl.filters.covered.Contains(slot)) {
				a.unbar(int32(c), slot)
			}
		} else if cl.hostBarred.CheckedAdd(slot) {
			a.bar(int32(c), slot)
		}
	}
}

func (a *Allocator) hostRemoved(slot shard.Slot) {
	if a.hostClaims == 0 {
		return
	}
	for c := range a.claims {
		if b := a.claims[c].hostBarred; b != nil {
			b.Remove(slot)
		}
	}
}
