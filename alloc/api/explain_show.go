package api

import (
	"bytes"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/alloc/view"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/mesos/master"
	"github.com/caprock/caprock/wire/resource"
)

// addQuotas adds the quotas that count for the framework's roles, and the unmet
// guarantees of all roles. Sums over the whole cluster are made only if there are
// quotas.
func addQuotas(e *master.Response_Explain, snap *view.Snapshot) {
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
			e.UnmetGuarantees = append(e.UnmetGuarantees, &master.Response_Explain_UnmetGuarantee{Role: &r.name, Unmet: ptr(unmet.String())})
		}
	}
	for _, role := range e.Roles {
		for _, name := range append([]string{role.GetRole()}, resource.RoleAncestors(role.GetRole())...) {
			if r := byName[name]; r != nil {
				guarantee, _ := resource.FromScalarMap(r.rec.GetQuota().GetGuarantees())
				limit, _ := resource.FromScalarMap(r.rec.GetQuota().GetLimits())
				role.Quota = &master.Response_Explain_Quota{
					Role: &name, Guarantee: ptr(guarantee.String()), Limit: ptr(limit.String()), Consumed: ptr(r.quotaUsed().String()),
				}
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
func verdict(e *master.Response_Explain, agents int) string {
	switch outstanding := e.GetOffers().GetOutstanding(); {
	case !e.GetConnected():
		return "The framework is not connected: it is offered nothing until it subscribes."
	case e.Agent == nil && outstanding > 0:
		return fmt.Sprintf("The framework has yet to answer %s.", counted(int(outstanding), "offer"))
	}
	var most *master.Response_Explain_Rule
	for _, role := range e.Roles {
		if r := role.Rules; len(r) > 0 && (most == nil || r[0].GetAgents() > most.GetAgents()) {
			most = r[0]
		}
	}
	if most == nil {
		return "There are no agents."
	}
	text := advice[most.GetRule()]
	if text == "" || e.Agent != nil {
		text = most.GetText()
	}
	if text != "" {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	if e.Agent != nil {
		return text + "."
	}
	return fmt.Sprintf("%s (%d of %s).", text, most.GetAgents(), counted(agents, "agent"))
}

func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprint(n, " ", what)
}

// showExplanation answers in JSON, or in a text for people if Accept prefers that.
func showExplanation(c *httpd.Ctx, e *master.Response_Explain) {
	accept, _ := c.RequestHeader("Accept")
	if first, _, _ := strings.Cut(string(accept), ","); strings.TrimSpace(first) == "text/plain" {
		c.Reply(200, "text/plain; charset=utf-8", explanationText(e))
		return
	}
	c.ReplyJSON(200, e.AppendJSON(nil))
}

func explanationText(e *master.Response_Explain) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s\n\nframework %s (%s)", e.GetVerdict(), e.GetFrameworkId(), e.GetName())
	switch {
	case e.GetActive():
		out.WriteString(", connected\n")
	case e.GetConnected():
		out.WriteString(", connected, not active\n")
	default:
		out.WriteString(", not connected\n")
	}
	if a := e.Agent; a != nil {
		fmt.Fprintf(&out, "agent %s (%s)\n", a.GetAgentId(), a.GetHostname())
		table(&out, func(row func(...any)) {
			row("total", a.GetTotal())
			row("allocated", none(a.GetAllocated()))
			row("offered", none(a.GetOffered()))
			row("available", none(a.GetAvailable()))
		})
		for _, o := range a.OfferedTo {
			fmt.Fprintf(&out, "  offer %s to %s in role %s for %.0f s: %s\n",
				o.GetOfferId(), o.GetFrameworkId(), o.GetRole(), o.GetAgeSeconds(), o.GetResources())
		}
	}
	for _, r := range e.Roles {
		writeRole(&out, r)
	}
	for _, g := range e.UnmetGuarantees {
		fmt.Fprintf(&out, "\nrole %s lacks %s of its guarantee\n", g.GetRole(), g.GetUnmet())
	}
	writeOffers(&out, e.Offers)
	return out.Bytes()
}

func writeRole(out *bytes.Buffer, r *master.Response_Explain_Role) {
	fmt.Fprintf(out, "\nrole %s", r.GetRole())
	if r.GetSuppressed() {
		out.WriteString(", suppressed")
	}
	out.WriteByte('\n')
	if q := r.Quota; q != nil {
		fmt.Fprintf(out, "  quota of %s: guarantee %s, limit %s, consumed %s\n",
			q.GetRole(), none(q.GetGuarantee()), none(q.GetLimit()), none(q.GetConsumed()))
	}
	table(out, func(row func(...any)) {
		for _, rule := range r.Rules {
			row(rule.GetAgents(), rule.GetRule(), rule.GetAgentId()+": "+rule.GetText())
		}
	})
}

func writeOffers(out *bytes.Buffer, o *master.Response_Explain_Offers) {
	fmt.Fprintf(out, "\noffers: %d outstanding; %d sent, %d accepted, %d declined, %d rescinded\n",
		o.GetOutstanding(), o.GetSent(), o.GetAccepted(), o.GetDeclined(), o.GetRescinded())
	if o.GetSent() == 0 {
		fmt.Fprintf(out, "  none came in %.0f s\n", o.GetSecondsSinceLast())
	} else {
		fmt.Fprintf(out, "  the last came %.0f s ago\n", o.GetSecondsSinceLast())
	}
	if o.GetAccepted() == 0 {
		fmt.Fprintf(out, "  none was used in %.0f s\n", o.GetSecondsSinceUsed())
	} else {
		fmt.Fprintf(out, "  one was last used %.0f s ago\n", o.GetSecondsSinceUsed())
	}
	for _, r := range o.LastRefused {
		fmt.Fprintf(out, "  refused %.0f s ago for %g s: %s on %s in role %s\n",
			r.GetSecondsAgo(), r.GetRefuseSeconds(), r.GetResources(), r.GetHostname(), r.GetRole())
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
