package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/disk"
	"github.com/caprock/caprock/agent/fetch"
	"github.com/caprock/caprock/agent/logs"
	"github.com/caprock/caprock/agent/runner"
	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/wire/build"
	"github.com/caprock/caprock/wire/clock"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// Options of an agent. Only Allocator and WorkDir have no default.
type Options struct {
	// Allocator is the URL of the allocator service, such as
	// "http://10.0.0.1:5050"; any of its addresses will do, as followers redirect.
	Allocator string
	// Listen is the address of the agent's HTTP API; default 127.0.0.1:5051.
	// With port 0 a free one is picked at the first start and kept from then on,
	// as executors that outlive the agent come back to it.
	Listen string
	// AdvertiseIP is the address told to others; default: that of Listen, or if
	// that is a wildcard, the one this machine reaches the allocator from.
	AdvertiseIP string
	// Hostname told to others; default: that of the machine.
	Hostname string
	// WorkDir holds sandboxes and checkpoints. One agent per directory.
	WorkDir string
	// Resources, as "cpus:4;mem:8192;ports:[31000-32000]" or a JSON array. Of cpus,
	// mem, disk and ports what is missing is detected.
	Resources string
	// DefaultRole of resources that name none; default "*".
	DefaultRole string
	// Attributes, as "rack:r1;zone:a".
	Attributes string
	// Domain is the fault domain of the node; nil: none.
	Domain *mesos.DomainInfo
	// Isolation is runner.Cgroups, runner.Posix, runner.Auto (default), or a list of
	// isolators under Mesos' names, such as "cgroups/cpu,cgroups/mem".
	Isolation string
	// Rights of tasks; the zero value is the safe default.
	Rights runner.Rights
	// Spaces are the rules for namespaces of containers.
	Spaces runner.Spaces
	// SandboxWatchInterval is how often the disk space of containers is measured, if
	// Isolation has disk/du or EnforceDiskQuota is set; default 15 s.
	SandboxWatchInterval time.Duration
	// EnforceDiskQuota ends containers that take more disk space than they were given. With
	// disk/xfs in Isolation writes fail instead, unless KillOverQuota is set.
	EnforceDiskQuota bool
	// ProjectRange are the ids of projects that disk/xfs uses (xfs_project_range), such
	// as the default "[5000-10000]".
	ProjectRange string
	// KillOverQuota ends containers that disk/xfs finds above what they were given; they
	// get QuotaHeadroom, default 10 MB, above it until then (xfs_kill_containers,
	// xfs_quota_headroom).
	KillOverQuota bool
	QuotaHeadroom int64
	// HostPathParents are directories below which volumes of the host may be made
	// (host_path_volume_force_creation).
	HostPathParents []string
	// LimitSwap counts swap within the memory limits of tasks.
	LimitSwap bool
	// NetClasses of containers, with the isolator cgroups/net_cls.
	NetClasses runner.NetClasses
	// Perf events that are counted, with the isolator cgroups/perf_event.
	Perf runner.Perf
	// Devices that tasks may use beside those that programs usually need.
	Devices []isolation.DeviceRule
	// CgroupsRoot is the agent's directory in every cgroup hierarchy; default
	// "caprock/" and a digest of WorkDir, so that agents on one machine differ.
	CgroupsRoot string
	// BPFPinDir keeps BPF programs and maps between agents; default: a directory
	// of that digest in /sys/fs/bpf/caprock, or where no BPF file system is mounted
	// there, meta/bpf below WorkDir, where one is then mounted until the agent
	// leaves. "none" turns BPF off.
	BPFPinDir string
	// ExecutorSocket is the path of a Unix socket at which executors reach the agent too
	// (http_executor_domain_sockets, domain_socket_location); empty: none.
	ExecutorSocket string
	// ExitNotes is the directory in which a reaper notes the ends of tasks (package
	// isolation/reap), for an agent that runs below one. Empty: none does.
	ExitNotes string
	// Features is JSON that lists the agent's capabilities, as Mesos' agent_features;
	// empty: all of them. The allocator refuses to resize volumes of an agent without
	// RESIZE_VOLUME, the only one that may be missing.
	Features string
	// ReconfigurationPolicy says which changes of Resources and Attributes a restart
	// may bring: core.ReconfigureFitting (default), core.ReconfigureAdditive or
	// core.ReconfigureEqual.
	ReconfigurationPolicy string
	// Recover is Reconnect (default) or Cleanup.
	Recover string
	// Strict makes Run fail if checkpoints are damaged. Otherwise what is damaged is
	// set aside below meta/quarantine, and the agent goes on with the rest.
	Strict bool
	// RunAsAgent runs every task as the agent's own user (switch_user=false).
	RunAsAgent bool
	// EnableCFS makes cpus an upper bound too (cgroups_enable_cfs).
	EnableCFS bool
	// EqualRevocable gives revocable cpus as large a share as others
	// (revocable_cpu_low_priority=false).
	EqualRevocable bool
	// ExecutorEnvironment is added to what executors and tasks are told, as
	// NAME=value (executor_environment_variables).
	ExecutorEnvironment []string

	// Timeouts; zero means Mesos' default.
	ExecutorRegistrationTimeout   time.Duration // 1 min
	ExecutorReregistrationTimeout time.Duration // 2 s, at most 15 s
	ExecutorShutdownGracePeriod   time.Duration // 5 s
	RecoveryTimeout               time.Duration // 15 min
	// Fetcher bounds what URIs bring. CacheDir is the parent of the agent's own
	// directory there; default: a directory in WorkDir. The agent adds its port to DenyPorts.
	Fetcher fetch.Options
	// RegistrationBackoff is the longest first wait before connecting again; it
	// doubles up to a minute. Default 1 s.
	RegistrationBackoff time.Duration
	// GCDelay is how long sandboxes of ended runs are kept on an empty disk; default 1
	// week. GCDiskHeadroom is the part of the disk below which none are; default 0.1.
	// The disk is looked at every DiskWatchInterval; default 1 minute.
	GCDelay        time.Duration
	GCDiskHeadroom float64
	// GCMembers collects the sandboxes of a task group's members as well while their
	// executor lives on; else they go with its own.
	GCMembers         bool
	DiskWatchInterval time.Duration
	// Logs bounds what tasks print to stdout and stderr; nil does not. The files are
	// looked at every LogsInterval, default 10 s; a task that prints fast outgrows its
	// bound until then.
	Logs         *logs.Policies
	LogsInterval time.Duration
	// MaxCompletedExecutors is how many ended runs are remembered per framework;
	// default 150.
	MaxCompletedExecutors int

	// Version told to others; default "1.12.0", the Mesos whose rules hold here.
	Version string
	// LogFile is served as /slave/log; may be empty.
	LogFile string
	// LogLevel is that of Logger, which SET_LOGGING_LEVEL changes for a while; nil: it
	// is only remembered.
	LogLevel *slog.LevelVar
	// Release of this program, shown beside Version; may be empty.
	Release string
	// Flags are shown by /flags and /state, beside those that follow from Options.
	Flags map[string]string
	// Listening is told the agent's address once it listens; may be nil.
	Listening func(address string)

	Logger *slog.Logger
	Clock  clock.Clock
}

