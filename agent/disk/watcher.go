package disk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/wire/clock"
)

// Options of a Watcher.
type Options struct {
	// Boxes are the containers to be measured now.
	Boxes func() ([]core.DiskBox, error)
	// Interval between the end of a round and the next.
	Interval time.Duration
	// Measure returns the bytes that a directory takes; nil: the function Measure.
	Measure func(ctx context.Context, dir string) (int64, error)
	// Exceeded is told of containers that take more than they were given, in every
	// round until they are gone; nil if that is nothing to anybody.
	Exceeded func(core.Limited)
	Clock    clock.Clock
	Logger   *slog.Logger
}

// Usage is what was measured of a container.
type Usage struct {
	// SandboxBytes is what the sandbox takes up, QuotaBytes what it may.
	SandboxBytes, QuotaBytes int64
	// Volumes are persistent volumes, in the order of core.DiskBox.
	Volumes []VolumeUsage
}

// VolumeUsage is what was measured of a persistent volume.
type VolumeUsage struct {
	core.DiskVolume
	UsedBytes int64
}

// Watcher measures containers, round after round.
type Watcher struct {
	opts Options

	mu   sync.Mutex
	used map[string]Usage // by container; guarded by mu
}

// New returns a Watcher.
func New(opts Options) *Watcher {
	if opts.Measure == nil {
		opts.Measure = Measure
	}
	return &Watcher{opts: opts, used: map[string]Usage{}}
}

// Run measures until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	timer := w.opts.Clock.NewTimer(w.opts.Interval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C():
		}
		w.Round(ctx)
		timer.Reset(w.opts.Interval)
	}
}

// Round measures every container once.
func (w *Watcher) Round(ctx context.Context) {
	boxes, err := w.opts.Boxes()
	if err != nil {
		return // the agent is stopping
	}
	used := make(map[string]Usage, len(boxes))
	for i := range boxes {
		u, ok := w.measure(ctx, &boxes[i])
		if ctx.Err() != nil {
			return
		}
		if ok {
			used[boxes[i].ID] = u
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.used = used
}

// Used returns what the last round measured of a container.
func (w *Watcher) Used(id string) (Usage, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, ok := w.used[id]
	return u, ok
}

func (w *Watcher) measure(ctx context.Context, b *core.DiskBox) (Usage, bool) {
	u := Usage{QuotaBytes: b.QuotaBytes}
	var ok bool
	if u.SandboxBytes, ok = w.check(ctx, b.ID, b.Directory, b.QuotaBytes, b.Enforced); !ok {
		return u, false
	}
	for _, v := range b.Volumes {
		bytes, ok := w.check(ctx, b.ID, v.Path, v.QuotaBytes, v.Enforced)
		if ok {
			u.Volumes = append(u.Volumes, VolumeUsage{DiskVolume: v, UsedBytes: bytes})
		}
	}
	return u, true
}

// check measures one directory and tells if it is too large.
func (w *Watcher) check(ctx context.Context, id, dir string, quota int64, enforced bool) (bytes int64, ok bool) {
	bytes, err := w.opts.Measure(ctx, dir)
	why := fmt.Sprintf("Disk usage (%dMB) exceeds quota (%dMB)", bytes>>20, quota>>20)
	if errors.Is(err, ErrTooDeep) {
		// Or else that would be the way around the quota.
		bytes, err = quota+1, nil
		why = "Disk usage cannot be measured: " + ErrTooDeep.Error()
	}
	if err != nil {
		if ctx.Err() == nil {
			w.opts.Logger.Warn("disk usage is not known", "container", id, "err", err)
		}
		return 0, false
	}
	if enforced && bytes > quota && w.opts.Exceeded != nil {
		w.opts.Exceeded(core.Limited{ID: id, UsedBytes: bytes, Disk: &core.DiskExcess{QuotaBytes: quota, Message: why}})
	}
	return bytes, true
}
