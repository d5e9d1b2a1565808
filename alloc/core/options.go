package core

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// Defaults of Options, which are Mesos'.
const (
	DefaultPingInterval             = 15 * time.Second
	DefaultMaxPingTimeouts          = 5
	DefaultAgentReregisterTimeout   = 10 * time.Minute
	DefaultMaxCompletedFrameworks   = 50
	DefaultMaxCompletedTasks        = 1000
	DefaultMaxUnreachableTasks      = 1000
	DefaultRefuseSeconds            = 5.0
	DefaultMaxRememberedAgents      = 102400
	DefaultRememberedAgentAge       = 14 * 24 * time.Hour
	DefaultAllocationInterval       = time.Second
	DefaultFrameworkRecoveryTimeout = 10 * time.Minute
	DefaultRecoveryRemovalLimit     = 50.0
	DefaultPruneInterval            = 15 * time.Minute
	DefaultRecoveryFactor           = 0.8
	DefaultRecoveryTimeout          = 10 * time.Minute
	// NoMinimum as MinAllocatable offers whatever there is.
	NoMinimum = "none"
	// HeartbeatInterval is what SUBSCRIBED promises; fixed, as in Mesos.
	HeartbeatInterval = 15 * time.Second
)

// Options configure a Core. The zero value of a field means its default.
type Options struct {
	// MasterInfo is what frameworks are told; id is the prefix of new ids and
	// should be a fresh uuid for each process. Required.
	MasterInfo *mesos.MasterInfo
	// ClusterID is written down at the first start and kept from then on.
	ClusterID string
	// Allocator is the host:port that agents are told frameworks use.
	Allocator string
	// Seed of every random choice.
	Seed uint64

	PingInterval           time.Duration
	MaxPingTimeouts        int
	AgentReregisterTimeout time.Duration
	// RecoveryRemovalLimit is the percentage of the agents known at the start
	// that may be missing after AgentReregisterTimeout. While more are, none of
	// them is declared unreachable: it is more likely that they cannot reach the
	// allocator than that they all died. 100 sets no limit; Mesos' flag of that
	// meaning ends the master instead and has no limit by default.
	RecoveryRemovalLimit float64
	// RemovalInterval is the least time between two unreachable agents whose tasks
	// are declared lost to frameworks that are not PARTITION_AWARE; 0 sets no limit.
	// Those frameworks replace what they are told is lost. Agents become unreachable
	// in any case, and PARTITION_AWARE frameworks hear of it at once: Mesos' flag of
	// that meaning delays them too.
	RemovalInterval time.Duration
	// Unreachable and gone agents are forgotten when they are older than
	// RememberedAgentAge or more than MaxRememberedAgents; this is looked at
	// every PruneInterval.
	RememberedAgentAge, PruneInterval time.Duration
	MaxRememberedAgents               int
	// FrameworkRecoveryTimeout is how long, at least, a framework that was
	// connected when the last process ended may take to subscribe again.
	FrameworkRecoveryTimeout time.Duration
	// OfferTimeout rescinds unanswered offers; 0 lets them live forever.
	OfferTimeout       time.Duration
	AllocationInterval time.Duration
	// RecoveryFactor is the part of the agents known at the start that must be back
	// before a restarted allocator with quotas makes offers, and RecoveryTimeout
	// ends that wait.
	RecoveryFactor  float64
	RecoveryTimeout time.Duration

	MaxCompletedFrameworks int
	MaxCompletedTasks      int // per framework
	MaxUnreachableTasks    int // per framework

	// MaxKeptBytes bounds what a framework keeps here, keys and values together,
	// and MaxKeptValueBytes one value.
	MaxKeptBytes, MaxKeptValueBytes int

	// LoseUncheckpointed declares tasks of frameworks without checkpointing lost
	// as soon as their agent disconnects, as Mesos does. Caprock's agents find
	// such tasks again after a restart, so by default they stay.
	LoseUncheckpointed bool
	// RoleWhitelist restricts roles that frameworks, weights and quotas may
	// name; nil allows all.
	RoleWhitelist []string
	// RefuseRoot refuses frameworks that run as root (--no-root_submissions).
	RefuseRoot bool
	// RequireAgentDomain refuses agents without a fault domain.
	RequireAgentDomain bool
	// Weights of roles, for the case that operators have set none yet: those are
	// kept and win.
	Weights map[string]float64
	// ShowGPUsToAll offers agents with GPUs to frameworks without the
	// GPU_RESOURCES capability too (--filter_gpu_resources=false).
	ShowGPUsToAll bool
	// MinAllocatable is the least an offer holds: one of these sets of
	// quantities, e.g. "cpus:0.01|mem:32". Empty means that, Mesos' default;
	// NoMinimum means that any offer is enough.
	MinAllocatable string
	// ConstraintLimits bound regular expressions in offer constraints.
	ConstraintLimits cycle.RegexpLimits
	// ExcludeNames are resource names that fair sharing does not look at.
	ExcludeNames []string
	// QuotaScope, sorters, shards, order and bounds are passed to alloc/cycle.
	QuotaScope                  cycle.QuotaScope
	RoleSorter, FrameworkSorter cycle.Sorter
	Shards                      int
	ShuffleOff                  bool
	OfferShareLimit             float64

	// YoungCapabilities tells schedulers of master capabilities younger than
	// common clients (QUOTA_V2), which makes some of them stop.
	YoungCapabilities bool
}

