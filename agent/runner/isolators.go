package runner

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/isolation/probe"
)

// Settings beside the isolators of a list, as name=value.
const (
	settingEffective  = "effective_capabilities"
	settingBounding   = "bounding_capabilities"
	settingUnconfined = "seccomp_profile_name"
	settingNewPrivs   = "no_new_privs"
)

// With adds rights to a list of isolators, as ParseIsolation reads it.
func (r *Rights) With(list string) string {
	var b strings.Builder
	b.WriteString(list)
	if r.Effective != nil {
		b.WriteString("," + settingEffective + "=" + capabilityText(*r.Effective))
	}
	if r.Bounding != nil {
		b.WriteString("," + settingBounding + "=" + capabilityText(*r.Bounding))
	}
	if r.Unconfined {
		b.WriteString("," + settingUnconfined + "=unconfined")
	}
	if r.NewPrivs {
		b.WriteString("," + settingNewPrivs + "=false")
	}
	return b.String()
}

// isolators is a parsed list.
type isolators struct {
	word   string   // Auto, Cgroups or Posix; "" if names say it
	names  []string // Mesos' names
	rights Rights
}

// controllersOf says which cgroup controllers an isolator limits by.
var controllersOf = map[string][]string{
	"cgroups/cpu": {"cpu"}, "cgroups/mem": {"memory"}, "cgroups/pids": {"pids"}, "cgroups/all": {"cpu", "memory", "pids"},
}

// always are isolators that are on whether they are named or not, or that only
// measure, which is done as far as it can be.
var always = []string{"posix/cpu", "posix/mem", "filesystem/posix", "linux/capabilities", "linux/seccomp", "linux/nnp"}

// absent are Mesos' other isolators, none of which this program has.
var absent = []string{
	"appc/runtime", "cgroups/blkio", "cgroups/cpuset", "cgroups/devices", "cgroups/hugetlb", "cgroups/net_cls",
	"cgroups/net_prio", "cgroups/perf_event", "disk/du", "disk/xfs", "docker/runtime", "docker/volume", "environment_secret",
	"filesystem/linux", "filesystem/shared", "gpu/nvidia", "linux/devices", "namespaces/ipc", "namespaces/pid",
	"network/cni", "network/port_mapping", "network/ports", "posix/disk", "posix/rlimits", "volume/csi",
	"volume/host_path", "volume/image", "volume/sandbox_path", "volume/secret",
}

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
		name, value, setting := strings.Cut(strings.TrimSpace(item), "=")
		if seen[name] {
			faults = append(faults, fmt.Errorf("isolation: %q is named twice", name))
		}
		seen[name] = true
		if setting {
			if err := is.rights.set(name, value); err != nil {
				faults = append(faults, fmt.Errorf("isolation: %s: %w", name, err))
			}
		} else if err := is.add(name); err != nil {
			faults = append(faults, err)
		}
	}
	if is.word != "" && len(is.names) > 0 {
		faults = append(faults, fmt.Errorf("isolation: got %q beside isolators, want it alone", is.word))
	}
	for _, pair := range [][2]string{{"posix/cpu", "cgroups/cpu"}, {"posix/mem", "cgroups/mem"}} {
		if seen[pair[0]] && (seen[pair[1]] || seen["cgroups/all"]) {
			faults = append(faults, fmt.Errorf("isolation: got %s and its limiting kind, want one of them", pair[0]))
		}
	}
	if err := is.rights.Validate(); err != nil {
		faults = append(faults, err)
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
		// An old alias of Mesos.
		is.names = append(is.names, "posix/cpu", "posix/mem")
	case controllersOf[name] != nil || slices.Contains(always, name):
		is.names = append(is.names, name)
	case slices.Contains(absent, name):
		return fmt.Errorf("isolation: %q is an isolator of Mesos that Caprock does not have", name)
	default:
		return fmt.Errorf("isolation: got %q, want %s, %s, %s or a list of cgroups/cpu, cgroups/mem, cgroups/pids, cgroups/all, %s",
			name, Auto, Cgroups, Posix, strings.Join(always, ", "))
	}
	return nil
}

func (r *Rights) set(name, value string) error {
	var err error
	var mask uint64
	switch {
	case name == settingEffective:
		mask, err = capabilitiesOf(value)
		r.Effective = &mask
	case name == settingBounding:
		mask, err = capabilitiesOf(value)
		r.Bounding = &mask
	case name == settingUnconfined && value == "unconfined":
		r.Unconfined = true
	case name == settingNewPrivs && value == "false":
		r.NewPrivs = true
	default:
		err = fmt.Errorf("got %q, which is no setting", value)
	}
	return err
}

// limited says by which controllers tasks are limited; nil stands for all there are.
func (is *isolators) limited() []string {
	if is.word != "" {
		return nil
	}
	limited := []string{}
	for _, name := range is.names {
		limited = append(limited, controllersOf[name]...)
	}
	return limited
}

// missing says what of the named isolators the host cannot do.
func (is *isolators) missing(host probe.Cgroups) error {
	var faults []error
	for _, name := range is.names {
		if name == "cgroups/all" {
			// All that there are.
			continue
		}
		for _, controller := range controllersOf[name] {
			if host.V1[controller] == "" && !slices.Contains(host.V2Controllers, controller) {
				faults = append(faults, fmt.Errorf("isolation: %s needs the cgroup controller %q, which this host has mounted in no hierarchy", name, controller))
			}
		}
	}
	return errors.Join(faults...)
}

// open opens the kernel that the list asks for.
func (is *isolators) open(o KernelOptions) (Kernel, error) {
	if is.word == Posix {
		return newPosix(), nil
	}
	limited := is.limited()
	if err := is.missing(probe.Host().Cgroups); err != nil {
		return nil, err
	}
	host, err := isolation.Open(isolation.Options{Root: o.CgroupsRoot, BPFPinDir: o.BPFPinDir, Logger: o.Logger})
	switch {
	case err == nil:
		k := newCgroups(host, o.Logger)
		k.limited = limited
		return k, nil
	case is.word == Cgroups || len(limited) > 0:
		return nil, fmt.Errorf("open cgroups: %w", err)
	}
	o.Logger.Warn("no cgroups: tasks run without limits and accounting", "err", err)
	return newPosix(), nil
}
