package history

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
	"github.com/caprock/caprock/wire/resource/notation"
)

// verb is what a command may be given: how many positional words, at least and at
// most, and which named ones.
type verb struct {
	do        func(*Player, words) error
	min, most int
	names     string // separated by blanks
}

var verbs map[string]verb

func init() {
	verbs = map[string]verb{
		"options":         {(*Player).doOptions, 0, 0, "min exclude filter_gpu domain interval recovery_factor recovery_timeout"},
		"recover":         {(*Player).doRecover, 1, 2, ""},
		"framework":       {(*Player).doFramework, 1, 1, "roles caps suppressed active min constraints"},
		"updateframework": {(*Player).doUpdateFramework, 1, 1, "roles caps suppressed active min constraints"},
		"activate":        {(*Player).doActivate, 1, 1, ""},
		"deactivate":      {(*Player).doDeactivate, 1, 1, ""},
		"removeframework": {(*Player).doRemoveFramework, 1, 1, ""},
		"suppress":        {(*Player).doSuppress, 1, 1, "roles"},
		"revive":          {(*Player).doRevive, 1, 1, "roles"},
		"agent":           {(*Player).doAgent, 1, 1, "res attrs domain caps hostname unavailable used"},
		"updateagent":     {(*Player).doUpdateAgent, 1, 1, "res attrs domain caps hostname"},
		"provider":        {(*Player).doProvider, 1, 1, "res"},
		"removeagent":     {(*Player).doRemoveAgent, 1, 1, ""},
		"deactivateagent": {(*Player).doDeactivateAgent, 1, 1, ""},
		"activateagent":   {(*Player).doActivateAgent, 1, 1, ""},
		"weights":         {(*Player).doWeights, 1, 1, ""},
		"quota":           {(*Player).doQuota, 1, 1, "guarantee limit"},
		"removequota":     {(*Player).doQuota, 1, 1, ""},
		"decline":         {(*Player).doDecline, 1, 1, "filter"},
		"accept":          {(*Player).doAccept, 1, 1, "ops filter"},
		"finish":          {(*Player).doFinish, 1, 1, "res filter"},
		"available":       {(*Player).doAvailable, 1, 1, "ops"},
		"unavailable":     {(*Player).doUnavailable, 1, 2, ""},
		"inverse":         {(*Player).doInverse, 2, 2, "filter"},
		"inversestatus":   {(*Player).doInverseStatus, 0, 0, ""},
		"whitelist":       {(*Player).doWhitelist, 0, 1, ""},
		"tick":            {(*Player).doTick, 1, 1, ""},
		"jump":            {(*Player).doJump, 1, 1, ""},
		"declineall":      {(*Player).doDeclineAll, 1, 1, "role max filter"},
		"acceptall":       {(*Player).doAcceptAll, 1, 1, "role max each filter"},
		"finishall":       {(*Player).doFinishAll, 1, 1, "max"},
	}
}

// check refuses a command with words that its verb does not know: guessing would
// make a difference look like one of the allocator's.
func (v verb) check(w words) error {
	if n := len(w.positional); n < v.min || n > v.most {
		return fmt.Errorf("%s has %d words %q, want %d to %d", w.verb, n, w.positional, v.min, v.most)
	}
	known := strings.Fields(v.names)
	for _, name := range slices.Sorted(maps.Keys(w.named)) {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%s has unknown word %s=, known are %q", w.verb, name, known)
		}
	}
	if len(w.tasks) > 0 && w.verb != "accept" {
		return fmt.Errorf("%s has a task=, which only accept has", w.verb)
	}
	return nil
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

func (p *Player) doRecover(w words) error {
	n, err := strconv.Atoi(w.arg(0))
	if err != nil {
		return err
	}
	var texts map[string]quotaText
	if text := w.arg(1); text != "" {
		if err := json.Unmarshal([]byte(text), &texts); err != nil {
			return err
		}
	}
	quotas := make(map[string]cycle.Quota)
	for role, text := range texts {
		if quotas[role], err = text.parse(); err != nil {
			return err
		}
	}
	return p.target.Recover(p.Now, n, quotas)
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

func (p *Player) doAgent(w words) error {
	g := &cycle.Agent{
		ID: w.arg(0), Hostname: w.arg(0),
		Capabilities: cycle.AllAgentCaps,
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
		for _, name := range slices.Sorted(maps.Keys(tasks)) {
			t := tasks[name]
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
		return nil // forgotten with its agent
	}
	delete(p.inverse, x.name)
	filter, err := filterOf(w, defaultFilter())
	if err != nil {
		return err
	}
	var status *cycle.InverseStatus
	switch answer := w.arg(1); answer {
	case "accept", "decline":
		status = &cycle.InverseStatus{Accepted: answer == "accept", Nanos: p.Now}
	case "none":
	default:
		return fmt.Errorf("answer %q to an inverse offer, want accept, decline or none", answer)
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
