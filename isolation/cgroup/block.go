package cgroup

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Device names a block device.
type Device struct{ Major, Minor uint32 }

func (d Device) String() string { return fmt.Sprintf("%d:%d", d.Major, d.Minor) }

// parseDevice reads "8:0".
func parseDevice(text string) (Device, bool) {
	major, minor, ok := strings.Cut(text, ":")
	a, err1 := strconv.ParseUint(major, 10, 32)
	b, err2 := strconv.ParseUint(minor, 10, 32)
	return Device{uint32(a), uint32(b)}, ok && err1 == nil && err2 == nil
}

// BlockLimit bounds what a group may transfer from and to one device each second;
// 0 is no bound. Writes that the page cache holds back are bounded on v2 only.
type BlockLimit struct {
	Device
	ReadBytes, WriteBytes int64
	ReadOps, WriteOps     int64
}

// BlockUsage is what a group has transferred from and to one device.
type BlockUsage struct {
	Device
	// Bytes and Ops by kind. Every transfer is read, written or discarded; v1 also
	// counts it as sync or async.
	Bytes, Ops BlockCounts
	// WaitNanos is how long requests were queued, and ServiceNanos how long the device
	// had them, by kind; nobody knows unless Timed.
	WaitNanos, ServiceNanos BlockCounts
	Timed                   bool
}

// BlockCounts are counts by kind of transfer.
type BlockCounts struct{ Read, Write, Discard, Sync, Async uint64 }

// Total of all transfers.
func (c BlockCounts) Total() uint64 { return c.Read + c.Write + c.Discard }

const maxBlockWeight = 1000

func (l Limits) validateBlock() error {
	var faults []error
	if l.BlockWeight < 0 || l.BlockWeight > maxBlockWeight {
		faults = append(faults, fmt.Errorf("cgroup: limit BlockWeight: got %d, want 1 to %d, or 0", l.BlockWeight, maxBlockWeight))
	}
	seen := map[Device]bool{}
	for _, b := range l.Block {
		if min(b.ReadBytes, b.WriteBytes, b.ReadOps, b.WriteOps) < 0 {
			faults = append(faults, fmt.Errorf("cgroup: limit of device %s: got %+v, want 0 or more", b.Device, b))
		}
		if seen[b.Device] {
			faults = append(faults, fmt.Errorf("cgroup: limit of device %s is given twice", b.Device))
		}
		seen[b.Device] = true
	}
	return errors.Join(faults...)
}

// changedBlock lists the limits of l that old has not, and the devices that only old
// limits, without a bound.
func (l Limits) changedBlock(old Limits) []BlockLimit {
	var out []BlockLimit
	for _, b := range l.Block {
		if !slices.Contains(old.Block, b) {
			out = append(out, b)
		}
	}
	for _, b := range old.Block {
		if !slices.ContainsFunc(l.Block, func(n BlockLimit) bool { return n.Device == b.Device }) {
			out = append(out, BlockLimit{Device: b.Device})
		}
	}
	return out
}

func (l Limits) blockV1(old Limits) []setting {
	var s []setting
	if l.BlockWeight != old.BlockWeight {
		// v1 counts from 10 to 1000, and 500 is the default.
		weight := max(l.BlockWeight, 10)
		if l.BlockWeight == 0 {
			weight = 500
		}
		s = append(s, setting{controller: "blkio", file: "blkio.bfq.weight", value: fmt.Sprint(weight), optional: true},
			setting{controller: "blkio", file: "blkio.weight", value: fmt.Sprint(weight), optional: true})
	}
	for _, b := range l.changedBlock(old) {
		for _, f := range []struct {
			file  string
			value int64
		}{{"read_bps", b.ReadBytes}, {"write_bps", b.WriteBytes}, {"read_iops", b.ReadOps}, {"write_iops", b.WriteOps}} {
			s = append(s, setting{controller: "blkio", file: "blkio.throttle." + f.file + "_device", value: fmt.Sprintf("%s %d", b.Device, f.value)})
		}
	}
	return s
}

func (l Limits) blockV2(old Limits) []setting {
	var s []setting
	if l.BlockWeight != old.BlockWeight {
		weight := l.BlockWeight
		if weight == 0 {
			weight = 100
		}
		s = append(s, setting{controller: "io", file: "io.bfq.weight", value: fmt.Sprint(weight), optional: true},
			setting{controller: "io", file: "io.weight", value: fmt.Sprint(weight), optional: true})
	}
	for _, b := range l.changedBlock(old) {
		s = append(s, setting{controller: "io", file: "io.max", value: fmt.Sprintf("%s rbps=%s wbps=%s riops=%s wiops=%s",
			b.Device, orMax(b.ReadBytes), orMax(b.WriteBytes), orMax(b.ReadOps), orMax(b.WriteOps))})
	}
	return s
}

// blockUsage reads io.stat of v2 or the throttling policy's counters of v1, which
// count what reaches a device whatever its scheduler.
func (g *Group) blockUsage() []BlockUsage {
	if p := g.path("io", "io.stat"); p != "" {
		text, _ := read(p)
		return parseIOStat(text)
	}
	p := g.path("blkio", "blkio.throttle.io_service_bytes_recursive")
	if p == "" {
		return nil
	}
	bytes, err := read(p)
	if err != nil {
		return nil
	}
	ops, _ := read(g.path("blkio", "blkio.throttle.io_serviced_recursive"))
	return parseBlkio(bytes, ops)
}

// parseIOStat reads lines like "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6".
func parseIOStat(text string) []BlockUsage {
	out := []BlockUsage{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		d, ok := parseDevice(fields[0])
		if !ok {
			continue
		}
		u := BlockUsage{Device: d}
		for _, f := range fields[1:] {
			key, value, _ := strings.Cut(f, "=")
			if dst := map[string]*uint64{"rbytes": &u.Bytes.Read, "wbytes": &u.Bytes.Write, "dbytes": &u.Bytes.Discard,
				"rios": &u.Ops.Read, "wios": &u.Ops.Write, "dios": &u.Ops.Discard}[key]; dst != nil {
				*dst, _ = strconv.ParseUint(value, 10, 64)
			}
		}
		out = append(out, u)
	}
	return out
}

// parseBlkio reads lines like "8:0 Read 4096" of two files of v1.
func parseBlkio(bytes, ops string) []BlockUsage {
	out := []BlockUsage{}
	at := func(d Device) *BlockUsage {
		i := slices.IndexFunc(out, func(u BlockUsage) bool { return u.Device == d })
		if i < 0 {
			out = append(out, BlockUsage{Device: d})
			i = len(out) - 1
		}
		return &out[i]
	}
	for _, f := range []struct {
		text   string
		counts func(*BlockUsage) *BlockCounts
	}{{bytes, func(u *BlockUsage) *BlockCounts { return &u.Bytes }}, {ops, func(u *BlockUsage) *BlockCounts { return &u.Ops }}} {
		for line := range strings.Lines(f.text) {
			fields := strings.Fields(line)
			if len(fields) != 3 {
				continue // the sum over all devices
			}
			d, ok := parseDevice(fields[0])
			if !ok {
				continue
			}
			c := f.counts(at(d))
			if dst := map[string]*uint64{"Read": &c.Read, "Write": &c.Write, "Discard": &c.Discard, "Sync": &c.Sync, "Async": &c.Async}[fields[1]]; dst != nil {
				*dst, _ = strconv.ParseUint(fields[2], 10, 64)
			}
		}
	}
	return out
}
