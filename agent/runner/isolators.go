package runner

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/isolation/probe"
)

// isolators is a parsed list.
type isolators struct {
	word  string   // Auto, Cgroups or Posix; "" if names say it
	names []string // Mesos' names
}

// controllersOf says which cgroup controllers an isolator needs. Tasks are limited by
// the first three; in the hierarchies of the others they only are members, and the
// devices they may use are bounded whichever way the host can.
var controllersOf = map[string][]string{
	"cgroups/cpu": {"cpu"}, "cgroups/mem": {"memory"}, "cgroups/pids": {"pids"}, "cgroups/blkio": {"blkio"},
	"cgroups/cpuset": {"cpuset"}, "cgroups/devices": {}, "cgroups/hugetlb": {"hugetlb"}, "cgroups/net_cls": {"net_cls"},
	"cgroups/net_prio": {"net_prio"}, "cgroups/perf_event": {perfEvent},
	allControllers: {"cpu", "memory", "pids", "blkio", "cpuset", "hugetlb", "net_cls", "net_prio", perfEvent},
}

const (
	allControllers = "cgroups/all"
	perfEvent      = "perf_event"
)

// always are isolators that are on whether they are named or not, or that only
// measure, which is done as far as it can be, or that are not this package's.
var always = []string{"posix/cpu", "posix/mem", "posix/rlimits", "filesystem/posix", "linux/capabilities", "linux/seccomp", "linux/nnp",
	"volume/sandbox_path", diskUsage, diskQuota}

// diskUsage and diskQuota are carried out by agent/disk.
const (
	diskUsage = "disk/du"
	diskQuota = "disk/xfs"
)

// WantsDiskUsage reports whether a list of isolators asks for disk space to be
// measured.
func WantsDiskUsage(list string) bool {
	is, _ := parseIsolation(list)
	return slices.Contains(is.names, diskUsage)
}

// WantsDiskQuota reports whether a list of isolators asks for project quotas.
func WantsDiskQuota(list string) bool {
	is, _ := parseIsolation(list)
	return slices.Contains(is.names, diskQuota)
}

// separating are isolators that give containers something of their own. All but the
// first and the last, which is not Mesos', need the first, as in Mesos.
var separating = []string{"filesystem/linux", "namespaces/ipc", "namespaces/pid", "volume/host_path", cgroupNamespace}

// cgroupNamespace hides where the agent keeps its cgroups: a container sees its own as the root.
const cgroupNamespace = "namespaces/cgroup"

// absent are Mesos' other isolators, none of which this program has, and why.
var absent = map[string]string{
	"appc/runtime": noImages, "docker/runtime": noImages, "volume/image": noImages,
	"docker/volume": noDrivers, "volume/csi": noDrivers,
	"environment_secret": noSecrets, "volume/secret": noSecrets,
	"network/cni": noNetworks, "network/port_mapping": noNetworks, "network/ports": noNetworks,
	"filesystem/shared":  "a private /tmp takes a volume of type SANDBOX_PATH, with filesystem/linux",
	"linux/devices":      "device nodes are for containers with images, and this release runs no images; --allowed-devices opens those of the host",
	"gpu/nvidia":         "this release does not hand out GPUs",
	"filesystem/windows": noWindows, "windows/cpu": noWindows, "windows/mem": noWindows,
}

const (
	noImages   = "this release runs no images"
	noDrivers  = "this release drives no volume plugins"
	noSecrets  = "this release resolves no secrets"
	noNetworks = "this release gives containers no networks of their own: they use the host's"
	noWindows  = "this program is for Linux"
)

// CheckIsolation reports every fault of a list of isolators, without looking at
// the machine.
func CheckIsolation(list string) error {
	_, err := parseIsolation(list)
	return err
}

