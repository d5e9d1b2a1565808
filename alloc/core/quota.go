//lint:file-ignore SA1019 Deprecated calls are still made.

package core

import (
	"cmp"
	"fmt"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/master"
	"github.com/caprock/caprock/wire/mesos/quota"
	"github.com/caprock/caprock/wire/resource"
)

// quotaOf reads a quota: what is kept free for a role and what it may use at most.
func quotaOf(q *quota.QuotaConfig) (resource.Quantities, resource.Limits, error) {
	guarantee, err := resource.FromScalarMap(q.GetGuarantees())
	if err != nil {
		return nil, nil, err
	}
	limit, err := resource.LimitsFromScalarMap(q.GetLimits())
	return guarantee, limit, err
}

func badQuota(format string, args ...any) *CallError {
	return &CallError{Status: 400, Text: "Invalid QuotaConfig: " + fmt.Sprintf(format, args...)}
}

// updateQuota sets several roles' quotas, all or none.
func (c *Core) updateQuota(call *master.Call_UpdateQuota) *CallError {
	for _, q := range call.GetQuotaConfigs() {
		if fault := c.validateQuota(q); fault != nil {
			return fault
		}
		if !call.GetForce() {
			_, limit, _ := quotaOf(q)
			if used := c.consumedBy(q.GetRole(), false); !limit.Allow(used) {
				return badQuota("limits %v of role '%s' are below what it consumes, %v (use 'force' flag to bypass this check)", limit, q.GetRole(), used)
			}
		}
	}
	if !call.GetForce() {
		if total, capacity := c.guarantees(call.GetQuotaConfigs()), c.capacity(); !capacity.Contains(total) {
			return badQuota("total quota guarantees '%v' exceed cluster capacity '%v' (use 'force' flag to bypass this check)", total, capacity)
		}
	}
	for _, q := range call.GetQuotaConfigs() {
		c.storeQuota(q.GetRole(), q)
	}
	return nil
}

func (c *Core) validateQuota(q *quota.QuotaConfig) *CallError {
	role := q.GetRole()
	if err := resource.ValidateRole(role); err != nil {
		return badQuota("Invalid 'QuotaConfig.role': %v", err)
	}
	if !c.roleAllowed(role) {
		return badQuota("Unknown role: '%s'", role)
	}
	if hierarchical(role) {
		return &CallError{Status: 400, Text: fmt.Sprintf("Updating quota on nested role '%s' is not supported yet", role)}
	}
	if err := validateQuotaAmounts(q.GetGuarantees()); err != nil {
		return badQuota("Invalid 'QuotaConfig.guarantees': %v", err)
	}
	if err := validateQuotaAmounts(q.GetLimits()); err != nil {
		return badQuota("Invalid 'QuotaConfig.limits': %v", err)
	}
	guarantee, limit, err := quotaOf(q)
	if err != nil {
		return badQuota("%v", err)
	}
	if !limit.Allow(guarantee) {
		return badQuota("'QuotaConfig.guarantees' { %v } is not contained within the 'QuotaConfig.limits' { %v }", guarantee, limit)
	}
	return nil
}

