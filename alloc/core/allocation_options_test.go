package core

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/wire/mesos"
)

// domainOf reads "region/zone".
func domainOf(text string) *mesos.DomainInfo {
	region, zone, _ := strings.Cut(text, "/")
	return &mesos.DomainInfo{FaultDomain: &mesos.DomainInfo_FaultDomain{
		Region: &mesos.DomainInfo_FaultDomain_RegionInfo{Name: &region}, Zone: &mesos.DomainInfo_FaultDomain_ZoneInfo{Name: &zone},
	}}
}

// inDomain is a world whose allocator is in region r1.
func inDomain(t *testing.T, require bool) *world {
	w := newWorld(t)
	w.opts.MasterInfo.Domain, w.opts.RequireAgentDomain = domainOf("r1/z1"), require
	w.start()
	return w
}

// Agents of other regions go to REGION_AWARE frameworks only; those without a domain
// count as near.
func TestRegions(t *testing.T) {
	w := inDomain(t, false)
	w.run("subscribe near\nsubscribe far caps=MULTI_ROLE,REGION_AWARE\nsuppress far")
	for agent, want := range map[string]string{"a1 cpus:1;mem:64 domain=r1/z2": "near", "a2 cpus:1;mem:64 domain=r2/z1": "", "a3 cpus:1;mem:64": "near"} {
		out := w.run("agent " + agent)
		if got := strings.Contains(out, "OFFERS"); got != (want != "") {
			t.Errorf("agent %s: offered is %t, want to %q:\n%s", agent, got, want, out)
		}
	}
	if out := w.run("suppress near\nrevive far"); !strings.Contains(out, "on m-S") {
		t.Errorf("the REGION_AWARE framework is not offered the remote agent:\n%s", out)
	}
}

// With --require-agent-domain an agent without one is refused, and one with it is not.
func TestAgentsMayNeedADomain(t *testing.T) {
	w := inDomain(t, true)
	if out := w.run("agent a1 cpus:1"); !strings.Contains(out, "no fault domain") || len(w.core.agents) != 0 {
		t.Errorf("an agent without a domain is not refused:\n%s", out)
	}
	w.run("agent a2 cpus:1 domain=r1/z1")
	if len(w.core.agents) != 1 {
		t.Errorf("%d agents are registered, want the one with a domain", len(w.core.agents))
	}
}

// A domain without region or zone is no option, nor are other settings of the pause.
func TestOptionsOfTheAllocationAreChecked(t *testing.T) {
	for name, set := range map[string]func(*Options){
		"MasterInfo.domain": func(o *Options) { o.MasterInfo.Domain = &mesos.DomainInfo{} },
		"RecoveryFactor":    func(o *Options) { o.RecoveryFactor = 1.5 },
		"RecoveryTimeout":   func(o *Options) { o.RecoveryTimeout = -1 },
		"ConstraintLimits":  func(o *Options) { o.ConstraintLimits.MaxProgramSize = -1 },
		"MinAllocatable":    func(o *Options) { o.MinAllocatable = "cpus:lots" },
	} {
		o := Options{MasterInfo: &mesos.MasterInfo{Id: ptr("m")}}
		set(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want one about %s", err, name)
		}
	}
}

// After a restart offers wait, if there are quotas, until RecoveryFactor of the agents are
// back or RecoveryTimeout is over; both can be set.
func TestPauseAfterARestartCanBeSet(t *testing.T) {
	offered := func(factor float64, timeout string, back int, wait string) bool {
		w := newWorld(t)
		w.opts.RecoveryFactor = factor
		w.run("subscribe f1 failover=100000\nagent a1 cpus:1;mem:64\nagent a2 cpus:1;mem:64\nagent a3 cpus:1;mem:64\nagent a4 cpus:1;mem:64\n" +
			`operator {"type":"UPDATE_QUOTA","update_quota":{"quota_configs":[{"role":"r","limits":{"cpus":{"value":100}}}]}}`)
		var err error
		if w.opts.RecoveryTimeout, err = time.ParseDuration(timeout); err != nil {
			t.Fatal(err)
		}
		w.run("restart")
		out := w.run("subscribe f1")
		for _, a := range []string{"a1", "a2", "a3", "a4"}[:back] {
			out += w.run("reregister " + a)
		}
		return strings.Contains(out+w.run("tick "+wait), "OFFERS")
	}
	got := []bool{
		offered(0, "10m", 3, "2s"), offered(0, "10m", 2, "2s"), // 80 % of 4, rounded down
		offered(0.5, "10m", 2, "2s"), offered(1, "10m", 3, "2s"),
		offered(1, "5s", 1, "3s"), offered(1, "5s", 1, "7s"),
	}
	if want := []bool{true, false, true, false, false, true}; !slices.Equal(got, want) {
		t.Errorf("offers after the restart: %v, want %v", got, want)
	}
}

// NoMinimum offers what is left however small it is.
func TestNoMinimum(t *testing.T) {
	for minimum, want := range map[string]bool{"": false, NoMinimum: true, "ports:1": false} {
		w := newWorld(t)
		w.opts.MinAllocatable = minimum
		w.start()
		w.run("subscribe f1")
		if out := w.run("agent a1 cpus:0.001"); strings.Contains(out, "OFFERS") != want {
			t.Errorf("minimum %q: offered is not %t:\n%s", minimum, want, out)
		}
	}
}

// The white list takes effect with the next offers and survives nothing: a restarted
// process reads it anew.
func TestWhitelistedHosts(t *testing.T) {
	w := newWorld(t)
	w.run("subscribe f1")
	w.step(&SetWhitelist{Hosts: []string{"host-a2"}})
	if out := w.run("agent a1 cpus:1;mem:64\ntick 2s"); strings.Contains(out, "OFFERS") {
		t.Errorf("an agent that is not listed is offered:\n%s", out)
	}
	if e := w.core.Explain(w.frameworks["f1"].id, "r", w.agents["a1"].id); e.Reason != "AGENT_NOT_ON_WHITELIST" {
		t.Errorf("the reason is %v, want the white list", e)
	}
	if out := w.run("agent a2 cpus:1;mem:64"); !strings.Contains(out, "OFFERS") {
		t.Errorf("a listed agent is not offered:\n%s", out)
	}
	w.step(&SetWhitelist{})
	if out := w.run("tick 2s"); !strings.Contains(out, "on m-S0") {
		t.Errorf("without a list the other agent is not offered:\n%s", out)
	}
}
