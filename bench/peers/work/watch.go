package work

import (
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/caprock/caprock/bench/world"
)

// Watch measures what placing took.
type Watch struct {
	began    time.Time
	beganCPU time.Duration
	// Seconds of wall time, and of CPU time of all that took part.
	Seconds, CPUSeconds float64
	// PeakRSS is the most memory that the system has had, in bytes.
	PeakRSS int64
	// Profile, if there is one, receives a CPU profile of this process.
	Profile io.Writer
}

// Start begins, after a collection of what the setup left.
func (w *Watch) Start() {
	runtime.GC()
	if w.Profile != nil {
		if err := pprof.StartCPUProfile(w.Profile); err != nil {
			panic("BUG: a profile is taken already: " + err.Error())
		}
	}
	w.began, w.beganCPU = time.Now(), world.OwnCPU()
}

// Stop ends, where the system is in this process.
func (w *Watch) Stop() { w.StopWith(world.Usage{}) }

// StopWith ends, where the system is another process: what that has used since Start, and its
// most memory.
func (w *Watch) StopWith(other world.Usage) {
	w.Seconds = time.Since(w.began).Seconds()
	w.CPUSeconds = (world.OwnCPU() - w.beganCPU + other.CPU).Seconds()
	if w.PeakRSS = other.PeakRSS; w.PeakRSS == 0 {
		own, _ := world.UsageOf(os.Getpid()) // what the kernel does not tell is 0
		w.PeakRSS = own.PeakRSS
	}
	if w.Profile != nil {
		pprof.StopCPUProfile()
	}
}
