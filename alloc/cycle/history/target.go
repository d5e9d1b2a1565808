package history

import (
	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// Decided is an offer.
type Decided struct {
	Framework, Role, Agent string
	Resources              resource.Resources // allocated to Role
}

// Target is what a Player gives commands to: the verbs of cycle.Allocator.
type Target interface {
	Recover(now int64, expectedAgents int, quotas map[string]cycle.Quota) error
	AddFramework(now int64, info cycle.Framework, used map[string]resource.Resources) error
	UpdateFramework(now int64, info cycle.Framework) error
	ActivateFramework(now int64, id string) error
	DeactivateFramework(id string) error
	RemoveFramework(id string) error
	Suppress(id string, roles []string) error
	Revive(now int64, id string, roles []string) error

	AddAgent(now int64, info cycle.Agent, used map[string]resource.Resources) error
	UpdateAgent(now int64, info cycle.Agent) error
	AddResourceProvider(id string, total resource.Resources, used map[string]resource.Resources) error
	RemoveAgent(id string) error
	ActivateAgent(id string) error
	DeactivateAgent(id string) error
	SetWhitelist(hosts []string)
	AgentTotal(id string) resource.Resources

	UpdateWeights(weights map[string]float64)
	UpdateQuota(role string, q cycle.Quota) error

	RecoverResources(now int64, framework, agent string, res resource.Resources, filter *cycle.Filter, allocated bool) error
	UpdateAllocation(framework, agent string, offered resource.Resources, conv []resource.Conversion) error
	UpdateAvailable(agent string, conv []resource.Conversion) error
	TransitionOfferedToAllocated(framework, agent string, res resource.Resources) error

	UpdateUnavailability(now int64, agent string, u *mesos.Unavailability) error
	UpdateInverseOffer(now int64, agent, framework string, status *cycle.InverseStatus, filter *cycle.Filter) error
	InverseOfferStatuses() map[string]map[string]cycle.InverseStatus

	Run(now int64) ([]Decided, []cycle.InverseOffer)
}

// real is alloc/cycle as a Target.
type real struct {
	*cycle.Allocator
	result cycle.Result
}

func (r *real) Run(now int64) ([]Decided, []cycle.InverseOffer) {
	r.RunCycle(now, &r.result)
	made := make([]Decided, 0, len(r.result.Offers))
	for i := range r.result.Offers {
		o := &r.result.Offers[i]
		made = append(made, Decided{o.Framework(), o.Role(), o.Agent(), o.Resources()})
	}
	return made, r.result.Inverse
}
