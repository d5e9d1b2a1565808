package core

import (
	"path/filepath"

	"github.com/caprock/caprock/wire/mesos"
)

// Printing is a process that writes to stdout and stderr in a sandbox.
type Printing struct {
	Directory string
	// Environment is what its command sets; nil for none.
	Environment *mesos.Environment
}

// Printing lists the processes that live, so that what they print can be kept
// within bounds.
func (c *Core) Printing() []Printing {
	var all []Printing
	for _, f := range c.order {
		for _, ct := range f.containers {
			if ct.proc != nil && !ct.proc.exited() {
				all = append(all, Printing{ct.rec.GetDirectory(), ct.rec.Executor.GetCommand().GetEnvironment()})
			}
			for _, t := range ct.tasks {
				if t.proc == nil || t.proc.exited() {
					continue
				}
				directory := ct.rec.GetDirectory()
				if nested := t.rec.GetNestedId(); nested != "" {
					directory = filepath.Join(directory, "containers", nested)
				}
				all = append(all, Printing{directory, t.rec.Info.GetCommand().GetEnvironment()})
			}
		}
	}
	return all
}
