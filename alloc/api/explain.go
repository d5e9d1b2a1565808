package api

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/alloc/view"
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/resource"
)

// "Why is it pending": /explain?framework_id=&agent_id=&role= names the rule that
// stands between a framework and an agent or, without agent_id, counts the agents
// per rule. The rules are the allocation engine's, so the loop is asked, some
// hundred pairs in a turn; everything else comes from a snapshot. A summary of many
// agents therefore sees several moments, a few turns apart.

// explainPairs bounds the (role, agent) pairs of a turn: less than a millisecond.
const explainPairs = 256

// explainLimit bounds the explanations under way: each costs the loop a turn after
// the other.
const explainLimit = 2

// Rules beside those of alloc/cycle, seen in the snapshot.
const (
	ruleOffered     = "OFFERED"
	ruleUnreachable = "AGENT_UNREACHABLE"
	ruleGone        = "AGENT_GONE"
	ruleRecovering  = "AGENT_NOT_BACK"
)

// explained is the answer. Field order is the order of its JSON.
type explained struct {
	FrameworkID string `json:"framework_id"`
	Name        string `json:"name"`
	Active      bool   `json:"active"`
	Connected   bool   `json:"connected"`
	// Verdict says it in a sentence.
	Verdict string          `json:"verdict"`
	Agent   *explainedAgent `json:"agent,omitempty"`
	Roles   []explainedRole `json:"roles"`
	Offers  explainedOffers `json:"offers"`
	// Unmet guarantees of roles hold back resources from all others.
	UnmetGuarantees []unmetGuarantee `json:"unmet_guarantees,omitempty"`
}

type explainedAgent struct {
	AgentID   string `json:"agent_id"`
	Hostname  string `json:"hostname"`
	Total     string `json:"total"`
	Allocated string `json:"allocated"`
	Offered   string `json:"offered"`
	Available string `json:"available"`
	// OfferedTo are the offers that hold resources of the agent.
	OfferedTo []explainedOffer `json:"offered_to,omitempty"`
}

type explainedOffer struct {
	OfferID     string  `json:"offer_id"`
	FrameworkID string  `json:"framework_id"`
	Role        string  `json:"role"`
	Resources   string  `json:"resources"`
	AgeSeconds  float64 `json:"age_seconds"`
}

type explainedRole struct {
	Role       string          `json:"role"`
	Suppressed bool            `json:"suppressed"`
	Quota      *explainedQuota `json:"quota,omitempty"`
	Agents     int             `json:"agents"`
	// Rules, the most frequent first; one if an agent was named.
	Rules []explainedRule `json:"rules"`
}

type explainedRule struct {
	Rule   string `json:"rule"`
	Agents int    `json:"agents"`
	// Text and AgentID are of the first agent that the rule applies to.
	AgentID string `json:"agent_id"`
	Text    string `json:"text"`
}

// explainedQuota is the quota of the role or of the ancestor that has one.
type explainedQuota struct {
	Role      string `json:"role"`
	Guarantee string `json:"guarantee"`
	Limit     string `json:"limit"`
	Consumed  string `json:"consumed"`
}

type unmetGuarantee struct {
	Role  string `json:"role"`
	Unmet string `json:"unmet"`
}

type explainedOffers struct {
	Outstanding int    `json:"outstanding"`
	Sent        uint64 `json:"sent"`
	Accepted    uint64 `json:"accepted"`
	Declined    uint64 `json:"declined"`
	Rescinded   uint64 `json:"rescinded"`
	// Seconds since the last offer and since the last one that was used, or since
	// the framework became known to this process.
	SecondsSinceLast float64            `json:"seconds_since_last"`
	SecondsSinceUsed float64            `json:"seconds_since_used"`
	LastRefused      []explainedRefusal `json:"last_refused,omitempty"`
}

type explainedRefusal struct {
	OfferID       string  `json:"offer_id"`
	AgentID       string  `json:"agent_id"`
	Hostname      string  `json:"hostname"`
	Role          string  `json:"role"`
	Resources     string  `json:"resources"`
	SecondsAgo    float64 `json:"seconds_ago"`
	RefuseSeconds float64 `json:"refuse_seconds"`
}

