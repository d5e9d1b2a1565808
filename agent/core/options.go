package core

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/caprock/caprock/wire/mesos"
)

// Defaults of Mesos' agent flags, in nanoseconds.
const (
	second = int64(1e9)
	minute = 60 * second

	// DefaultRegistrationTimeout is how long a custom executor may take from its
	// launch to its subscription.
	DefaultRegistrationTimeout = minute
	// DefaultReregistrationTimeout is how long it may take to come back after the
	// agent restarted.
	DefaultReregistrationTimeout = 2 * second
	// DefaultShutdownGrace is what a custom executor has between SHUTDOWN and its
	// end, unless ExecutorInfo says otherwise.
	DefaultShutdownGrace = 5 * second
	// DefaultRecoveryTimeout is how long executors wait for a restarting agent.
	DefaultRecoveryTimeout = 15 * minute
	// DefaultKillGrace is the time between SIGTERM and SIGKILL for tasks that the
	// agent itself plays the executor of.
	DefaultKillGrace = 3 * second
	// DefaultPingTimeout holds until the allocator has said another.
	DefaultPingTimeout = 75 * second

	retryMin = 10 * second
	retryMax = 10 * minute
	// heartbeatEvery is the period of HEARTBEAT events to executors.
	heartbeatEvery = 30 * minute
	// subscriptionBackoffMax is told to executors that checkpoint.
	subscriptionBackoffMax = 2 * second
	// killAgainAfter repeats a SIGKILL that did not end a process: it may have
	// forked past the first.
	killAgainAfter = 10 * second
	// minMemBytes is the least memory a container is given, as in Mesos.
	minMemBytes = 32 << 20
	// minCPUShareMilli likewise: Mesos rounds shares up to 2 of 1024.
	minCPUShareMilli = 2

	maxRecentUUIDs       = 64
	maxStatuses          = 64
	maxDoneTasks         = 200
	defaultMaxCompleted  = 150
	maxCompletedInMemory = 1000
)

// Options configures a Core.
type Options struct {
	// WorkDir is the root of the sandboxes; absolute.
	WorkDir string
	// IP, Port and Hostname are where the agent's HTTP API is reached.
	IP       string
	Port     int
	Hostname string
	// Resources and Attributes are what the operator gave.
	Resources  []*mesos.Resource
	Attributes []*mesos.Attribute
	Domain     *mesos.DomainInfo
	// Version is the Mesos version that this agent claims.
	Version string
	// Capabilities are what the agent says that it can do.
	Capabilities []mesos.AgentInfo_Capability_Type
	// Instance is random and new in each process.
	Instance string
	// BootID identifies this boot of the kernel.
	BootID string
	// KeepUser runs everything as the agent's own user (switch_user=false).
	KeepUser bool
	// EnableCFS turns cpus into an upper bound too.
	EnableCFS bool
	// EqualRevocable gives revocable cpus as large a share as others.
	EqualRevocable bool
	// Environment replaces what executors inherit, as NAME=value.
	Environment []string
	// ExecutorSocket is the path of the socket at which executors reach the agent too;
	// empty: none.
	ExecutorSocket string
	// Durations in nanoseconds; 0 means the default of the same name.
	RegistrationTimeout   int64
	ReregistrationTimeout int64
	ShutdownGrace         int64
	RecoveryTimeout       int64
	// ReconfigurationPolicy is ReconfigureFitting (also ""), ReconfigureAdditive or
	// ReconfigureEqual.
	ReconfigurationPolicy string
	// DiscardMembers lets the sandboxes of members of task groups be collected, by their
	// age, while their executor lives on.
	DiscardMembers bool
	// MaxCompleted is how many ended runs are kept per framework; default 150.
	MaxCompleted int
	// Seed feeds uuids and container ids: never the same in two processes.
	Seed [32]byte
}

// EnsureDefaults fills what is unset.
func (o *Options) EnsureDefaults() {
	setDefault(&o.RegistrationTimeout, DefaultRegistrationTimeout)
	setDefault(&o.ReregistrationTimeout, DefaultReregistrationTimeout)
	setDefault(&o.ShutdownGrace, DefaultShutdownGrace)
	setDefault(&o.RecoveryTimeout, DefaultRecoveryTimeout)
	if o.MaxCompleted == 0 {
		o.MaxCompleted = defaultMaxCompleted
	}
	if o.ReconfigurationPolicy == "" {
		o.ReconfigurationPolicy = ReconfigureFitting
	}
	if o.Version == "" {
		o.Version = "1.12.0"
	}
}

func setDefault(v *int64, def int64) {
	if *v == 0 {
		*v = def
	}
}

// Validate reports every fault at once.
func (o *Options) Validate() error {
	var errs []error
	if !filepath.IsAbs(o.WorkDir) {
		errs = append(errs, fmt.Errorf("work dir: got %q, want an absolute path", o.WorkDir))
	}
	if o.Hostname == "" {
		errs = append(errs, errors.New("hostname: got none, want the name that frameworks reach this agent by"))
	}
	if o.Port < 1 || o.Port > 65535 {
		errs = append(errs, fmt.Errorf("port: got %d, want 1 to 65535", o.Port))
	}
	for _, v := range o.Environment {
		if !strings.Contains(v, "=") {
			errs = append(errs, fmt.Errorf("environment: got %q, want NAME=value", v))
		}
	}
	switch o.ReconfigurationPolicy {
	case ReconfigureFitting, ReconfigureAdditive, ReconfigureEqual:
	default:
		errs = append(errs, fmt.Errorf("reconfiguration_policy: got %q, want %s, %s or %s",
			o.ReconfigurationPolicy, ReconfigureFitting, ReconfigureAdditive, ReconfigureEqual))
	}
	return errors.Join(errs...)
}
