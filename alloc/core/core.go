package core

import (
	"fmt"

	"github.com/caprock/caprock/store/record"
)

// Core is the state of the cluster. It is not safe for concurrent use: one
// driver calls it.
type Core struct {
	opts Options
}

// New makes an empty Core. Load what the journal holds, call Recovered, then Step.
func New(opts Options) (*Core, error) {
	opts.EnsureDefaults()
	if err := opts.Validate(); err != nil {
		return nil, fmt.Errorf("core options: %w", err)
	}
	return &Core{opts: opts}, nil
}

// Load takes one record of the journal. Records come in key order.
func (c *Core) Load(r record.Record) error {
	return c.apply(r)
}

// Recovered ends loading: it withdraws offers of the last process, fills the
// allocation engine and arms timers. All entities are in out.Changed.
func (c *Core) Recovered(now Time, out *Output) {
}

// Step executes one command.
func (c *Core) Step(now Time, cmd Command, out *Output) {
}

// Cycle runs the allocation engine if it is due, and makes the offers it finds.
func (c *Core) Cycle(now Time, out *Output) {
}

// NextDeadline is the Mono time at which Tick or Cycle has something to do.
func (c *Core) NextDeadline() int64 {
	return 0
}

func (c *Core) apply(r record.Record) error {
	return nil
}
