package alloc_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/httpc"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/master"
)

// explain asks about the framework, until the answer is as wanted.
func (f *framework) explain(query, what string, wanted func(any) bool) any {
	f.r.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		e := f.r.get("/explain?framework_id=" + f.id + query)
		if wanted(e) {
			return e
		}
		if time.Now().After(deadline) {
			f.r.t.Fatalf("no explanation with %s; the last one is %v", what, e)
		}
		time.Sleep(time.Millisecond)
	}
}

// rule waits until a rule is the first of the framework's first role.
func (f *framework) rule(query, rule string) any {
	f.r.t.Helper()
	return f.explain(query, rule, func(e any) bool { return text(e, "roles", 0, "rules", 0, "rule") == rule })
}

func TestExplainFollowsWhatHappens(t *testing.T) {
	r := start(t, t.TempDir())
	f := r.subscribe("")
	if got := text(f.explain("", "anything", func(any) bool { return true }), "verdict"); got != "There are no agents." {
		t.Errorf("without agents: %q", got)
	}
	a := r.dial("", 0)
	offer, _ := f.offer()
	e := f.rule("&agent_id="+a.id, "OFFERED")
	if text(e, "agent", "offered_to", 0, "offer_id") != offer || at(e, "offers", "outstanding") != 1.0 {
		t.Errorf("with an offer: %v", e)
	}

	f.call("DECLINE", fmt.Sprintf(`{"offer_ids":[{"value":"%s"}],"filters":{"refuse_seconds":1000}}`, offer))
	e = f.rule("", "REFUSED_BEFORE")
	refused := at(e, "offers", "last_refused", 0)
	if text(refused, "offer_id") != offer || text(refused, "agent_id") != a.id || at(refused, "refuse_seconds") != 1000.0 ||
		!strings.Contains(text(refused, "resources"), "cpus:8") {
		t.Errorf("after a refusal: %v", e)
	}
	if !strings.Contains(text(e, "verdict"), "REVIVE") || at(e, "roles", 0, "rules", 0, "agents") != 1.0 {
		t.Errorf("after a refusal: %v", e)
	}
	f.call("SUPPRESS", "{}")
	if e := f.rule("", "ROLE_SUPPRESSED"); at(e, "roles", 0, "suppressed") != true {
		t.Errorf("after SUPPRESS: %v", e)
	}

	// Another framework takes part of the agent, the rest comes back to f.
	g := r.subscribe("")
	g.launch("t1")
	f.call("REVIVE", "{}")
	e = f.explain("&agent_id="+a.id, "t1's use", func(e any) bool { return strings.Contains(text(e, "agent", "allocated"), "cpus:1") })
	if !strings.Contains(text(e, "agent", "total"), "cpus:8") {
		t.Errorf("the agent is shown as %v", at(e, "agent"))
	}

	status, body := r.post("/api/v1", fmt.Sprintf(`{"type":"DEACTIVATE_AGENT","deactivate_agent":{"agent_id":{"value":"%s"}}}`, a.id))
	if status != 200 {
		t.Fatalf("DEACTIVATE_AGENT: %d %s", status, body)
	}
	f.rule("&agent_id=host", "AGENT_DEACTIVATED")

	f.sub.Close()
	e = f.explain("", "the end of the stream", func(e any) bool { return at(e, "connected") == false })
	if !strings.Contains(text(e, "verdict"), "not connected") {
		t.Errorf("without a stream: %v", e)
	}
}

func TestExplainNamesQuotas(t *testing.T) {
	r := start(t, t.TempDir())
	status, body := r.post("/api/v1", `{"type":"UPDATE_QUOTA","update_quota":{"force":true,"quota_configs":[
		{"role":"r","limits":{"cpus":{"value":0},"mem":{"value":0},"disk":{"value":0}}},{"role":"s","guarantees":{"cpus":{"value":3}},"limits":{"cpus":{"value":3}}}]}}`)
	if status != 200 {
		t.Fatalf("UPDATE_QUOTA: %d %s", status, body)
	}
	f := r.subscribe("")
	r.dial("", 0)
	e := f.explain("", "the limit", func(e any) bool { return at(e, "roles", 0, "agents") == 1.0 })
	if text(e, "roles", 0, "rules", 0, "rule") != "QUOTA_LIMIT" || text(e, "roles", 0, "quota", "role") != "r" {
		t.Errorf("a role without room: %v", e)
	}
	if text(e, "unmet_guarantees", 0, "role") != "s" || text(e, "unmet_guarantees", 0, "unmet") != "cpus:3" {
		t.Errorf("the guarantee of s: %v", at(e, "unmet_guarantees"))
	}
}

