package history

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/resource"
	"github.com/caprock/caprock/wire/resource/notation"
)

var verbs map[string]func(*Player, words) error

func init() {
	verbs = map[string]func(*Player, words) error{
		"options": (*Player).doOptions, "recover": (*Player).doRecover,
		"framework": (*Player).doFramework, "updateframework": (*Player).doUpdateFramework,
		"activate": (*Player).doActivate, "deactivate": (*Player).doDeactivate, "removeframework": (*Player).doRemoveFramework,
		"suppress": (*Player).doSuppress, "revive": (*Player).doRevive,
		"agent": (*Player).doAgent, "updateagent": (*Player).doUpdateAgent, "provider": (*Player).doProvider,
		"removeagent": (*Player).doRemoveAgent, "deactivateagent": (*Player).doDeactivateAgent, "activateagent": (*Player).doActivateAgent,
		"weights": (*Player).doWeights, "quota": (*Player).doQuota, "removequota": (*Player).doQuota,
		"decline": (*Player).doDecline, "accept": (*Player).doAccept, "finish": (*Player).doFinish,
		"available": (*Player).doAvailable, "unavailable": (*Player).doUnavailable,
		"inverse": (*Player).doInverse, "inversestatus": (*Player).doInverseStatus,
		"whitelist": (*Player).doWhitelist, "tick": (*Player).doTick, "jump": (*Player).doJump,
		"declineall": (*Player).doDeclineAll, "acceptall": (*Player).doAcceptAll, "finishall": (*Player).doFinishAll,
	}
}

func (p *Player) doOptions(w words) error {
	var o cycle.Options
	for key, text := range w.named {
		var err error
		switch key {
		case "min":
			o.MinAllocatable = []resource.Quantities{}
			if text != "none" {
				for _, q := range strings.Split(text, "|") {
					var x resource.Quantities
					if x, err = resource.ParseQuantities(q); err != nil {
						break
					}
					o.MinAllocatable = append(o.MinAllocatable, x)
				}
			}
		case "exclude":
			o.ExcludeNames = list(text)
		case "filter_gpu":
			o.ShowGPUsToAll = text == "false"
		case "domain":
			o.Domain = domain(text)
		case "interval":
			o.IntervalNanos, err = nanos(text)
		case "recovery_factor":
			o.RecoveryFactor, err = strconv.ParseFloat(text, 64)
		case "recovery_timeout":
			o.RecoveryTimeoutNanos, err = nanos(text)
		default:
			err = fmt.Errorf("unknown option %q", key)
		}
		if err != nil {
			return err
		}
	}
	p.reset(o)
	return nil
}

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

