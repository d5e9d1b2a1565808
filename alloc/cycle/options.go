package cycle

import (
	"math"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// QuotaScope says what a quota binds.
type QuotaScope uint8

const (
	// Subtree: a limit binds a top-level role with everything below it, and its
	// guarantee is served to the whole subtree.
	Subtree QuotaScope = iota
	// Role is the behaviour of Mesos: a quota binds the frameworks of exactly
	// that role, though what its descendants hold counts as consumed from the
	// next cycle on.
	Role
)

// Sorter names an order among roles or among the frameworks of a role.
type Sorter uint8

const (
	// DRF serves the smallest weighted dominant share first.
	DRF Sorter = iota
	// Random draws an order by weight anew for every agent.
	Random
)

// Options of an Allocator. The zero value of each field is its default, which
// is that of Mesos unless it says otherwise.
type Options struct {
	// MinAllocatable are the alternatives of which an offer must contain one.
	// nil: cpus:0.01 or mem:32. Empty, not nil: no minimum.
	MinAllocatable []resource.Quantities
	// ExcludeNames are scalars that do not count in fair shares.
	ExcludeNames []string
	// ShowGPUsToAll offers agents with GPUs to frameworks without the
	// GPU_RESOURCES capability too (Mesos: filter_gpu_resources=false).
	ShowGPUsToAll bool
	// Domain is the allocator's own fault domain; agents of another region go to
	// REGION_AWARE frameworks only. nil: none, then agents have none either.
	Domain *mesos.DomainInfo
	// IntervalNanos is the time between periodic cycles. 0: 1 s.
	IntervalNanos int64
	// RecoveryFactor is the part of the expected agents that must be back before
	// a restarted allocator with quotas makes offers. 0: 0.8.
	RecoveryFactor float64
	// RecoveryTimeoutNanos ends that wait. 0: 10 min.
	RecoveryTimeoutNanos int64
	// Shards is the number of parts of the agent tables. No result depends on it. 0: 16.
	Shards int
	// Seed of the order in which agents are visited.
	Seed uint64
	// QuotaScope is Subtree by default, unlike Mesos.
	QuotaScope QuotaScope
	// RoleSorter and FrameworkSorter choose the orders.
	RoleSorter, FrameworkSorter Sorter
	// ShuffleOff visits agents in slot order: for tests.
	ShuffleOff bool
	// OfferShareLimit bounds what one offer takes of an agent's unreserved
	// scalars, as a part of the agent's total, so that one framework does not get
	// a large agent whole while others wait. 0 or 1: no bound, as in Mesos.
	OfferShareLimit float64
}

func (o *Options) ensureDefaults() {
	if o.MinAllocatable == nil {
		o.MinAllocatable = []resource.Quantities{
			{{Name: "cpus", Milli: 10}},
			{{Name: "mem", Milli: 32000}},
		}
	}
	if o.IntervalNanos <= 0 {
		o.IntervalNanos = 1e9
	}
	if o.RecoveryFactor == 0 {
		o.RecoveryFactor = 0.8
	}
	if o.RecoveryTimeoutNanos == 0 {
		o.RecoveryTimeoutNanos = 600e9
	}
	if o.Shards <= 0 {
		o.Shards = 16
	}
	if o.OfferShareLimit <= 0 || o.OfferShareLimit >= 1 {
		o.OfferShareLimit = 0
	}
}

// Quota of a role. Both empty: none.
type Quota struct {
	Guarantee resource.Quantities
	Limit     resource.Limits
}

// IsDefault says whether the quota neither guarantees nor limits anything.
func (q Quota) IsDefault() bool { return len(q.Guarantee) == 0 && len(q.Limit) == 0 }

// Filter asks that what is returned is not offered again for a while.
type Filter struct {
	// RefuseSeconds: negative means the default of 5 s, 0 means no filter, more
	// than 365 days mean 365 days. Offer filters last at least one interval; not a
	// number means exactly one interval.
	RefuseSeconds float64
}

const (
	defaultRefuse   = 5e9
	maxRefuse       = 365 * 24 * 3600 * 1e9
	maxRefuseSecs   = 365 * 24 * 3600
	filterTickNanos = 1e6
)

// nanos returns how long the filter lasts, 0 if there is none.
func (f *Filter) nanos() int64 {
	switch s := f.RefuseSeconds; {
	case s > maxRefuseSecs:
		return maxRefuse
	case s < 0:
		return defaultRefuse
	case math.IsNaN(s):
		return math.MinInt64
	default:
		return int64(s * 1e9)
	}
}

// CapSet is the capabilities of a framework that matter for what it is offered.
type CapSet uint8

const (
	RevocableResources CapSet = 1 << iota
	GPUResources
	SharedResources
	MultiRole
	ReservationRefinement
	RegionAware
)

// Has says whether all of want are there.
func (c CapSet) Has(want CapSet) bool { return c&want == want }

// AgentCapSet is the capabilities of an agent. Two of them matter for who is
// offered it; the rest are there because a change of any is a change of the
// agent, which makes it a candidate.
type AgentCapSet uint16

const (
	AgentMultiRole AgentCapSet = 1 << iota
	AgentHierarchicalRole
	AgentReservationRefinement
	AgentResourceProvider
	AgentResizeVolume
	AgentOperationFeedback
	AgentDraining
	AgentTaskResourceLimits
	// AllAgentCaps is what an agent of the newest version has.
	AllAgentCaps = 1<<iota - 1
)

// AgentCapability returns the bit of a capability, none for unknown ones, which
// Mesos does not look at either.
func AgentCapability(t mesos.AgentInfo_Capability_Type) AgentCapSet {
	if t <= mesos.AgentInfo_Capability_UNKNOWN || t > mesos.AgentInfo_Capability_TASK_RESOURCE_LIMITS {
		return 0
	}
	return 1 << (t - 1)
}

// Has says whether all of want are there.
func (c AgentCapSet) Has(want AgentCapSet) bool { return c&want == want }
