package core

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

// simDisks is the file system that volumes lie on. It lives on when the agent dies.
type simDisks struct {
	// dirs holds what was written into the directory of a volume, "" if nothing was.
	dirs map[string]string
	// aside are the removals whose data was not swept.
	aside map[string]bool
	next  int
	// fault fails every change.
	fault string
	// live are the volumes that the allocator has had made, with what was written.
	live map[string]*simVolume
}

type simVolume struct {
	made    bool // the end of CREATE was heard of
	seq     uint64
	written string
}

func newSimDisks() simDisks {
	return simDisks{dirs: map[string]string{"/mnt/m0": ""}, aside: map[string]bool{}, live: map[string]*simVolume{}}
}

// change does what agent/volume does.
func (d *simDisks) change(e ChangeVolume) VolumeChanged {
	if d.fault != "" {
		return VolumeChanged{ID: e.ID, Fault: d.fault}
	}
	_, there := d.dirs[e.Path]
	switch {
	case !e.Remove && !there:
		d.dirs[e.Path] = ""
	case e.Remove && !d.aside[e.ID]:
		d.aside[e.ID] = true
		if delete(d.dirs, e.Path); e.KeepRoot {
			d.dirs[e.Path] = ""
		}
	}
	return VolumeChanged{ID: e.ID}
}

func (d *simDisks) sweep(e SweepVolumes) {
	for id := range d.aside {
		if !slices.Contains(e.Keep, id) {
			delete(d.aside, id)
		}
	}
}

// simDisk is disk that is reserved for a role.
func simDisk(size float64) *mesos.Resource {
	return &mesos.Resource{
		Name: new("disk"), Type: mesos.Value_SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: &size},
		Reservations: []*mesos.Resource_ReservationInfo{{Type: mesos.Resource_ReservationInfo_STATIC.Enum(), Role: new("a/b")}},
	}
}

// simMount is a disk that is a mount of its own.
func simMount() *mesos.Resource {
	m := simDisk(10)
	m.Disk = &mesos.Resource_DiskInfo{Source: &mesos.Resource_DiskInfo_Source{
		Type: mesos.Resource_DiskInfo_Source_MOUNT.Enum(), Mount: &mesos.Resource_DiskInfo_Source_Mount{Root: new("/mnt/m0")},
	}}
	return m
}

func simVolumeOf(id string) *mesos.Resource {
	v := simDisk(10)
	if id == "m0" {
		v = simMount()
	}
	v.Disk = &mesos.Resource_DiskInfo{
		Source:      v.GetDisk().GetSource(),
		Persistence: &mesos.Resource_DiskInfo_Persistence{Id: &id},
		Volume:      &mesos.Volume{ContainerPath: new("data"), Mode: mesos.Volume_RW.Enum()},
	}
	return v
}

func simVolumePath(id string) string {
	if id == "m0" {
		return "/mnt/m0"
	}
	return "/w/volumes/roles/a b/" + id
}

// changeVolume has a volume made that is not there, or destroyed if it is.
func (w *world) changeVolume(id string) {
	op := &mesos.Offer_Operation{}
	if len(w.outbox)%3 > 0 {
		op.Id = &mesos.OperationID{Value: new(fmt.Sprintf("op%d", len(w.outbox)))}
	}
	volumes := []*mesos.Resource{simVolumeOf(id)}
	if w.disks.live[id] == nil {
		op.Type, op.Create = mesos.Offer_Operation_CREATE.Enum(), &mesos.Offer_Operation_Create{Volumes: volumes}
		w.disks.live[id] = &simVolume{seq: uint64(len(w.outbox) + 1)}
	} else {
		op.Type, op.Destroy = mesos.Offer_Operation_DESTROY.Enum(), &mesos.Offer_Operation_Destroy{Volumes: volumes}
		delete(w.disks.live, id)
	}
	w.enqueue(&link.Down{Body: &link.Down_ApplyOperation{ApplyOperation: &link.ApplyOperation{
		FrameworkId: fwInfo.Id, OperationUuid: &mesos.UUID{Value: fmt.Appendf(nil, "uuid of op %5d", len(w.outbox))}, Info: op,
	}}})
}

