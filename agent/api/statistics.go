package api

import (
	"time"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/disk"
	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/wire/json"
	"github.com/caprock/caprock/wire/mesos"
)

// measurement is what a container may use and has used, summed up over its parts.
type measurement struct {
	at     time.Time
	limits core.Limits
	use    isolation.Usage
	// known is false if no part of the container could be read.
	known bool
	// disk is nil if nothing was measured.
	disk *disk.Usage
	// parts counts what was summed up; averages over time cannot be summed.
	parts int
}

// measure reads a container. The source of its CPU time is "bpf" only if that of
// every part is.
func (a *server) measure(b *box) *measurement {
	ids := b.parts
	if b.parent != "" {
		ids = []string{b.kernelID()}
	}
	m := &measurement{at: a.Clock.Now(), limits: b.limits}
	if b.parent == "" {
		if u, ok := a.Disk(b.parts[0]); ok {
			m.disk = &u
		}
	}
	for i := 0; i < len(ids); i++ {
		u, err := a.Usage(ids[i])
		if err != nil {
			if i == 0 {
				// The executor has no container here that counts what is in it.
				ids = append(ids[:len(ids):len(ids)], b.shared...)
			}
			continue
		}
		if !m.known || u.Source != isolation.SourceBPF {
			m.use.Source = u.Source
		}
		if !m.known || u.BlockSource != isolation.SourceBPF {
			m.use.BlockSource = u.BlockSource
		}
		m.known = true
		m.parts++
		m.add(&u)
	}
	return m
}

func (m *measurement) add(u *isolation.Usage) {
	sum := &m.use
	// Time by BPF is the total; the split into user and system is the files'.
	if files := u.User + u.System; files > 0 && u.CPU > 0 {
		user := time.Duration(float64(u.User) / float64(files) * float64(u.CPU))
		sum.User += user
		sum.System += u.CPU - user
	} else {
		sum.User += u.CPU
	}
	for _, f := range []struct{ sum, part *uint64 }{
		{&sum.Periods, &u.Periods}, {&sum.ThrottledPeriods, &u.ThrottledPeriods},
		{&sum.MemBytes, &u.MemBytes}, {&sum.RSSBytes, &u.RSSBytes}, {&sum.CacheBytes, &u.CacheBytes},
		{&sum.MappedBytes, &u.MappedBytes}, {&sum.SwapBytes, &u.SwapBytes}, {&sum.UnevictBytes, &u.UnevictBytes},
		{&sum.MemSwapBytes, &u.MemSwapBytes}, {&sum.KmemBytes, &u.KmemBytes}, {&sum.KmemTCPBytes, &u.KmemTCPBytes},
		{&sum.Processes, &u.Processes}, {&sum.Threads, &u.Threads},
		{&sum.Network.RxPackets, &u.Network.RxPackets}, {&sum.Network.RxBytes, &u.Network.RxBytes},
		{&sum.Network.TxPackets, &u.Network.TxPackets}, {&sum.Network.TxBytes, &u.Network.TxBytes},
		{&sum.Scheduling.Switches, &u.Scheduling.Switches}, {&sum.Scheduling.Waits, &u.Scheduling.Waits},
		{&sum.Scheduling.Forks, &u.Scheduling.Forks}, {&sum.Scheduling.Exits, &u.Scheduling.Exits},
	} {
		*f.sum += *f.part
	}
	sum.CPU += u.CPU
	sum.Throttled += u.Throttled
	sum.Scheduling.Wait += u.Scheduling.Wait
	for b, n := range u.Scheduling.WaitHist {
		sum.Scheduling.WaitHist[b] += n
	}
	sum.Pressure, sum.Perf = u.Pressure, u.Perf
	if e := u.Events; e != nil {
		if sum.Events == nil {
			sum.Events = &isolation.MemoryEvents{}
		}
		sum.Events.Low += e.Low
		sum.Events.Medium += e.Medium
		sum.Events.Critical += e.Critical
	}
	if e := u.AtLimit; e != nil {
		if sum.AtLimit == nil {
			sum.AtLimit = &isolation.LimitEvents{}
		}
		sum.AtLimit.Low += e.Low
		sum.AtLimit.High += e.High
		sum.AtLimit.Max += e.Max
		sum.AtLimit.OOM += e.OOM
	}
	sum.Block = append(sum.Block, u.Block...)
}

// statistics is the measurement as Mesos words it. What a container may use is
// always there; what it uses as far as the host tells: without cgroups that is
// CPU time and resident memory, as with Mesos' posix isolators.
func (m *measurement) statistics() *mesos.ResourceStatistics {
	st := &mesos.ResourceStatistics{Timestamp: new(seconds(m.at))}
	m.putLimits(st)
	m.putDisk(st)
	if !m.known {
		return st
	}
	u := &m.use
	st.CpusUserTimeSecs, st.CpusSystemTimeSecs = new(u.User.Seconds()), new(u.System.Seconds())
	st.MemRssBytes = &u.RSSBytes
	if u.Source == "" {
		return st
	}
	m.putMemory(st)
	st.Processes, st.Threads = new(uint32(u.Processes)), new(uint32(u.Threads))
	if m.limits.QuotaMilli > 0 {
		st.CpusNrPeriods, st.CpusNrThrottled = new(uint32(u.Periods)), new(uint32(u.ThrottledPeriods))
		st.CpusThrottledTimeSecs = new(u.Throttled.Seconds())
	}
	st.BlkioStatistics = blockStatistics(u.Block)
	if m.parts == 1 {
		st.Perf = perfStatistics(u.Perf)
	}
	if n := &u.Network; u.Source == isolation.SourceBPF {
		st.NetRxPackets, st.NetRxBytes = &n.RxPackets, &n.RxBytes
		st.NetTxPackets, st.NetTxBytes = &n.TxPackets, &n.TxBytes
	}
	return st
}

