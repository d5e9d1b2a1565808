package isolation

import (
	"fmt"
	"slices"

	"github.com/caprock/caprock/isolation/bpf"
	"github.com/caprock/caprock/isolation/probe"
)

// withDevicesOfV1 adds v1's controller of devices to o, if devices are restricted and
// that is the way: where BPF can do it, it costs no directory for each group.
func (o *Options) withDevicesOfV1() bool {
	if o.Devices == nil || devicesByBPF() == nil || !probe.Host().Cgroups.Has("devices") {
		return false
	}
	if len(o.Controllers) == 0 {
		for _, name := range []string{"cpu", "cpuacct", "memory", "pids"} {
			if probe.Host().Cgroups.Has(name) {
				o.Controllers = append(o.Controllers, name)
			}
		}
	}
	if !slices.Contains(o.Controllers, "devices") {
		o.Controllers = append(slices.Clone(o.Controllers), "devices")
	}
	return true
}

// devicesByBPF says why a BPF program cannot restrict devices; nil if it can.
func devicesByBPF() error {
	report := probe.Host()
	switch {
	case report.Cgroups.V2 == "":
		return fmt.Errorf("isolation: no unified hierarchy is mounted")
	case !report.BPF.OK():
		return fmt.Errorf("isolation: %s", report.BPF.Missing)
	}
	return nil
}

// restrictDevices bounds the devices of all groups at once.
func (h *Host) restrictDevices(viaV1 bool) error {
	why := devicesByBPF()
	switch {
	case h.opts.Devices == nil && why == nil:
		return bpf.ReleaseDevices(h.tree.V2Dir())
	case h.opts.Devices == nil:
		return nil
	case viaV1:
		return h.tree.RestrictDevices(h.opts.Devices)
	case why == nil:
		return bpf.RestrictDevices(h.tree.V2Dir(), h.opts.Devices)
	}
	return fmt.Errorf("isolation: devices can be restricted neither by BPF (%w) nor by v1: %w", why, ErrNoController)
}
