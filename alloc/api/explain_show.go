package api

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/alloc/view"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/resource"
)

// addQuotas adds the quotas that count for the framework's roles, and the unmet
// guarantees of all roles. Sums over the whole cluster are made only if there are
// quotas.
func (e *explained) addQuotas(snap *view.Snapshot) {
	some := false
	for r := range snap.Roles.All() {
		some = some || r.Rec.Quota != nil
	}
	if !some {
		return
	}
	byName := map[string]*role{}
	for _, r := range rolesOf(snap, clusterOf(snap).add()) {
		if r.rec.GetQuota() == nil {
			continue
		}
		byName[r.name] = r
		guarantee, _ := resource.FromScalarMap(r.rec.GetQuota().GetGuarantees())
		if unmet := guarantee.Minus(r.quotaUsed()); !unmet.IsEmpty() {
			e.UnmetGuarantees = append(e.UnmetGuarantees, unmetGuarantee{r.name, unmet.String()})
		}
	}
	for i := range e.Roles {
		for _, name := range append([]string{e.Roles[i].Role}, resource.RoleAncestors(e.Roles[i].Role)...) {
			if r := byName[name]; r != nil {
				guarantee, _ := resource.FromScalarMap(r.rec.GetQuota().GetGuarantees())
				limit, _ := resource.FromScalarMap(r.rec.GetQuota().GetLimits())
				e.Roles[i].Quota = &explainedQuota{name, guarantee.String(), limit.String(), r.quotaUsed().String()}
				break
			}
		}
	}
}

// quotaUsed is what the allocation engine holds against a quota: offers count as
// if they were used.
func (r *role) quotaUsed() resource.Quantities {
	return r.consumed().Plus(r.offered.NonRevocable().Unreserved().Quantities())
}

// advice says what a rule means for people, and what may be done about it.
var advice = map[string]string{
	ruleOffered:                         "offers are outstanding: the framework has yet to answer them",
	ruleUnreachable:                     "agents are unreachable",
	ruleGone:                            "agents are gone",
	ruleRecovering:                      "agents have not come back since the allocator started",
	string(cycle.RecoveryPause):         "with quotas set, offers wait after a start until most agents are back",
	string(cycle.FrameworkInactive):     "the framework is not connected",
	string(cycle.RoleSuppressed):        "the framework suppressed the role; REVIVE ends that",
	string(cycle.AgentDeactivated):      "agents are deactivated or draining",
	string(cycle.AgentNotListed):        "agents are not on the white list",
	string(cycle.NeedsGPUCapability):    "agents with GPUs are kept for frameworks with the GPU_RESOURCES capability",
	string(cycle.NeedsRegionAware):      "agents of other regions are kept for frameworks with the REGION_AWARE capability",
	string(cycle.ExcludedByConstraints): "the framework's own offer constraints exclude agents",
	string(cycle.RefusedBefore):         "the framework refused what is available; REVIVE or the end of the filter brings it back",
	string(cycle.NothingAvailable):      "everything is offered or in use",
	string(cycle.QuotaLimit):            "the role's quota limit is reached",
	string(cycle.QuotaHeadroom):         "what is left is held back for unmet guarantees of other roles",
	string(cycle.BelowMinimum):          "what is left is too little for an offer",
	string(cycle.OthersFirst):           "others come first by fair share",
}

// verdict says the answer in a sentence.
func (e *explained) verdict() string {
	switch {
	case !e.Connected:
		return "The framework is not connected: it is offered nothing until it subscribes."
	case e.Agent == nil && e.Offers.Outstanding > 0:
		return fmt.Sprintf("The framework has yet to answer %s.", counted(e.Offers.Outstanding, "offer"))
	}
	var most *explainedRule
	for i := range e.Roles {
		if r := e.Roles[i].Rules; len(r) > 0 && (most == nil || r[0].Agents > most.Agents) {
			most = &r[0]
		}
	}
	if most == nil {
		return "There are no agents."
	}
	text := advice[most.Rule]
	if text == "" || e.Agent != nil {
		text = most.Text
	}
	if text != "" {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	if e.Agent != nil {
		return text + "."
	}
	return fmt.Sprintf("%s (%d of %s).", text, most.Agents, counted(e.Roles[0].Agents, "agent"))
}

func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprint(n, " ", what)
}

