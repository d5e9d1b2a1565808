package cgroup

import (
	"errors"
	"fmt"
)

// Limits of a group. Zero means: no limit, or the kernel's default.
type Limits struct {
	// CPUMilli is the relative share of CPU under contention in thousandths of a
	// core. Mesos' rule: cpu.shares = 1024 × cpus, at least 2; v2 weight = 100 × cpus.
	CPUMilli int64
	// CPULow makes that share about a hundredth of the usual: 10 shares for each CPU,
	// weight 1 on v2.
	CPULow bool
	// CPUQuotaMilli caps CPU time by CFS bandwidth in thousandths of a core.
	CPUQuotaMilli int64
	// MemBytes is the hard limit; beyond it the kernel reclaims, then kills.
	MemBytes int64
	// MemSoftBytes is what the group keeps when the host runs short: the soft limit
	// of v1, memory.low of v2.
	MemSoftBytes int64
	// LimitSwap counts swap within MemBytes.
	LimitSwap bool
	// PidsMax bounds the number of processes and threads.
	PidsMax int64
	// CPUs and Mems pin the group, as lists such as "0-3,8"; they need the
	// cpuset controller.
	CPUs, Mems string
	// BlockWeight is the relative share of a disk under contention, 1 to 1000; it
	// needs the blkio or io controller, and a disk scheduler that knows weights.
	BlockWeight int64
	// NetClassID marks packets for tc, on v1 with the net_cls controller.
	NetClassID uint32
	// Block bounds transfers from and to single devices; it needs the same.
	Block []BlockLimit
}

// Kernel units and bounds.
const (
	cfsPeriodMicros = 100_000
	minQuotaMicros  = 1_000
	sharesPerCPU    = 1024
	lowSharesPerCPU = 10
	minShares       = 2
	maxShares       = 262_144
	maxWeight       = 10_000
)

// Validate returns all faults of l at once.
func (l Limits) Validate() error {
	var faults []error
	for _, f := range []struct {
		name  string
		value int64
	}{{"CPUMilli", l.CPUMilli}, {"CPUQuotaMilli", l.CPUQuotaMilli}, {"MemBytes", l.MemBytes},
		{"MemSoftBytes", l.MemSoftBytes}, {"PidsMax", l.PidsMax}} {
		if f.value < 0 {
			faults = append(faults, fmt.Errorf("cgroup: limit %s: got %d, want 0 or more", f.name, f.value))
		}
	}
	faults = append(faults, l.validateBlock())
	return errors.Join(faults...)
}

// shares is cpu.shares of v1.
func (l Limits) shares() int64 {
	perCPU := int64(sharesPerCPU)
	if l.CPULow {
		perCPU = lowSharesPerCPU
	}
	return min(max(l.CPUMilli*perCPU/1000, minShares), maxShares)
}

// weight is cpu.weight of v2.
func (l Limits) weight() int64 {
	milliPerWeight := int64(10)
	if l.CPULow {
		milliPerWeight = 1000
	}
	return min(max(l.CPUMilli/milliPerWeight, 1), maxWeight)
}

// quotaMicros is the CFS quota per period.
func (l Limits) quotaMicros() int64 {
	return max(l.CPUQuotaMilli*cfsPeriodMicros/1000, minQuotaMicros)
}

// setting is one value to be written into one file of a controller.
type setting struct {
	controller, file, value string
	// optional files may be missing in this kernel.
	optional bool
}

