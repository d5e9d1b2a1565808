package core

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// must runs lines of a scenario.
func (w *world) must(lines ...string) (outcome string) {
	w.t.Helper()
	for _, line := range lines {
		if line == "" {
			continue
		}
		out, err := w.execute(line)
		if err != nil {
			w.t.Fatalf("%s: %v", line, err)
		}
		outcome += out
	}
	return outcome
}

func TestOptionsNameTheirFaults(t *testing.T) {
	o := Options{RecoveryRemovalLimit: 101, MaxPingTimeouts: -1, PingInterval: -1, RemovalInterval: -1, MaxRememberedAgents: -1,
		RecoveryFactor: 2, Weights: map[string]float64{"a/": 1, "b": 0}}
	o.EnsureDefaults()
	err := o.Validate()
	for _, name := range []string{"MasterInfo", "RecoveryRemovalLimit", "MaxPingTimeouts", "PingInterval", "RemovalInterval",
		"MaxRememberedAgents", "RecoveryFactor", "a/", `role "b"`} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %s named", err, name)
		}
	}
}

// Weights of the options hold until operators set some.
func TestPresetWeights(t *testing.T) {
	w := newWorld(t)
	w.opts.Weights = map[string]float64{"r": 3, "s": 2}
	w.start()
	weight := func(role string) float64 {
		if r := w.core.roles[role]; r != nil {
			return r.Rec.GetWeight()
		}
		return 0
	}
	if weight("r") != 3 || weight("s") != 2 {
		t.Fatalf("got weights %v and %v, want 3 and 2", weight("r"), weight("s"))
	}
	w.must(`operator {"type":"UPDATE_WEIGHTS","update_weights":{"weight_infos":[{"role":"r","weight":5}]}}`)
	w.opts.Weights = map[string]float64{"r": 7, "u": 7}
	w.start()
	if weight("r") != 5 || weight("s") != 2 || weight("u") != 0 {
		t.Errorf("after a restart got weights %v, %v and %v, want 5, 2 and none", weight("r"), weight("s"), weight("u"))
	}
}

// Of unreachable and gone agents the oldest are forgotten beyond a number.
func TestRememberedAgentsAreBounded(t *testing.T) {
	w := newWorld(t)
	w.opts.MaxRememberedAgents, w.opts.PruneInterval = 2, time.Minute
	w.start()
	for i := range 4 {
		w.must(fmt.Sprintf("agent a%d cpus:1", i), fmt.Sprintf("disconnect a%d", i), "tick 80s")
	}
	w.must("tick 2m")
	for i, want := range []bool{false, false, true, true} {
		id := w.agents[fmt.Sprintf("a%d", i)].id
		if got := w.core.agents[id] != nil; got != want {
			t.Errorf("agent %s is remembered: %v, want %v", id, got, want)
		}
	}
	w.checkReload(w.core.Hash())
}

// With recovery_agent_removal_limit at 100% nothing holds removals back.
func TestRecoveryRemovalLimit(t *testing.T) {
	for limit, want := range map[float64]int{50: 0, 75: 0, 80: 4, 100: 4} {
		w := newWorld(t)
		w.opts.RecoveryRemovalLimit = limit
		w.start()
		for i := range 5 {
			w.must(fmt.Sprintf("agent a%d cpus:1", i))
		}
		w.must("restart", "tick 590s", "reregister a0", "tick 30s")
		got := 0
		for _, a := range w.core.agents {
			if a.unreachable() {
				got++
			}
		}
		if got != want {
			t.Errorf("limit %v %%: got %d of 4 missing agents of 5 unreachable, want %d", limit, got, want)
		}
	}
}

// Pings: two of five seconds each.
func TestPingOptions(t *testing.T) {
	w := newWorld(t)
	w.opts.PingInterval, w.opts.MaxPingTimeouts = 5*time.Second, 2
	w.start()
	w.must("agent a1 cpus:1")
	if got := w.must("tick 9900ms"); strings.Count(got, "ping") != 1 || strings.Contains(got, "UNREACHABLE") {
		t.Errorf("after 9.9 s got\n%s", got)
	}
	if got := w.must("tick 100ms"); !strings.Contains(got, "UNREACHABLE") {
		t.Errorf("after 10 s got\n%s", got)
	}
}

// Constraints that were accepted stay when the limits become narrower.
func TestAcceptedConstraintsSurviveNarrowerLimits(t *testing.T) {
	w := newWorld(t)
	w.opts.ConstraintLimits = cycle.RegexpLimits{MaxMemBytes: 1 << 20, MaxProgramSize: 1000}
	w.start()
	subscribe := func(name string) string {
		call := &scheduler.Call{}
		if err := decodeJSON(`{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n","roles":["r"],"failover_timeout":100,"capabilities":[{"type":"MULTI_ROLE"}]},
			"offer_constraints":{"role_constraints":{"r":{"groups":[{"attribute_constraints":[{"selector":{"attribute_name":"a"},"predicate":{"text_matches":{"regex":"(ab|cd|ef){20}"}}}]}]}}}}}`, call); err != nil {
			t.Fatal(err)
		}
		f := &worldFramework{name: name, info: &mesos.FrameworkInfo{}}
		ref := StreamRef(w.ref())
		w.streams[ref] = f
		return w.step(&Subscribe{Stream: ref, StreamID: name, Call: call})
	}
	if got := subscribe("f1"); !strings.Contains(got, "SUBSCRIBED") {
		t.Fatalf("got %s", got)
	}
	w.opts.ConstraintLimits = cycle.RegexpLimits{}
	w.must("restart")
	if len(w.core.frameworks) != 1 {
		t.Error("the framework is gone")
	}
	if got := subscribe("f2"); !strings.Contains(got, "at most 100") && !strings.Contains(got, "memory") {
		t.Errorf("under narrower limits got %s", got)
	}
}