func TestExplainRefusesWhatItCannotAnswer(t *testing.T) {
	r := start(t, t.TempDir())
	f := r.subscribe("")
	get := func(query string, headers ...httpc.Field) (int, string) {
		status, _, body, err := r.client.Get(context.Background(), r.url("/explain"+query), headers...)
		if err != nil {
			t.Fatal(err)
		}
		return status, string(body)
	}
	for query, want := range map[string]int{
		"":                   400,
		"?framework_id=none": 404,
		"?framework_id=" + f.id + "&agent_id=none": 404,
		"?framework_id=" + f.id + "&role=none":     404,
		"?framework_id=" + f.id[:8]:                200,
		"?framework_id=f":                          200, // its name
	} {
		if status, body := get(query); status != want {
			t.Errorf("%q: got status %d %s, want %d", query, status, body, want)
		}
	}
	status, body := get("?framework_id=f", httpc.Field{Name: "Accept", Value: "text/plain"})
	if status != 200 || !strings.HasPrefix(body, "There are no agents.\n") || !strings.Contains(body, "role r\n") {
		t.Errorf("as a text: %d %s", status, body)
	}
	if status, _ := r.post("/explain?framework_id=f", ""); status != 405 {
		t.Errorf("POST: %d", status)
	}
}

// explainCall is POST /api/v1 with an EXPLAIN in the codec, and its answer.
func (r *service) explainCall(contentType codec.Type, call *master.Call_Explain) (*master.Response, int, string) {
	r.t.Helper()
	body, err := contentType.Append(nil, &master.Call{Type: master.Call_EXPLAIN.Enum(), Explain: call})
	if err != nil {
		r.t.Fatal(err)
	}
	status, header, answer, err := r.client.Post(context.Background(), r.url("/api/v1"), contentType.ContentType(),
		[]httpc.Field{{Name: "Accept", Value: contentType.ContentType()}}, body)
	if err != nil {
		r.t.Fatal(err)
	}
	if status != 200 {
		return nil, status, string(answer)
	}
	if got := header.Get("Content-Type"); got != contentType.ContentType() {
		r.t.Errorf("asked in %s, answered in %s", contentType.ContentType(), got)
	}
	m := &master.Response{}
	if err := contentType.Unmarshal(answer, m); err != nil {
		r.t.Fatalf("%s: %v", answer, err)
	}
	return m, status, ""
}

func TestExplainIsAnOperatorCallToo(t *testing.T) {
	r := start(t, t.TempDir())
	f := r.subscribe("")
	a := r.dial("", 0)
	f.offer()
	f.rule("", "OFFERED")
	id := &mesos.FrameworkID{Value: &f.id}
	for _, codec := range []codec.Type{codec.JSON, codec.Protobuf} {
		m, status, text := r.explainCall(codec, &master.Call_Explain{FrameworkId: id})
		if status != 200 || m.GetType() != master.Response_EXPLAIN {
			t.Fatalf("%v: %d %s %v", codec, status, text, m)
		}
		e := m.GetExplain()
		if rules := e.GetRoles()[0].GetRules(); len(rules) != 1 || rules[0].GetRule() != "OFFERED" || rules[0].GetAgents() != 1 || rules[0].GetAgentId() != a.id {
			t.Errorf("%v: the rules are %v", codec, rules)
		}
		if e.GetFrameworkId() != f.id || !e.GetConnected() || e.GetOffers().GetOutstanding() != 1 || e.Agent != nil || e.GetVerdict() == "" {
			t.Errorf("%v: got %v", codec, e)
		}
		m, _, _ = r.explainCall(codec, &master.Call_Explain{FrameworkId: id, AgentId: &mesos.AgentID{Value: &a.id}, Role: ptr("r")})
		if shown := m.GetExplain().GetAgent(); shown.GetAgentId() != a.id || len(shown.GetOfferedTo()) != 1 || !strings.Contains(shown.GetTotal(), "cpus:8") {
			t.Errorf("%v: the agent is %v", codec, shown)
		}
		for name, refused := range map[string]struct {
			call   *master.Call_Explain
			status int
			text   string
		}{
			"no payload":        {nil, 400, "Expecting 'explain' to be present"},
			"no framework":      {&master.Call_Explain{}, 400, "Expecting 'framework_id' to be present"},
			"empty framework":   {&master.Call_Explain{FrameworkId: &mesos.FrameworkID{Value: ptr("")}}, 400, "Expecting 'framework_id' to be present"},
			"unknown framework": {&master.Call_Explain{FrameworkId: &mesos.FrameworkID{Value: ptr("none")}}, 404, "none"},
			"unknown agent":     {&master.Call_Explain{FrameworkId: id, AgentId: &mesos.AgentID{Value: ptr("none")}}, 404, "none"},
			"unknown role":      {&master.Call_Explain{FrameworkId: id, Role: ptr("none")}, 404, "not subscribed"},
		} {
			if _, status, text := r.explainCall(codec, refused.call); status != refused.status || !strings.Contains(text, refused.text) {
				t.Errorf("%v, %s: got %d %q, want %d %q", codec, name, status, text, refused.status, refused.text)
			}
		}
	}
	if status, text := r.post("/api/v1", `{"type":"EXPLAIN","explain":{"framework_id":"f"}}`); status != 400 {
		t.Errorf("a framework that is no object: %d %s", status, text)
	}
}
