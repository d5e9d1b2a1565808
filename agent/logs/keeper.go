package logs

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync/atomic"
)

// Sandbox is where a running task prints, and how much of it is kept.
type Sandbox struct {
	// Directory is its absolute path.
	Directory string
	Policies  Policies
}

// Keeper looks at the files of many sandboxes.
type Keeper struct {
	// Open opens the directory of a sandbox.
	Open   func(directory string) (*os.Root, error)
	Logger *slog.Logger

	rotated, failed atomic.Int64
}

// Metrics are counted since the Keeper was made.
type Metrics struct {
	Rotated, Failed int64 // files
}

// Metrics returns the counts.
func (k *Keeper) Metrics() Metrics {
	return Metrics{Rotated: k.rotated.Load(), Failed: k.failed.Load()}
}

// Look shortens what has grown too large. A file that cannot be shortened is logged
// and tried again at the next look.
func (k *Keeper) Look(boxes []Sandbox) {
	for _, s := range boxes {
		box, err := k.Open(s.Directory)
		if errors.Is(err, fs.ErrNotExist) {
			continue // not launched yet, or gone since
		}
		if err != nil {
			k.fault(s.Directory, err)
			continue
		}
		k.one(box, s.Directory, "stdout", s.Policies.Stdout)
		k.one(box, s.Directory, "stderr", s.Policies.Stderr)
		box.Close()
	}
}

func (k *Keeper) one(box *os.Root, directory, name string, p Policy) {
	rotated, err := Rotate(box, name, p)
	if err != nil {
		k.fault(directory, err)
	}
	if rotated {
		k.rotated.Add(1)
	}
}

func (k *Keeper) fault(directory string, err error) {
	k.failed.Add(1)
	k.Logger.Warn("a log file cannot be kept within its size", "directory", directory, "err", err)
}
