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
	if !a.blocksAreNew {
		return nil
	}
	var mark kernelBlockAccount
	mark.Devices[len(mark.Devices)-1].Device = incomplete
	for id, slot := range a.mu.slots {
		if err := a.maps[kernelMapBlocks].Put(slot, mark); err != nil {
			return fmt.Errorf("bpf: account of cgroup %d: %w", id, err)
		}
	}
	return nil
}

// Blocks returns what a group has transferred, by device. ok is false if that is not
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
		for _, c := range []struct {
			to                         *cgroup.BlockCounts
			read, write, discard, sync *uint64
		}{{&u.Bytes, &d.ReadBytes, &d.WriteBytes, &d.DiscardBytes, &d.SyncBytes}, {&u.Ops, &d.ReadOps, &d.WriteOps, &d.DiscardOps, &d.SyncOps}} {
			// The part first: a transfer in between must not make it the larger one.
			sync := atomic.LoadUint64(c.sync)
			*c.to = cgroup.BlockCounts{Read: atomic.LoadUint64(c.read), Write: atomic.LoadUint64(c.write),
				Discard: atomic.LoadUint64(c.discard), Sync: sync}
			c.to.Async = max(c.to.Total(), sync) - sync
		}
		list = append(list, u)
	}
	return list, true
}