func (p *Player) doRecover(w words) error {
	n, err := strconv.Atoi(w.arg(0))
	if err != nil {
		return err
	}
	var texts map[string]quotaText
	if err := json.Unmarshal([]byte(w.arg(1)), &texts); err != nil {
		return err
	}
	quotas := make(map[string]cycle.Quota)
	for role, text := range texts {
		if quotas[role], err = text.parse(); err != nil {
			return err
		}
	}
	return p.target.Recover(p.Now, n, quotas)
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
		bit, ok := frameworkCaps[c]
		if !ok && c != "PARTITION_AWARE" && c != "TASK_KILLING_STATE" {
			return f, fmt.Errorf("unknown capability %q", c)
		}
		f.Capabilities |= bit
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

func (p *Player) doFramework(w words) error {
	f, err := p.frameworkOf(w)
	if err != nil {
		return err
	}
	used := make(map[string]resource.Resources)
	for _, t := range p.sortedTasks(func(t *task) bool { return t.framework == f.ID }) {
		used[t.agent] = used[t.agent].Plus(t.res)
	}
	return p.target.AddFramework(p.Now, f, used)
}

func (p *Player) doUpdateFramework(w words) error {
	f, err := p.frameworkOf(w)
	if err != nil {
		return err
	}
	return p.target.UpdateFramework(p.Now, f)
}

func (p *Player) doActivate(w words) error { return p.target.ActivateFramework(p.Now, w.arg(0)) }

func (p *Player) doDeactivate(w words) error {
	f := w.arg(0)
	if err := p.target.DeactivateFramework(f); err != nil {
		return err
	}
	return p.forgetOffers(f)
}

// forgetOffers takes back all offers and inverse offers of a framework.
func (p *Player) forgetOffers(f string) error {
	if err := p.takeBack(func(o *offer) bool { return o.framework == f }); err != nil {
		return err
	}
	return p.takeBackInverse(func(x *inverse) bool { return x.framework == f })
}

func (p *Player) doRemoveFramework(w words) error {
	f := w.arg(0)
	if err := p.forgetOffers(f); err != nil {
		return err
	}
	for _, t := range p.sortedTasks(func(t *task) bool { return t.framework == f }) {
		delete(p.tasks, t.name)
		if err := p.target.RecoverResources(p.Now, f, t.agent, t.res, nil, true); err != nil {
			return err
		}
	}
	return p.target.RemoveFramework(f)
}

func (p *Player) doSuppress(w words) error {
	return p.target.Suppress(w.arg(0), list(w.named["roles"]))
}

func (p *Player) doRevive(w words) error {
	return p.target.Revive(p.Now, w.arg(0), list(w.named["roles"]))
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
			switch c {
			case "MULTI_ROLE":
				g.Capabilities |= cycle.AgentMultiRole
			case "HIERARCHICAL_ROLE":
				g.Capabilities |= cycle.AgentHierarchicalRole
			default:
				g.Capabilities |= cycle.AgentOther
			}
		}
	}
	return nil
}

func (p *Player) doAgent(w words) error {
	g := &cycle.Agent{
		ID: w.arg(0), Hostname: w.arg(0),
		Capabilities: cycle.AgentMultiRole | cycle.AgentHierarchicalRole | cycle.AgentOther,
	}
	if err := describeAgent(g, w); err != nil {
		return err
	}
	if text, ok := w.named["unavailable"]; ok {
		var err error
		if g.Unavailability, err = unavailability(text); err != nil {
			return err
		}
	}
	used := make(map[string]resource.Resources)
	if text, ok := w.named["used"]; ok {
		var tasks map[string][3]string
		if err := json.Unmarshal([]byte(text), &tasks); err != nil {
			return err
		}
		for name, t := range tasks {
			res, err := notation.Parse(t[2])
			if err != nil {
				return err
			}
			p.launched++
			p.tasks[name] = &task{name, t[0], t[1], g.ID, p.launched, res.Allocate(t[1])}
			used[t[0]] = used[t[0]].Plus(res.Allocate(t[1]))
		}
	}
	p.agents[g.ID] = g
	return p.target.AddAgent(p.Now, *g, used)
}

func (p *Player) doUpdateAgent(w words) error {
	g, ok := p.agents[w.arg(0)]
	if !ok {
		return fmt.Errorf("no agent %q", w.arg(0))
	}
	if err := describeAgent(g, w); err != nil {
		return err
	}
	info := *g
	if !has(w.named, "res") {
		info.Total = p.target.AgentTotal(g.ID)
	}
	return p.target.UpdateAgent(p.Now, info)
}

func (p *Player) doProvider(w words) error {
	res, err := notation.Parse(w.named["res"])
	if err != nil {
		return err
	}
	return p.target.AddResourceProvider(w.arg(0), res, nil)
}

func (p *Player) doRemoveAgent(w words) error {
	id := w.arg(0)
	for name, o := range p.offers {
		if o.agent == id {
			delete(p.offers, name)
		}
	}
	for name, x := range p.inverse {
		if x.agent == id {
			delete(p.inverse, name)
		}
	}
	for name, t := range p.tasks {
		if t.agent == id {
			delete(p.tasks, name)
		}
	}
	delete(p.agents, id)
	return p.target.RemoveAgent(id)
}

