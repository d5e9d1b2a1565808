package cycle

import (
	"errors"
	"slices"
	"testing"

	"github.com/caprock/caprock/wire/resource"
	"github.com/caprock/caprock/wire/resource/notation"
)

// By default, unlike in Mesos, a limit binds the whole subtree of its role within
// one cycle and a guarantee is served to descendants.
func TestQuotaBindsSubtreeByDefault(t *testing.T) {
	for _, test := range []struct {
		scope QuotaScope
		want  []string
	}{
		{Subtree, []string{"f1 a/x a0 cpus:2;mem:1024"}},
		{Role, []string{"f1 a/x a0 cpus:4;mem:4096"}},
	} {
		c := newCluster(t, Options{QuotaScope: test.scope, ShuffleOff: true})
		c.quota("a", "", "cpus:2;mem:1024")
		c.framework("f1", "a/x")
		c.agents(1, "cpus:4;mem:4096")
		if got := c.run(); !slices.Equal(got, test.want) {
			t.Errorf("scope %d: offered %q, want %q", test.scope, got, test.want)
		}
	}
}

func TestGuaranteeServesSubtree(t *testing.T) {
	c := newCluster(t, Options{ShuffleOff: true})
	c.quota("a", "cpus:4", "")
	c.framework("f0", "b")
	c.framework("f1", "a/x")
	c.must(c.a.RecoverResources(0, "f0", "none", nil, nil, false))
	c.agents(1, "cpus:4;mem:4096")
	if got, want := c.run(), []string{"f1 a/x a0 cpus:4;mem:4096"}; !slices.Equal(got, want) {
		t.Errorf("offered %q, want %q: the guarantee of a belongs to a/x", got, want)
	}
}

func TestOfferShareLimitLeavesSomethingToOthers(t *testing.T) {
	c := newCluster(t, Options{OfferShareLimit: 0.5, ShuffleOff: true})
	c.framework("f1", "a")
	c.framework("f2", "a")
	c.framework("f3", "a")
	c.agents(1, "cpus:8;mem:8000")
	want := []string{"f1 a a0 cpus:4;mem:4000", "f2 a a0 cpus:4;mem:4000"}
	if got := c.run(); !slices.Equal(got, want) {
		t.Errorf("offered %q, want %q", got, want)
	}
}

// A framework that asked for something gets agents that have it first; what
// does not fit goes to it only when nothing that fits is left.
func TestRequestIsHonouredAsHint(t *testing.T) {
	c := newCluster(t, Options{ShuffleOff: true})
	c.framework("f1", "a")
	c.framework("f2", "a")
	want, err := resource.ParseQuantities("gpus:1")
	c.must(err)
	c.must(c.a.RequestResources("f1", want))
	c.must(c.a.UpdateFramework(0, Framework{ID: "f1", Roles: []string{"a"}, Capabilities: MultiRole | GPUResources}))
	c.agent("small", "cpus:2;mem:2000")
	c.agent("gpu", "cpus:2;mem:2000;gpus:1")
	got := c.run()
	expect := []string{"f2 a small cpus:2;mem:2000", "f1 a gpu cpus:2;gpus:1;mem:2000"}
	if !slices.Equal(got, expect) {
		t.Errorf("offered %q, want %q", got, expect)
	}
	c.declineAll(nil)
	c.must(c.a.Suppress("f2", nil))
	if got := c.tick(); len(got) != 2 {
		t.Errorf("offered %q, want both agents when nobody else wants them", got)
	}
}

func TestStarvationCountsFromTheLastOffer(t *testing.T) {
	c := newCluster(t, Options{ShuffleOff: true})
	c.framework("f1", "a")
	c.framework("f2", "a")
	c.agents(1, "cpus:1;mem:1000")
	c.run()
	for range 3 {
		c.tick()
	}
	if got := c.a.Starvation("f1"); got != 3e9 {
		t.Errorf("f1 starves for %d ns, want 3 s", got)
	}
	c.must(c.a.Suppress("f2", nil))
	if got := c.a.Starvation("f2"); got != 0 {
		t.Errorf("suppressed f2 starves for %d ns, want 0", got)
	}
}

