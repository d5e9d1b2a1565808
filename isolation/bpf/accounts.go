package bpf

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
)

// Options of Open.
type Options struct {
	// PinDir is the directory in which maps and links are pinned.
	PinDir string
	// GroupsDir is the parent of all accounted groups in the unified hierarchy;
	// packets are counted below it.
	GroupsDir string
	// GroupLevel is how deep the groups lie below the root of the unified
	// hierarchy ("caprock/agent-1/ID" is 3); 0 if that is not known, then what
	// tasks make below their groups is not counted.
	GroupLevel int
	// MaxGroups accounted at a time; 4096 if 0. Each costs 1,792 bytes in the kernel.
	MaxGroups int
	// Exits says that pids in the kernel are ours (initial pid namespace), so
	// that exit statuses can be recorded.
	Exits bool
	// Logger for features that this kernel refuses; slog.Default() if nil.
	Logger *slog.Logger
}

// ErrFull says that MaxGroups groups are registered already.
var ErrFull = errors.New("no free accounting slot")

// Accounts are the kernel's books on our groups.
type Accounts struct {
	opts Options
	maps map[string]*ebpf.Map
	// mounted: PinDir is a BPF file system that was mounted for us alone.
	mounted bool
	missing map[string]error // feature → why it is not there
	// fresh are the maps that were not there: groups that are registered already were so
	// by an agent that did not count what is in them.
	fresh map[string]bool

	counters *table[kernelAccount]
	blocks   *table[kernelBlockAccount]
	times    *table[kernelTimeAccount]
	running  *table[kernelRunningOn]

	mu struct {
		sync.RWMutex
		slots map[uint64]uint32 // cgroup id → slot
		used  []bool            // by slot
	}
}

// Open finds the pinned accounts of an earlier process, or starts new ones.
func Open(o Options) (*Accounts, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.MaxGroups == 0 {
		o.MaxGroups = 4096
	}
	a := &Accounts{opts: o, maps: map[string]*ebpf.Map{}, missing: map[string]error{}, fresh: map[string]bool{}}
	if err := a.open(); err != nil {
		a.release()
		return nil, err
	}
	return a, nil
}

func (a *Accounts) open() error {
	// Kernels before 5.11 charge maps to this limit; later ones ignore it.
	if err := rlimit.RemoveMemlock(); err != nil {
		return fmt.Errorf("bpf: %w", err)
	}
	if err := a.ensureFS(); err != nil {
		return err
	}
	spec, err := a.spec()
	if err != nil {
		return err
	}
	if err := a.openMaps(spec); err != nil {
		return err
	}
	if a.counters, err = mapTable[kernelAccount](a.maps[kernelMapCounters]); err != nil {
		return err
	}
	if a.blocks, err = mapTable[kernelBlockAccount](a.maps[kernelMapBlocks]); err != nil {
		return err
	}
	if a.times, err = mapTable[kernelTimeAccount](a.maps[kernelMapTimes]); err != nil {
		return err
	}
	if a.running, err = mapTable[kernelRunningOn](a.maps[kernelMapRunning]); err != nil {
		return err
	}
	if err := a.loadSlots(); err != nil {
		return err
	}
	if err := a.markBlocks(); err != nil {
		return err
	}
	return a.attach(spec)
}

// spec is the compiled object, sized for this host.
func (a *Accounts) spec() (*ebpf.CollectionSpec, error) {
	spec, err := loadKernel()
	if err != nil {
		return nil, fmt.Errorf("bpf: %w", err)
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return nil, fmt.Errorf("bpf: %w", err)
	}
	spec.Maps[kernelMapGroups].MaxEntries = uint32(a.opts.MaxGroups)
	spec.Maps[kernelMapCounters].MaxEntries = uint32(a.opts.MaxGroups)
	spec.Maps[kernelMapBlocks].MaxEntries = uint32(a.opts.MaxGroups)
	spec.Maps[kernelMapTimes].MaxEntries = uint32(a.opts.MaxGroups)
	spec.Maps[kernelMapRunning].MaxEntries = uint32(cpus)
	// An LRU map gives each CPU up to 128 free entries of its own.
	spec.Maps[kernelMapExits].MaxEntries = uint32(16384 + 256*cpus)
	spec.Maps[kernelMapQueued].MaxEntries = uint32(16384 + 256*cpus)
	spec.Maps[kernelMapFlights].MaxEntries = uint32(16384 + 256*cpus)
	if err := spec.Variables[kernelVarGroupLevel].Set(uint32(a.opts.GroupLevel)); err != nil {
		return nil, fmt.Errorf("bpf: %w", err)
	}
	return spec, nil
}

// loadSlots reads which groups an earlier process has registered.
func (a *Accounts) loadSlots() error {
	a.mu.slots = map[uint64]uint32{}
	a.mu.used = make([]bool, a.opts.MaxGroups)
	var id uint64
	var slot uint32
	entries := a.maps[kernelMapGroups].Iterate()
	for entries.Next(&id, &slot) {
		a.mu.slots[id] = slot
		if int(slot) < len(a.mu.used) {
			a.mu.used[slot] = true
		}
	}
	if err := entries.Err(); err != nil {
		return fmt.Errorf("bpf: read registered groups: %w", err)
	}
	return nil
}