// explain is GET /explain.
func (s *Server) explain(c *httpd.Ctx) {
	if !c.IsMethod("GET", "HEAD") {
		c.ReplyMethodNotAllowed("GET")
		return
	}
	if s.explaining.Add(1) > explainLimit {
		s.explaining.Add(-1)
		c.SetReplyHeader("Retry-After", "1")
		c.ReplyText(503, fmt.Sprintf("%d explanations are being worked out already, try again", explainLimit))
		return
	}
	defer s.explaining.Add(-1)
	snap := s.view.Snapshot()
	f, err := findFramework(snap, string(c.Query("framework_id")))
	if err != nil {
		c.ReplyText(err.Status, err.Text)
		return
	}
	roles := frameworkRoles(f.Info())
	if role := string(c.Query("role")); role != "" {
		if !slices.Contains(roles, role) {
			c.ReplyText(404, fmt.Sprintf("framework %s is not subscribed to role %q, but to %q", f.ID(), role, roles))
			return
		}
		roles = []string{role}
	}
	agents := slices.Collect(snap.Agents.All())
	if id := string(c.Query("agent_id")); id != "" {
		a, err := findAgent(snap, id)
		if err != nil {
			c.ReplyText(err.Status, err.Text)
			return
		}
		agents = []*core.Agent{a}
	}
	e := s.explainFramework(snap, f)
	for _, role := range roles {
		r, ok := s.explainRole(c, snap, f, role, agents)
		if !ok {
			return
		}
		e.Roles = append(e.Roles, r)
	}
	if c.Query("agent_id") != nil && len(agents) == 1 {
		e.Agent = s.explainAgent(snap, agents[0])
	}
	e.addQuotas(snap)
	e.Verdict = e.verdict()
	s.showExplanation(c, e)
}

// findFramework finds a live framework by its id, the beginning of its id, or its
// name, if only one has it.
func findFramework(snap *view.Snapshot, text string) (*core.Framework, *core.CallError) {
	if text == "" {
		return nil, &core.CallError{Status: 400, Text: "Expecting 'framework_id=value' in query."}
	}
	var found []*core.Framework
	for f := range snap.Frameworks.All() {
		switch {
		case f.ID() == text && f.Completed():
			return nil, &core.CallError{Status: 404, Text: "framework " + text + " has ended"}
		case f.ID() == text:
			return f, nil
		case !f.Completed() && (strings.HasPrefix(f.ID(), text) || f.Info().GetName() == text):
			found = append(found, f)
		}
	}
	if len(found) != 1 {
		return nil, &core.CallError{Status: 404, Text: fmt.Sprintf("%d frameworks have the id %q or one that begins so, or are called so; want one", len(found), clip([]byte(text)))}
	}
	return found[0], nil
}

// findAgent finds an agent by its id, the beginning of its id, or its host's name.
func findAgent(snap *view.Snapshot, text string) (*core.Agent, *core.CallError) {
	var found []*core.Agent
	for a := range snap.Agents.All() {
		switch {
		case a.ID() == text:
			return a, nil
		case strings.HasPrefix(a.ID(), text) || a.Info().GetHostname() == text:
			found = append(found, a)
		}
	}
	if len(found) != 1 {
		return nil, &core.CallError{Status: 404, Text: fmt.Sprintf("%d agents have the id %q or one that begins so, or are on a host called so; want one", len(found), clip([]byte(text)))}
	}
	return found[0], nil
}

// explainRole finds the rule for each agent. It returns false after it has
// answered: the loop is full or stopped.
func (s *Server) explainRole(c *httpd.Ctx, snap *view.Snapshot, f *core.Framework, role string, agents []*core.Agent) (explainedRole, bool) {
	offered := map[string]string{}
	for o := range snap.Offers.All() {
		if o.FrameworkID() == f.ID() && o.Role() == role {
			offered[o.AgentID()] = o.ID()
		}
	}
	tally := ruleTally{}
	var ask []string
	for _, a := range agents {
		switch offer := offered[a.ID()]; {
		case offer != "":
			tally.add(ruleOffered, a.ID(), "offer "+offer+" is outstanding")
		case a.Recovered:
			tally.add(ruleRecovering, a.ID(), "the agent has not come back since the allocator started")
		case !a.Registered():
			rule := ruleUnreachable
			if a.Rec.GetPhase() == record.Agent_GONE {
				rule = ruleGone
			}
			tally.add(rule, a.ID(), "the agent is "+strings.ToLower(a.Rec.GetPhase().String()))
		default:
			ask = append(ask, a.ID())
		}
	}
	for page := range slices.Chunk(ask, explainPairs) {
		token := core.Token(s.nextRef())
		a, ok := s.call(c, token, &core.Explain{Framework: f.ID(), Roles: []string{role}, Agents: page, Reply: token}, 0)
		if !ok {
			return explainedRole{}, false
		}
		for i, e := range a.value.([]cycle.Explanation) {
			tally.add(string(e.Reason), page[i], e.Text)
		}
	}
	return explainedRole{
		Role: role, Suppressed: slices.Contains(f.Rec.GetSuppressedRoles(), role),
		Agents: len(agents), Rules: tally.sorted(),
	}, true
}