func parseIsolation(list string) (isolators, error) {
	var is isolators
	var faults []error
	seen := map[string]bool{}
	if list == "" {
		list = Auto
	}
	for item := range strings.SplitSeq(list, ",") {
		name := strings.TrimSpace(item)
		if seen[name] {
			faults = append(faults, fmt.Errorf("isolation: %q is named twice", name))
		}
		seen[name] = true
		if err := is.add(name); err != nil {
			faults = append(faults, err)
		}
	}
	if is.word != "" && len(is.names) > 0 {
		faults = append(faults, fmt.Errorf("isolation: got %q beside isolators, want it alone", is.word))
	}
	for _, pair := range [][2]string{{"posix/cpu", "cgroups/cpu"}, {"posix/mem", "cgroups/mem"}} {
		if seen[pair[0]] && (seen[pair[1]] || seen[allControllers]) {
			faults = append(faults, fmt.Errorf("isolation: got %s and its limiting kind, want one of them", pair[0]))
		}
	}
	if seen["filesystem/posix"] && seen["filesystem/linux"] {
		faults = append(faults, errors.New("isolation: got filesystem/posix and filesystem/linux, want one of them"))
	}
	for _, name := range separating[1:] {
		if seen[name] && name != cgroupNamespace && !seen["filesystem/linux"] {
			faults = append(faults, fmt.Errorf("isolation: %s needs filesystem/linux in the list", name))
		}
	}
	return is, errors.Join(faults...)
}

func (is *isolators) add(name string) error {
	switch {
	case name == Auto || name == Cgroups || name == Posix:
		if is.word != "" {
			return fmt.Errorf("isolation: got %q and %q, want one of them", is.word, name)
		}
		is.word = name
	case name == "process":
		// An old alias of Mesos, and another one.
		is.names = append(is.names, "posix/cpu", "posix/mem")
	case name == "posix/disk":
		is.names = append(is.names, diskUsage)
	case controllersOf[name] != nil || slices.Contains(always, name) || slices.Contains(separating, name):
		is.names = append(is.names, name)
	case absent[name] != "":
		return fmt.Errorf("isolation: %q is an isolator of Mesos that Caprock does not have: %s", name, absent[name])
	default:
		return fmt.Errorf("isolation: got %q, want %s, %s, %s or a list of %s, %s, %s",
			name, Auto, Cgroups, Posix, strings.Join(slices.Sorted(maps.Keys(controllersOf)), ", "), strings.Join(separating, ", "), strings.Join(always, ", "))
	}
	return nil
}

// reach says which containers get something of their own.
func (is *isolators) reach() reach {
	named := func(name string) extent {
		switch {
		case slices.Contains(is.names, name):
			return everyone
		case is.word != "":
			return whoAsks
		}
		return nobody
	}
	return reach{mounts: named("filesystem/linux"), ipc: named("namespaces/ipc"), pids: named("namespaces/pid"),
		cgroups:   slices.Contains(is.names, cgroupNamespace),
		hostPaths: is.word != "" || slices.Contains(is.names, "volume/host_path") || slices.Contains(is.names, "filesystem/linux")}
}

// limited says by which controllers tasks are limited; nil stands for all there are.
func (is *isolators) limited() []string {
	if is.word != "" {
		return nil
	}
	limited := []string{}
	for _, name := range is.names {
		for _, c := range controllersOf[name] {
			if c == "cpu" || c == "memory" || c == "pids" {
				limited = append(limited, c)
			}
		}
	}
	return limited
}

// missing says what of the named isolators the host cannot do.
func (is *isolators) missing(host *probe.Report) error {
	var faults []error
	for _, name := range is.names {
		if slices.Contains(separating, name) && !host.Root {
			faults = append(faults, fmt.Errorf("isolation: %s needs root, and the agent is not", name))
		}
		if (name == "namespaces/pid" || name == cgroupNamespace) && host.Cgroups.Mode() == probe.ModeNone {
			faults = append(faults, fmt.Errorf("isolation: %s needs cgroups, and this host has none mounted", name))
		}
		if (name == allControllers || name == "cgroups/devices") && host.Cgroups.Mode() == probe.ModeNone {
			faults = append(faults, fmt.Errorf("isolation: %s: this host has no cgroups mounted", name))
		}
		if name == allControllers {
			// All that there are.
			continue
		}
		for _, controller := range controllersOf[name] {
			if !host.Cgroups.Has(controller) && (controller != perfEvent || !host.Cgroups.PerfOnV2) {
				faults = append(faults, fmt.Errorf("isolation: %s needs the cgroup controller %q, which this host has mounted in no hierarchy", name, controller))
			}
		}
	}
	return errors.Join(faults...)
}

