package cycle

import (
	"fmt"

	"github.com/caprock/caprock/alloc/drf"
	"github.com/caprock/caprock/alloc/shard"
)

// Reason names what stands between a framework and an agent.
type Reason string

const (
	Suitable              Reason = "SUITABLE"
	UnknownFramework      Reason = "UNKNOWN_FRAMEWORK"
	UnknownAgent          Reason = "UNKNOWN_AGENT"
	NotSubscribed         Reason = "NOT_SUBSCRIBED"
	RecoveryPause         Reason = "RECOVERY_PAUSE"
	FrameworkInactive     Reason = "FRAMEWORK_INACTIVE"
	RoleSuppressed        Reason = "ROLE_SUPPRESSED"
	AgentDeactivated      Reason = "AGENT_DEACTIVATED"
	AgentNotListed        Reason = "AGENT_NOT_ON_WHITELIST"
	AgentNotMultiRole     Reason = "AGENT_NOT_MULTI_ROLE"
	AgentNotHierarchical  Reason = "AGENT_NOT_HIERARCHICAL_ROLE"
	NeedsGPUCapability    Reason = "FRAMEWORK_WITHOUT_GPU_RESOURCES"
	NeedsRegionAware      Reason = "FRAMEWORK_NOT_REGION_AWARE"
	ExcludedByConstraints Reason = "EXCLUDED_BY_OFFER_CONSTRAINTS"
	RefusedBefore         Reason = "REFUSED_BEFORE"
	NothingAvailable      Reason = "NOTHING_AVAILABLE"
	QuotaLimit            Reason = "QUOTA_LIMIT"
	QuotaHeadroom         Reason = "QUOTA_HEADROOM"
	BelowMinimum          Reason = "BELOW_MIN_ALLOCATABLE"
	OthersFirst           Reason = "OTHERS_FIRST"
)

// Explanation says why a framework is not offered an agent in a role.
type Explanation struct {
	Reason Reason
	// Text says it for people, with what was found.
	Text string
}

func because(r Reason, format string, args ...any) Explanation {
	return Explanation{r, fmt.Sprintf(format, args...)}
}

// Explain names the first rule that stands between a framework and an agent in
// a role, or says that only its place in the order does.
func (a *Allocator) Explain(fwID, roleName, agentID string) Explanation {
	fw, err := a.known(fwID)
	if err != nil {
		return because(UnknownFramework, "%v", err)
	}
	slot, err := a.slot(agentID)
	if err != nil {
		return because(UnknownAgent, "%v", err)
	}
	roleID, ok := a.roleIDs[roleName]
	c, held := a.fws[fw].claims[roleID]
	if !ok || !held || !a.claims[c].subscribed {
		return because(NotSubscribed, "framework %s is not subscribed to role %q", fwID, roleName)
	}
	cl := &a.claims[c]
	switch {
	case a.paused:
		return because(RecoveryPause, "no offers are made until %d agents are back, there are %d", a.expected, a.space.Len())
	case cl.suppressed:
		return because(RoleSuppressed, "the framework suppressed offers for role %q", roleName)
	case !a.isActive(c):
		return because(FrameworkInactive, "the framework is not connected")
	case a.space.Has(shard.Deactivated, slot):
		return because(AgentDeactivated, "agent %s is deactivated or draining", agentID)
	case a.space.Has(shard.Unlisted, slot):
		return because(AgentNotListed, "host %q is not on the white list", a.agentAt(slot).info.Hostname)
	}
	sh, row := a.space.At(slot)
	class := &a.classes.list[sh.Rows[row].Class-1]
	if r := a.unsuitable(class, c); r != Suitable {
		return because(r, "agent %s is never offered to framework %s in role %q", agentID, fwID, roleName)
	}
	if cl.hostBarred != nil && cl.hostBarred.Contains(slot) {
		return because(ExcludedByConstraints, "the host name %q does not satisfy the framework's offer constraints",
			a.agentAt(slot).info.Hostname)
	}
	if cl.filters.covered != nil && cl.filters.covered.Contains(slot) {
		return because(RefusedBefore, "the framework refused all that is available, for %d ms more", a.refusedFor(c, slot)/1e6)
	}
	return a.explainAmount(c, slot)
}

func (a *Allocator) refusedFor(c int32, slot shard.Slot) int64 {
	for _, g := range a.claims[c].filters.groups {
		if g.slots.Contains(slot) {
			return max(0, g.ends.nanos-a.now)
		}
	}
	return 0
}

// explainAmount looks at how much of the agent the claim could be offered.
func (a *Allocator) explainAmount(c int32, slot shard.Slot) Explanation {
	cl := &a.claims[c]
	sh, row := a.space.At(slot)
	rest := a.visible(c, sh.Rows[row].AvailRest)
	vec := append([]int64(nil), sh.AvailRow(row, a.space.Stride())...)
	if len(rest) == 0 && drf.IsZero(vec) {
		return because(NothingAvailable, "nothing on agent %s is available to role %q", sh.Rows[row].ID, a.roles[cl.role].name)
	}
	if !enough(cl.min, vec, rest) {
		return because(BelowMinimum, "what is available, %s, is below the minimum for an offer", a.merge(vec, rest))
	}
	a.prepareQuota()
	defer a.finishQuota()
	if q := &a.roles[a.quotaRole(cl.role)]; q.limit != nil {
		for d, l := range q.limit {
			if l >= 0 {
				vec[d] = min(vec[d], max(0, l-q.consumed[d]))
			}
		}
		if !enough(cl.min, vec, rest) || len(rest) == 0 && drf.IsZero(vec) {
			return because(QuotaLimit, "the limit of role %q leaves %s", q.name, a.merge(vec, rest))
		}
	}
	if a.run.holdBack {
		for d := range vec {
			vec[d] = min(vec[d], max(0, a.run.available[d]-a.run.required[d]))
		}
		if !enough(cl.min, vec, rest) || len(rest) == 0 && drf.IsZero(vec) {
			return because(QuotaHeadroom, "unmet guarantees of other roles hold back all but %s", a.merge(vec, rest))
		}
	}
	if a.filtered(c, slot, vec, rest) {
		return because(RefusedBefore, "the framework refused as much before")
	}
	return because(OthersFirst, "no rule forbids it: it is a matter of order, fair share %.6g of role %q",
		a.roles[cl.role].tree.Share(cl.leaf), a.roles[cl.role].name)
}
