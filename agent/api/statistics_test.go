package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/disk"
	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/isolation/cgroup"
	"github.com/caprock/caprock/wire/clock"
	"github.com/caprock/caprock/wire/mesos"
)

func names(t *testing.T, text []byte) []string {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return slices.Sorted(maps.Keys(m))
}

// What a container may use is told of every container, what it uses as far as the
// host knows.
func TestStatisticsTellWhatIsKnown(t *testing.T) {
	limits := core.Limits{CPUMilli: 200, MemBytes: 64 << 20, MemSoftBytes: 64 << 20}
	bounds := []string{"cpus_soft_limit", "mem_limit_bytes", "mem_soft_limit_bytes", "timestamp"}
	posix := append([]string{"cpus_system_time_secs", "cpus_user_time_secs", "mem_rss_bytes"}, bounds...)
	cgroups := append([]string{"mem_anon_bytes", "mem_cache_bytes", "mem_file_bytes", "mem_kmem_tcp_usage_bytes", "mem_kmem_usage_bytes",
		"mem_mapped_file_bytes", "mem_swap_bytes", "mem_total_bytes", "mem_total_memsw_bytes", "mem_unevictable_bytes", "processes", "threads"}, posix...)
	withBPF := append([]string{"net_rx_bytes", "net_rx_packets", "net_tx_bytes", "net_tx_packets"}, cgroups...)
	use := isolation.Usage{}
	use.CPU, use.MemSwapBytes = time.Second, 1
	for name, c := range map[string]struct {
		known  bool
		source string
		want   []string
	}{
		"nothing known": {false, "", bounds},
		"no cgroups":    {true, "", posix},
		"cgroups":       {true, isolation.SourceCgroup, cgroups},
		"BPF":           {true, isolation.SourceBPF, withBPF},
	} {
		u := use
		u.Source = c.source
		m := &measurement{limits: limits, known: c.known, use: u}
		slices.Sort(c.want)
		if got := names(t, m.statistics().AppendJSON(nil)); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v\nwant %v", name, got, c.want)
		}
	}
	u := use
	u.Source, u.Events = isolation.SourceCgroup, &isolation.MemoryEvents{Low: 3, Medium: 2, Critical: 1}
	counted := &measurement{known: true}
	counted.add(&u)
	counted.use.Source = u.Source
	if st := counted.statistics(); st.GetMemLowPressureCounter() != 3 || st.GetMemMediumPressureCounter() != 2 || st.GetMemCriticalPressureCounter() != 1 {
		t.Errorf("got %v, want memory pressure counted", st)
	}
	m := &measurement{limits: core.Limits{QuotaMilli: 500}, known: true, use: isolation.Usage{Source: isolation.SourceCgroup}}
	want := []string{"cpus_limit", "cpus_nr_periods", "cpus_nr_throttled", "cpus_throttled_time_secs"}
	if got := names(t, m.statistics().AppendJSON(nil)); !slices.Equal(slices.DeleteFunc(got, func(n string) bool { return !slices.Contains(want, n) }), want) {
		t.Errorf("with a quota: got %v, want %v too", got, want)
	}
}

// Block transfers are told in all and by device, those of parts together.
func TestBlockStatistics(t *testing.T) {
	if st := blockStatistics(nil); st != nil {
		t.Errorf("got %v without a controller", st)
	}
	a, b := cgroup.Device{Major: 8}, cgroup.Device{Major: 7, Minor: 1}
	st := blockStatistics([]isolation.BlockUsage{
		{Device: a, Bytes: cgroup.BlockCounts{Read: 100, Write: 10}, Ops: cgroup.BlockCounts{Read: 2}},
		{Device: b, Bytes: cgroup.BlockCounts{Discard: 1}}, {Device: a, Bytes: cgroup.BlockCounts{Read: 5}},
	})
	var got []string
	for _, one := range st.Throttling {
		for _, v := range one.IoServiceBytes {
			if v.GetValue() > 0 {
				got = append(got, fmt.Sprintf("%d:%d %s %d", one.Device.GetMajorNumber(), one.Device.GetMinorNumber(), v.GetOp(), v.GetValue()))
			}
		}
	}
	want := []string{"0:0 TOTAL 116", "7:1 DISCARD 1", "7:1 TOTAL 1", "8:0 READ 105", "8:0 WRITE 10", "8:0 TOTAL 115"}
	if !slices.Equal(got, want) || st.Throttling[0].Device != nil {
		t.Errorf("got %q, want %q", got, want)
	}
	if st.CfqRecursive != nil {
		t.Errorf("got times %v, which nobody has counted", st.CfqRecursive)
	}
}

