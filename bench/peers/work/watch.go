package work

import (
	"io"
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

// Stop ends; elsewhere is the CPU time that other processes have spent on the work.
func (w *Watch) Stop(elsewhere time.Duration) {
	w.Seconds = time.Since(w.began).Seconds()
	w.CPUSeconds = (world.OwnCPU() - w.beganCPU + elsewhere).Seconds()
	if w.Profile != nil {
		pprof.StopCPUProfile()
	}
}
