package core

import (
	"fmt"
	"slices"

	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// What a restart may change of resources and attributes: values of
// Options.ReconfigurationPolicy.
const (
	// ReconfigureFitting takes whatever still holds the reservations, the volumes
	// and what runs.
	ReconfigureFitting = "fitting"
	// ReconfigureAdditive takes only what has all that there was, as in Mesos.
	ReconfigureAdditive = "additive"
	// ReconfigureEqual takes no change.
	ReconfigureEqual = "equal"
)

// reconfigure takes over what the operator gives at this start. Reservations and
// volumes made since the first start are put on top of it. It fails, and changes
// nothing, if the policy does not allow it or something would not fit any more.
func (c *Core) reconfigure(rebooted bool) error {
	fresh := len(c.res.Configured) == 0
	if !fresh && sameResources(c.res.Configured, c.opts.Resources) && sameAttributes(c.res.Attributes, c.opts.Attributes) {
		return nil
	}
	given, err := resource.FromProto(c.opts.Resources)
	if err != nil {
		return fmt.Errorf("resources: %w", err)
	}
	if fresh {
		c.adoptTotal(given)
		return nil
	}
	if err := c.checkPolicy(given); err != nil {
		return err
	}
	had, err := resource.FromProto(c.res.Total)
	if err != nil {
		return fmt.Errorf("checkpointed resources: %w", err)
	}
	total, err := given.ApplyCheckpointed(had.Filter(func(r resource.Resource) bool { return r.NeedsCheckpoint() }))
	if err != nil {
		return fmt.Errorf("the resources given at this start do not hold the reservations and volumes made before; "+
			"give them back, or start on a fresh work dir: %w", err)
	}
	if !rebooted {
		if short := c.inUse().missingFrom(total); !short.IsEmpty() {
			return fmt.Errorf("the resources given at this start do not hold what runs: %s of %s are missing; "+
				"give them back, or end tasks first", short, total)
		}
	}
	c.adoptTotal(total)
	return nil
}

func (c *Core) adoptTotal(total resource.Resources) {
	c.res.Configured, c.res.Attributes = c.opts.Resources, c.opts.Attributes
	c.setTotal(total)
}

func (c *Core) setTotal(total resource.Resources) {
	c.res.Total, c.res.Version = total.ToProto(resource.PostRefinement), c.uuid()
	c.resDirty = true
}

// checkPolicy applies the operator's rule for changes, whatever would fit.
func (c *Core) checkPolicy(given resource.Resources) error {
	had, err := resource.FromProto(c.res.Configured)
	if err != nil {
		return fmt.Errorf("checkpointed resources: %w", err)
	}
	switch c.opts.ReconfigurationPolicy {
	case ReconfigureEqual:
		return fmt.Errorf("resources or attributes changed, and reconfiguration_policy is %q: got %s with %s, had %s with %s",
			ReconfigureEqual, given, attributesText(c.opts.Attributes), had, attributesText(c.res.Attributes))
	case ReconfigureAdditive:
		if !given.Contains(had) {
			return fmt.Errorf("resources shrank, and reconfiguration_policy is %q: got %s, had %s", ReconfigureAdditive, given, had)
		}
		for _, a := range c.res.Attributes {
			if !slices.ContainsFunc(c.opts.Attributes, a.EqualVT) {
				return fmt.Errorf("attribute %s is gone or changed, and reconfiguration_policy is %q: got %s",
					a.GetName(), ReconfigureAdditive, attributesText(c.opts.Attributes))
			}
		}
	}
	return nil
}

// holding is what executors and tasks of live containers hold. However often a
// shared volume is used, one is enough.
type holding struct {
	own    resource.Resources
	shared []resource.Resource
}

func (c *Core) inUse() holding {
	var h holding
	for _, f := range c.order {
		for _, ct := range f.containers {
			// Nothing runs beside a command; its executor is only shown.
			if ct.state() != record.Container_TERMINATED && ct.kind() != record.Container_COMMAND {
				h.add(ct.rec.Executor.Resources)
			}
			for _, t := range ct.tasks {
				if !t.terminal() {
					h.add(t.rec.Info.Resources)
				}
			}
		}
	}
	return h
}

func (h *holding) add(list []*mesos.Resource) {
	for _, m := range list {
		rs, err := resource.FromProto([]*mesos.Resource{m})
		if err != nil {
			continue // the allocator has checked it; what cannot be read holds nothing
		}
		rs = rs.Unallocate()
		h.own = h.own.Plus(rs.NonShared())
		h.shared = append(h.shared, rs.Shared()...)
	}
}

// missingFrom is what h holds and total does not have.
func (h holding) missingFrom(total resource.Resources) resource.Resources {
	missing := h.own.Minus(total)
	for _, r := range h.shared {
		if !total.ContainsEntry(r) && !missing.ContainsEntry(r) {
			missing = missing.Plus(resource.Of(r))
		}
	}
	return missing
}

func sameResources(a, b []*mesos.Resource) bool {
	return slices.EqualFunc(a, b, func(x, y *mesos.Resource) bool { return x.EqualVT(y) })
}

func sameAttributes(a, b []*mesos.Attribute) bool {
	return slices.EqualFunc(a, b, func(x, y *mesos.Attribute) bool { return x.EqualVT(y) })
}

func attributesText(list []*mesos.Attribute) string {
	if len(list) == 0 {
		return "no attributes"
	}
	text := "attributes"
	for _, a := range list {
		text += " " + a.GetName()
	}
	return text
}

// unknownHoldings names a dynamic reservation or a volume that an executor or tasks
// are to use and that this agent does not have; "" if it has all. As in Mesos each entry is
// looked at for itself: how much is free is the allocator's affair.
func (c *Core) unknownHoldings(executor []*mesos.Resource, tasks []*mesos.TaskInfo) string {
	var total resource.Resources
	lacks := func(list []*mesos.Resource) string {
		for _, m := range list {
			if m.ProviderId != nil || len(m.Reservations) == 0 && m.Reservation == nil && m.Disk == nil {
				continue
			}
			r, err := resource.EntryFromProto(m)
			if err != nil || !r.NeedsCheckpoint() {
				continue
			}
			if total == nil {
				total, _ = resource.FromProto(c.res.Total)
			}
			if plain := (resource.Resources{r}).Unallocate(); len(plain) > 0 && !total.ContainsEntry(plain[0]) {
				return plain.String()
			}
		}
		return ""
	}
	if unknown := lacks(executor); unknown != "" {
		return unknown
	}
	for _, info := range tasks {
		if unknown := lacks(info.Resources); unknown != "" {
			return unknown
		}
	}
	return ""
}
