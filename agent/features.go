package agent

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/caprock/caprock/wire/mesos"
)

// optionalFeature is the one capability that an agent may go without; of the others
// Mesos says so since 1.9.
const optionalFeature = mesos.AgentInfo_Capability_RESIZE_VOLUME

// allFeatures are the capabilities of a current Mesos agent, in the order in which it
// names them.
var allFeatures = []mesos.AgentInfo_Capability_Type{
	mesos.AgentInfo_Capability_MULTI_ROLE,
	mesos.AgentInfo_Capability_HIERARCHICAL_ROLE,
	mesos.AgentInfo_Capability_RESERVATION_REFINEMENT,
	mesos.AgentInfo_Capability_RESOURCE_PROVIDER,
	mesos.AgentInfo_Capability_RESIZE_VOLUME,
	mesos.AgentInfo_Capability_AGENT_OPERATION_FEEDBACK,
	mesos.AgentInfo_Capability_AGENT_DRAINING,
	mesos.AgentInfo_Capability_TASK_RESOURCE_LIMITS,
}

// parseFeatures reads what agent_features of Mesos is: JSON that names the agent's
// capabilities, {"capabilities":[{"type":"MULTI_ROLE"},…]}. Empty means all. As in
// Mesos all but RESIZE_VOLUME must be there.
func parseFeatures(text string) ([]mesos.AgentInfo_Capability_Type, error) {
	if text == "" {
		return allFeatures, nil
	}
	var listed struct {
		Capabilities []struct {
			Type string `json:"type"`
		} `json:"capabilities"`
	}
	if err := json.Unmarshal([]byte(text), &listed); err != nil {
		return nil, fmt.Errorf(`agent_features: got %q (%w), want JSON such as {"capabilities":[{"type":"MULTI_ROLE"}]}`, text, err)
	}
	var features []mesos.AgentInfo_Capability_Type
	for _, c := range listed.Capabilities {
		feature := mesos.AgentInfo_Capability_Type(mesos.AgentInfo_Capability_Type_value[c.Type])
		if !slices.Contains(allFeatures, feature) {
			return nil, fmt.Errorf("agent_features: got capability %q, want some of %v", c.Type, allFeatures)
		}
		if !slices.Contains(features, feature) {
			features = append(features, feature)
		}
	}
	for _, feature := range allFeatures {
		if feature != optionalFeature && !slices.Contains(features, feature) {
			return nil, fmt.Errorf("agent_features: got no %v, which an agent must have", feature)
		}
	}
	return features, nil
}
