package agent

import (
	"maps"
	"strconv"

	"github.com/caprock/caprock/wire/units"
)

// flags shows the options in force under the names that Mesos gives them, and
// whatever else the program was started with.
func (l *loop) flags() map[string]string {
	o := &l.agent.opts
	flags := map[string]string{
		"master":                                o.Allocator,
		"ip":                                    l.ip,
		"port":                                  strconv.Itoa(l.port),
		"hostname":                              o.Hostname,
		"work_dir":                              o.WorkDir,
		"resources":                             o.Resources,
		"default_role":                          o.DefaultRole,
		"attributes":                            o.Attributes,
		"isolation":                             o.Isolation,
		"cgroups_root":                          o.CgroupsRoot,
		"switch_user":                           strconv.FormatBool(!o.RunAsAgent),
		"revocable_cpu_low_priority":            strconv.FormatBool(!o.EqualRevocable),
		"cgroups_enable_cfs":                    strconv.FormatBool(o.EnableCFS),
		"executor_registration_timeout":         units.FormatDuration(o.ExecutorRegistrationTimeout),
		"executor_reregistration_timeout":       units.FormatDuration(o.ExecutorReregistrationTimeout),
		"executor_shutdown_grace_period":        units.FormatDuration(o.ExecutorShutdownGracePeriod),
		"recovery_timeout":                      units.FormatDuration(o.RecoveryTimeout),
		"fetcher_stall_timeout":                 units.FormatDuration(o.Fetcher.StallTimeout),
		"fetcher_cache_dir":                     o.Fetcher.CacheDir,
		"fetcher_cache_size":                    units.FormatBytes(o.Fetcher.CacheBytes),
		"frameworks_home":                       o.Fetcher.Home,
		"registration_backoff_factor":           units.FormatDuration(o.RegistrationBackoff),
		"container_disk_watch_interval":         units.FormatDuration(o.SandboxWatchInterval),
		"enforce_container_disk_quota":          strconv.FormatBool(o.EnforceDiskQuota),
		"xfs_project_range":                     o.ProjectRange,
		"xfs_kill_containers":                   strconv.FormatBool(o.KillOverQuota),
		"xfs_quota_headroom":                    units.FormatBytes(o.QuotaHeadroom),
		"gc_delay":                              units.FormatDuration(o.GCDelay),
		"gc_non_executor_container_sandboxes":   strconv.FormatBool(o.GCMembers),
		"gc_disk_headroom":                      strconv.FormatFloat(o.GCDiskHeadroom, 'g', -1, 64),
		"disk_watch_interval":                   units.FormatDuration(o.DiskWatchInterval),
		"max_completed_executors_per_framework": strconv.Itoa(o.MaxCompletedExecutors),
		"recover":                               o.Recover,
		"strict":                                strconv.FormatBool(o.Strict),
		"agent_features":                        o.Features,
		"reconfiguration_policy":                o.ReconfigurationPolicy,
	}
	maps.Copy(flags, o.Flags)
	return flags
}
