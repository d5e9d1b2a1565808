package cycle

import (
	"encoding/json"
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
		r, err := Measure(s)
		if err != nil {
			t.Fatalf("%+v: %v", s, err)
		}
		if r.Median.Offers < 50 || len(r.Cycles) != 3 {
			t.Errorf("%+v: %d cycles with %d offers, want 3 with 50 or more", s, len(r.Cycles), r.Median.Offers)
		}
	}
}

// Guarantees of six roles for agents that hold two small ones or half a large one.
func TestMeasureQuota(t *testing.T) {
	r, err := Measure(Shape{Agents: 6, Frameworks: 6, Roles: 6, Quota: "large-and-small", Cycles: 2})
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
	for _, key := range []string{"agents", "frameworks", "roles", "cycles", "median", "allocs_per_cycle", "bytes_per_agent", "add_agents_cpu_s"} {
		if _, ok := got[key]; !ok {
			t.Errorf("the report has no %q", key)
		}
	}
	cmd.SetArgs([]string{"--quota=some"})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	if err := cmd.Execute(); err == nil {
		t.Error("--quota=some was accepted")
	}
}