// open opens the kernel that the list asks for.
func (is *isolators) open(o KernelOptions) (Kernel, error) {
	if is.word == Posix {
		return newPosix(&o), nil
	}
	limited := is.limited()
	report := probe.Host()
	if err := is.missing(&report); err != nil {
		return nil, err
	}
	if slices.Contains(is.names, allControllers) {
		for _, controller := range controllersOf[allControllers] {
			if !report.Cgroups.Has(controller) && (controller != perfEvent || !report.Cgroups.PerfOnV2) {
				o.Logger.Warn("cgroups/all leaves out a controller that this host has mounted in no hierarchy", "controller", controller)
			}
		}
	}
	host, err := is.openHost(&o, &report)
	switch {
	case err == nil:
		k := newCgroups(host, o.Logger)
		k.limited, k.limitSwap = limited, o.LimitSwap
		if limited == nil {
			k.limited = limitable(&report.Cgroups, o.Logger)
		}
		if err := errors.Join(is.classify(k, &o), is.sample(k, &o)); err != nil {
			return nil, errors.Join(err, k.Close())
		}
		return k, nil
	case is.word == Cgroups || len(limited) > 0 || slices.Contains(is.names, "namespaces/pid"):
		return nil, fmt.Errorf("open cgroups: %w", err)
	}
	o.Logger.Warn("no cgroups: tasks run without limits and accounting", "err", err)
	return newPosix(&o), nil
}

// classify gives containers classes of traffic, if the list says so.
func (is *isolators) classify(k *cgroupKernel, o *KernelOptions) error {
	if !slices.Contains(is.names, "cgroups/net_cls") && !slices.Contains(is.names, allControllers) {
		return nil
	}
	k.classes = newNetClasses(o.NetClasses)
	ids, err := k.host.List()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if g, err := k.group(id); err == nil {
			k.classes.found(id, g.NetClassID())
		}
	}
	return nil
}

// sample has performance events counted, if the list says so.
func (is *isolators) sample(k *cgroupKernel, o *KernelOptions) (err error) {
	if slices.Contains(is.names, "cgroups/perf_event") || slices.Contains(is.names, allControllers) {
		k.sampler, err = startSampler(o.Perf, k.host.PerfDir(), k.perfDirs, o.Logger)
	}
	return err
}

// limitable are the controllers of a host that tasks can be limited by.
func limitable(host *probe.Cgroups, log *slog.Logger) []string {
	limited := []string{}
	for _, c := range []string{"cpu", "memory", "pids"} {
		if host.Has(c) {
			limited = append(limited, c)
		} else {
			log.Warn("tasks are not limited by this, for want of a cgroup controller", "controller", c)
		}
	}
	return limited
}

// openHost opens the cgroups with the controllers that are asked for. Devices are
// bounded where the list says so, and without a list if that can be done.
func (is *isolators) openHost(o *KernelOptions, report *probe.Report) (*isolation.Host, error) {
	options := isolation.Options{Root: o.CgroupsRoot, BPFPinDir: o.BPFPinDir, Logger: o.Logger, Exits: o.Exits,
		Controllers: is.controllers(&report.Cgroups)}
	options.MemoryEvents = slices.Contains(is.names, "cgroups/mem") || slices.Contains(is.names, allControllers)
	named := slices.Contains(is.names, "cgroups/devices") || slices.Contains(is.names, allControllers)
	if is.word == "" && !named {
		return isolation.Open(options)
	}
	options.Devices = append(isolation.DefaultDevices(), o.Devices...)
	host, err := isolation.Open(options)
	if err == nil || named {
		return host, err
	}
	options.Devices = nil
	host, retried := isolation.Open(options)
	if retried == nil {
		o.Logger.Warn("tasks may use all devices that their users may", "err", err)
	}
	return host, retried
}

// controllers to open: those that limit and account, and what else is named; nil for
// the default.
func (is *isolators) controllers(host *probe.Cgroups) []string {
	var more []string
	for _, name := range is.names {
		for _, c := range controllersOf[name] {
			if host.Has(c) && !slices.Contains(more, c) {
				more = append(more, c)
			}
		}
	}
	if len(more) == 0 {
		return nil
	}
	for _, c := range []string{"cpu", "cpuacct", "memory", "pids"} {
		if host.Has(c) && !slices.Contains(more, c) {
			more = append(more, c)
		}
	}
	return more
}
