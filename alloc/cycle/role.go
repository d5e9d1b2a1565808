package cycle

import (
	"strings"

	"github.com/caprock/caprock/alloc/drf"
	"github.com/caprock/caprock/wire/resource"
)

// role is one node of the role tree: a role with frameworks, a quota, a weight
// or reservations, or an ancestor of one.
type role struct {
	name     string
	parent   int32 // role 0 is the root
	top      int32 // the ancestor just below the root, or the role itself
	children int32
	weight   float64 // 1 by default

	leaf       drf.Leaf  // in the role tree of the sorter, if frameworks are tracked
	tree       *drf.Tree // its frameworks
	frameworks int32     // tracked claims
	claims     int32     // claims of any kind

	quota     Quota
	guarantee []int64 // nil: none
	limit     []int64 // nil: none; -1: no limit in that dimension

	// Sums over the role and its descendants.
	reservations    []int64 // reserved scalars of all agents
	offered         []int64 // offered or allocated, unreserved, non-revocable
	offeredReserved []int64
	allocated       []int64 // of offered, what tasks use

	consumed []int64 // during a cycle, of roles with a quota
	version  uint64  // of the cluster's total that tree knows

	lists *roleLists // what offers of this role share; nil: none yet
}

func (r *role) widen(n int) {
	for _, v := range []*[]int64{&r.reservations, &r.offered, &r.offeredReserved, &r.allocated} {
		*v = drf.Grow(*v, n)
	}
	if r.guarantee != nil {
		r.guarantee = drf.Grow(r.guarantee, n)
	}
	if r.limit != nil {
		for len(r.limit) < n {
			r.limit = append(r.limit, -1)
		}
	}
}

// role returns the node of a role, a new one if there is none.
func (a *Allocator) role(name string) int32 {
	if id, ok := a.roleIDs[name]; ok {
		return id
	}
	parent := int32(0)
	if up, ok := resource.RoleParent(name); ok {
		parent = a.role(up)
	}
	r := role{name: name, parent: parent, weight: 1, leaf: drf.NoLeaf}
	r.widen(a.names.Stride())
	var id int32
	if n := len(a.freeRole); n > 0 {
		id = a.freeRole[n-1]
		a.freeRole = a.freeRole[:n-1]
		a.roles[id] = r
	} else {
		id = int32(len(a.roles))
		a.roles = append(a.roles, r)
	}
	a.roles[id].top = id
	if parent != 0 {
		a.roles[id].top = a.roles[parent].top
	}
	a.roles[parent].children++
	a.roleIDs[name] = id
	return id
}

// tidyRole forgets a role, and its ancestors, when nothing is left of it.
func (a *Allocator) tidyRole(id int32) {
	for id > 0 {
		r := &a.roles[id]
		if r.children > 0 || r.frameworks > 0 || r.claims > 0 || !r.quota.IsDefault() || r.weight != 1 ||
			!drf.IsZero(r.reservations) || !drf.IsZero(r.offered) || !drf.IsZero(r.allocated) {
			return
		}
		parent := r.parent
		delete(a.roleIDs, r.name)
		a.roles[id] = role{leaf: drf.NoLeaf}
		a.freeRole = append(a.freeRole, id)
		a.roles[parent].children--
		id = parent
	}
}

// UpdateWeights sets weights of roles. It starts no cycle.
func (a *Allocator) UpdateWeights(weights map[string]float64) {
	for _, name := range sortedKeys(weights) {
		id := a.role(name)
		a.roles[id].weight = weights[name]
		a.roleTree.SetWeight(name, weights[name])
		a.tidyRole(id)
	}
}

// UpdateQuota replaces the quota of a role. It starts no cycle. A limit on a
// role below the top is refused, as Mesos cannot live with one.
func (a *Allocator) UpdateQuota(name string, q Quota) error {
	if len(q.Limit) > 0 && strings.Contains(name, "/") {
		return misuse("role %q has a quota limit, but is not a top-level role", name)
	}
	for _, x := range q.Guarantee {
		a.dim(x.Name)
	}
	for _, x := range q.Limit {
		a.dim(x.Name)
	}
	id := a.role(name)
	r := &a.roles[id]
	if !r.quota.IsDefault() {
		a.quotas--
	}
	if !q.IsDefault() {
		a.quotas++
	}
	r.quota = q
	r.guarantee, r.limit = nil, nil
	n := a.names.Stride()
	if len(q.Guarantee) > 0 {
		r.guarantee = make([]int64, n)
		for _, x := range q.Guarantee {
			r.guarantee[a.dim(x.Name)] = x.Milli
		}
	}
	if len(q.Limit) > 0 {
		r.limit = make([]int64, n)
		for d := range r.limit {
			r.limit[d] = -1
		}
		for _, x := range q.Limit {
			r.limit[a.dim(x.Name)] = x.Milli
		}
	}
	a.space.WakeAll()
	a.tidyRole(id)
	return nil
}

// QuotaConsumed returns what counts against the quota of a role: reservations
// of its subtree and what its tasks use of unreserved, non-revocable scalars.
func (a *Allocator) QuotaConsumed(name string) resource.Quantities {
	id, ok := a.roleIDs[name]
	if !ok {
		return nil
	}
	sum := append([]int64(nil), a.roles[id].reservations...)
	drf.AddTo(sum, a.roles[id].allocated)
	return a.quantitiesOf(sum)
}

func (a *Allocator) quantitiesOf(v []int64) resource.Quantities {
	var q resource.Quantities
	for d, x := range v {
		if x > 0 {
			q.AddInPlace(resource.Quantities{{Name: a.names.Name(d), Milli: x}})
		}
	}
	return q
}

// trackReservations adds the reserved scalars of an agent's total to the sums
// of roles, or takes them away, and keeps the index of reserved roles.
func (a *Allocator) trackReservations(slot uint32, rest resource.Resources, sign int64) {
	for i := range rest {
		k := rest[i].Kind
		if !k.IsReserved() {
			continue
		}
		if sign > 0 {
			a.space.AddReserved(slot, k.ReservationRole())
		} else {
			a.space.DropReserved(slot, k.ReservationRole())
		}
		if k.Type() != scalarType {
			continue
		}
		d := a.dim(k.Name())
		id := a.role(k.ReservationRole())
		for at := id; at >= 0; at = a.roles[at].parent {
			a.roles[at].reservations[d] += sign * rest[i].ScalarMilli()
		}
		if sign < 0 {
			a.tidyRole(id)
		}
	}
}