func (p *Player) doDeactivateAgent(w words) error {
	id := w.arg(0)
	if err := p.target.DeactivateAgent(id); err != nil {
		return err
	}
	return p.emptyAgent(id)
}

// emptyAgent takes back all offers and inverse offers of an agent.
func (p *Player) emptyAgent(id string) error {
	if err := p.takeBack(func(o *offer) bool { return o.agent == id }); err != nil {
		return err
	}
	return p.takeBackInverse(func(x *inverse) bool { return x.agent == id })
}

func (p *Player) doActivateAgent(w words) error { return p.target.ActivateAgent(w.arg(0)) }

func (p *Player) doWeights(w words) error {
	weights := make(map[string]float64)
	for _, pair := range list(w.arg(0)) {
		role, text, _ := strings.Cut(pair, ":")
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return err
		}
		weights[role] = x
	}
	p.target.UpdateWeights(weights)
	return nil
}

func (p *Player) doQuota(w words) error {
	q, err := quotaText{w.named["guarantee"], w.named["limit"]}.parse()
	if err != nil {
		return err
	}
	return p.target.UpdateQuota(w.arg(0), q)
}

func (p *Player) doDecline(w words) error {
	o, ok := p.offers[w.arg(0)]
	if !ok {
		return nil // forgotten with its agent
	}
	filter, err := filterOf(w, defaultFilter())
	if err != nil {
		return err
	}
	return p.decline(o, filter)
}

func (p *Player) decline(o *offer, filter *cycle.Filter) error {
	delete(p.offers, o.name)
	return p.target.RecoverResources(p.Now, o.framework, o.agent, o.res, filter, false)
}

func (p *Player) doUnavailable(w words) error {
	if err := p.emptyAgent(w.arg(0)); err != nil {
		return err
	}
	var u *mesos.Unavailability
	if text := w.arg(1); text != "" {
		var err error
		if u, err = unavailability(text); err != nil {
			return err
		}
	}
	return p.target.UpdateUnavailability(p.Now, w.arg(0), u)
}

func (p *Player) doInverse(w words) error {
	x, ok := p.inverse[w.arg(0)]
	if !ok {
		return nil
	}
	delete(p.inverse, x.name)
	filter, err := filterOf(w, defaultFilter())
	if err != nil {
		return err
	}
	var status *cycle.InverseStatus
	if answer := w.arg(1); answer != "none" {
		status = &cycle.InverseStatus{Accepted: answer == "accept", Nanos: p.Now}
	}
	return p.target.UpdateInverseOffer(p.Now, x.agent, x.framework, status, filter)
}

func (p *Player) doInverseStatus(words) error {
	for agent, statuses := range p.target.InverseOfferStatuses() {
		for framework, s := range statuses {
			answer := "DECLINE"
			if s.Accepted {
				answer = "ACCEPT"
			}
			p.answers = append(p.answers, fmt.Sprintf(`{"agent":%q,"framework":%q,"status":%q}`, agent, framework, answer))
		}
	}
	slices.Sort(p.answers)
	return nil
}

func (p *Player) doWhitelist(w words) error {
	switch text := w.arg(0); text {
	case "*":
		p.target.SetWhitelist(nil)
	default:
		p.target.SetWhitelist(append([]string{}, list(text)...))
	}
	return nil
}

func (p *Player) doTick(w words) error {
	left, err := nanos(w.arg(0))
	if err != nil {
		return err
	}
	for ; left > nanosPerSecond; left -= nanosPerSecond {
		p.Now += nanosPerSecond
		p.settle()
	}
	p.Now += left
	return nil
}

func (p *Player) doJump(w words) error {
	by, err := nanos(w.arg(0))
	p.Now += by
	return err
}