func (m *measurement) putLimits(st *mesos.ResourceStatistics) {
	l := &m.limits
	if l.CPUMilli > 0 {
		st.CpusSoftLimit = new(float64(l.CPUMilli) / 1000)
	}
	if l.QuotaMilli > 0 {
		st.CpusLimit = new(float64(l.QuotaMilli) / 1000)
	}
	if l.MemBytes > 0 {
		st.MemLimitBytes = new(uint64(l.MemBytes))
	}
	if l.MemSoftBytes > 0 {
		st.MemSoftLimitBytes = new(uint64(l.MemSoftBytes))
	}
}

func (m *measurement) putDisk(st *mesos.ResourceStatistics) {
	if m.disk == nil {
		return
	}
	st.DiskUsedBytes = new(uint64(m.disk.SandboxBytes))
	for _, v := range m.disk.Volumes {
		st.DiskStatistics = append(st.DiskStatistics, &mesos.DiskStatistics{Source: v.Source, Persistence: v.Persistence,
			LimitBytes: new(uint64(v.QuotaBytes)), UsedBytes: new(uint64(v.UsedBytes))})
	}
	if m.disk.QuotaBytes > 0 {
		st.DiskLimitBytes = new(uint64(m.disk.QuotaBytes))
		// As Mesos has it, the sandbox is among them too, without a source.
		st.DiskStatistics = append(st.DiskStatistics, &mesos.DiskStatistics{LimitBytes: st.DiskLimitBytes, UsedBytes: st.DiskUsedBytes})
	}
}

func (m *measurement) putMemory(st *mesos.ResourceStatistics) {
	u := &m.use
	st.MemTotalBytes, st.MemCacheBytes = &u.MemBytes, &u.CacheBytes
	st.MemAnonBytes, st.MemFileBytes, st.MemMappedFileBytes = &u.RSSBytes, &u.CacheBytes, &u.MappedBytes
	st.MemSwapBytes, st.MemUnevictableBytes = &u.SwapBytes, &u.UnevictBytes
	if u.MemSwapBytes > 0 {
		st.MemTotalMemswBytes = &u.MemSwapBytes
	}
	if e := u.Events; e != nil {
		st.MemLowPressureCounter, st.MemMediumPressureCounter, st.MemCriticalPressureCounter = &e.Low, &e.Medium, &e.Critical
	}
	st.MemKmemUsageBytes, st.MemKmemTcpUsageBytes = &u.KmemBytes, &u.KmemTCPBytes
}

// appendOurs appends what Mesos has no field for: where CPU times come from, how
// long processes waited for a CPU, and pressure stall information.
func (m *measurement) appendOurs(b []byte) []byte {
	if m.use.Source == "" {
		return b
	}
	b = text(b, "cpus_time_source", m.use.Source)
	if m.use.BlockSource != "" {
		b = text(b, "blkio_source", m.use.BlockSource)
	}
	if m.use.Source == isolation.SourceBPF {
		b = appendScheduling(b, &m.use.Scheduling)
	}
	if e := m.use.AtLimit; e != nil {
		b = append(json.Key(b, "memory_events"), '{')
		for _, n := range []struct {
			name  string
			value uint64
		}{{"low", e.Low}, {"high", e.High}, {"max", e.Max}, {"oom", e.OOM}} {
			b = json.Uint(json.Key(b, n.name), "", n.value)
		}
		b = append(json.End(b), ',')
	}
	if p := m.use.Pressure; p != nil && m.parts == 1 {
		b = append(json.Key(b, "pressure"), '{')
		b = appendPressure(b, "cpu", &p.CPU)
		b = appendPressure(b, "memory", &p.Memory)
		b = append(json.End(appendPressure(b, "io", &p.IO)), ',')
	}
	return b
}

func appendScheduling(b []byte, s *isolation.Scheduling) []byte {
	b = append(json.Key(b, "scheduling"), '{')
	for _, n := range []struct {
		name  string
		value uint64
	}{{"switches", s.Switches}, {"waits", s.Waits}, {"forks", s.Forks}, {"exits", s.Exits}} {
		b = json.Uint(json.Key(b, n.name), "", n.value)
	}
	b = double(b, "wait_secs", s.Wait.Seconds())
	for _, q := range []struct {
		name string
		p    float64
	}{{"wait_p50_secs", 0.5}, {"wait_p90_secs", 0.9}, {"wait_p99_secs", 0.99}, {"wait_p999_secs", 0.999}} {
		b = double(b, q.name, s.WaitHist.Percentile(q.p).Seconds())
	}
	return append(json.End(b), ',')
}

func appendPressure(b []byte, name string, p *isolation.Pressure) []byte {
	b = append(json.Key(b, name), '{')
	for _, s := range []struct {
		name  string
		stall *isolation.Stall
	}{{"some", &p.Some}, {"full", &p.Full}} {
		b = append(json.Key(b, s.name), '{')
		b = double(b, "avg10", s.stall.Avg10)
		b = double(b, "avg60", s.stall.Avg60)
		b = double(b, "avg300", s.stall.Avg300)
		b = append(json.End(double(b, "total_secs", s.stall.Total.Seconds())), ',')
	}
	return append(json.End(b), ',')
}