// EnsureDefaults fills unset fields.
func (o *Options) EnsureDefaults() {
	def(&o.PingInterval, DefaultPingInterval)
	def(&o.MaxPingTimeouts, DefaultMaxPingTimeouts)
	def(&o.AgentReregisterTimeout, DefaultAgentReregisterTimeout)
	def(&o.FrameworkRecoveryTimeout, DefaultFrameworkRecoveryTimeout)
	def(&o.RecoveryRemovalLimit, DefaultRecoveryRemovalLimit)
	def(&o.PruneInterval, DefaultPruneInterval)
	def(&o.RememberedAgentAge, DefaultRememberedAgentAge)
	def(&o.MaxRememberedAgents, DefaultMaxRememberedAgents)
	def(&o.AllocationInterval, DefaultAllocationInterval)
	def(&o.RecoveryFactor, DefaultRecoveryFactor)
	def(&o.RecoveryTimeout, DefaultRecoveryTimeout)
	def(&o.MaxCompletedFrameworks, DefaultMaxCompletedFrameworks)
	def(&o.MaxCompletedTasks, DefaultMaxCompletedTasks)
	def(&o.MaxUnreachableTasks, DefaultMaxUnreachableTasks)
	def(&o.MaxKeptBytes, DefaultMaxKeptBytes)
	def(&o.MaxKeptValueBytes, DefaultMaxKeptValueBytes)
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate reports every fault at once.
func (o *Options) Validate() error {
	var errs []error
	if o.MasterInfo.GetId() == "" {
		errs = append(errs, errors.New("MasterInfo.id: got none, want a uuid"))
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"PingInterval", o.PingInterval}, {"AgentReregisterTimeout", o.AgentReregisterTimeout},
		{"FrameworkRecoveryTimeout", o.FrameworkRecoveryTimeout}, {"OfferTimeout", o.OfferTimeout},
		{"AllocationInterval", o.AllocationInterval}, {"RecoveryTimeout", o.RecoveryTimeout},
		{"RemovalInterval", o.RemovalInterval}, {"RememberedAgentAge", o.RememberedAgentAge}, {"PruneInterval", o.PruneInterval},
	} {
		if d.value < 0 {
			errs = append(errs, fmt.Errorf("%s: got %v, want 0 or more", d.name, d.value))
		}
	}
	for _, role := range sortedKeys(o.Weights) {
		if err := resource.ValidateRole(role); err != nil {
			errs = append(errs, fmt.Errorf("option Weights: %w", err))
		}
		if w := o.Weights[role]; !(w > 0) || math.IsInf(w, 1) {
			errs = append(errs, fmt.Errorf("option Weights: got %v for role %q, want a number above 0", w, role))
		}
	}
	if o.MaxPingTimeouts < 1 {
		errs = append(errs, fmt.Errorf("MaxPingTimeouts: got %d, want 1 or more", o.MaxPingTimeouts))
	}
	if o.MaxRememberedAgents < 0 {
		errs = append(errs, fmt.Errorf("MaxRememberedAgents: got %d, want 1 or more", o.MaxRememberedAgents))
	}
	if p := o.RecoveryRemovalLimit; !(p > 0 && p <= 100) {
		errs = append(errs, fmt.Errorf("RecoveryRemovalLimit: got %v %%, want more than 0 and at most 100", p))
	}
	if f := o.RecoveryFactor; !(f > 0 && f <= 1) {
		errs = append(errs, fmt.Errorf("RecoveryFactor: got %v, want more than 0 and at most 1", f))
	}
	if d := o.MasterInfo.GetDomain(); d != nil && (d.GetFaultDomain().GetRegion().GetName() == "" || d.GetFaultDomain().GetZone().GetName() == "") {
		errs = append(errs, fmt.Errorf("MasterInfo.domain: got %v, want a fault domain with the names of a region and a zone", d))
	}
	if l := o.ConstraintLimits; l.MaxMemBytes < 0 || l.MaxProgramSize < 0 {
		errs = append(errs, fmt.Errorf("ConstraintLimits: got %+v, want 0 or more", l))
	}
	return errors.Join(errs...)
}
