package cgroup

import (
	"fmt"
	"strings"
	"time"
)

// Pressure is how much a group's processes were held up for want of one resource:
// averages in percent of wall time over 10, 60 and 300 s, and the sum.
type Pressure struct {
	// Some: at least one process waited. Full: all that could run did.
	Some, Full Stall
}

// Stall is one line of a pressure file.
type Stall struct {
	Avg10, Avg60, Avg300 float64
	Total                time.Duration
}

// Pressures of a group. They come from the unified hierarchy, and on a hybrid host
// too: pressure is counted there without any controller.
type Pressures struct{ CPU, Memory, IO Pressure }

// Pressures reads the group's pressure stall information; false where the kernel
// has none (no unified hierarchy, or PSI switched off).
func (g *Group) Pressures() (p Pressures, ok bool) {
	if !g.core().v2 {
		return p, false
	}
	for _, f := range []struct {
		name string
		dst  *Pressure
	}{{"cpu.pressure", &p.CPU}, {"memory.pressure", &p.Memory}, {"io.pressure", &p.IO}} {
		text, err := read(g.coreFile(f.name))
		if err != nil {
			return Pressures{}, false
		}
		*f.dst = parsePressure(text)
	}
	return p, true
}

// parsePressure reads "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" lines and
// ignores what it does not know.
func parsePressure(text string) Pressure {
	var p Pressure
	for _, line := range strings.Split(text, "\n") {
		var s Stall
		var kind string
		var micros int64
		n, _ := fmt.Sscanf(line, "%s avg10=%f avg60=%f avg300=%f total=%d", &kind, &s.Avg10, &s.Avg60, &s.Avg300, &micros)
		if n != 5 {
			continue
		}
		s.Total = time.Duration(micros) * time.Microsecond
		switch kind {
		case "some":
			p.Some = s
		case "full":
			p.Full = s
		}
	}
	return p
}
