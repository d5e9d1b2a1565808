package bpf

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// table is an array map seen through shared memory. Rows are written by the
// kernel at any time; all fields are 64 bits wide and must be read atomically.
type table[Row any] struct {
	mem  []byte
	rows []Row
}

func mapTable[Row any](m *ebpf.Map) (*table[Row], error) {
	var row Row
	if uintptr(m.ValueSize()) != unsafe.Sizeof(row) {
		return nil, fmt.Errorf("bpf: map %s: value of %d bytes, want %d", m, m.ValueSize(), unsafe.Sizeof(row))
	}
	n := int(m.MaxEntries())
	page := unix.Getpagesize()
	size := (n*int(m.ValueSize()) + page - 1) / page * page
	mem, err := unix.Mmap(m.FD(), 0, size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("bpf: map %s into memory: %w", m, err)
	}
	return &table[Row]{mem: mem, rows: unsafe.Slice((*Row)(unsafe.Pointer(&mem[0])), n)}, nil
}

func (t *table[Row]) unmap() {
	if t != nil && t.mem != nil {
		unix.Munmap(t.mem)
		t.mem, t.rows = nil, nil
	}
}

// Account is what a group has done since it was registered. All values only grow.
type Account struct {
	CPU      time.Duration // on a CPU, up to this moment
	Switches uint64        // times switched out
	Wait     time.Duration // ready to run but waiting for a CPU
	Waits    uint64        // times switched in after waiting
	Forks    uint64        // processes and threads started
	Exits    uint64        // processes ended
	OOMKills uint64

	RxPackets, RxBytes, TxPackets, TxBytes uint64

	WaitHist WaitHistogram
}

// WaitHistogram counts waits by length: bucket b holds those of
// [2^(b/2), 2^(b/2+1)) ns, the even b the lower half of that range.
type WaitHistogram [64]uint64

// Percentile returns an upper bound of the p-quantile (0 < p ≤ 1), exact within
// a factor of 1.5; 0 if nothing was counted.
func (h *WaitHistogram) Percentile(p float64) time.Duration {
	var total uint64
	for _, n := range h {
		total += n
	}
	if total == 0 {
		return 0
	}
	rank := uint64(math.Ceil(p * float64(total)))
	for b, n := range h {
		if n >= rank {
			return bucketEnd(b)
		}
		rank -= n
	}
	return bucketEnd(len(h) - 1)
}

// Sub returns what h counts more than the earlier reading.
func (h *WaitHistogram) Sub(earlier *WaitHistogram) WaitHistogram {
	var d WaitHistogram
	for b := range h {
		d[b] = h[b] - earlier[b]
	}
	return d
}

// bucketEnd is the first duration beyond bucket b.
func bucketEnd(b int) time.Duration {
	low := time.Duration(1) << (b / 2)
	if b%2 == 0 {
		return low + low/2
	}
	return 2 * low
}

// CPU reads the CPU time of a group; false if it has no account.
func (a *Accounts) CPU(cgroupID uint64) (time.Duration, bool) { return a.CPUAt(cgroupID, Now()) }

// Instant is a moment on the kernel's monotonic clock.
type Instant uint64

// Now is for callers that read many groups: one clock reading does for all.
func Now() Instant { return Instant(monotonic()) }

// CPUAt is CPU as of now, which must be recent.
func (a *Accounts) CPUAt(cgroupID uint64, now Instant) (time.Duration, bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	slot, ok := a.mu.slots[cgroupID]
	if !ok {
		return 0, false
	}
	return a.cpuOfLocked(slot, uint64(now)), true
}

// cpuOfLocked adds what is running at this moment to what was booked. A switch
// while we read would be counted twice or not at all: so read again if the
// booked time has moved.
func (a *Accounts) cpuOfLocked(slot uint32, now uint64) time.Duration {
	booked := &a.counters.rows[slot].CpuNs
	for {
		before := atomic.LoadUint64(booked)
		total := before
		for i := range a.running.rows {
			r := &a.running.rows[i]
			if atomic.LoadUint64(&r.Slot) != uint64(slot)+1 {
				continue
			}
			if since := atomic.LoadUint64(&r.Since); since < now {
				total += now - since
			}
		}
		if atomic.LoadUint64(booked) == before {
			return time.Duration(total)
		}
		now = monotonic()
	}
}

// Read returns the whole account; false if the group has none.
func (a *Accounts) Read(cgroupID uint64) (Account, bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	slot, ok := a.mu.slots[cgroupID]
	if !ok {
		return Account{}, false
	}
	row := &a.counters.rows[slot]
	get := func(p *uint64) uint64 { return atomic.LoadUint64(p) }
	acc := Account{
		CPU: a.cpuOfLocked(slot, monotonic()), Switches: get(&row.Switches),
		Wait: time.Duration(get(&row.WaitNs)), Waits: get(&row.Waits),
		Forks: get(&row.Forks), Exits: get(&row.Exits), OOMKills: get(&row.OomKills),
		RxPackets: get(&row.RxPackets), RxBytes: get(&row.RxBytes),
		TxPackets: get(&row.TxPackets), TxBytes: get(&row.TxBytes),
	}
	for b := range acc.WaitHist {
		acc.WaitHist[b] = get(&row.WaitHist[b])
	}
	return acc, true
}

// monotonic is the clock of bpf_ktime_get_ns.
func monotonic() uint64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic("BUG: CLOCK_MONOTONIC: " + err.Error())
	}
	return uint64(ts.Nano())
}
