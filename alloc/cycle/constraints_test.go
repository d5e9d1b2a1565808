package cycle

import (
	"regexp"
	"strings"
	"testing"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

func matching(pattern string) *scheduler.OfferConstraints {
	name := "x"
	return &scheduler.OfferConstraints{RoleConstraints: map[string]*scheduler.OfferConstraints_RoleConstraints{
		"a": {Groups: []*scheduler.OfferConstraints_RoleConstraints_Group{{AttributeConstraints: []*scheduler.AttributeConstraint{{
			Selector: &scheduler.AttributeConstraint_Selector{
				Selector: &scheduler.AttributeConstraint_Selector_AttributeName{AttributeName: name}},
			Predicate: &scheduler.AttributeConstraint_Predicate{Predicate: &scheduler.AttributeConstraint_Predicate_TextMatches_{
				TextMatches: &scheduler.AttributeConstraint_Predicate_TextMatches{Regex: &pattern}}},
		}}}}}}}
}

func textAgent(value string) *Agent {
	name := "x"
	return &Agent{Attributes: []*mesos.Attribute{{Name: &name, Type: mesos.Value_TEXT.Enum(), Text: &mesos.Value_Text{Value: &value}}}}
}

func TestRegexpLimits(t *testing.T) {
	for pattern, ok := range map[string]bool{
		"r[0-9]+":                    true,
		"(":                          false,
		"(ab|cd|ef){20}":             false, // more instructions than the default allows
		strings.Repeat("abcdef", 40): false,
	} {
		if _, err := CompileConstraints(matching(pattern), RegexpLimits{}); (err == nil) != ok {
			t.Errorf("pattern %.20q: error %v, want accepted %t", pattern, err, ok)
		}
	}
	if _, err := CompileConstraints(matching("(ab|cd|ef){20}"), RegexpLimits{MaxMemBytes: 1 << 20, MaxProgramSize: 1000}); err != nil {
		t.Errorf("with wide limits: %v", err)
	}
}

// A pattern must match the whole text, and the index gives the same agents as
// looking at each one.
func TestIndexAgreesWithAgents(t *testing.T) {
	c := newCluster(t, Options{Shards: 4})
	for i, v := range []string{"r1", "r2", "xr1", "r1x", "", "R1"} {
		g := *textAgent(v)
		g.ID, g.Hostname, g.Capabilities = "a"+string(rune('0'+i)), "h", everyAgentCap
		c.must(c.a.AddAgent(0, g, nil))
	}
	for _, pattern := range []string{"r1", "r.", ".*r1.*", "", "(?i)r1"} {
		oc, err := CompileConstraints(matching(pattern), RegexpLimits{})
		c.must(err)
		admitted := c.a.admitted(oc.forRole("a"))
		for id, slot := range c.a.agents {
			if got, want := admitted.Contains(slot), oc.forRole("a").admits(&c.a.agentAt(slot).info); got != want {
				t.Errorf("pattern %q, agent %s: the index says %t, the agent %t", pattern, id, got, want)
			}
		}
	}
}

// What a client sends as a pattern is refused or behaves as an anchored match.
func FuzzPattern(f *testing.F) {
	for _, seed := range [][2]string{{"r[0-9]+", "r12"}, {"(", ""}, {"a|b", "ab"}, {"(?s).*", "x\ny"}, {"^a$", "a"}, {"\\Qa.b\\E", "a.b"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		oc, err := CompileConstraints(matching(pattern), RegexpLimits{})
		if err != nil {
			return
		}
		want := false
		re := regexp.MustCompile(pattern)
		re.Longest()
		// Leftmost-longest finds a whole match if there is one that begins at 0.
		if loc := re.FindStringIndex(text); loc != nil && loc[0] == 0 && loc[1] == len(text) {
			want = true
		}
		if got := oc.forRole("a").admits(textAgent(text)); want && !got {
			t.Errorf("pattern %q does not admit %q, which it matches entirely", pattern, text)
		}
	})
}
