package perf

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Event is something that the kernel counts.
type Event struct {
	// Name is that of a field of Mesos' PerfStatistics, such as "page_faults".
	Name string
	kind uint32
	code uint64
}

// events by name.
var events = func() map[string]Event {
	all := map[string]Event{}
	add := func(kind uint32, codes map[string]uint64) {
		for name, code := range codes {
			all[name] = Event{name, kind, code}
		}
	}
	add(unix.PERF_TYPE_HARDWARE, map[string]uint64{
		"cycles": unix.PERF_COUNT_HW_CPU_CYCLES, "instructions": unix.PERF_COUNT_HW_INSTRUCTIONS,
		"cache_references": unix.PERF_COUNT_HW_CACHE_REFERENCES, "cache_misses": unix.PERF_COUNT_HW_CACHE_MISSES,
		"branches": unix.PERF_COUNT_HW_BRANCH_INSTRUCTIONS, "branch_misses": unix.PERF_COUNT_HW_BRANCH_MISSES,
		"bus_cycles": unix.PERF_COUNT_HW_BUS_CYCLES, "stalled_cycles_frontend": unix.PERF_COUNT_HW_STALLED_CYCLES_FRONTEND,
		"stalled_cycles_backend": unix.PERF_COUNT_HW_STALLED_CYCLES_BACKEND, "ref_cycles": unix.PERF_COUNT_HW_REF_CPU_CYCLES,
	})
	add(unix.PERF_TYPE_SOFTWARE, map[string]uint64{
		"cpu_clock": unix.PERF_COUNT_SW_CPU_CLOCK, "task_clock": unix.PERF_COUNT_SW_TASK_CLOCK,
		"page_faults": unix.PERF_COUNT_SW_PAGE_FAULTS, "minor_faults": unix.PERF_COUNT_SW_PAGE_FAULTS_MIN,
		"major_faults": unix.PERF_COUNT_SW_PAGE_FAULTS_MAJ, "context_switches": unix.PERF_COUNT_SW_CONTEXT_SWITCHES,
		"cpu_migrations": unix.PERF_COUNT_SW_CPU_MIGRATIONS, "alignment_faults": unix.PERF_COUNT_SW_ALIGNMENT_FAULTS,
		"emulation_faults": unix.PERF_COUNT_SW_EMULATION_FAULTS,
	})
	const read, write, prefetch = unix.PERF_COUNT_HW_CACHE_OP_READ, unix.PERF_COUNT_HW_CACHE_OP_WRITE, unix.PERF_COUNT_HW_CACHE_OP_PREFETCH
	for _, c := range []struct {
		prefix string
		cache  uint64
		ops    map[string]uint64
	}{
		{"l1_dcache", unix.PERF_COUNT_HW_CACHE_L1D, map[string]uint64{"load": read, "store": write, "prefetch": prefetch}},
		{"l1_icache", unix.PERF_COUNT_HW_CACHE_L1I, map[string]uint64{"load": read, "prefetch": prefetch}},
		{"llc", unix.PERF_COUNT_HW_CACHE_LL, map[string]uint64{"load": read, "store": write, "prefetch": prefetch}},
		{"dtlb", unix.PERF_COUNT_HW_CACHE_DTLB, map[string]uint64{"load": read, "store": write, "prefetch": prefetch}},
		{"itlb", unix.PERF_COUNT_HW_CACHE_ITLB, map[string]uint64{"load": read}},
		{"branch", unix.PERF_COUNT_HW_CACHE_BPU, map[string]uint64{"load": read}},
		{"node", unix.PERF_COUNT_HW_CACHE_NODE, map[string]uint64{"load": read, "store": write, "prefetch": prefetch}},
	} {
		for verb, op := range c.ops {
			plural := verb + "s"
			if verb == "prefetch" {
				plural = verb + "es"
			}
			add(unix.PERF_TYPE_HW_CACHE, map[string]uint64{
				c.prefix + "_" + plural:           c.cache | op<<8 | unix.PERF_COUNT_HW_CACHE_RESULT_ACCESS<<16,
				c.prefix + "_" + verb + "_misses": c.cache | op<<8 | unix.PERF_COUNT_HW_CACHE_RESULT_MISS<<16,
			})
		}
	}
	return all
}()

// ParseEvents reads a list such as "cycles,L1-dcache-loads"; "" is no events.
func ParseEvents(list string) ([]Event, error) {
	var out []Event
	for item := range strings.SplitSeq(list, ",") {
		name := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(item), "-", "_"))
		if name == "" {
			continue
		}
		e, ok := events[name]
		if !ok {
			return nil, fmt.Errorf("perf: got event %q, want some of %s", item, strings.Join(slices.Sorted(maps.Keys(events)), ", "))
		}
		if !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out, nil
}
