package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/sandbox"
	"github.com/caprock/caprock/agent/volume"
	"github.com/caprock/caprock/isolation"
)

// changeVolume makes or removes the directory of a volume. It is done at once, as
// launches that use it may follow: it costs a few operations on directories. The
// data of a removed volume goes later, by a sweep.
func (r *Runner) changeVolume(e core.ChangeVolume) {
	err := r.tryChange(e)
	done := core.VolumeChanged{ID: e.ID}
	if err != nil {
		done.Fault = err.Error()
		r.opts.Logger.Error("volume cannot be changed", "path", e.Path, "remove", e.Remove, "err", err)
	}
	// The loop that reads reports is the one that this runs on.
	r.working.Go(func() { r.opts.Report(done) })
}

func (r *Runner) tryChange(e core.ChangeVolume) error {
	stuck := slices.Contains(r.stuckVolumes, e.Path)
	if !e.Remove {
		if stuck {
			return fmt.Errorf("make volume: the data of the volume that was at %s before cannot be removed", e.Path)
		}
		return volume.Make(e.Path)
	}
	err := volume.Detach(e.Path, e.ID, e.KeepRoot)
	if err != nil && !stuck {
		r.stuckVolumes = append(r.stuckVolumes, e.Path)
	}
	return err
}

func (r *Runner) sweepVolumes(e core.SweepVolumes) {
	r.background(r.removals, "sweep volumes", "", func() error { return volume.Sweep(e.Roots, e.Mounts, e.Keep) })
}

// attach links volumes into the sandbox of a running container, before it is told
// of the task that uses them.
func (r *Runner) attach(e core.Attach) {
	if err := r.linkVolumes(e.Directory, e.User, e.Volumes); err != nil {
		r.working.Go(func() { r.opts.Report(core.UpdateFailed{ID: e.ID, Message: err.Error()}) })
	}
}

func (r *Runner) linkVolumes(directory, user string, volumes []core.Volume) error {
	owner, err := sandbox.LookupOwner(user)
	if err != nil {
		return err
	}
	box, err := r.opts.Tree.OpenRoot(directory)
	if err != nil {
		return err
	}
	defer box.Close()
	return volume.Link(box, volumes, owner)
}

func (r *Runner) detach(e core.Detach) {
	box, err := r.opts.Tree.OpenRoot(e.Directory)
	if err == nil {
		defer box.Close()
		err = volume.Unlink(box, e.Volumes)
	}
	if err != nil {
		r.opts.Logger.Warn("links to volumes are left over", "container", e.ID, "err", err)
	}
}

// showVolumes puts volumes into the sandbox of a process that is about to start: by
// links, or where one is to be read only or elsewhere and containers may have mounts, by
// a mount that only the container sees.
func (r *Runner) showVolumes(box *os.Root, l core.Launch, owner sandbox.Owner, spec *isolation.Spec) error {
	k, ok := r.opts.Kernel.(interface{ mounts() bool })
	mounts := ok && k.mounts()
	for _, v := range l.Volumes {
		if mounts && filepath.IsAbs(v.Target) {
			if err := volume.Elsewhere(v, owner); err != nil {
				return err
			}
			spec.Mounts = append(spec.Mounts, isolation.Mount{Source: v.Source, Target: v.Target, Flags: bindFlags(v)})
			continue
		}
		if !v.ReadOnly || !mounts {
			if v.ReadOnly {
				r.opts.Logger.Warn("a read-only volume can be written: without mounts it is a link", "container", l.ID, "volume", v.Source)
			}
			if err := volume.Link(box, []core.Volume{v}, owner); err != nil {
				return err
			}
			continue
		}
		if err := volume.MountPoint(box, v, owner); err != nil {
			return err
		}
		base, err := (&volumes{tree: r.opts.Tree}).base(l.Directory)
		if err != nil {
			return err
		}
		spec.Mounts = append(spec.Mounts, isolation.Mount{
			Source: v.Source, Target: v.Target, Base: base, Flags: bindFlags(v),
		})
	}
	return nil
}

func bindFlags(v core.Volume) uintptr {
	if v.ReadOnly {
		return unix.MS_BIND | unix.MS_RDONLY
	}
	return unix.MS_BIND
}
