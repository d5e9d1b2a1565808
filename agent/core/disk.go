package core

import (
	"slices"

	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// DiskBox is what disk space a live container was given, and where it is used. ID is
// the kernel's name of the container.
type DiskBox struct {
	ID, Directory string
	// QuotaBytes is for the sandbox: the sum of the disk resources that are no
	// volumes. Enforced says that there are any; without, nothing is measured by.
	QuotaBytes int64
	Enforced   bool
	Volumes    []DiskVolume
}

// DiskVolume is a persistent volume of a container.
type DiskVolume struct {
	Path        string
	QuotaBytes  int64
	Persistence *mesos.Resource_DiskInfo_Persistence
	Source      *mesos.Resource_DiskInfo_Source
	// Enforced is false for a MOUNT disk, which its file system bounds.
	Enforced bool
}

// Disks lists the containers whose disk space can be measured: top-level ones, of
// executors and standalone, in whose sandboxes those of nested ones lie.
func (c *Core) Disks() []DiskBox {
	var out []DiskBox
	for _, f := range c.order {
		for _, ct := range f.containers {
			if ct.state() == record.Container_TERMINATED {
				continue
			}
			out = append(out, *c.diskBox(ct))
		}
	}
	for _, a := range c.annexOrder {
		if a.live() && !a.isNested() {
			out = append(out, *c.diskBoxOf(a))
		}
	}
	return out
}

// diskBox is what an executor and its live tasks were given.
func (c *Core) diskBox(ct *container) *DiskBox {
	b := &DiskBox{ID: ct.id(), Directory: ct.rec.GetDirectory()}
	c.addDisks(b, ct.rec.Executor.Resources)
	for _, t := range ct.tasks {
		if !t.terminal() {
			c.addDisks(b, t.rec.Info.Resources)
		}
	}
	return b
}

// diskBoxOf is what a standalone container was given.
func (c *Core) diskBoxOf(a *annex) *DiskBox {
	b := &DiskBox{ID: a.proc.id, Directory: a.rec.GetDirectory()}
	c.addDisks(b, a.rec.Resources)
	return b
}

func (c *Core) addDisks(b *DiskBox, resources []*mesos.Resource) {
	for _, m := range resources {
		if m.GetName() != "disk" {
			continue
		}
		bytes := sumScalar([]*mesos.Resource{m}, "disk") * (1 << 20) / 1000
		if m.GetDisk().GetPersistence() == nil {
			b.QuotaBytes += bytes
			b.Enforced = true
			continue
		}
		r, err := resource.EntryFromProto(m)
		if err != nil || m.ProviderId != nil {
			continue
		}
		path, mount, err := volumePath(c.opts.WorkDir, r)
		if err != nil {
			continue // and so was the launch refused
		}
		if slices.ContainsFunc(b.Volumes, func(v DiskVolume) bool { return v.Path == path }) {
			continue // a shared volume that several tasks have
		}
		b.Volumes = append(b.Volumes, DiskVolume{Path: path, QuotaBytes: bytes, Persistence: m.Disk.Persistence, Source: m.Disk.Source, Enforced: !mount})
	}
}