// Register opens an account for a cgroup that has used that much CPU time before;
// late says that it may have transferred blocks before, too. An account that is open
// already stays as it is.
func (a *Accounts) Register(cgroupID uint64, used time.Duration, late bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mu.slots == nil {
		// Those who watch processes look after their groups until the very end.
		return errors.New("bpf: the accounts are closed")
	}
	if _, ok := a.mu.slots[cgroupID]; ok {
		return nil
	}
	for slot := range a.mu.used {
		if a.mu.used[slot] {
			continue
		}
		fresh := kernelAccount{CpuNs: uint64(used)}
		if late {
			fresh.BlocksLost = 1
		}
		if err := a.maps[kernelMapBlocks].Put(uint32(slot), kernelBlockAccount{}); err != nil {
			return fmt.Errorf("bpf: open account of cgroup %d: %w", cgroupID, err)
		}
		if err := a.maps[kernelMapTimes].Put(uint32(slot), kernelTimeAccount{}); err != nil {
			return fmt.Errorf("bpf: open account of cgroup %d: %w", cgroupID, err)
		}
		if err := a.maps[kernelMapCounters].Put(uint32(slot), fresh); err != nil {
			return fmt.Errorf("bpf: open account of cgroup %d: %w", cgroupID, err)
		}
		if err := a.maps[kernelMapGroups].Put(cgroupID, uint32(slot)); err != nil {
			return fmt.Errorf("bpf: register cgroup %d: %w", cgroupID, err)
		}
		a.mu.slots[cgroupID], a.mu.used[slot] = uint32(slot), true
		return nil
	}
	return fmt.Errorf("bpf: %d groups: %w", len(a.mu.slots), ErrFull)
}

// Unregister closes an account. Recorded exits stay readable.
func (a *Accounts) Unregister(cgroupID uint64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	slot, ok := a.mu.slots[cgroupID]
	if !ok {
		return nil
	}
	if err := a.maps[kernelMapGroups].Delete(cgroupID); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("bpf: unregister cgroup %d: %w", cgroupID, err)
	}
	delete(a.mu.slots, cgroupID)
	a.mu.used[slot] = false
	return nil
}

// Retain closes the accounts of all cgroups but these: leftovers of a process that
// ended between removing a group and closing its account.
func (a *Accounts) Retain(alive map[uint64]bool) error {
	a.mu.RLock()
	var stale []uint64
	for id := range a.mu.slots {
		if !alive[id] {
			stale = append(stale, id)
		}
	}
	a.mu.RUnlock()
	var faults []error
	for _, id := range stale {
		faults = append(faults, a.Unregister(id))
	}
	return errors.Join(faults...)
}

// ExitStatus returns the recorded wait status of a process that was in a
// registered group when it ended.
func (a *Accounts) ExitStatus(pid int, startTicks uint64) (waitStatus int, ok bool) {
	// Those who wait for processes ask until the very end, while Close lets go.
	a.mu.RLock()
	defer a.mu.RUnlock()
	m := a.maps[kernelMapExits]
	if m == nil {
		return 0, false
	}
	key := kernelExitKey{Pid: uint32(pid), StartTicks: startTicks}
	var value kernelExitValue
	if err := m.Lookup(&key, &value); err != nil {
		return 0, false
	}
	return int(value.WaitStatus), true
}

// FirstExit returns the process of a cgroup that started first among those whose
// end is recorded, process 1 of a namespace apart. Two that started within one clock
// tick are told apart by pid.
// It reads the whole record, which is for recovery only.
func (a *Accounts) FirstExit(cgroupID uint64) (pid int, startTicks uint64, ok bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	m := a.maps[kernelMapExits]
	if m == nil {
		return 0, 0, false
	}
	var first, key kernelExitKey
	var value kernelExitValue
	entries := m.Iterate()
	for entries.Next(&key, &value) {
		if value.CgroupId != cgroupID || value.Init != 0 {
			continue
		}
		if !ok || key.StartTicks < first.StartTicks || key.StartTicks == first.StartTicks && key.Pid < first.Pid {
			first, ok = key, true
		}
	}
	return int(first.Pid), first.StartTicks, ok
}

// Missing says which features the kernel has refused, and why.
func (a *Accounts) Missing() map[string]error { return a.missing }

// Close lets go. With remove the programs are detached and the accounts are gone;
// otherwise they go on for the next process.
func (a *Accounts) Close(remove bool) error {
	a.release()
	if remove {
		return a.unpin()
	}
	return nil
}

func (a *Accounts) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.slots = nil
	a.counters.unmap()
	a.blocks.unmap()
	a.times.unmap()
	a.running.unmap()
	for _, m := range a.maps {
		m.Close()
	}
	clear(a.maps)
}