// settingsV1 lists what turns old into l on v1. An empty old makes everything
// that is set in l appear.
func (l Limits) settingsV1(old Limits) []setting {
	var s []setting
	add := func(controller, file string, value any) {
		s = append(s, setting{controller: controller, file: file, value: fmt.Sprint(value)})
	}
	if l.CPUMilli != old.CPUMilli || l.CPULow != old.CPULow {
		add("cpu", "cpu.shares", l.shares())
	}
	if l.CPUQuotaMilli != old.CPUQuotaMilli {
		if l.CPUQuotaMilli == 0 {
			add("cpu", "cpu.cfs_quota_us", -1)
		} else {
			add("cpu", "cpu.cfs_period_us", cfsPeriodMicros)
			add("cpu", "cpu.cfs_quota_us", l.quotaMicros())
		}
	}
	if l.PidsMax != old.PidsMax {
		add("pids", "pids.max", orMax(l.PidsMax))
	}
	if l.NetClassID != old.NetClassID {
		add("net_cls", "net_cls.classid", l.NetClassID)
	}
	s = append(s, l.memoryV1(old)...)
	s = append(s, l.blockV1(old)...)
	return append(s, l.cpusetSettings(old)...)
}

// memoryV1 orders the two limits so that memory ≤ memory+swap at every moment.
func (l Limits) memoryV1(old Limits) []setting {
	var s []setting
	if l.MemSoftBytes != old.MemSoftBytes {
		s = append(s, setting{controller: "memory", file: "memory.soft_limit_in_bytes", value: orMinusOne(l.MemSoftBytes)})
	}
	if l.MemBytes == old.MemBytes && l.LimitSwap == old.LimitSwap {
		return s
	}
	hard := setting{controller: "memory", file: "memory.limit_in_bytes", value: orMinusOne(l.MemBytes)}
	both := setting{controller: "memory", file: "memory.memsw.limit_in_bytes", value: "-1", optional: true}
	if l.LimitSwap {
		both.value = orMinusOne(l.MemBytes)
	}
	switch lowered := l.MemBytes != 0 && (old.MemBytes == 0 || l.MemBytes < old.MemBytes); {
	case !l.LimitSwap && !old.LimitSwap:
		return append(s, hard)
	case lowered:
		return append(s, hard, both)
	default:
		return append(s, both, hard)
	}
}

// settingsV2 is settingsV1 for the unified hierarchy.
func (l Limits) settingsV2(old Limits) []setting {
	var s []setting
	add := func(controller, file, value string) {
		s = append(s, setting{controller: controller, file: file, value: value})
	}
	if l.CPUMilli != old.CPUMilli || l.CPULow != old.CPULow {
		add("cpu", "cpu.weight", fmt.Sprint(l.weight()))
	}
	if l.CPUQuotaMilli != old.CPUQuotaMilli {
		quota := "max"
		if l.CPUQuotaMilli != 0 {
			quota = fmt.Sprint(l.quotaMicros())
		}
		add("cpu", "cpu.max", fmt.Sprintf("%s %d", quota, cfsPeriodMicros))
	}
	if l.PidsMax != old.PidsMax {
		add("pids", "pids.max", orMax(l.PidsMax))
	}
	if l.MemSoftBytes != old.MemSoftBytes {
		add("memory", "memory.low", fmt.Sprint(l.MemSoftBytes))
	}
	if l.MemBytes != old.MemBytes {
		add("memory", "memory.max", orMax(l.MemBytes))
	}
	if l.LimitSwap != old.LimitSwap {
		swap := "max"
		if l.LimitSwap {
			swap = "0"
		}
		s = append(s, setting{controller: "memory", file: "memory.swap.max", value: swap, optional: true})
	}
	s = append(s, l.blockV2(old)...)
	return append(s, l.cpusetSettings(old)...)
}

func (l Limits) cpusetSettings(old Limits) []setting {
	var s []setting
	if l.Mems != old.Mems {
		s = append(s, setting{controller: "cpuset", file: "cpuset.mems", value: l.Mems})
	}
	if l.CPUs != old.CPUs {
		s = append(s, setting{controller: "cpuset", file: "cpuset.cpus", value: l.CPUs})
	}
	return s
}

func orMax(v int64) string {
	if v == 0 {
		return "max"
	}
	return fmt.Sprint(v)
}

func orMinusOne(v int64) string {
	if v == 0 {
		return "-1"
	}
	return fmt.Sprint(v)
}
