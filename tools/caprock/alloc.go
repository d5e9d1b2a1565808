package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/caprock/caprock/alloc"
	"github.com/caprock/caprock/alloc/api"
	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/tools/flags"
	"github.com/caprock/caprock/wire/announce"
)

func allocCommand() *cobra.Command {
	var o alloc.Options
	var where address
	var log logging
	var rootSubmissions, filterGPU bool
	var frameworkMetrics bool
	cmd := &cobra.Command{
		Use:   "alloc",
		Short: "Run the allocator service",
		Long: `Run the allocator service: it keeps the state of the cluster in --work-dir, offers
resources to frameworks on the v1 scheduler API, serves operators, and tells agents
what to run. Prints "listening: URL" when it serves.

A second allocator on the same --work-dir is refused. The process ends with an error if
it cannot write to disk, rather than lose a call it has acknowledged.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			fs := cmd.Flags()
			if o.Listen, err = where.text(fs); err != nil {
				return err
			}
			if o.Logger, err = log.logger(); err != nil {
				return err
			}
			o.LogLevel = &log.current
			o.LogFile = log.served()
			if o.WorkDir == "" {
				return errors.New("got no --work-dir, want a directory for the allocator's state")
			}
			o.Version = Version
			o.Core.RefuseRoot = !rootSubmissions
			o.Core.ShowGPUsToAll = !filterGPU
			o.NoFrameworkMetrics = !frameworkMetrics
			for _, text := range flags.GivenInVain(fs) {
				o.Logger.Warn(text)
			}
			settings(fs, func(name, value string) { o.Flags = append(o.Flags, api.Flag{Name: name, Value: value}) })
			spreadOverCores()
			room := os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == ""
			if room {
				debug.SetGCPercent(roomyPercent) // while the state is read, most of it stays
				go roomWhileSmall(cmd.Context())
			}
			service, err := alloc.New(o)
			if err != nil {
				return fmt.Errorf("starting the allocator: %w", inUse(err))
			}
			// Ready comes while Run serves.
			go func() {
				select {
				case <-service.Ready():
					announce.Listening(cmd.OutOrStdout(), service.Addr().String())
				case <-cmd.Context().Done():
				}
			}()
			return service.Run(cmd.Context())
		},
	}
	f := cmd.Flags()
	where.flags(f, "127.0.0.1:5050")
	log.flags(f)
	f.StringVar(&o.WorkDir, "work-dir", "", "`directory` for the allocator's state (required)")
	f.StringVar(&o.Hostname, "hostname", "", "name told to clients (default: the host of --listen)")
	f.StringVar(&o.AdvertiseIP, "advertise-ip", "", "`IP` told to clients instead of the one listened on")
	f.IntVar(&o.AdvertisePort, "advertise-port", 0, "port told to clients instead of the one listened on")
	log.files(f, "caprock-alloc.log", "/master/log")
	f.StringVar(&o.Whitelist, "whitelist", "", "`file` with the hosts whose agents are offered, one a line; read again every 5 seconds (default: all hosts)")
	domainFlag(f, &o.Domain, "fault domain of the allocator, as JSON or a file: {\"fault_domain\": {\"region\": {\"name\": \"r1\"}, \"zone\": {\"name\": \"z1\"}}}")
	f.StringVar(&o.ClusterID, "cluster-id", "", "`id` of the cluster if --work-dir is empty (default: a new one); that of a cluster whose work dir was lost takes its agents over")
	f.StringVar(&o.Cluster, "cluster", "", "name of the cluster, for people")
	coreFlags(cmd, &o.Core)
	allocationFlags(f, &o.Core, &o.Loop.ForgetOffers)
	f.BoolVar(&filterGPU, "filter-gpu-resources", true, "offer agents with GPUs only to frameworks with the GPU_RESOURCES capability")
	f.BoolVar(&rootSubmissions, "root-submissions", true, "let frameworks run as root")
	f.IntVar(&o.Fanout.Operators, "max-operator-event-stream-subscribers", 1000, "operator event streams at once; one more ends the oldest")
	f.BoolVar(&frameworkMetrics, "publish-per-framework-metrics", true, "show the metrics of single frameworks")
	profileFlag(cmd)
	flags.AddMesos(f)
	cmd.Version = Version
	return cmd
}

// coreFlags are the flags that change rules and timeouts.
func coreFlags(cmd *cobra.Command, o *core.Options) {
	f := cmd.Flags()
	flags.DurationVar(f, &o.AllocationInterval, "allocation-interval", core.DefaultAllocationInterval, "time between periodic allocation cycles")
	flags.DurationVar(f, &o.PingInterval, "agent-ping-timeout", core.DefaultPingInterval, "time an agent has to answer a ping")
	f.IntVar(&o.MaxPingTimeouts, "max-agent-ping-timeouts", core.DefaultMaxPingTimeouts, "unanswered pings in a row that make an agent unreachable")
	flags.DurationVar(f, &o.AgentReregisterTimeout, "agent-reregister-timeout", core.DefaultAgentReregisterTimeout, "time agents have to come back after a restart of the allocator")
	flags.RateVar(f, &o.RemovalInterval, "agent-removal-rate-limit",
		"how fast the tasks of unreachable agents are declared lost to frameworks that are not PARTITION_AWARE, such as 1/10mins (default: no limit)")
	flags.DurationVar(f, &o.PruneInterval, "registry-gc-interval", core.DefaultPruneInterval, "how often unreachable and gone agents are forgotten")
	flags.DurationVar(f, &o.RememberedAgentAge, "registry-max-agent-age", core.DefaultRememberedAgentAge, "how long unreachable and gone agents are remembered")
	f.IntVar(&o.MaxRememberedAgents, "registry-max-agent-count", core.DefaultMaxRememberedAgents, "how many unreachable and gone agents are remembered")
	flags.WeightsVar(f, &o.Weights, "weights", "weights of roles, such as a=2,b=0.5, until operators set some")
	flags.DurationVar(f, &o.OfferTimeout, "offer-timeout", 0, "age at which an unanswered offer is rescinded (default: never)")
	f.Float64Var(&o.RecoveryFactor, "allocator-agent-recovery-factor", core.DefaultRecoveryFactor,
		"`part` of the known agents that must be back after a restart before offers are made, if there are quotas")
	flags.DurationVar(f, &o.RecoveryTimeout, "allocator-recovery-timeout", core.DefaultRecoveryTimeout, "longest wait for those agents")
	flags.PercentVar(f, &o.RecoveryRemovalLimit, "recovery-agent-removal-limit", core.DefaultRecoveryRemovalLimit,
		"part of the known agents that may be missing after --agent-reregister-timeout; while more are, none is declared unreachable")
	f.StringVar(&o.MinAllocatable, "min-allocatable-resources", "cpus:0.01|mem:32",
		"least an offer holds: alternatives separated by |; none: anything is offered")
	flags.BytesVar(f, &o.ConstraintLimits.MaxMemBytes, "offer-constraints-re2-max-mem", cycle.DefaultMaxMemBytes,
		"memory that a regular expression in offer constraints may need")
	f.IntVar(&o.ConstraintLimits.MaxProgramSize, "offer-constraints-re2-max-program-size", cycle.DefaultMaxProgramSize,
		"instructions that a regular expression in offer constraints may have")
	f.StringSliceVar(&o.ExcludeNames, "fair-sharing-excluded-resource-names", nil, "`resources` that fair sharing does not look at")
	f.StringSliceVar(&o.RoleWhitelist, "roles", nil, "`roles` that frameworks may use (default: any)")
	f.BoolVar(&o.RequireAgentDomain, "require-agent-domain", false, "refuse agents without a fault domain")
	f.IntVar(&o.MaxCompletedFrameworks, "max-completed-frameworks", core.DefaultMaxCompletedFrameworks, "ended frameworks that are remembered")
	f.IntVar(&o.MaxCompletedTasks, "max-completed-tasks-per-framework", core.DefaultMaxCompletedTasks, "ended tasks that are remembered per framework")
	f.IntVar(&o.MaxUnreachableTasks, "max-unreachable-tasks-per-framework", core.DefaultMaxUnreachableTasks, "unreachable tasks that are remembered per framework")
	f.IntVar(&o.MaxKeptBytes, "max-framework-state-bytes", core.DefaultMaxKeptBytes, "what one framework may keep in the framework state store, in `bytes`")
	f.IntVar(&o.MaxKeptValueBytes, "max-framework-state-value-bytes", core.DefaultMaxKeptValueBytes, "largest value of the framework state store, in `bytes`")
	f.Uint64Var(&o.Seed, "seed", 0, "decides the random choices, so that a run can be repeated")
	f.BoolVar(&o.YoungCapabilities, "young-capabilities", false, "tell schedulers of capabilities younger than common clients; some stop at them")
}
