package api

import (
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/agent"
)

// missingProvider names the member that a call about resource providers lacks, ""
// if it lacks none.
func missingProvider(call *agent.Call) string {
	for t, member := range map[agent.Call_Type]struct {
		name  string
		there bool
	}{
		agent.Call_ADD_RESOURCE_PROVIDER_CONFIG:    {"add_resource_provider_config", call.AddResourceProviderConfig != nil},
		agent.Call_UPDATE_RESOURCE_PROVIDER_CONFIG: {"update_resource_provider_config", call.UpdateResourceProviderConfig != nil},
		agent.Call_REMOVE_RESOURCE_PROVIDER_CONFIG: {"remove_resource_provider_config", call.RemoveResourceProviderConfig != nil},
		agent.Call_MARK_RESOURCE_PROVIDER_GONE:     {"mark_resource_provider_gone", call.MarkResourceProviderGone != nil},
	} {
		if call.GetType() == t && !member.there {
			return member.name
		}
	}
	return ""
}

// providerCall answers calls about local resource providers as a Mesos agent does
// that has been given no directory for their configurations: there is no type that
// could be added or changed, nothing to remove, and a provider that is not there is
// gone already.
func providerCall(call *agent.Call) error {
	var info *mesos.ResourceProviderInfo
	switch call.GetType() {
	case agent.Call_MARK_RESOURCE_PROVIDER_GONE:
		return nil
	case agent.Call_REMOVE_RESOURCE_PROVIDER_CONFIG:
		return httpd.Refusef(500, "got no directory of configurations of resource providers, want one to remove from")
	case agent.Call_ADD_RESOURCE_PROVIDER_CONFIG:
		info = call.AddResourceProviderConfig.GetInfo()
	default:
		info = call.UpdateResourceProviderConfig.GetInfo()
	}
	return httpd.Refusef(400, "got a resource provider %s of type '%s', want a type that this agent knows: there is none", info.GetName(), info.GetType())
}