// operationUpdate acknowledges the end of an operation and notes what it made.
func (w *world) operationUpdate(u *link.OperationUpdate) {
	if w.muteOperations {
		w.reports = append(w.reports, u.CloneVT())
		return
	}
	if s := u.Status.GetState(); s != mesos.OperationState_OPERATION_FINISHED {
		w.t.Fatalf("operation %s ended as %v: %s", u.OperationUuid.GetValue(), s, u.Status.GetMessage())
	}
	for i, d := range w.outbox {
		op := d.GetApplyOperation()
		if op == nil || string(op.OperationUuid.Value) != string(u.OperationUuid.Value) {
			continue
		}
		for _, v := range op.Info.GetCreate().GetVolumes() {
			id := v.Disk.Persistence.GetId()
			if live := w.disks.live[id]; live != nil && !w.destroyedAfter(i, id) {
				live.made = true
			}
		}
	}
	if u.Status.Uuid != nil {
		w.enqueue(&link.Down{Body: &link.Down_AcknowledgeOperation{AcknowledgeOperation: &link.AcknowledgeOperation{
			OperationUuid: u.OperationUuid, StatusUuid: u.Status.Uuid,
		}}})
	}
}

func (w *world) destroyedAfter(at int, id string) bool {
	return slices.ContainsFunc(w.outbox[at+1:], func(d *link.Down) bool {
		return slices.ContainsFunc(d.GetApplyOperation().GetInfo().GetDestroy().GetVolumes(), func(v *mesos.Resource) bool {
			return v.Disk.Persistence.GetId() == id
		})
	})
}

// writeVolumes lets tasks write into the volumes that are there: their CREATE has
// ended, or a launch that followed it at once could have started by now.
func (w *world) writeVolumes() {
	for id, v := range w.disks.live {
		if !v.made && w.applied < v.seq {
			continue
		}
		data, there := w.disks.dirs[simVolumePath(id)]
		if !there || data != v.written {
			w.t.Fatalf("volume %s holds %q (there: %v), want %q", id, data, there, v.written)
		}
		w.disks.next++
		v.written = fmt.Sprint("data ", w.disks.next)
		w.disks.dirs[simVolumePath(id)] = v.written
	}
}

// volumesAreRight: nothing of a live volume is lost, nothing of a destroyed one kept.
func (w *world) volumesAreRight() {
	w.writeVolumes()
	for id, v := range w.disks.live {
		if _, there := w.disks.dirs[simVolumePath(id)]; !there {
			w.t.Fatalf("volume %s has no directory (its making was reported: %v)", id, v.made)
		}
	}
	if data := w.disks.dirs["/mnt/m0"]; w.disks.live["m0"] == nil && data != "" {
		w.t.Fatalf("the mounted volume was destroyed, and %q is in it", data)
	}
	for path, data := range w.disks.dirs {
		id, ours := strings.CutPrefix(path, simVolumePath(""))
		if ours && w.disks.live[id] == nil {
			w.t.Fatalf("volume %s was destroyed, and its directory is there with %q", id, data)
		}
	}
	if len(w.disks.aside) > 0 {
		w.t.Fatalf("the data of destroyed volumes is kept: %v", w.disks.aside)
	}
	if n := len(w.core.res.Changes); n > 0 {
		w.t.Fatalf("%d changes of volumes are not known to be done", n)
	}
}

// Over random histories of making, writing to and destroying volumes of the same
// names, with crashes between any two effects, no data is lost that was not
// destroyed, and none is kept that was.
func TestVolumeHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.connect()
		for range rapid.IntRange(20, 120).Draw(t, "actions") {
			switch rapid.SampledFrom([]string{"volume", "volume", "tell", "tell", "tell", "tell", "tell", "tell", "tell", "die"}).Draw(t, "action") {
			case "volume":
				w.changeVolume(rapid.SampledFrom([]string{"v0", "m0"}).Draw(t, "volume"))
				w.flush()
			case "tell":
				if len(w.inbox) > 0 {
					w.tell(rapid.SampledFrom([]int{-1, -1, -1, -1, -1, -1, -1, -1, -1, -2, 0, 1, 2, 3}).Draw(t, "die after"))
				}
				w.writeVolumes()
			case "die":
				w.reboot()
			}
			if !w.linked {
				w.connect()
			}
		}
		w.settle(t)
		w.volumesAreRight()
	})
}
