package agent_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caprock/caprock/agent"
	"github.com/caprock/caprock/wire/mesos"
)

// featuresBut is agent_features with all capabilities of an agent but the named one.
func featuresBut(without string) string {
	var list []string
	for n := int32(1); n <= 8; n++ {
		if name := mesos.AgentInfo_Capability_Type_name[n]; name != without {
			list = append(list, fmt.Sprintf(`{"type":%q}`, name))
		}
	}
	return `{"capabilities":[` + strings.Join(list, ",") + `]}`
}

func TestAgentFeatures(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	n.halt()
	for _, without := range []string{"", "RESIZE_VOLUME"} {
		if err := runOnce(t, n, func(o *agent.Options) { o.Features, o.Recover = featuresBut(without), agent.Cleanup }); err != nil {
			t.Errorf("without %q: %v", without, err)
		}
	}
	for _, bad := range []string{
		featuresBut("MULTI_ROLE"), featuresBut("HIERARCHICAL_ROLE"), featuresBut("RESERVATION_REFINEMENT"), featuresBut("RESOURCE_PROVIDER"),
		featuresBut("AGENT_OPERATION_FEEDBACK"), featuresBut("AGENT_DRAINING"), featuresBut("TASK_RESOURCE_LIMITS"),
		`{}`, `{"capabilities":[{"type":"FLYING"}]}`, `[]`, `MULTI_ROLE`,
	} {
		err := runOnce(t, n, func(o *agent.Options) { o.Features = bad })
		if err == nil || !strings.Contains(err.Error(), "agent_features") {
			t.Errorf("%s: got %v, want a refusal", bad, err)
		}
	}
}

func TestAnAgentTellsItsFeatures(t *testing.T) {
	alloc := newAllocator(t)
	startNode(t, alloc, func(o *agent.Options) { o.Features = featuresBut("RESIZE_VOLUME") })
	alloc.mu.Lock()
	defer alloc.mu.Unlock()
	if got := alloc.registers[0].Capabilities; len(got) != 7 {
		t.Errorf("registered with %v, want seven capabilities", got)
	}
}
