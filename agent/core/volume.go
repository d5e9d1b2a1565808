package core

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// volumePath is the directory of a persistent volume, in Mesos' layout: below the
// work dir, or below the root of its PATH disk, or the root of its MOUNT disk. The
// latter, for which mount is true, belongs to the operator.
func volumePath(workDir string, volume resource.Resource) (path string, mount bool, err error) {
	role, id := volume.ReservationRole(), volume.Disk().GetPersistence().GetId()
	if err := resource.ValidateID(id); err != nil {
		return "", false, fmt.Errorf("volume %s: %w", volume, err)
	}
	if err := resource.ValidateRole(role); err != nil {
		return "", false, fmt.Errorf("volume %s: %w", volume, err)
	}
	root := workDir
	switch source := volume.Disk().GetSource(); {
	case source == nil:
	case source.GetType() == mesos.Resource_DiskInfo_Source_PATH && source.GetPath().GetRoot() != "":
		root = diskRoot(workDir, source.Path.GetRoot())
	case source.GetType() == mesos.Resource_DiskInfo_Source_MOUNT && source.GetMount().GetRoot() != "":
		return diskRoot(workDir, source.Mount.GetRoot()), true, nil
	default:
		return "", false, fmt.Errorf("volume %s: a disk of type %s without a root holds no directories", volume, source.GetType())
	}
	// No role has a space in it, so the path is unambiguous.
	return filepath.Join(root, "volumes", "roles", strings.ReplaceAll(role, "/", " "), id), false, nil
}

func diskRoot(workDir, root string) string {
	if filepath.IsAbs(root) {
		return filepath.Clean(root)
	}
	return filepath.Join(workDir, root)
}

// volumeChanges are the directories that o wants made or removed.
func (c *Core) volumeChanges(o *operation) ([]*record.VolumeChange, error) {
	info := o.rec.Operation.Info
	list, removed := info.GetCreate().GetVolumes(), false
	if info.GetType() == mesos.Offer_Operation_DESTROY {
		list, removed = info.GetDestroy().GetVolumes(), true
	}
	var changes []*record.VolumeChange
	for _, m := range list {
		volume, err := resource.EntryFromProto(m)
		if err != nil {
			return nil, err
		}
		if volume.HasProvider() {
			continue
		}
		path, mount, err := volumePath(c.opts.WorkDir, volume)
		if err != nil {
			return nil, err
		}
		changes = append(changes, &record.VolumeChange{
			Id: new(c.newID()), Path: &path, Remove: &removed, KeepRoot: &mount, Operation: o.uuid(),
		})
	}
	return changes, nil
}

// changeVolume notes a change and asks for it. Changes are made in order, so that a
// volume made again never meets the data of the one before.
func (c *Core) changeVolume(v *record.VolumeChange) {
	c.res.Changes = append(c.res.Changes, v)
	c.resDirty = true
	c.askForChange(v)
}

func (c *Core) askForChange(v *record.VolumeChange) {
	c.emit(ChangeVolume{ID: v.GetId(), Path: v.GetPath(), Remove: v.GetRemove(), KeepRoot: v.GetKeepRoot()})
}

func (c *Core) waitsForVolume(o *operation) bool {
	return slices.ContainsFunc(c.res.Changes, func(v *record.VolumeChange) bool { return string(v.Operation) == string(o.uuid()) })
}

// volumeChanged ends the operation that waited for the change. If it failed the
// operation has; the change stays on the list for the next start of the agent, and
// launches that use the volume fail until then.
func (c *Core) volumeChanged(v VolumeChanged) {
	at := slices.IndexFunc(c.res.Changes, func(ch *record.VolumeChange) bool { return ch.GetId() == v.ID })
	if at < 0 {
		return
	}
	uuid := c.res.Changes[at].Operation
	i := slices.IndexFunc(c.operations, func(o *operation) bool { return string(o.uuid()) == string(uuid) })
	if v.Fault != "" {
		c.metrics.VolumeErrors++
		if i >= 0 && !c.operations[i].over() {
			c.concludeOperation(c.operations[i], mesos.OperationState_OPERATION_FAILED, v.Fault)
		}
		return
	}
	c.res.Changes = slices.Delete(c.res.Changes, at, at+1)
	c.resDirty = true
	if i >= 0 && !c.operations[i].over() && !c.waitsForVolume(c.operations[i]) {
		c.concludeOperation(c.operations[i], mesos.OperationState_OPERATION_FINISHED, "")
	}
	c.sweepVolumes()
}

// recoverVolumes asks again for the changes that were not known to be done. A
// volume whose removal follows is not made again: the removal may be done already,
// and what is done once is not done twice.
func (c *Core) recoverVolumes() {
	all := slices.Clone(c.res.Changes)
	for i, v := range all {
		if !v.GetRemove() && removedLater(all, i, v.GetPath()) {
			c.volumeChanged(VolumeChanged{ID: v.GetId()})
		}
	}
	for _, v := range c.res.Changes {
		c.askForChange(v)
	}
	c.sweepVolumes()
}

