package devcluster

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// Machine is what one host has to give: whole-machine amounts.
type Machine struct {
	CPUsMilli int64
	MemMiB    int64
	DiskMiB   int64
}

// Ports every agent of a machine shares out, as Mesos offers them by default.
const (
	firstPort = 31000
	lastPort  = 32000
)

// ThisMachine measures the host with Mesos' rules: 1 GiB of memory and 5 GiB of
// disk stay behind for the system, or half of it on a small machine.
func ThisMachine(workDir string) (Machine, error) {
	memKiB, err := memTotalKiB()
	if err != nil {
		return Machine{}, err
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(workDir, &fs); err != nil {
		return Machine{}, fmt.Errorf("measuring the file system of %s: %w", workDir, err)
	}
	disk := int64(fs.Blocks) * fs.Bsize >> 20
	return Machine{
		CPUsMilli: int64(runtime.NumCPU()) * 1000,
		MemMiB:    setAside(memKiB>>10, 1<<10),
		DiskMiB:   setAside(disk, 5<<10),
	}, nil
}

// setAside keeps reserve for the system where there is twice as much, else half.
func setAside(total, reserve int64) int64 {
	if total >= 2*reserve {
		return total - reserve
	}
	return total / 2
}

func memTotalKiB() (int64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	for _, line := range strings.Split(string(text), "\n") {
		fields := strings.Fields(line)
		if len(fields) >= 2 && fields[0] == "MemTotal:" {
			return strconv.ParseInt(fields[1], 10, 64)
		}
	}
	return 0, fmt.Errorf("/proc/meminfo has no MemTotal line")
}

// Share is agent i's part of n equal parts, in the text form of --resources.
func (m Machine) Share(i, n int) string {
	part := func(total int64) int64 { return total / int64(n) }
	ports := lastPort - firstPort + 1
	from := firstPort + i*ports/n
	to := firstPort + (i+1)*ports/n - 1
	cpus := part(m.CPUsMilli)
	return fmt.Sprintf("cpus:%d.%03d;mem:%d;disk:%d;ports:[%d-%d]",
		cpus/1000, cpus%1000, part(m.MemMiB), part(m.DiskMiB), from, to)
}
