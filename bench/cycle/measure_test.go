package cycle

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

// Every kind of shape can be measured, and a full cycle offers every agent.
func TestMeasureSmallShapes(t *testing.T) {
	for _, s := range []Shape{
		{Agents: 50, Frameworks: 10, Roles: 1},
		{Agents: 50, Frameworks: 10, Roles: 5, Partial: true},
		{Agents: 50, Frameworks: 10, Roles: 10, DeclineSeconds: 2},
		{Agents: 50, Frameworks: 10, Roles: 10, Rich: true},
	} {
		s.Cycles = 3
		r, err := Measure(t.Context(), s)
		if err != nil {
			t.Fatalf("%+v: %v", s, err)
		}
		if r.Median.Offers < 50 || len(r.Cycles) != 3 {
			t.Errorf("%+v: %d cycles with %d offers, want 3 with 50 or more", s, len(r.Cycles), r.Median.Offers)
		}
	}
}

// With everything refused nothing is offered, and every pair was refused once.
func TestMeasureRefused(t *testing.T) {
	r, err := Measure(t.Context(), Shape{Agents: 30, Frameworks: 7, Roles: 1, Refused: true, Cycles: 3})
	if err != nil {
		t.Fatal(err)
	}
	if r.Median.Offers != 0 || r.Parts.Refusals != 30*7 || len(r.Cycles) != 3 {
		t.Errorf("%d refusals and %d offers in %d cycles, want %d and none in 3", r.Parts.Refusals, r.Median.Offers, len(r.Cycles), 30*7)
	}
}

// Guarantees of six roles for agents that hold two small ones or half a large one.
func TestMeasureQuota(t *testing.T) {
	r, err := Measure(t.Context(), Shape{Agents: 6, Frameworks: 6, Roles: 6, Quota: "large-and-small", Cycles: 2})
	if err != nil {
		t.Fatal(err)
	}
	// Five roles get 1 cpu each and one gets 4 of the 12.
	if r.Median.Offers < 7 {
		t.Errorf("%d offers, want at least 7", r.Median.Offers)
	}
}

func TestCommandPrintsJSON(t *testing.T) {
	cmd := Command()
	var out strings.Builder
	cmd.SetOut(&out)
	cmd.SetArgs([]string{"--agents=20", "--frameworks=3", "--cycles=2", "--json"})
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatalf("%v in %s", err, out.String())
	}
	if keys := slices.Sorted(maps.Keys(got)); !slices.Equal(keys, []string{"add_agents_cpu_s", "agents", "allocs_per_cycle", "bytes_per_agent",
		"cycles", "frameworks", "median", "roles"}) {
		t.Errorf("the report has %v", keys)
	}
	for _, sample := range append(got["cycles"].([]any), got["median"]) {
		if keys := slices.Sorted(maps.Keys(sample.(map[string]any))); !slices.Equal(keys, []string{"cpu_s", "offers", "wall_s"}) {
			t.Errorf("a cycle has %v", keys)
		}
	}
	cmd.SetArgs([]string{"--quota=some"})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	if err := cmd.Execute(); err == nil {
		t.Error("--quota=some was accepted")
	}
}
