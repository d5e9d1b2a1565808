package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Usage is what a group has used so far and uses now. Fields that this host does
// not count are zero.
type Usage struct {
	CPU          time.Duration // total, user and system
	User, System time.Duration

	Periods, ThrottledPeriods uint64 // CFS bandwidth
	Throttled                 time.Duration

	MemBytes     uint64 // charged now, page cache included
	MemPeakBytes uint64
	MemLimit     uint64 // 0 without limit
	RSSBytes     uint64
	CacheBytes   uint64
	MappedBytes  uint64
	SwapBytes    uint64
	UnevictBytes uint64
	// MemSwapBytes is memory and swap together; KmemBytes and KmemTCPBytes are the
	// kernel's own memory on the group's account.
	MemSwapBytes, KmemBytes, KmemTCPBytes uint64
	OOMKills                              uint64

	Processes, Threads uint64

	// Events is nil if nothing is counted.
	Events *MemoryEvents
	// AtLimit is nil where memory is not on v2.
	AtLimit *LimitEvents

	// Block is what was transferred, by device; nil without a controller.
	Block []BlockUsage
}

// LimitEvents are v2's events of memory: how often a group was reclaimed although it
// was within its protection (Low), was above its soft limit (High) or met its hard one
// (Max), and how often nothing could be reclaimed there (OOM).
type LimitEvents struct{ Low, High, Max, OOM uint64 }

// counter is a control file that stays open: a reading is one pread.
type counter struct {
	fd  int
	key string // read this key of a flat keyed file; empty for a bare number
}

func openCounter(path, key string) (*counter, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cgroup: open %s: %w", path, err)
	}
	return &counter{fd: fd, key: key}, nil
}

func (c *counter) close() { unix.Close(c.fd) }

// value reads the counter without allocating.
func (c *counter) value() (uint64, error) {
	var buf [512]byte
	n, err := unix.Pread(c.fd, buf[:], 0)
	if err != nil {
		return 0, err
	}
	text := buf[:n]
	if c.key != "" {
		i := 0
		for ; i+len(c.key) < n; i++ {
			if string(text[i:i+len(c.key)]) == c.key && text[i+len(c.key)] == ' ' && (i == 0 || text[i-1] == '\n') {
				break
			}
		}
		text = text[min(i+len(c.key)+1, n):]
	}
	var v uint64
	for _, d := range text {
		if d < '0' || d > '9' {
			break
		}
		v = v*10 + uint64(d-'0')
	}
	return v, nil
}

// Sample reads CPU time and memory from kept-open files, the two numbers that are
// wanted every second. With skipCPU the caller has CPU time from elsewhere.
func (g *Group) Sample(skipCPU bool) (cpu time.Duration, memBytes uint64, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.gone {
		return 0, 0, fmt.Errorf("cgroup: %s: %w", g.id, fs.ErrClosed)
	}
	if g.below() {
		u, err := g.usageBelow()
		return u.CPU, 0, err
	}
	if !skipCPU && (g.core().v2 || g.hier("cpuacct") >= 0) {
		if g.mu.cpu == nil {
			path, key := g.cpuFile()
			if g.mu.cpu, err = openCounter(path, key); err != nil {
				return 0, 0, err
			}
		}
		v, err := g.mu.cpu.value()
		if err != nil {
			return 0, 0, fmt.Errorf("cgroup: %s: cpu time: %w", g.id, err)
		}
		cpu = time.Duration(v)
		if g.mu.cpu.key != "" {
			cpu *= time.Microsecond
		}
	}
	if g.hier("memory") < 0 {
		return cpu, 0, nil
	}
	if g.mu.mem == nil {
		file := "memory.usage_in_bytes"
		if g.hasV2("memory") {
			file = "memory.current"
		}
		if g.mu.mem, err = openCounter(g.path("memory", file), ""); err != nil {
			return cpu, 0, err
		}
	}
	memBytes, err = g.mu.mem.value()
	return cpu, memBytes, err
}

// cpuFile names where total CPU time is: cpu.stat of the unified hierarchy is
// there without any controller; cpuacct.usage is in nanoseconds. Sample
// knows that on v1 without cpuacct it is nowhere.
func (g *Group) cpuFile() (path, key string) {
	if p := g.path("cpuacct", "cpuacct.usage"); p != "" && !g.hasV2("cpuacct") {
		return p, ""
	}
	return g.coreFile("cpu.stat"), "usage_usec"
}

