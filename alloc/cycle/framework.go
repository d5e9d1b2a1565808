package cycle

import (
	"slices"

	"github.com/caprock/caprock/alloc/shard"
	"github.com/caprock/caprock/wire/resource"
)

// Framework is what the allocator knows of a framework.
type Framework struct {
	ID           string
	Roles        []string
	Suppressed   []string // roles of Roles that want no offers for now
	Capabilities CapSet
	Active       bool
	// MinAllocatable replaces the cluster's minimum for the roles it has; an
	// empty list there means no minimum.
	MinAllocatable map[string][]resource.Quantities
	Constraints    *Constraints // nil: none
}

type framework struct {
	info    Framework
	known   bool            // added; otherwise agents mentioned it
	active  bool            // connected, as far as inverse offers go
	claims  map[int32]int32 // by role
	inverse map[shard.Slot][]int64
}

// framework returns the record of a framework, a new one if it is unknown.
func (a *Allocator) framework(id string) int32 {
	if fw, ok := a.frameworks[id]; ok {
		return fw
	}
	f := framework{info: Framework{ID: id}, claims: make(map[int32]int32)}
	var fw int32
	if n := len(a.freeFw); n > 0 {
		fw = a.freeFw[n-1]
		a.freeFw = a.freeFw[:n-1]
		a.fws[fw] = f
	} else {
		fw = int32(len(a.fws))
		a.fws = append(a.fws, f)
	}
	a.frameworks[id] = fw
	return fw
}

func (a *Allocator) tidyFramework(fw int32) {
	f := &a.fws[fw]
	if f.known || len(f.claims) > 0 {
		return
	}
	delete(a.frameworks, f.info.ID)
	a.fws[fw] = framework{}
	a.freeFw = append(a.freeFw, fw)
}

func (a *Allocator) known(id string) (int32, error) {
	fw, ok := a.frameworks[id]
	if !ok || !a.fws[fw].known {
		return 0, misuse("framework %s is not known to the allocator", id)
	}
	return fw, nil
}

// sortedClaims returns the claims of a framework in the order of their roles.
func (a *Allocator) sortedClaims(fw int32) []int32 {
	f := &a.fws[fw]
	out := make([]int32, 0, len(f.claims))
	for _, c := range f.claims {
		out = append(out, c)
	}
	slices.SortFunc(out, func(x, y int32) int {
		return compareStrings(a.roles[a.claims[x].role].name, a.roles[a.claims[y].role].name)
	})
	return out
}

func compareStrings(x, y string) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