// showExplanation answers in JSON, or in a text for people if Accept prefers that.
func (s *Server) showExplanation(c *httpd.Ctx, e *explained) {
	accept, _ := c.RequestHeader("Accept")
	if first, _, _ := strings.Cut(string(accept), ","); strings.TrimSpace(first) == "text/plain" {
		c.Reply(200, "text/plain; charset=utf-8", e.text())
		return
	}
	b, err := stdjson.Marshal(e)
	if err != nil {
		c.ReplyText(500, err.Error())
		return
	}
	c.ReplyJSON(200, b)
}

func (e *explained) text() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s\n\nframework %s (%s)", e.Verdict, e.FrameworkID, e.Name)
	switch {
	case e.Active:
		out.WriteString(", connected\n")
	case e.Connected:
		out.WriteString(", connected, not active\n")
	default:
		out.WriteString(", not connected\n")
	}
	if a := e.Agent; a != nil {
		fmt.Fprintf(&out, "agent %s (%s)\n", a.AgentID, a.Hostname)
		table(&out, func(row func(...any)) {
			row("total", a.Total)
			row("allocated", none(a.Allocated))
			row("offered", none(a.Offered))
			row("available", none(a.Available))
		})
		for _, o := range a.OfferedTo {
			fmt.Fprintf(&out, "  offer %s to %s in role %s for %.0f s: %s\n", o.OfferID, o.FrameworkID, o.Role, o.AgeSeconds, o.Resources)
		}
	}
	for i := range e.Roles {
		e.Roles[i].text(&out)
	}
	for _, g := range e.UnmetGuarantees {
		fmt.Fprintf(&out, "\nrole %s lacks %s of its guarantee\n", g.Role, g.Unmet)
	}
	e.Offers.text(&out)
	return out.Bytes()
}

func (r *explainedRole) text(out *bytes.Buffer) {
	fmt.Fprintf(out, "\nrole %s", r.Role)
	if r.Suppressed {
		out.WriteString(", suppressed")
	}
	out.WriteByte('\n')
	if q := r.Quota; q != nil {
		fmt.Fprintf(out, "  quota of %s: guarantee %s, limit %s, consumed %s\n", q.Role, none(q.Guarantee), none(q.Limit), none(q.Consumed))
	}
	table(out, func(row func(...any)) {
		for _, rule := range r.Rules {
			row(rule.Agents, rule.Rule, rule.AgentID+": "+rule.Text)
		}
	})
}

func (o *explainedOffers) text(out *bytes.Buffer) {
	fmt.Fprintf(out, "\noffers: %d outstanding; %d sent, %d accepted, %d declined, %d rescinded\n",
		o.Outstanding, o.Sent, o.Accepted, o.Declined, o.Rescinded)
	if o.Sent == 0 {
		fmt.Fprintf(out, "  none came in %.0f s\n", o.SecondsSinceLast)
	} else {
		fmt.Fprintf(out, "  the last came %.0f s ago\n", o.SecondsSinceLast)
	}
	if o.Accepted == 0 {
		fmt.Fprintf(out, "  none was used in %.0f s\n", o.SecondsSinceUsed)
	} else {
		fmt.Fprintf(out, "  one was last used %.0f s ago\n", o.SecondsSinceUsed)
	}
	for _, r := range o.LastRefused {
		fmt.Fprintf(out, "  refused %.0f s ago for %g s: %s on %s in role %s\n", r.SecondsAgo, r.RefuseSeconds, r.Resources, r.Hostname, r.Role)
	}
}

func none(text string) string {
	if text == "" || text == "{}" {
		return "none"
	}
	return text
}

// table aligns rows of cells, indented.
func table(out *bytes.Buffer, write func(row func(...any))) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	write(func(cells ...any) {
		fmt.Fprint(w, "  ")
		for i, cell := range cells {
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			fmt.Fprint(w, cell)
		}
		fmt.Fprintln(w)
	})
	_ = w.Flush() // a buffer takes everything
}