// Usage reads everything, from files opened for the purpose: some ten of them, so
// this is for a question asked, not for every second.
func (g *Group) Usage() (Usage, error) {
	if g.below() {
		return g.usageBelow()
	}
	var u Usage
	var err error
	if u.CPU, u.MemBytes, err = g.Sample(false); err != nil {
		return u, err
	}
	g.readCPU(&u)
	if g.hasV2("memory") {
		g.readMemoryV2(&u)
	} else if g.hier("memory") >= 0 {
		g.readMemoryV1(&u)
	}
	if g.hier("memory") >= 0 {
		u.OOMKills, _ = g.oomKills()
	}
	u.Processes, u.Threads = g.countTasks()
	u.Block = g.blockUsage()
	g.mu.Lock()
	u.Events = g.readMemoryEventsLocked()
	g.mu.Unlock()
	return u, nil
}

// countTasks counts processes and threads; the pids controller counts the latter.
func (g *Group) countTasks() (processes, threads uint64) {
	if pids, err := g.Pids(); err == nil {
		processes = uint64(len(pids))
	}
	if p := g.path("pids", "pids.current"); p != "" {
		if threads, err := readUint(p); err == nil {
			return processes, threads
		}
	}
	file := "cgroup.threads"
	if !g.core().v2 {
		file = "tasks"
	}
	text, _ := read(g.coreFile(file))
	return processes, uint64(len(strings.Fields(text)))
}

func (g *Group) readCPU(u *Usage) {
	if g.core().v2 {
		stat := readKeyed(g.coreFile("cpu.stat"))
		u.User, u.System = micros(stat["user_usec"]), micros(stat["system_usec"])
	} else if p := g.path("cpuacct", "cpuacct.usage_user"); p != "" {
		user, _ := readUint(p)
		system, _ := readUint(g.path("cpuacct", "cpuacct.usage_sys"))
		u.User, u.System = time.Duration(user), time.Duration(system)
	}
	if p := g.path("cpu", "cpu.stat"); p != "" {
		stat := readKeyed(p)
		u.Periods, u.ThrottledPeriods = stat["nr_periods"], stat["nr_throttled"]
		u.Throttled = time.Duration(stat["throttled_time"]) + micros(stat["throttled_usec"])
	}
}

func micros(n uint64) time.Duration { return time.Duration(n) * time.Microsecond }

func (g *Group) readMemoryV1(u *Usage) {
	stat := readKeyed(g.path("memory", "memory.stat"))
	u.RSSBytes, u.CacheBytes, u.MappedBytes = stat["total_rss"], stat["total_cache"], stat["total_mapped_file"]
	u.SwapBytes, u.UnevictBytes = stat["total_swap"], stat["total_unevictable"]
	u.MemSwapBytes, _ = readUint(g.path("memory", "memory.memsw.usage_in_bytes"))
	u.KmemBytes, _ = readUint(g.path("memory", "memory.kmem.usage_in_bytes"))
	u.KmemTCPBytes, _ = readUint(g.path("memory", "memory.kmem.tcp.usage_in_bytes"))
	u.MemPeakBytes, _ = readUint(g.path("memory", "memory.max_usage_in_bytes"))
	// "No limit" is the largest multiple of a page below 2^63.
	if n, _ := readUint(g.path("memory", "memory.limit_in_bytes")); n < 1<<62 {
		u.MemLimit = n
	}
}

func (g *Group) readMemoryV2(u *Usage) {
	stat := readKeyed(g.path("memory", "memory.stat"))
	u.RSSBytes, u.CacheBytes, u.MappedBytes = stat["anon"], stat["file"], stat["file_mapped"]
	u.UnevictBytes = stat["unevictable"]
	u.SwapBytes, _ = readUint(g.path("memory", "memory.swap.current"))
	u.MemSwapBytes = u.MemBytes + u.SwapBytes
	u.KmemBytes, u.KmemTCPBytes = stat["kernel"], stat["sock"]
	u.MemPeakBytes, _ = readUint(g.path("memory", "memory.peak"))
	u.MemLimit, _ = readUint(g.path("memory", "memory.max"))
	events := readKeyed(g.path("memory", "memory.events"))
	u.AtLimit = &LimitEvents{Low: events["low"], High: events["high"], Max: events["max"], OOM: events["oom"]}
}

// readUint reads a file that holds one number; "max" and what is no number are 0.
func readUint(path string) (uint64, error) {
	text, err := read(path)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, nil
	}
	return n, nil
}

// readKeyed reads "key value" lines; a file that is not there is empty.
func readKeyed(path string) map[string]uint64 {
	m := map[string]uint64{}
	text, err := read(path)
	if err != nil {
		return m
	}
	for _, line := range strings.Split(text, "\n") {
		if key, value, ok := strings.Cut(line, " "); ok {
			if n, err := strconv.ParseUint(value, 10, 64); err == nil {
				m[key] = n
			}
		}
	}
	return m
}