func removedLater(changes []*record.VolumeChange, after int, path string) bool {
	return slices.ContainsFunc(changes[after+1:], func(v *record.VolumeChange) bool { return v.GetRemove() && v.GetPath() == path })
}

// sweepVolumes lets the data of destroyed volumes be removed for good, once it is
// in the records that they are out of the way.
func (c *Core) sweepVolumes() {
	sweep := SweepVolumes{Roots: []string{c.opts.WorkDir}}
	for _, m := range c.opts.Resources {
		switch source := m.GetDisk().GetSource(); source.GetType() {
		case mesos.Resource_DiskInfo_Source_PATH:
			sweep.Roots = append(sweep.Roots, diskRoot(c.opts.WorkDir, source.GetPath().GetRoot()))
		case mesos.Resource_DiskInfo_Source_MOUNT:
			sweep.Mounts = append(sweep.Mounts, diskRoot(c.opts.WorkDir, source.GetMount().GetRoot()))
		}
	}
	for _, v := range c.res.Changes {
		sweep.Keep = append(sweep.Keep, v.GetId())
	}
	c.emit(sweep)
}

// volumes are the persistent volumes among resources, as a container of ct is to
// see them.
func (c *Core) volumes(ct *container, resources []*mesos.Resource) ([]Volume, error) {
	var out []Volume
	for _, m := range resources {
		if m.GetDisk().GetPersistence() == nil || m.GetDisk().GetVolume() == nil || m.ProviderId != nil {
			continue
		}
		r, err := resource.EntryFromProto(m)
		if err != nil {
			return nil, err
		}
		path, _, err := volumePath(c.opts.WorkDir, r)
		if err != nil {
			return nil, err
		}
		target := m.Disk.Volume.GetContainerPath()
		if !filepath.IsAbs(target) && (!filepath.IsLocal(target) || filepath.Clean(target) == ".") {
			return nil, fmt.Errorf("volume %s: got container path %q, want one below the sandbox or an absolute one", r, target)
		}
		out = append(out, Volume{
			Source: path, Target: filepath.Clean(target), ReadOnly: m.Disk.Volume.GetMode() == mesos.Volume_RO,
			KeepOwner: r.IsShared() && c.usedByOthers(ct, r),
		})
	}
	return out, nil
}

// usedByOthers reports whether a live container beside ct holds the shared volume r.
func (c *Core) usedByOthers(ct *container, r resource.Resource) bool {
	plain := resource.Of(r).Unallocate()
	for _, f := range c.order {
		for _, other := range f.containers {
			if other == ct || other.state() == record.Container_TERMINATED {
				continue
			}
			var h holding
			h.add(other.rec.Executor.Resources)
			for _, t := range other.tasks {
				if !t.terminal() {
					h.add(t.rec.Info.Resources)
				}
			}
			if slices.ContainsFunc(h.shared, func(s resource.Resource) bool { return resource.Of(s).Contains(plain) }) {
				return true
			}
		}
	}
	return false
}

// attach shows a custom executor the volumes of a task that it is about to get.
func (c *Core) attach(t *task) {
	volumes, err := c.volumes(t.ct, t.rec.Info.Resources)
	switch {
	case err != nil:
		c.updateFailed(UpdateFailed{ID: t.ct.id(), Message: err.Error()})
	case len(volumes) > 0:
		c.emit(Attach{ID: t.ct.id(), Directory: t.ct.rec.GetDirectory(), User: t.ct.rec.GetUser(), Volumes: volumes})
	}
}

// detach takes the volumes of a task that is over out of its executor's sight,
// unless another task there still has them.
func (c *Core) detach(t *task) {
	gone, err := c.volumes(t.ct, t.rec.Info.Resources)
	if err != nil || len(gone) == 0 || !t.prog.GetDelivered() {
		return
	}
	for _, other := range t.ct.tasks {
		if other == t || other.terminal() {
			continue
		}
		if held, err := c.volumes(t.ct, other.rec.Info.Resources); err == nil {
			gone = slices.DeleteFunc(gone, func(v Volume) bool {
				return slices.ContainsFunc(held, func(h Volume) bool { return h.Target == v.Target })
			})
		}
	}
	if len(gone) > 0 {
		c.emit(Detach{ID: t.ct.id(), Directory: t.ct.rec.GetDirectory(), Volumes: gone})
	}
}

// updateFailed ends a custom executor that cannot be given what its tasks need: they
// must not run with less.
func (c *Core) updateFailed(u UpdateFailed) {
	ct := c.containers[u.ID]
	if ct == nil || !ct.custom() || ct.over() {
		return
	}
	ct.rec.Ending = &record.Ending{
		State:   ct.fw.lost(mesos.TaskState_TASK_GONE).Enum(),
		Reason:  mesos.TaskStatus_REASON_CONTAINER_UPDATE_FAILED.Enum(),
		Message: new("Failed to update resources for container: " + u.Message),
	}
	c.setState(ct, record.Container_TERMINATING)
	c.killNow(ct.proc)
}