func validateQuotaAmounts(amounts map[string]*mesos.Value_Scalar) error {
	for _, name := range sortedKeys(amounts) {
		v := amounts[name].GetValue()
		if err := validateScalar(amounts[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		most := 1e12
		if name == "mem" || name == "disk" {
			most = 1 << 40
		}
		if v > most {
			return fmt.Errorf("%s: got %v, want at most %v", name, v, most)
		}
	}
	return nil
}

// storeQuota writes a quota down, tells the engine and takes back offers that it
// forbids or that stand in its way. Nil removes the quota. One that says nothing
// is none, but as in Mesos it is listed, and in SetQuota's way, until it is removed
// or this process ends.
func (c *Core) storeQuota(role string, q *quota.QuotaConfig) {
	next := &record.Role{Name: &role, Quota: q}
	if old := c.roles[role]; old != nil {
		next.Weight = old.Rec.Weight
	}
	c.putRole(next)
	guarantee, limit, _ := quotaOf(q)
	c.engine.check(c.engine.a.UpdateQuota(role, cycle.Quota{Guarantee: guarantee, Limit: limit}))
	c.rescindBeyond(role, limit)
	c.rescindFor(role, guarantee)
}

// rescindBeyond takes back offers to a role until it is within its limits.
func (c *Core) rescindBeyond(role string, limit resource.Limits) {
	if len(limit) == 0 {
		return
	}
	consumed := c.consumedBy(role, true)
	for _, o := range sortedValues(c.offers, cmp.Compare) {
		if limit.Allow(consumed) {
			return
		}
		if resource.IsInSubtree(o.Role(), role) {
			consumed = consumed.Minus(unreservedIn(o.res, role).CreateStrippedScalarQuantity())
			c.rescindOffer(o, noFilter)
		}
	}
}

// rescindFor takes back offers to other roles until the guarantee can be met from
// what is free.
func (c *Core) rescindFor(role string, guarantee resource.Quantities) {
	if guarantee.IsEmpty() {
		return
	}
	missing := guarantee.Minus(c.consumedBy(role, true)).Minus(c.unreservedFree())
	for _, o := range sortedValues(c.offers, cmp.Compare) {
		if missing.IsEmpty() {
			return
		}
		if !resource.IsInSubtree(o.Role(), role) {
			missing = missing.Minus(o.res.Unreserved().NonRevocable().CreateStrippedScalarQuantity())
			c.rescindOffer(o, noFilter)
		}
	}
}

// guarantees are those of all roles after an update.
func (c *Core) guarantees(updates []*quota.QuotaConfig) resource.Quantities {
	next := map[string]*quota.QuotaConfig{}
	for name, r := range c.roles {
		if r.Rec.Quota != nil {
			next[name] = r.Rec.Quota
		}
	}
	for _, q := range updates {
		next[q.GetRole()] = q
	}
	var total resource.Quantities
	for _, q := range next {
		guarantee, _, _ := quotaOf(q)
		total = total.Plus(guarantee)
	}
	return total
}

// capacity is what all registered agents have, without revocable resources.
func (c *Core) capacity() resource.Quantities {
	var total resource.Quantities
	for _, a := range c.agents {
		if a.registered() {
			total = total.Plus(a.cur.total.NonRevocable().CreateStrippedScalarQuantity())
		}
	}
	return total
}

// consumedBy is what counts against a role's quota: everything reserved for it or
// roles below it, and unreserved resources in use there, offers included if asked.
func (c *Core) consumedBy(role string, offers bool) resource.Quantities {
	var total resource.Quantities
	add := func(rs resource.Resources) { total = total.Plus(rs.CreateStrippedScalarQuantity()) }
	for _, a := range c.agents {
		if !a.registered() {
			continue
		}
		add(a.cur.total.ReservedToSubtree(role).NonRevocable())
		for _, used := range c.usedOnAgent(a) {
			add(unreservedIn(used, role))
		}
	}
	if offers {
		for _, o := range c.offers {
			add(unreservedIn(o.res, role))
		}
	}
	return total
}

func unreservedIn(rs resource.Resources, role string) resource.Resources {
	return rs.Filter(func(r resource.Resource) bool {
		return !r.IsReserved() && !r.IsRevocable() && resource.IsInSubtree(r.AllocationRole(), role)
	})
}

// unreservedFree is what is unreserved and neither used nor offered.
func (c *Core) unreservedFree() resource.Quantities {
	var total resource.Quantities
	for _, a := range c.agents {
		if !a.registered() {
			continue
		}
		free := a.cur.total.Minus(c.usedResources(a))
		for _, o := range a.offers {
			free = free.Minus(o.res.Unallocate())
		}
		total = total.Plus(free.Unreserved().NonRevocable().CreateStrippedScalarQuantity())
	}
	return total
}

// setQuota is the deprecated call: guarantee and limit are the same, and a role
// that has a quota must lose it first.
func (c *Core) setQuota(r *quota.QuotaRequest) *CallError {
	bad := func(format string, args ...any) *CallError {
		return &CallError{Status: 400, Text: "Failed to validate set quota request: " + fmt.Sprintf(format, args...)}
	}
	role := r.GetRole()
	if err := resource.ValidateRole(role); err != nil {
		return bad("QuotaInfo with invalid role: %v", err)
	}
	if len(r.GetGuarantee()) == 0 {
		return bad("QuotaInfo with empty 'guarantee'")
	}
	amounts := map[string]*mesos.Value_Scalar{}
	for _, g := range r.GetGuarantee() {
		switch {
		case g.Disk != nil || g.Revocable != nil || g.Reservation != nil || len(g.Reservations) > 0:
			return bad("QuotaInfo must not contain reservations, disks or revocable resources")
		case g.GetType() != mesos.Value_SCALAR || g.Scalar == nil:
			return bad("QuotaInfo must not include non-scalar resources")
		case amounts[g.GetName()] != nil:
			return bad("QuotaInfo contains duplicate resource name '%s'", g.GetName())
		}
		amounts[g.GetName()] = g.Scalar
	}
	if err := validateQuotaAmounts(amounts); err != nil {
		return bad("%v", err)
	}
	if !c.roleAllowed(role) {
		return bad("Unknown role: '%s'", role)
	}
	if old := c.roles[role]; old != nil && old.Rec.Quota != nil {
		return bad("Cannot set quota for role '%s' which already has quota", role)
	}
	if hierarchical(role) {
		return bad("Setting quota on nested role '%s' is not supported", role)
	}
	q := &quota.QuotaConfig{Role: &role, Guarantees: amounts, Limits: amounts}
	if !r.GetForce() {
		if total, capacity := c.guarantees([]*quota.QuotaConfig{q}), c.capacity(); !capacity.Contains(total) {
			return &CallError{Status: 409, Text: fmt.Sprintf("Quota guarantees overcommit the cluster (use 'force' to bypass this check): Total quota guarantees '%v' exceed cluster capacity '%v'", total, capacity)}
		}
	}
	c.storeQuota(role, q)
	return nil
}

func (c *Core) removeQuota(role string) *CallError {
	if old := c.roles[role]; old == nil || old.Rec.Quota == nil {
		return &CallError{Status: 400, Text: fmt.Sprintf("Failed to validate remove quota request: Role '%s' has no quota set", role)}
	}
	c.storeQuota(role, nil)
	return nil
}

// updateWeights sets several roles' weights, all or none. Offers were made by the
// old weights: if a role that is in use is among them, all are taken back.
func (c *Core) updateWeights(infos []*mesos.WeightInfo) *CallError {
	const prefix = "Failed to validate update weights request JSON"
	for _, w := range infos {
		role := trim(w.GetRole())
		switch err := resource.ValidateRole(role); {
		case err != nil:
			return &CallError{Status: 400, Text: fmt.Sprintf("%s: Invalid role '%s': %v", prefix, role, err)}
		case !c.roleAllowed(role):
			return &CallError{Status: 400, Text: fmt.Sprintf("%s: Unknown role '%s'", prefix, role)}
		case !(w.GetWeight() > 0):
			return &CallError{Status: 400, Text: fmt.Sprintf("%s for role '%s': Invalid weight '%v': Weights must be positive", prefix, role, w.GetWeight())}
		}
	}
	weights, inUse := map[string]float64{}, false
	for _, w := range infos {
		role := trim(w.GetRole())
		c.storeWeight(role, w.GetWeight())
		weights[role] = w.GetWeight()
		inUse = inUse || c.roleInUse(role)
	}
	c.engine.a.UpdateWeights(weights)
	if inUse {
		for _, o := range sortedValues(c.offers, cmp.Compare) {
			c.rescindOffer(o, noFilter)
		}
	}
	return nil
}

func (c *Core) storeWeight(role string, weight float64) {
	next := &record.Role{Name: &role, Weight: &weight}
	if old := c.roles[role]; old != nil {
		next.Quota = old.Rec.Quota
	}
	c.putRole(next)
}

func (c *Core) roleInUse(role string) bool {
	for _, f := range c.frameworks {
		if f.subscribed(role) {
			return true
		}
	}
	return false
}
