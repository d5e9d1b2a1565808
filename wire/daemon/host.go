package daemon

import (
	"bytes"
	"os"
	"runtime"
	"strconv"

	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/json"
)

// host is the load and the memory of this machine.
type host struct {
	cpus              float64
	load              [3]float64 // of 1, 5 and 15 minutes
	memFree, memTotal float64    // bytes
}

func readHost() host {
	h := host{cpus: float64(runtime.NumCPU())}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		fields := bytes.Fields(text)
		for i := range min(len(h.load), len(fields)) {
			if v, err := strconv.ParseFloat(string(fields[i]), 64); err == nil {
				h.load[i] = v
			}
		}
	}
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		h.memFree, h.memTotal = memInfo(text, "MemFree:"), memInfo(text, "MemTotal:")
	}
	return h
}

// memInfo finds a line of /proc/meminfo and returns its bytes.
func memInfo(text []byte, name string) float64 {
	_, rest, _ := bytes.Cut(text, []byte(name))
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kib, err := strconv.ParseInt(string(fields[0]), 10, 64)
	if err != nil {
		return 0
	}
	return float64(kib << 10)
}

// SystemStats is /system/stats.json.
func SystemStats(c *httpd.Ctx) {
	h := readHost()
	b := json.Double([]byte{'{'}, `"avg_load_15min":`, h.load[2])
	b = json.Double(b, `"avg_load_1min":`, h.load[0])
	b = json.Double(b, `"avg_load_5min":`, h.load[1])
	b = json.Int(b, `"cpus_total":`, int64(h.cpus))
	b = json.Int(b, `"mem_free_bytes":`, int64(h.memFree))
	b = json.Int(b, `"mem_total_bytes":`, int64(h.memTotal))
	c.ReplyJSON(200, json.End(b))
}

// SystemMetrics gives the same as metrics.
func SystemMetrics(put func(name string, value float64)) {
	h := readHost()
	put("system/cpus_total", h.cpus)
	for i, name := range [...]string{"1min", "5min", "15min"} {
		put("system/load_"+name, h.load[i])
	}
	put("system/mem_free_bytes", h.memFree)
	put("system/mem_total_bytes", h.memTotal)
}
