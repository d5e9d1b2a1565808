package main

import (
	"os"
	"path/filepath"

	"github.com/caprock/caprock/agent"
	"github.com/caprock/caprock/isolation/reap"
)

// reaperUse is whether an agent runs below a reaper.
type reaperUse int

const (
	reaperIfNeeded reaperUse = iota
	reaperAlways
	reaperNever
)

// below plays the part that this process was started for; done says that it was not the
// agent's, and is over.
func below(o *agent.Options, use reaperUse) (done bool, err error) {
	dir, err := filepath.Abs(o.WorkDir)
	if err != nil {
		return false, err
	}
	notes := filepath.Join(dir, "meta", "exits")
	switch role := reap.MyRole(); {
	case role == reap.Agent:
		o.ExitNotes = notes
		return false, nil
	case role == reap.Reaper:
		return true, reap.Serve(notes)
	case use == reaperNever, use == reaperIfNeeded && o.RecordsExits():
		return false, nil
	}
	// The users of tasks go through the work dir.
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return true, err
	}
	status, err := reap.RunFront()
	switch {
	case err != nil:
		return true, err
	case status.Signaled():
		return true, exitStatus(128 + int(status.Signal()))
	case status.ExitStatus() != 0:
		return true, exitStatus(status.ExitStatus())
	}
	return true, nil
}
