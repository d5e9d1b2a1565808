package cycle

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/alloc/cycle"
)

// forGood is a filter that outlives the measurement.
const forGood = 1e7

// refuseAll declines whatever is offered until nothing is offered any more: by then every
// framework has refused every agent.
func (b *bench) refuseAll() error {
	for {
		b.decide()
		n := len(b.result.Offers)
		if n == 0 {
			return nil
		}
		b.report.Parts.Refusals += n
		if err := b.decline(forGood); err != nil {
			return err
		}
	}
}

// refusedCycles measures cycles that have nothing to offer because all is refused: as they come,
// and after each agent became a candidate again.
func (b *bench) refusedCycles() error {
	if want := b.shape.Agents * b.shape.Frameworks; b.report.Parts.Refusals < want {
		return fmt.Errorf("got %d refusals of %d agents by %d frameworks, want %d", b.report.Parts.Refusals, b.shape.Agents, b.shape.Frameworks, want)
	}
	var scan []float64
	for range b.shape.Cycles {
		runtime.GC() // what refusing left behind is no part of a cycle
		s, _, _, _, err := b.full()
		if err != nil {
			return err
		}
		b.report.Cycles = append(b.report.Cycles, s)
		b.report.Parts.RSSBytes = residentBytes()
		// A quota makes the allocator forget what it found out about agents.
		if err := b.a.UpdateQuota(b.shape.role(0), cycle.Quota{}); err != nil {
			return err
		}
		w := start()
		b.decide()
		_, cpu := w.seconds()
		scan = append(scan, cpu)
		if n := len(b.result.Offers); n+s.Offers > 0 {
			return fmt.Errorf("got %d offers where everything is refused, want none", n+s.Offers)
		}
	}
	b.report.Median = medianSample(b.report.Cycles)
	b.report.Parts.Decide, b.report.Parts.RefusedScan = b.report.Median.CPUSeconds, median(scan)
	return nil
}

// residentBytes is the most memory that the process has had.
func residentBytes() int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic("BUG: the process's own usage cannot be read: " + err.Error())
	}
	return u.Maxrss << 10
}
