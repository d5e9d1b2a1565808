package bpf

import (
	"fmt"
	"sync/atomic"

	"github.com/caprock/caprock/isolation/cgroup"
)

// CountsBlocks reports whether this kernel lets block transfers be counted.
func (a *Accounts) CountsBlocks() bool { return a.missing[featureBlocks] == nil }

// incomplete stands for a device in the last place of an account that was opened before
// transfers were counted. No device has that number.
const incomplete = ^uint64(0)

// markBlocks notes that nobody knows what groups have transferred whose accounts are older
// than the map. No program writes to it yet.
func (a *Accounts) markBlocks() error {
	var blocks kernelBlockAccount
	blocks.Devices[len(blocks.Devices)-1].Device = incomplete
	var times kernelTimeAccount
	times.Devices[len(times.Devices)-1].Device = incomplete
	for name, mark := range map[string]any{kernelMapBlocks: blocks, kernelMapTimes: times} {
		for id, slot := range a.mu.slots {
			if !a.fresh[name] {
				break
			}
			if err := a.maps[name].Put(slot, mark); err != nil {
				return fmt.Errorf("bpf: account of cgroup %d: %w", id, err)
			}
		}
	}
	return nil
}

// Blocks returns what a group has transferred, by device, and how long that took. ok is false if that is not
// counted, or not all of it is: the account was opened when the group was at work
// already, or it uses more devices than an account has room for.
func (a *Accounts) Blocks(cgroupID uint64) (list []cgroup.BlockUsage, ok bool) {
	if !a.CountsBlocks() {
		return nil, false
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	slot, ok := a.mu.slots[cgroupID]
	if !ok || atomic.LoadUint64(&a.counters.rows[slot].BlocksLost) > 0 {
		return nil, false
	}
	devices := &a.blocks.rows[slot].Devices
	if atomic.LoadUint64(&devices[len(devices)-1].Device) == incomplete {
		return nil, false
	}
	list = []cgroup.BlockUsage{}
	for i := range devices {
		d := &devices[i]
		device := atomic.LoadUint64(&d.Device)
		if device == 0 {
			break
		}
		u := cgroup.BlockUsage{Device: cgroup.Device{Major: uint32(device>>32) &^ (1 << 31), Minor: uint32(device)}}
		u.Bytes = counts(&d.ReadBytes, &d.WriteBytes, &d.DiscardBytes, &d.SyncBytes)
		u.Ops = counts(&d.ReadOps, &d.WriteOps, &d.DiscardOps, &d.SyncOps)
		list = append(list, u)
	}
	a.addTimesLocked(slot, list)
	return list, true
}

// addTimesLocked adds how long the transfers of a slot took, if that was counted from the
// beginning.
func (a *Accounts) addTimesLocked(slot uint32, list []cgroup.BlockUsage) {
	devices := &a.times.rows[slot].Devices
	if a.missing[featureTimes] != nil || atomic.LoadUint64(&devices[len(devices)-1].Device) == incomplete {
		return
	}
	for i := range list {
		u := &list[i]
		u.Timed = true
		for j := range devices {
			d := &devices[j]
			if atomic.LoadUint64(&d.Device) == 1<<63|uint64(u.Major)<<32|uint64(u.Minor) {
				u.WaitNanos = counts(&d.ReadWait, &d.WriteWait, &d.DiscardWait, &d.SyncWait)
				u.ServiceNanos = counts(&d.ReadService, &d.WriteService, &d.DiscardService, &d.SyncService)
			}
		}
	}
}

// counts reads what the programs count by kind.
func counts(read, write, discard, sync *uint64) cgroup.BlockCounts {
	// The part first: a transfer in between must not make it the larger one.
	part := atomic.LoadUint64(sync)
	c := cgroup.BlockCounts{Read: atomic.LoadUint64(read), Write: atomic.LoadUint64(write),
		Discard: atomic.LoadUint64(discard), Sync: part}
	c.Async = max(c.Total(), part) - part
	return c
}
