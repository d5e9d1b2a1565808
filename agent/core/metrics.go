package core

import (
	"fmt"

	"github.com/caprock/caprock/wire/mesos"
)

// Metrics counts since the start of the process.
type Metrics struct {
	// Updates counts statuses by state.
	Updates [16]uint64
	// ValidUpdates and InvalidUpdates count those of custom executors.
	ValidUpdates, InvalidUpdates uint64
	FrameworkMessages            uint64
	LaunchErrors                 uint64
	// DuplicateLaunches counts launches of a task id that was live.
	DuplicateLaunches uint64
	// FencedFrames counts frames of allocators that were deposed.
	FencedFrames uint64
	// DamagedRecords counts records that recovery had to leave out.
	DamagedRecords uint64
	// VolumeErrors counts directories of volumes that could not be made or removed.
	VolumeErrors uint64
}

func (m *Metrics) count(s mesos.TaskState) {
	if int(s) < len(m.Updates) {
		m.Updates[s]++
	}
}

func (m Metrics) String() string {
	return fmt.Sprintf("updates %v valid %d invalid %d launch errors %d duplicates %d fenced %d damaged %d volume errors %d",
		m.Updates, m.ValidUpdates, m.InvalidUpdates, m.LaunchErrors, m.DuplicateLaunches, m.FencedFrames, m.DamagedRecords, m.VolumeErrors)
}

// Metrics returns the counters.
func (c *Core) Metrics() Metrics { return c.metrics }
