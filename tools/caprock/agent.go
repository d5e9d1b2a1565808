package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sort"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/caprock/caprock/agent"
	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/tools/flags"
	"github.com/caprock/caprock/wire/announce"
)

func agentCommand() *cobra.Command {
	var o agent.Options
	var where address
	var log logging
	var switchUser, lowPriority bool
	var environment, devices, hostPaths string
	var shm int64
	var rights rightsFlags
	var classes netClassFlags
	var fetcher fetcherFlags
	var logs logsFlags
	var keeper reaperUse
	var socket socketFlags
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Run the node agent",
		Long: `Run the node agent: it registers with the allocator, runs tasks in cgroups, and reports what
becomes of them. Prints "listening: URL" when it serves.

Stopped by SIGINT or SIGTERM, or killed, it leaves its tasks running and takes them up again when it
is started with the same --work-dir. SIGUSR1 makes it unregister: its tasks are killed, its
cgroups removed, and the allocator is told. Started again it has its old id.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			fs := cmd.Flags()
			if o.Listen, err = where.text(fs); err != nil {
				return err
			}
			if o.Logger, err = log.logger(); err != nil {
				return err
			}
			if o.WorkDir == "" {
				return errors.New("got no --work-dir, want a directory for sandboxes and checkpoints")
			}
			if o.Allocator == "" {
				return errors.New("got no --allocator, want the allocator's URL, such as http://10.0.0.1:5050")
			}
			if o.ExecutorEnvironment, err = parseEnvironment(environment); err != nil {
				return err
			}
			if o.Rights, err = rights.rights(); err != nil {
				return err
			}
			if o.NetClasses, err = classes.classes(); err != nil {
				return err
			}
			if o.Fetcher, err = fetcher.options(); err != nil {
				return err
			}
			if o.ExecutorSocket, err = socket.path(o.WorkDir); err != nil {
				return err
			}
			o.LogLevel, o.LogFile = &log.current, log.served()
			o.Release = Version
			if o.Devices, err = parseDevices(devices); err != nil {
				return err
			}
			o.Logs = logs.policies()
			o.HostPathParents = filepath.SplitList(hostPaths)
			o.Spaces.ShmMiB = uint32(min(shm, 1<<50) >> 20)
			o.RunAsAgent, o.EqualRevocable = !switchUser, !lowPriority
			o.Flags = map[string]string{}
			settings(fs, func(name, value string) { o.Flags[name] = value })
			o.Listening = func(addr string) { announce.Listening(cmd.OutOrStdout(), addr) }
			if below, err := below(&o, keeper); err != nil || below {
				return err
			}
			a, err := agent.New(o)
			if err != nil {
				return fmt.Errorf("starting the agent: %w", err)
			}
			leave := make(chan os.Signal, 1)
			signal.Notify(leave, syscall.SIGUSR1)
			defer signal.Stop(leave)
			go func() {
				if _, ok := <-leave; ok {
					a.Leave("told to leave by SIGUSR1")
				}
			}()
			go trimWhileIdle(cmd.Context(), a.Ready())
			return inUse(a.Run(cmd.Context()))
		},
	}
	var unset agent.Options // what the agent makes of flags that are not given
	unset.EnsureDefaults()
	f := cmd.Flags()
	where.flags(f, "127.0.0.1:5051")
	log.flags(f)
	log.files(f, "caprock-agent.log", "/slave/log")
	f.StringVar(&o.Allocator, "allocator", "", "`URL` of the allocator, or its host:port, such as http://10.0.0.1:5050 (required)")
	f.StringVar(&o.WorkDir, "work-dir", "", "`directory` for sandboxes and checkpoints (required)")
	f.StringVar(&o.Resources, "resources", "", "what the agent has to give, such as cpus:4;mem:8192;ports:[31000-32000]; what is missing is detected")
	f.StringVar(&o.DefaultRole, "default-role", "*", "role of resources that name none")
	f.StringVar(&o.Attributes, "attributes", "", "attributes of the node, such as rack:r1;zone:a")
	domainFlag(f, &o.Domain, "fault domain of the node, as JSON or a file; the allocator needs one too")
	f.StringVar(&o.Hostname, "hostname", "", "name told to others (default: the machine's)")
	f.StringVar(&o.AdvertiseIP, "advertise-ip", "", "`IP` told to others instead of the one listened on")
	f.StringVar(&o.Isolation, "isolation", "auto", "auto, cgroups, posix, or a list of Mesos' isolators such as cgroups/cpu,cgroups/mem")
	rights.flags(f)
	classes.flags(f)
	f.StringVar(&o.Perf.Events, "perf-events", "", "`events` counted in each container with --isolation=cgroups/perf_event, such as cycles,task-clock")
	flags.DurationVar(f, &o.Perf.Interval, "perf-interval", 0, "how often they are counted (default 1mins)")
	flags.DurationVar(f, &o.Perf.Duration, "perf-duration", 0, "for how long each time (default 10secs)")
	flags.BytesVar(f, &shm, "default-container-shm-size", 0, "size of /dev/shm in containers that have their own and name none (default: half of the memory)")
	f.BoolVar(&o.Spaces.KeepPIDs, "disallow-sharing-agent-pid-namespace", false, "refuse containers that want to share the agent's pid namespace")
	f.BoolVar(&o.Spaces.KeepIPC, "disallow-sharing-agent-ipc-namespace", false, "refuse containers that want to share the agent's IPC namespace")
	f.StringVar(&hostPaths, "host-path-volume-force-creation", "", "`directories`, separated by colons, below which a HOST_PATH volume that does not exist is made")
	f.BoolVar(&o.LimitSwap, "cgroups-limit-swap", false, "count swap within the memory limits of tasks")
	f.BoolVar(&o.EnforceDiskQuota, "enforce-container-disk-quota", false, "bound the disk space of containers: --isolation=disk/xfs makes their writes fail, disk/du ends them")
	flags.DurationVar(f, &o.SandboxWatchInterval, "container-disk-watch-interval", unset.SandboxWatchInterval, "how often that is measured, and the disk usage in the statistics with --isolation=disk/du")
	f.StringVar(&o.ProjectRange, "xfs-project-range", "[5000-10000]", "`ids` of the projects that --isolation=disk/xfs gives to sandboxes and persistent volumes")
	f.BoolVar(&o.KillOverQuota, "xfs-kill-containers", false, "end containers above their disk resources with --isolation=disk/xfs, instead of letting their writes fail")
	flags.BytesVar(f, &o.QuotaHeadroom, "xfs-quota-headroom", 10<<20, "how far above its disk resources a container gets before its writes fail, with --xfs-kill-containers")
	f.StringVar(&devices, "allowed-devices", "", "`JSON` DeviceWhitelist: devices that tasks may use beside /dev/null and the like, terminals, random numbers and tunnels")
	f.StringVar(&o.CgroupsRoot, "cgroups-root", "", "the agent's directory in every cgroup hierarchy (default: one per work dir)")
	f.StringVar(&o.Features, "agent-features", "", "`JSON` that lists what the agent can do, {\"capabilities\":[{\"type\":\"MULTI_ROLE\"}, …]}; only RESIZE_VOLUME may be missing (default: everything)")
	f.StringVar(&o.ReconfigurationPolicy, "reconfiguration-policy", core.ReconfigureFitting,
		"changes of resources and attributes that a restart may bring: fitting (whatever holds reservations, volumes and what runs), additive or equal")
	f.StringVar(&o.Recover, "recover", agent.Reconnect, "take up what an earlier agent left running (reconnect), or end it and then the agent (cleanup)")
	f.BoolVar(&o.Strict, "strict", false, "refuse to start on damaged checkpoints, instead of setting aside what is damaged")
	f.BoolVar(&o.EnableCFS, "cgroups-enable-cfs", false, "make cpus an upper bound too, by CFS quota")
	f.BoolVar(&lowPriority, "revocable-cpu-low-priority", true, "give revocable cpus about a hundredth of the share of others under contention")
	f.BoolVar(&switchUser, "switch-user", true, "run tasks as the user they name")
	f.StringVar(&environment, "executor-environment-variables", "", "`JSON` object of variables that executors and tasks get")
	flags.DurationVar(f, &o.ExecutorRegistrationTimeout, "executor-registration-timeout", unset.ExecutorRegistrationTimeout, "time an executor has to subscribe")
	flags.DurationVar(f, &o.ExecutorReregistrationTimeout, "executor-reregistration-timeout", unset.ExecutorReregistrationTimeout, "time an executor has to come back after a restart of the agent, at most 15secs")
	flags.DurationVar(f, &o.ExecutorShutdownGracePeriod, "executor-shutdown-grace-period", unset.ExecutorShutdownGracePeriod, "time between SHUTDOWN and the end of an executor")
	flags.DurationVar(f, &o.RecoveryTimeout, "recovery-timeout", unset.RecoveryTimeout, "time executors wait for an absent agent")
	socket.flags(f)
	fetcher.flags(f)
	flags.DurationVar(f, &o.RegistrationBackoff, "registration-backoff-factor", unset.RegistrationBackoff, "longest first wait before connecting again")
	flags.DurationVar(f, &o.GCDelay, "gc-delay", unset.GCDelay, "how long sandboxes of ended runs are kept on an empty disk; a fuller one keeps them shorter")
	f.BoolVar(&o.GCMembers, "gc-non-executor-container-sandboxes", false, "collect the sandboxes of a task group's members while its executor lives on")
	f.Float64Var(&o.GCDiskHeadroom, "gc-disk-headroom", 0.1, "part of the disk, from 0 to 1, that ended runs' sandboxes must leave free")
	flags.DurationVar(f, &o.DiskWatchInterval, "disk-watch-interval", unset.DiskWatchInterval, "time between two looks at the disk's room for sandboxes")
	logs.flags(f)
	flags.ChoiceVar(f, &keeper, "reaper", reaperIfNeeded, map[string]reaperUse{"auto": reaperIfNeeded, "always": reaperAlways, "never": reaperNever},
		"process that waits for tasks while the agent is down: where BPF does not record how they end (auto), always or never")
	f.IntVar(&o.MaxCompletedExecutors, "max-completed-executors-per-framework", unset.MaxCompletedExecutors, "ended runs that are remembered per framework")
	return cmd
}

// parseEnvironment reads a JSON object of strings into NAME=value, sorted.
func parseEnvironment(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	var object map[string]string
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		return nil, fmt.Errorf("--executor-environment-variables: got %q, want a JSON object of strings: %w", text, err)
	}
	var list []string
	for name, value := range object {
		list = append(list, name+"="+value)
	}
	sort.Strings(list)
	return list, nil
}