func sortedSet(names []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

// AddFramework adds a framework. What agents said its tasks use counts from now
// on for its share; Mesos is told the same again in the last argument, which is
// not looked at. If the framework is active, every agent becomes a candidate.
func (a *Allocator) AddFramework(now int64, info Framework, _ map[string]resource.Resources) error {
	a.at(now)
	if _, err := a.known(info.ID); err == nil {
		return misuse("framework %s is known already", info.ID)
	}
	fw := a.framework(info.ID)
	f := &a.fws[fw]
	info.Roles, info.Suppressed = sortedSet(info.Roles), sortedSet(info.Suppressed)
	f.info, f.known, f.active = info, true, info.Active
	for _, c := range a.sortedClaims(fw) { // those that agents mentioned before
		a.configure(c)
	}
	for _, name := range info.Roles {
		c := a.claimOf(fw, a.role(name))
		a.track(c)
		cl := &a.claims[c]
		cl.subscribed = true
		cl.suppressed = slices.Contains(info.Suppressed, name)
		a.setActive(c, !cl.suppressed)
	}
	a.adopt(fw)
	if info.Active {
		a.everyAgent()
	} else {
		a.quiet(fw)
	}
	return nil
}

// adopt books what a framework held on agents before it was known.
func (a *Allocator) adopt(fw int32) {
	claims := a.sortedClaims(fw)
	held := false
	for _, c := range claims {
		held = held || a.claims[c].held > 0
	}
	if !held {
		return
	}
	for slot := shard.Slot(0); slot < a.space.Limit(); slot++ {
		if !a.space.InUse(slot) {
			continue
		}
		sh, row := a.space.At(slot)
		for _, c := range claims {
			i := a.hold.find(sh.Rows[row].Holdings, c)
			if i == noHolding || a.hold.entries[i].tracked {
				continue
			}
			a.track(c)
			a.bookHeld(slot, i)
		}
	}
}

// bookHeld books an entry that was held without being tracked.
func (a *Allocator) bookHeld(slot shard.Slot, i int32) {
	c := a.hold.entries[i].claim
	vec, rest := a.hold.row(i), a.hold.all(i)
	a.hold.entries[i].tracked = true
	a.bookExcept(i, c, slot, vec, rest)
	a.bookAllocated(slot, c, vec, rest, 1)
}

// RemoveFramework forgets a framework; what it holds becomes available.
func (a *Allocator) RemoveFramework(id string) error {
	fw, err := a.known(id)
	if err != nil {
		return err
	}
	claims := a.sortedClaims(fw)
	for _, c := range claims {
		a.releaseAll(c)
	}
	a.fws[fw].known = false
	for _, c := range claims {
		a.clearFilters(c)
		a.untrack(c)
		a.claims[c].subscribed = false
		a.tidyClaim(c)
	}
	if _, left := a.frameworks[id]; left {
		a.tidyFramework(fw)
	}
	return nil
}

// releaseAll makes everything that a claim holds available.
func (a *Allocator) releaseAll(c int32) {
	for slot := shard.Slot(0); slot < a.space.Limit() && a.claims[c].held > 0; slot++ {
		if !a.space.InUse(slot) {
			continue
		}
		sh, row := a.space.At(slot)
		i := a.hold.find(sh.Rows[row].Holdings, c)
		if i == noHolding {
			continue
		}
		mu := a.space.Lock(slot)
		vec := append([]int64(nil), a.hold.row(i)...)
		rest := a.hold.all(i)
		tracked := a.hold.entries[i].tracked
		a.subHolding(slot, i, vec, rest)
		if tracked {
			a.unbook(c, slot, vec, rest)
		}
		a.free(slot, vec, rest)
		mu.Unlock()
	}
}

// ActivateFramework makes offers to a framework again. Every agent becomes a candidate.
func (a *Allocator) ActivateFramework(now int64, id string) error {
	a.at(now)
	fw, err := a.known(id)
	if err != nil {
		return err
	}
	a.fws[fw].active = true
	for _, c := range a.sortedClaims(fw) {
		if cl := &a.claims[c]; cl.subscribed && !cl.suppressed {
			a.setActive(c, true)
		}
	}
	a.everyAgent()
	return nil
}

// DeactivateFramework makes no more offers to a framework and forgets its
// filters. What it holds stays.
func (a *Allocator) DeactivateFramework(id string) error {
	fw, err := a.known(id)
	if err != nil {
		return err
	}
	a.quiet(fw)
	return nil
}

func (a *Allocator) quiet(fw int32) {
	for _, c := range a.sortedClaims(fw) {
		if a.claims[c].subscribed {
			a.setActive(c, false)
		}
		a.clearFilters(c)
	}
	a.fws[fw].active = false
	a.fws[fw].inverse = nil
}

// UpdateFramework replaces the description of a framework; Active is ignored.
// It starts no cycle. A new role of an inactive framework makes it active there
// and every update clears its inverse-offer filters, as in Mesos.
func (a *Allocator) UpdateFramework(now int64, info Framework) error {
	a.at(now)
	fw, err := a.known(info.ID)
	if err != nil {
		return err
	}
	old := a.fws[fw].info
	info.Roles, info.Suppressed = sortedSet(info.Roles), sortedSet(info.Suppressed)
	for _, name := range info.Suppressed {
		if !slices.Contains(info.Roles, name) {
			return misuse("framework %s suppresses role %q, to which it is not subscribed", info.ID, name)
		}
	}
	if old.Capabilities != info.Capabilities {
		a.capabilitiesChange(fw, info.Capabilities)
	}
	a.fws[fw].info = info
	for _, name := range info.Roles {
		if slices.Contains(old.Roles, name) {
			continue
		}
		c := a.claimOf(fw, a.role(name))
		a.track(c)
		a.claims[c].subscribed = true
		a.setActive(c, true)
	}
	for _, name := range old.Roles {
		if slices.Contains(info.Roles, name) {
			continue
		}
		c := a.fws[fw].claims[a.roleIDs[name]]
		a.setActive(c, false)
		a.clearFilters(c)
		a.claims[c].subscribed, a.claims[c].suppressed = false, false
		a.untrack(c)
		a.tidyClaim(c)
	}
	for _, c := range a.sortedClaims(fw) {
		a.configure(c)
	}
	a.suppressRoles(fw, info.Suppressed)
	a.fws[fw].inverse = nil
	for _, name := range info.Roles {
		c := a.fws[fw].claims[a.roleIDs[name]]
		if a.claims[c].suppressed && !slices.Contains(info.Suppressed, name) {
			a.reviveClaim(c)
		}
	}
	return nil
}

// Suppress makes no more offers to a framework in these roles, nil means all
// of its roles. Its filters stay. It starts no cycle.
func (a *Allocator) Suppress(id string, roles []string) error {
	fw, err := a.known(id)
	if err != nil {
		return err
	}
	if roles, err = a.ownRoles(fw, roles); err != nil {
		return err
	}
	a.suppressRoles(fw, roles)
	return nil
}

// ownRoles defaults an empty list to all roles and refuses foreign ones.
func (a *Allocator) ownRoles(fw int32, roles []string) ([]string, error) {
	own := a.fws[fw].info.Roles
	if len(roles) == 0 {
		return own, nil
	}
	for _, name := range roles {
		if !slices.Contains(own, name) {
			return nil, misuse("framework %s is not subscribed to role %q", a.fws[fw].info.ID, name)
		}
	}
	return sortedSet(roles), nil
}

func (a *Allocator) suppressRoles(fw int32, roles []string) {
	for _, name := range roles {
		c := a.fws[fw].claims[a.roleIDs[name]]
		a.setActive(c, false)
		a.claims[c].suppressed = true
	}
}

// Revive ends suppression and forgets the filters of a framework in these
// roles, nil means all. Every agent becomes a candidate.
func (a *Allocator) Revive(now int64, id string, roles []string) error {
	a.at(now)
	fw, err := a.known(id)
	if err != nil {
		return err
	}
	if roles, err = a.ownRoles(fw, roles); err != nil {
		return err
	}
	a.fws[fw].inverse = nil
	for _, name := range roles {
		a.reviveClaim(a.fws[fw].claims[a.roleIDs[name]])
	}
	a.everyAgent()
	return nil
}

func (a *Allocator) reviveClaim(c int32) {
	a.clearFilters(c)
	a.claims[c].suppressed = false
	a.setActive(c, true)
}
