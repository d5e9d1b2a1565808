package runner

import (
	"github.com/caprock/caprock/agent/core"
)

// hold bounds the disk space of a container that is about to start.
func (r *Runner) hold(box *core.DiskBox) error {
	if box == nil || r.opts.Quotas == nil {
		return nil
	}
	return r.opts.Quotas.Hold(box)
}

// resizeDisk brings the disk space of a running container to what was asked for last.
// A custom executor must not run with less, or without bounds; members of a pod
// that come are refused by their launch.
func (r *Runner) resizeDisk(id string) {
	if r.opts.Quotas == nil {
		return
	}
	r.background(r.kills, "bound disk space", id, func() error {
		box, live := r.wanted(id)
		if !live || box == nil {
			return nil
		}
		err := r.opts.Quotas.Hold(box)
		if _, live := r.wanted(id); !live {
			// It has ended meanwhile.
			r.opts.Quotas.Forget(id)
		} else if err != nil {
			r.opts.Report(core.UpdateFailed{ID: id, Message: err.Error()})
		}
		return err
	})
}

func (r *Runner) wanted(id string) (box *core.DiskBox, live bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	box, live = r.disks[id]
	return box, live
}