// Where somebody has counted it, it is told how long requests took.
func TestTimesOfBlockTransfers(t *testing.T) {
	a, b := cgroup.Device{Major: 8}, cgroup.Device{Major: 7, Minor: 1}
	st := blockStatistics([]isolation.BlockUsage{
		{Device: a, Timed: true, WaitNanos: cgroup.BlockCounts{Read: 3, Sync: 3}, ServiceNanos: cgroup.BlockCounts{Read: 70, Sync: 70}},
		{Device: b, Timed: true, ServiceNanos: cgroup.BlockCounts{Write: 9, Async: 9}},
		{Device: a, Timed: true, WaitNanos: cgroup.BlockCounts{Write: 4, Async: 4}},
	})
	var got []string
	for _, one := range st.CfqRecursive {
		for _, part := range []struct {
			name   string
			values []*mesos.CgroupInfo_Blkio_Value
		}{{"wait", one.IoWaitTime}, {"service", one.IoServiceTime}} {
			for _, v := range part.values {
				if v.GetValue() > 0 {
					got = append(got, fmt.Sprintf("%d:%d %s %s %d", one.Device.GetMajorNumber(), one.Device.GetMinorNumber(), part.name, v.GetOp(), v.GetValue()))
				}
			}
		}
	}
	want := []string{"0:0 wait TOTAL 7", "0:0 service TOTAL 79", "7:1 service WRITE 9", "7:1 service ASYNC 9", "7:1 service TOTAL 9",
		"8:0 wait READ 3", "8:0 wait WRITE 4", "8:0 wait SYNC 3", "8:0 wait ASYNC 4", "8:0 wait TOTAL 7",
		"8:0 service READ 70", "8:0 service SYNC 70", "8:0 service TOTAL 70"}
	if !slices.Equal(got, want) || st.CfqRecursive[0].Device != nil {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The parts of a pod are summed up, and its waits for a CPU have percentiles.
func TestStatisticsOfParts(t *testing.T) {
	part := func(source string, ms int) *isolation.Usage {
		u := &isolation.Usage{Source: source}
		u.CPU, u.User, u.System = 4*time.Second, 3*time.Second, time.Second
		u.RSSBytes, u.Scheduling.Waits = 10, 1
		u.Scheduling.WaitHist[2*(20+ms)] = 1 // 2^20 ns and more
		return u
	}
	a := &server{Options: Options{Usage: func(id string) (isolation.Usage, error) {
		return *part(isolation.SourceBPF, map[string]int{"c.a": 0, "c.b": 1}[id]), nil
	}, Disk: func(string) (disk.Usage, bool) {
		return disk.Usage{SandboxBytes: 7, QuotaBytes: 9, Volumes: []disk.VolumeUsage{{UsedBytes: 3}}}, true
	}, Clock: clock.Real()}}
	m := a.measure(&box{id: "c", parts: []string{"c.a", "c.b"}})
	if m.use.User != 6*time.Second || m.use.System != 2*time.Second || m.use.RSSBytes != 20 || m.parts != 2 {
		t.Errorf("got %+v", m)
	}
	if st := m.statistics(); st.GetDiskUsedBytes() != 7 || st.GetDiskLimitBytes() != 9 || len(st.DiskStatistics) != 2 || st.DiskStatistics[0].GetUsedBytes() != 3 || st.DiskStatistics[1].GetUsedBytes() != 7 {
		t.Errorf("got %v, want what was measured on disk", st)
	}
	var got struct {
		Source     string `json:"cpus_time_source"`
		Scheduling struct {
			Waits  uint64  `json:"waits"`
			Median float64 `json:"wait_p50_secs"`
			P99    float64 `json:"wait_p99_secs"`
		}
		Pressure any
	}
	if err := json.Unmarshal(closed(m.appendOurs([]byte{'{'})), &got); err != nil {
		t.Fatal(err)
	}
	if s := got.Scheduling; got.Source != "bpf" || s.Waits != 2 || s.Median < 0.001 || s.P99 < 0.002 || got.Pressure != nil {
		t.Errorf("got %+v", got)
	}
	m = &measurement{parts: 1, known: true, use: isolation.Usage{Source: isolation.SourceCgroup, Pressure: &isolation.Pressures{}, Usage: cgroup.Usage{AtLimit: &isolation.LimitEvents{Max: 3}}}}
	if got := names(t, closed(m.appendOurs([]byte{'{'}))); !slices.Equal(got, []string{"cpus_time_source", "memory_events", "pressure"}) {
		t.Errorf("got %v", got)
	}
}

// closed ends an object whose last member has a comma.
func closed(b []byte) []byte {
	b[len(b)-1] = '}'
	return b
}
