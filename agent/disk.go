package agent

import (
	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/disk"
	"github.com/caprock/caprock/agent/runner"
)

// watchDisk sets up the measuring of disk space, if the options ask for it.
func (l *loop) watchDisk() {
	o := &l.agent.opts
	if !o.EnforceDiskQuota && !runner.WantsDiskUsage(o.Isolation) {
		return
	}
	options := disk.Options{Interval: o.SandboxWatchInterval, Clock: o.Clock, Logger: o.Logger, Boxes: func() (boxes []core.DiskBox, err error) {
		err = l.read(func(c *core.Core) { boxes = c.Disks() })
		return boxes, err
	}}
	if o.EnforceDiskQuota {
		options.Exceeded = func(x core.Limited) { _ = l.submit(x) }
	}
	l.disk = disk.New(options)
}

// diskUsed is what was measured of a container.
func (l *loop) diskUsed(id string) (disk.Usage, bool) {
	if l.disk == nil {
		return disk.Usage{}, false
	}
	return l.disk.Used(id)
}
