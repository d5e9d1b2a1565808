package api

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/alloc/view"
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/mesos/master"
	"github.com/caprock/caprock/wire/resource"
)

// "Why is it pending": /explain?framework_id=&agent_id=&role=, or the operator call
// EXPLAIN, names the rule that stands between a framework and an agent or, without
// an agent, counts the agents per rule. The rules are the allocation engine's, so the loop is asked, some
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

// explain is GET /explain.
func (s *Server) explain(c *httpd.Ctx) {
	if !c.IsMethod("GET", "HEAD") {
		c.ReplyMethodNotAllowed("GET")
		return
	}
	e, ok := s.explanation(c, explainWanted{
		framework: string(c.Query("framework_id")), agent: string(c.Query("agent_id")), role: string(c.Query("role")),
	})
	if ok {
		showExplanation(c, e)
	}
}

// explainCall is the operator call EXPLAIN.
func (s *Server) explainCall(c *httpd.Ctx, t codec.Type, call *master.Call_Explain) {
	e, ok := s.explanation(c, explainWanted{
		framework: call.GetFrameworkId().GetValue(), agent: call.GetAgentId().GetValue(), role: call.GetRole(),
	})
	if ok {
		s.respond(c, t, &master.Response{Type: master.Response_EXPLAIN.Enum(), Explain: e})
	}
}

// explainWanted says what is to be explained; no agent: all of them, no role: all
// of the framework's.
type explainWanted struct{ framework, agent, role string }

// explanation works out an answer. It returns false after it has answered itself:
// what was asked for is not there, or not now.
func (s *Server) explanation(c *httpd.Ctx, wanted explainWanted) (*master.Response_Explain, bool) {
	if s.explaining.Add(1) > explainLimit {
		s.explaining.Add(-1)
		c.SetReplyHeader("Retry-After", "1")
		c.ReplyText(503, fmt.Sprintf("%d explanations are being worked out already, try again", explainLimit))
		return nil, false
	}
	defer s.explaining.Add(-1)
	snap := s.view.Snapshot()
	f, roles, agents, err := wanted.find(snap)
	if err != nil {
		c.ReplyText(err.Status, err.Text)
		return nil, false
	}
	e := s.explainFramework(snap, f)
	for _, role := range roles {
		r, ok := s.explainRole(c, snap, f, role, agents)
		if !ok {
			return nil, false
		}
		e.Roles = append(e.Roles, r)
	}
	if wanted.agent != "" {
		e.Agent = s.explainAgent(snap, agents[0])
	}
	addQuotas(e, snap)
	e.Verdict = ptr(verdict(e, len(agents)))
	return e, true
}

// find looks up what is to be explained.
func (wanted explainWanted) find(snap *view.Snapshot) (*core.Framework, []string, []*core.Agent, *core.CallError) {
	f, err := findFramework(snap, wanted.framework)
	if err != nil {
		return nil, nil, nil, err
	}
	roles := frameworkRoles(f.Info())
	if wanted.role != "" {
		if !slices.Contains(roles, wanted.role) {
			return nil, nil, nil, &core.CallError{Status: 404, Text: fmt.Sprintf("framework %s is not subscribed to role %q, but to %q", f.ID(), wanted.role, roles)}
		}
		roles = []string{wanted.role}
	}
	if wanted.agent == "" {
		return f, roles, slices.Collect(snap.Agents.All()), nil
	}
	a, err := findAgent(snap, wanted.agent)
	return f, roles, []*core.Agent{a}, err
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
func (s *Server) explainRole(c *httpd.Ctx, snap *view.Snapshot, f *core.Framework, role string, agents []*core.Agent) (*master.Response_Explain_Role, bool) {
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
			return nil, false
		}
		for i, e := range a.value.([]cycle.Explanation) {
			tally.add(string(e.Reason), page[i], e.Text)
		}
	}
	return &master.Response_Explain_Role{
		Role: &role, Suppressed: ptr(slices.Contains(f.Rec.GetSuppressedRoles(), role)),
		Agents: ptr(uint32(len(agents))), Rules: tally.sorted(),
	}, true
}

type ruleTally map[string]*master.Response_Explain_Rule

func (t ruleTally) add(rule, agent, text string) {
	if t[rule] == nil {
		t[rule] = &master.Response_Explain_Rule{Rule: &rule, Agents: ptr(uint32(0)), AgentId: &agent, Text: &text}
	}
	*t[rule].Agents++
}

func (t ruleTally) sorted() []*master.Response_Explain_Rule {
	return slices.SortedFunc(maps.Values(t), func(a, b *master.Response_Explain_Rule) int {
		return cmp.Or(cmp.Compare(b.GetAgents(), a.GetAgents()), strings.Compare(a.GetRule(), b.GetRule()))
	})
}

func (s *Server) explainFramework(snap *view.Snapshot, f *core.Framework) *master.Response_Explain {
	outstanding := uint32(0)
	for o := range snap.Offers.All() {
		if o.FrameworkID() == f.ID() {
			outstanding++
		}
	}
	return &master.Response_Explain{
		FrameworkId: ptr(f.ID()), Name: ptr(f.Info().GetName()), Active: ptr(f.Active), Connected: ptr(f.Connected),
		Offers: s.explainOffers(f.ID(), outstanding),
	}
}

func (s *Server) explainOffers(framework string, outstanding uint32) *master.Response_Explain_Offers {
	e := &master.Response_Explain_Offers{Outstanding: &outstanding}
	// Of a framework that has just come to an end nothing is known: all is zero.
	counts, _ := s.counts.frameworks.offersOf(framework)
	now := s.opts.Clock.Now()
	e.Sent, e.Accepted = &counts.offersSent, &counts.offersAccepted
	e.Declined, e.Rescinded = &counts.offersDeclined, &counts.offersRescinded
	e.SecondsSinceLast = ptr(counts.memory.sinceOffer(now).Seconds())
	e.SecondsSinceUsed = ptr(counts.memory.sinceUsed(now).Seconds())
	for _, r := range slices.Backward(counts.memory.refused) {
		e.LastRefused = append(e.LastRefused, &master.Response_Explain_Refusal{
			OfferId: &r.offer, AgentId: &r.agent, Hostname: &r.hostname, Role: &r.role,
			Resources: ptr(r.resources.Unallocate().String()), SecondsAgo: ptr(now.Sub(r.at).Seconds()), RefuseSeconds: &r.refuseSeconds,
		})
	}
	return e
}

func (s *Server) explainAgent(snap *view.Snapshot, a *core.Agent) *master.Response_Explain_Agent {
	var allocated, offered resource.Resources
	e := &master.Response_Explain_Agent{AgentId: ptr(a.ID()), Hostname: ptr(a.Info().GetHostname())}
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
		e.OfferedTo = append(e.OfferedTo, &master.Response_Explain_Agent_Offer{
			OfferId: ptr(o.ID()), FrameworkId: ptr(o.FrameworkID()), Role: ptr(o.Role()),
			Resources: ptr(o.Resources().Unallocate().String()), AgeSeconds: ptr(secondsOf(max(0, now-o.MadeNanos()))),
		})
	}
	e.Total, e.Allocated, e.Offered = ptr(a.Total().String()), ptr(allocated.String()), ptr(offered.String())
	e.Available = ptr(a.Total().Minus(allocated).Minus(offered).String())
	return e
}