func TestMisuseHasNoEffect(t *testing.T) {
	c := newCluster(t, Options{})
	c.framework("f1", "a")
	c.agents(1, "cpus:1;mem:1000")
	c.run()
	var misuse *MisuseError
	for what, err := range map[string]error{
		"framework twice":      c.a.AddFramework(0, Framework{ID: "f1"}, nil),
		"agent twice":          c.a.AddAgent(0, Agent{ID: "a0"}, nil),
		"unknown framework":    c.a.Revive(0, "f9", nil),
		"unknown agent":        c.a.RemoveAgent("a9"),
		"foreign role":         c.a.Suppress("f1", []string{"b"}),
		"limit below the top":  c.a.UpdateQuota("a/x", Quota{Limit: resource.Limits{{Name: "cpus", Milli: 1}}}),
		"more than it holds":   c.a.RecoverResources(0, "f1", "a0", notation.MustParse("cpus:9").Allocate("a"), nil, false),
		"no maintenance there": c.a.UpdateInverseOffer(0, "a0", "f1", nil, nil),
	} {
		if !errors.As(err, &misuse) {
			t.Errorf("%s: got %v, want a MisuseError", what, err)
		}
	}
	if got := c.tick(); len(got) != 0 {
		t.Errorf("offered %q after refused calls, want nothing", got)
	}
}

func TestExplainNamesTheFirstRule(t *testing.T) {
	type step func(c *cluster)
	for _, test := range []struct {
		name string
		do   step
		want Reason
	}{
		{"nothing done", func(*cluster) {}, OthersFirst},
		{"framework gone", func(c *cluster) { c.must(c.a.RemoveFramework("f1")) }, UnknownFramework},
		{"agent gone", func(c *cluster) { c.must(c.a.RemoveAgent("a0")) }, UnknownAgent},
		{"suppressed", func(c *cluster) { c.must(c.a.Suppress("f1", nil)) }, RoleSuppressed},
		{"not connected", func(c *cluster) { c.must(c.a.DeactivateFramework("f1")) }, FrameworkInactive},
		{"draining", func(c *cluster) { c.must(c.a.DeactivateAgent("a0")) }, AgentDeactivated},
		{"white list", func(c *cluster) { c.a.SetWhitelist([]string{"b"}) }, AgentNotListed},
		{"gpus", func(c *cluster) {
			c.must(c.a.UpdateAgent(0, Agent{ID: "a0", Hostname: "a0", Capabilities: everyAgentCap, Total: notation.MustParse("cpus:1;mem:1000;gpus:1")}))
		}, NeedsGPUCapability},
		{"old agent", func(c *cluster) {
			c.must(c.a.UpdateAgent(0, Agent{ID: "a0", Hostname: "a0", Total: notation.MustParse("cpus:1;mem:1000")}))
		}, AgentNotMultiRole},
		{"too small", func(c *cluster) {
			c.must(c.a.UpdateAgent(0, Agent{ID: "a0", Hostname: "a0", Capabilities: everyAgentCap, Total: notation.MustParse("cpus:0.001;mem:1")}))
		}, BelowMinimum},
		{"taken", func(c *cluster) { c.run() }, NothingAvailable},
		{"refused", func(c *cluster) { c.run(); c.declineAll(&Filter{RefuseSeconds: 60}) }, RefusedBefore},
		{"limit", func(c *cluster) { c.quota("a", "", "cpus:0;mem:0") }, QuotaLimit},
		{"headroom", func(c *cluster) { c.quota("b", "cpus:1;mem:1000", "") }, QuotaHeadroom},
	} {
		c := newCluster(t, Options{})
		c.framework("f1", "a")
		c.agents(1, "cpus:1;mem:1000")
		test.do(c)
		if got := c.a.Explain("f1", "a", "a0"); got.Reason != test.want {
			t.Errorf("%s: %+v, want %s", test.name, got, test.want)
		}
	}
}

// A limit holds over all agents that one cycle offers, for a role and what is below it.
func TestLimitHoldsOverTheAgentsOfACycle(t *testing.T) {
	c := newCluster(t, Options{ShuffleOff: true})
	c.quota("a", "", "cpus:2")
	c.framework("f1", "a/x")
	c.framework("f2", "a")
	c.agents(4, "cpus:1;disk:10")
	if got := c.run(); len(got) != 2 {
		t.Errorf("offers are %q, want two agents' cpus", got)
	}
	if total, available := c.a.Usage(); total[0]-available[0] != 2000 {
		t.Errorf("%d milli of cpus are offered, want 2000", total[0]-available[0])
	}
}
