package history

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/resource"
	"github.com/caprock/caprock/wire/resource/notation"
)

func nanos(text string) (int64, error) {
	s, err := strconv.ParseFloat(text, 64)
	return int64(s * nanosPerSecond), err
}

func domain(text string) *mesos.DomainInfo {
	region, zone, _ := strings.Cut(text, "/")
	return &mesos.DomainInfo{FaultDomain: &mesos.DomainInfo_FaultDomain{
		Region: &mesos.DomainInfo_FaultDomain_RegionInfo{Name: &region},
		Zone:   &mesos.DomainInfo_FaultDomain_ZoneInfo{Name: &zone},
	}}
}

type quotaText struct{ Guarantee, Limit string }

func (q quotaText) parse() (cycle.Quota, error) {
	g, err := resource.ParseQuantities(q.Guarantee)
	if err != nil {
		return cycle.Quota{}, err
	}
	l, err := resource.ParseLimits(q.Limit)
	return cycle.Quota{Guarantee: g, Limit: l}, err
}

var frameworkCaps = map[string]cycle.CapSet{
	"REVOCABLE_RESOURCES": cycle.RevocableResources, "GPU_RESOURCES": cycle.GPUResources,
	"SHARED_RESOURCES": cycle.SharedResources, "MULTI_ROLE": cycle.MultiRole,
	"RESERVATION_REFINEMENT": cycle.ReservationRefinement, "REGION_AWARE": cycle.RegionAware,
}

func (p *Player) frameworkOf(w words) (cycle.Framework, error) {
	f := cycle.Framework{
		ID: w.arg(0), Roles: list(w.named["roles"]), Suppressed: list(w.named["suppressed"]),
		Active: w.named["active"] != "false",
	}
	for _, c := range list(w.named["caps"]) {
		if _, ok := mesos.FrameworkInfo_Capability_Type_value[c]; !ok {
			return f, fmt.Errorf("unknown capability %q of a framework", c)
		}
		f.Capabilities |= frameworkCaps[c] // others do not matter to offers
	}
	if len(f.Roles) == 0 && !f.Capabilities.Has(cycle.MultiRole) {
		f.Roles = []string{"*"} // what a single role is if it is not given
	}
	if text := w.named["min"]; text != "" {
		var alternatives map[string][]string
		if err := json.Unmarshal([]byte(text), &alternatives); err != nil {
			return f, err
		}
		f.MinAllocatable = make(map[string][]resource.Quantities)
		for role, texts := range alternatives {
			f.MinAllocatable[role] = []resource.Quantities{}
			for _, t := range texts {
				q, err := resource.ParseQuantities(t)
				if err != nil {
					return f, err
				}
				f.MinAllocatable[role] = append(f.MinAllocatable[role], q)
			}
		}
	}
	if text := w.named["constraints"]; text != "" {
		oc, err := constraints(text)
		if err != nil {
			return f, err
		}
		if f.Constraints, err = cycle.CompileConstraints(oc, cycle.RegexpLimits{}); err != nil {
			p.answers = append(p.answers, fmt.Sprintf(`{"error":%q}`, err.Error()))
		}
	}
	return f, nil
}

func constraints(text string) (*scheduler.OfferConstraints, error) {
	var roles map[string][][][]string
	if err := json.Unmarshal([]byte(text), &roles); err != nil {
		return nil, err
	}
	oc := &scheduler.OfferConstraints{RoleConstraints: make(map[string]*scheduler.OfferConstraints_RoleConstraints)}
	for role, groups := range roles {
		rc := &scheduler.OfferConstraints_RoleConstraints{}
		for _, g := range groups {
			group := &scheduler.OfferConstraints_RoleConstraints_Group{}
			for _, c := range g {
				x, err := constraint(c)
				if err != nil {
					return nil, err
				}
				group.AttributeConstraints = append(group.AttributeConstraints, x)
			}
			rc.Groups = append(rc.Groups, group)
		}
		oc.RoleConstraints[role] = rc
	}
	return oc, nil
}

func constraint(c []string) (*scheduler.AttributeConstraint, error) {
	if len(c) < 2 {
		return nil, fmt.Errorf("constraint %q: want a selector and a predicate", c)
	}
	x := &scheduler.AttributeConstraint{
		Selector: &scheduler.AttributeConstraint_Selector{}, Predicate: &scheduler.AttributeConstraint_Predicate{},
	}
	pseudo := map[string]scheduler.AttributeConstraint_Selector_PseudoattributeType{
		"@hostname": scheduler.AttributeConstraint_Selector_HOSTNAME,
		"@region":   scheduler.AttributeConstraint_Selector_REGION,
		"@zone":     scheduler.AttributeConstraint_Selector_ZONE,
	}
	if t, ok := pseudo[c[0]]; ok {
		x.Selector.Selector = &scheduler.AttributeConstraint_Selector_PseudoattributeType_{PseudoattributeType: t}
	} else {
		x.Selector.Selector = &scheduler.AttributeConstraint_Selector_AttributeName{AttributeName: c[0]}
	}
	value := ""
	if len(c) > 2 {
		value = c[2]
	}
	switch c[1] {
	case "exists":
		x.Predicate.Predicate = &scheduler.AttributeConstraint_Predicate_Exists_{Exists: &scheduler.AttributeConstraint_Predicate_Exists{}}
	case "not_exists":
		x.Predicate.Predicate = &scheduler.AttributeConstraint_Predicate_NotExists_{NotExists: &scheduler.AttributeConstraint_Predicate_NotExists{}}
	case "text_equals":
		x.Predicate.Predicate = &scheduler.AttributeConstraint_Predicate_TextEquals_{
			TextEquals: &scheduler.AttributeConstraint_Predicate_TextEquals{Value: &value}}
	case "text_not_equals":
		x.Predicate.Predicate = &scheduler.AttributeConstraint_Predicate_TextNotEquals_{
			TextNotEquals: &scheduler.AttributeConstraint_Predicate_TextNotEquals{Value: &value}}
	case "text_matches":
		x.Predicate.Predicate = &scheduler.AttributeConstraint_Predicate_TextMatches_{
			TextMatches: &scheduler.AttributeConstraint_Predicate_TextMatches{Regex: &value}}
	case "text_not_matches":
		x.Predicate.Predicate = &scheduler.AttributeConstraint_Predicate_TextNotMatches_{
			TextNotMatches: &scheduler.AttributeConstraint_Predicate_TextNotMatches{Regex: &value}}
	default:
		return nil, fmt.Errorf("unknown predicate %q", c[1])
	}
	return x, nil
}

// describeAgent fills what the command says about an agent.
func describeAgent(g *cycle.Agent, w words) error {
	if text, ok := w.named["res"]; ok {
		total, err := notation.Parse(text)
		if err != nil {
			return err
		}
		g.Total = total
	}
	if text, ok := w.named["attrs"]; ok {
		attrs, err := resource.ParseAttributes(text)
		if err != nil {
			return err
		}
		g.Attributes = attrs
	}
	if text, ok := w.named["domain"]; ok {
		g.Domain = nil
		if text != "" {
			g.Domain = domain(text)
		}
	}
	if text, ok := w.named["hostname"]; ok {
		g.Hostname = text
	}
	if text, ok := w.named["caps"]; ok {
		g.Capabilities = 0
		for _, c := range list(text) {
			t, ok := mesos.AgentInfo_Capability_Type_value[c]
			if !ok {
				return fmt.Errorf("unknown capability %q of an agent", c)
			}
			g.Capabilities |= cycle.AgentCapability(mesos.AgentInfo_Capability_Type(t))
		}
	}
	return nil
}
