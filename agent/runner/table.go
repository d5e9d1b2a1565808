package runner

import (
	"bytes"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/caprock/caprock/isolation"
)

// processTable is what /proc says of all processes, for hosts without cgroups. A
// container there is the session of its first process, and what descends from it.
type processTable struct {
	mu sync.Mutex
	// byPid is as of readAt; guarded by mu.
	byPid  map[int]tableEntry
	readAt time.Time
}

// tableEntry is a line of the table. ended is what children that were waited for
// have used, which nobody else tells.
type tableEntry struct {
	parent, session     int
	user, system        time.Duration
	endedUser, endedSys time.Duration
	threads, rssBytes   uint64
}

// tableAge is how old the table may be: all containers are asked about at one
// time, and reading it costs some 10 µs for each process of the host.
const tableAge = 100 * time.Millisecond

// usage sums up what the session of leader and its descendants have used;
// fs.ErrNotExist if there is no such process.
func (t *processTable) usage(leader int) (isolation.Usage, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.readAt) > tableAge {
		t.byPid, t.readAt = readTable(), time.Now()
	}
	var u isolation.Usage
	for pid, e := range t.byPid {
		if !t.belongsLocked(pid, leader) {
			continue
		}
		u.User += e.user + e.endedUser
		u.System += e.system + e.endedSys
		u.RSSBytes += e.rssBytes
		u.Processes++
		u.Threads += e.threads
	}
	if u.Processes == 0 {
		return u, fs.ErrNotExist
	}
	u.CPU = u.User + u.System
	return u, nil
}

// belongsLocked reports whether pid or one of its ancestors is in leader's session.
// A table read while processes come and go may hold a circle: the walk is bounded.
func (t *processTable) belongsLocked(pid, leader int) bool {
	for range 64 {
		e, ok := t.byPid[pid]
		switch {
		case !ok:
			return false
		case pid == leader || e.session == leader:
			return true
		}
		pid = e.parent
	}
	return false
}

func readTable() map[int]tableEntry {
	table := map[int]tableEntry{}
	dir, err := os.Open("/proc")
	if err != nil {
		return table
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue // ended meanwhile
		}
		if e, ok := parseStat(stat); ok {
			table[pid] = e
		}
	}
	return table
}

// parseStat reads a line of /proc/PID/stat, times in hundredths of a second.
func parseStat(line []byte) (tableEntry, bool) {
	// The name may hold anything, ")" included. The first field after it is the
	// third of the line.
	const first, wanted = 3, 24
	fields := bytes.Fields(line[bytes.LastIndexByte(line, ')')+1:])
	if len(fields) < wanted-first+1 {
		return tableEntry{}, false
	}
	number := func(field int) int64 {
		n, _ := strconv.ParseInt(string(fields[field-first]), 10, 64)
		return n
	}
	const tick = 10 * time.Millisecond
	return tableEntry{
		parent: int(number(4)), session: int(number(6)),
		user: time.Duration(number(14)) * tick, system: time.Duration(number(15)) * tick,
		endedUser: time.Duration(number(16)) * tick, endedSys: time.Duration(number(17)) * tick,
		threads: uint64(number(20)), rssBytes: uint64(number(24)) * uint64(os.Getpagesize()),
	}, true
}
