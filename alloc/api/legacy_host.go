package api

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/json"
)

// loggingToggle is /logging/toggle?level=&duration=: without a level it says
// which one holds.
func (s *Server) loggingToggle(c *httpd.Ctx) {
	level, duration := c.Query("level"), c.Query("duration")
	switch {
	case level == nil && duration == nil:
		c.ReplyText(200, strconv.FormatUint(uint64(s.logging.get()), 10)+"\n")
		return
	case level == nil:
		c.ReplyText(400, "Expecting 'level=value' in query.\n")
		return
	case duration == nil:
		c.ReplyText(400, "Expecting 'duration=value' in query.\n")
		return
	}
	n, err := strconv.ParseUint(string(level), 10, 32)
	if err != nil {
		c.ReplyText(400, "Failed to convert '"+clip(level)+"' to number.\n")
		return
	}
	d, ok := parseDuration(string(duration))
	if !ok {
		number := bytes.TrimRight(duration, letters)
		c.ReplyText(400, "Failed to convert '"+clip(number)+"' to number.\n")
		return
	}
	s.setLevel(uint32(n), d)
	c.ReplyEmpty(200)
}

// units are Mesos' names of durations.
var units = map[string]float64{
	"ns": 1, "us": 1e3, "ms": 1e6, "secs": 1e9, "mins": 60e9, "hrs": 3600e9, "days": 86400e9, "weeks": 7 * 86400e9,
}

const letters = "abcdefghijklmnopqrstuvwxyz"

// parseDuration reads Mesos' durations: "10secs", "1.5mins".
func parseDuration(text string) (time.Duration, bool) {
	number := bytes.TrimRight([]byte(text), letters)
	unit, known := units[text[len(number):]]
	v, err := strconv.ParseFloat(string(number), 64)
	if err != nil || !known || !(v >= 0) || v*unit > 1<<62 {
		return 0, false
	}
	return time.Duration(v * unit), true
}

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

// systemStats is /system/stats.json.
func (s *Server) systemStats(c *httpd.Ctx) {
	h := readHost()
	b := json.Double([]byte{'{'}, `"avg_load_15min":`, h.load[2])
	b = json.Double(b, `"avg_load_1min":`, h.load[0])
	b = json.Double(b, `"avg_load_5min":`, h.load[1])
	b = json.Int(b, `"cpus_total":`, int64(h.cpus))
	b = json.Int(b, `"mem_free_bytes":`, int64(h.memFree))
	b = json.Int(b, `"mem_total_bytes":`, int64(h.memTotal))
	c.ReplyJSON(200, json.End(b))
}