type ruleTally map[string]*explainedRule

func (t ruleTally) add(rule, agent, text string) {
	if t[rule] == nil {
		t[rule] = &explainedRule{Rule: rule, AgentID: agent, Text: text}
	}
	t[rule].Agents++
}

func (t ruleTally) sorted() []explainedRule {
	rules := make([]explainedRule, 0, len(t))
	for _, r := range t {
		rules = append(rules, *r)
	}
	slices.SortFunc(rules, func(a, b explainedRule) int {
		if a.Agents != b.Agents {
			return b.Agents - a.Agents
		}
		return strings.Compare(a.Rule, b.Rule)
	})
	return rules
}

func (s *Server) explainFramework(snap *view.Snapshot, f *core.Framework) *explained {
	e := &explained{FrameworkID: f.ID(), Name: f.Info().GetName(), Active: f.Active, Connected: f.Connected}
	for o := range snap.Offers.All() {
		if o.FrameworkID() == f.ID() {
			e.Offers.Outstanding++
		}
	}
	counts, ok := s.counts.frameworks.offersOf(f.ID())
	if !ok {
		return e
	}
	now := s.opts.Clock.Now()
	e.Offers.Sent, e.Offers.Accepted = counts.offersSent, counts.offersAccepted
	e.Offers.Declined, e.Offers.Rescinded = counts.offersDeclined, counts.offersRescinded
	e.Offers.SecondsSinceLast = counts.memory.sinceOffer(now).Seconds()
	e.Offers.SecondsSinceUsed = counts.memory.sinceUsed(now).Seconds()
	for _, r := range slices.Backward(counts.memory.refused) {
		e.Offers.LastRefused = append(e.Offers.LastRefused, explainedRefusal{
			OfferID: r.offer, AgentID: r.agent, Hostname: r.hostname, Role: r.role,
			Resources: r.resources.Unallocate().String(), SecondsAgo: now.Sub(r.at).Seconds(), RefuseSeconds: r.refuseSeconds,
		})
	}
	return e
}

func (s *Server) explainAgent(snap *view.Snapshot, a *core.Agent) *explainedAgent {
	var allocated, offered resource.Resources
	e := &explainedAgent{AgentID: a.ID(), Hostname: a.Info().GetHostname()}
	for t := range snap.Tasks.All() {
		if t.Info().GetAgentId().GetValue() == a.ID() && holdsResources(t) {
			allocated.AddInPlace(t.Resources().Unallocate())
		}
	}
	for x := range snap.Executors.All() {
		if x.Rec.GetAgentId() == a.ID() {
			allocated.AddInPlace(x.Resources().Unallocate())
		}
	}
	now := s.opts.Clock.Now().UnixNano()
	for o := range snap.Offers.All() {
		if o.AgentID() != a.ID() {
			continue
		}
		offered.AddInPlace(o.Resources().Unallocate())
		e.OfferedTo = append(e.OfferedTo, explainedOffer{
			OfferID: o.ID(), FrameworkID: o.FrameworkID(), Role: o.Role(),
			Resources: o.Resources().Unallocate().String(), AgeSeconds: secondsOf(max(0, now-o.MadeNanos())),
		})
	}
	e.Total, e.Allocated, e.Offered = a.Total().String(), allocated.String(), offered.String()
	e.Available = a.Total().Minus(allocated).Minus(offered).String()
	return e
}
