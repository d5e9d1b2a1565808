package agent

import (
	"maps"
	"strconv"
	"strings"
	"time"
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
		"cgroups_enable_cfs":                    strconv.FormatBool(o.EnableCFS),
		"executor_registration_timeout":         durationText(o.ExecutorRegistrationTimeout),
		"executor_reregistration_timeout":       durationText(o.ExecutorReregistrationTimeout),
		"executor_shutdown_grace_period":        durationText(o.ExecutorShutdownGracePeriod),
		"recovery_timeout":                      durationText(o.RecoveryTimeout),
		"fetcher_stall_timeout":                 durationText(o.Fetcher.StallTimeout),
		"fetcher_cache_dir":                     o.Fetcher.CacheDir,
		"fetcher_cache_size":                    strconv.FormatInt(o.Fetcher.CacheBytes, 10) + "B",
		"frameworks_home":                       o.Fetcher.Home,
		"registration_backoff_factor":           durationText(o.RegistrationBackoff),
		"gc_delay":                              durationText(o.GCDelay),
		"max_completed_executors_per_framework": strconv.Itoa(o.MaxCompletedExecutors),
		"recover":                               "reconnect",
	}
	maps.Copy(flags, o.Flags)
	return flags
}

// durationText is a duration as Mesos' flags write it.
func durationText(d time.Duration) string {
	for _, u := range [...]struct {
		unit time.Duration
		name string
	}{{7 * 24 * time.Hour, "weeks"}, {24 * time.Hour, "days"}, {time.Hour, "hrs"}, {time.Minute, "mins"}, {time.Second, "secs"}} {
		if d != 0 && d%u.unit == 0 {
			return strconv.FormatInt(int64(d/u.unit), 10) + u.name
		}
	}
	return strings.TrimSpace(d.String())
}
