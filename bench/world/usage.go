package world

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// clockTicks per second of /proc/PID/stat; Linux has fixed it at 100 for programs.
const clockTicks = 100

// Usage is what a process has used so far.
type Usage struct {
	CPU     time.Duration // user and system, all threads
	RSS     int64         // bytes now
	PeakRSS int64         // bytes at most
}

// UsageOf reads the usage of a process.
func UsageOf(pid int) (Usage, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Usage{}, err
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Usage{}, err
	}
	u, err := parseStat(stat)
	if err != nil {
		return Usage{}, fmt.Errorf("/proc/%d/stat: %w", pid, err)
	}
	u.RSS, u.PeakRSS = statusKiB(status, "VmRSS:")<<10, statusKiB(status, "VmHWM:")<<10
	return u, nil
}

// parseStat reads utime and stime, fields 14 and 15. The second field is the
// program's name in parentheses, which may hold anything.
func parseStat(b []byte) (Usage, error) {
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 13 {
		return Usage{}, fmt.Errorf("got %d fields after the name, want at least 13", len(fields))
	}
	user, err := strconv.ParseInt(string(fields[11]), 10, 64)
	if err != nil {
		return Usage{}, err
	}
	system, err := strconv.ParseInt(string(fields[12]), 10, 64)
	if err != nil {
		return Usage{}, err
	}
	return Usage{CPU: time.Duration(user+system) * (time.Second / clockTicks)}, nil
}

func statusKiB(status []byte, name string) int64 {
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return n
		}
	}
	return 0
}

// OwnCPU is what this process, the load generator, has used.
func OwnCPU() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts); err != nil {
		panic("BUG: the process clock cannot be read: " + err.Error())
	}
	return time.Duration(ts.Nano())
}

// Machine says where figures come from.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	MemMiB int64  `json:"mem_mib"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
}

// ThisMachine describes the machine that runs the program.
func ThisMachine() Machine {
	m := Machine{Cores: runtime.NumCPU(), Go: runtime.Version()}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		m.MemMiB = statusKiB(b, "MemTotal:") >> 10
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	return m
}

// String is one line for a table's foot.
func (m Machine) String() string {
	return fmt.Sprintf("%d × %s, %.0f GiB, Linux %s, %s; load generator and allocator on the same machine",
		m.Cores, m.CPU, float64(m.MemMiB)/1024, m.Kernel, m.Go)
}