// What an agent does with what an earlier one on its work dir left running.
const (
	// Reconnect takes it up again.
	Reconnect = "reconnect"
	// Cleanup ends it, and then the agent. The next one on the work dir is a new
	// agent, with the reservations and volumes of this one.
	Cleanup = "cleanup"
)

const maxReregistrationTimeout = 15 * time.Second

// RecordsExits reports whether the ends of tasks are recorded on this machine while no agent runs; if not
// an agent should run below a reaper.
func (o *Options) RecordsExits() bool {
	all := *o
	all.EnsureDefaults()
	k := runner.KernelOptions{Isolation: all.Isolation, BPFPinDir: all.BPFPinDir}
	return all.BPFPinDir != noBPF && k.RecordsExits()
}

// noBPF is the BPFPinDir that turns it off.
const noBPF = "none"

// EnsureDefaults fills what is unset.
func (o *Options) EnsureDefaults() {
	def(&o.Listen, "127.0.0.1:5051")
	def(&o.DefaultRole, "*")
	def(&o.Isolation, runner.Auto)
	def(&o.Version, build.MesosVersion)
	def(&o.ReconfigurationPolicy, core.ReconfigureFitting)
	def(&o.Recover, Reconnect)
	if abs, err := filepath.Abs(o.WorkDir); err == nil && o.WorkDir != "" {
		o.WorkDir = abs
	}
	digest := sha256.Sum256([]byte(o.WorkDir))
	name := hex.EncodeToString(digest[:6])
	def(&o.CgroupsRoot, "caprock/"+name)
	if o.BPFPinDir == "" {
		o.BPFPinDir = o.pinDir(name)
	}
	if o.Hostname == "" {
		o.Hostname, _ = os.Hostname()
	}
	defDuration(&o.ExecutorRegistrationTimeout, time.Minute)
	defDuration(&o.ExecutorReregistrationTimeout, 2*time.Second)
	defDuration(&o.ExecutorShutdownGracePeriod, 5*time.Second)
	defDuration(&o.RecoveryTimeout, 15*time.Minute)
	if o.Fetcher.CacheDir == "" {
		o.Fetcher.CacheDir = filepath.Join(o.WorkDir, "fetch")
	} else {
		o.Fetcher.CacheDir = filepath.Join(o.Fetcher.CacheDir, "caprock-"+name)
	}
	o.Fetcher.EnsureDefaults()
	defDuration(&o.RegistrationBackoff, time.Second)
	defDuration(&o.SandboxWatchInterval, 15*time.Second)
	def(&o.ProjectRange, "[5000-10000]")
	if o.QuotaHeadroom == 0 {
		o.QuotaHeadroom = 10 << 20
	}
	defDuration(&o.GCDelay, 7*24*time.Hour)
	defDuration(&o.DiskWatchInterval, time.Minute)
	defDuration(&o.LogsInterval, 10*time.Second)
	if o.GCDiskHeadroom == 0 {
		o.GCDiskHeadroom = 0.1
	}
	if o.MaxCompletedExecutors == 0 {
		o.MaxCompletedExecutors = 150
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Clock == nil {
		o.Clock = clock.Real()
	}
}

// pinDir is where BPF objects are kept by default: where an agent before has them,
// if there was one.
func (o *Options) pinDir(name string) string {
	const system = "/sys/fs/bpf"
	own := filepath.Join(o.WorkDir, metaDir, "bpf")
	if isBPFFS(own) || !isBPFFS(system) {
		return own
	}
	return filepath.Join(system, "caprock", name)
}

func isBPFFS(dir string) bool {
	var st unix.Statfs_t
	return unix.Statfs(dir, &st) == nil && st.Type == unix.BPF_FS_MAGIC
}

func def(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

func defDuration(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

// Validate reports every fault at once.
func (o *Options) Validate() error {
	var errs []error
	if u, err := url.Parse(o.Allocator); err != nil || u.Scheme != "http" || u.Host == "" {
		errs = append(errs, fmt.Errorf("allocator: got %q, want a URL like http://host:5050", o.Allocator))
	}
	if _, err := parseFeatures(o.Features); err != nil {
		errs = append(errs, err)
	}
	if o.WorkDir == "" {
		errs = append(errs, errors.New("work_dir: got none, want a directory for sandboxes and checkpoints"))
	}
	if _, _, err := net.SplitHostPort(o.Listen); err != nil {
		errs = append(errs, fmt.Errorf("listen: got %q, want host:port", o.Listen))
	}
	if o.Hostname == "" {
		errs = append(errs, errors.New("hostname: got none and the machine has none"))
	}
	if _, err := resource.Parse(o.Resources, o.DefaultRole); err != nil {
		errs = append(errs, fmt.Errorf("resources: %w", err))
	}
	if _, err := resource.ParseAttributes(o.Attributes); err != nil {
		errs = append(errs, fmt.Errorf("attributes: %w", err))
	}
	for _, p := range o.HostPathParents {
		if !filepath.IsAbs(p) {
			errs = append(errs, fmt.Errorf("host_path_volume_force_creation: got %q, want absolute paths, separated by colons", p))
		}
	}
	_, badRange := disk.ParseRange(o.ProjectRange)
	errs = append(errs, runner.CheckIsolation(o.Isolation), o.NetClasses.Validate(), o.Perf.Validate(), o.Rights.Validate(), badRange)
	if o.Recover != Reconnect && o.Recover != Cleanup {
		errs = append(errs, fmt.Errorf("recover: got %q, want %s or %s", o.Recover, Reconnect, Cleanup))
	}
	if o.ExecutorReregistrationTimeout > maxReregistrationTimeout {
		errs = append(errs, fmt.Errorf("executor_reregistration_timeout: got %s, want at most %s",
			o.ExecutorReregistrationTimeout, maxReregistrationTimeout))
	}
	if o.GCDiskHeadroom < 0 || o.GCDiskHeadroom > 1 {
		errs = append(errs, fmt.Errorf("gc_disk_headroom: got %g, want a part of the disk from 0 to 1", o.GCDiskHeadroom))
	}
	if o.Logs != nil {
		errs = append(errs, o.Logs.Validate())
	}
	return errors.Join(errs...)
}

// fetchOptions keeps tasks from fetching from the agent itself.
func (o *Options) fetchOptions(port int) fetch.Options {
	f := o.Fetcher
	f.DenyPorts = append(slices.Clone(f.DenyPorts), port)
	return f
}
