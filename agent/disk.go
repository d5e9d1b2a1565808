package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/disk"
	"github.com/caprock/caprock/agent/runner"
	"github.com/caprock/caprock/wire/mesos"
)

// openProjects opens the project quotas, if the options ask for them.
func (l *loop) openProjects(resources []*mesos.Resource) error {
	o := &l.agent.opts
	if !runner.WantsDiskQuota(o.Isolation) {
		return nil
	}
	if os.Geteuid() != 0 {
		return errQuotaNeedsRoot
	}
	ranges, err := disk.ParseRange(o.ProjectRange)
	if err != nil {
		return err
	}
	options := disk.ProjectOptions{WorkDir: o.WorkDir, Ranges: ranges, Enforce: o.EnforceDiskQuota, Logger: o.Logger}
	for _, m := range resources {
		if source := m.GetDisk().GetSource(); source.GetType() == mesos.Resource_DiskInfo_Source_PATH && source.GetPath().GetRoot() != "" {
			root := source.Path.GetRoot()
			if !filepath.IsAbs(root) {
				root = filepath.Join(o.WorkDir, root)
			}
			options.Disks = append(options.Disks, filepath.Clean(root))
		}
	}
	if o.KillOverQuota {
		options.HeadroomBytes = o.QuotaHeadroom
	}
	l.projects, err = disk.OpenProjects(options)
	if err != nil {
		return fmt.Errorf("isolation: disk/xfs: %w", err)
	}
	return nil
}

var errQuotaNeedsRoot = errors.New("isolation: disk/xfs needs root, and the agent is not")

// watchDisk sets up the measuring of disk space, if the options ask for it. With
// project quotas there is something to look for only if containers are to be ended.
func (l *loop) watchDisk() {
	o := &l.agent.opts
	options := disk.Options{Interval: o.SandboxWatchInterval, Clock: o.Clock, Logger: o.Logger}
	if o.EnforceDiskQuota {
		options.Exceeded = func(x core.Limited) { _ = l.submit(x) }
	}
	switch {
	case l.projects != nil && o.EnforceDiskQuota && o.KillOverQuota:
		options.Measure = l.projects.Measure
		options.Boxes = func() ([]core.DiskBox, error) { return l.projects.Boxes(), nil }
	case l.projects == nil && (o.EnforceDiskQuota || runner.WantsDiskUsage(o.Isolation)):
		options.Boxes = func() (boxes []core.DiskBox, err error) {
			err = l.read(func(c *core.Core) { boxes = c.Disks() })
			return boxes, err
		}
	default:
		return
	}
	l.disk = disk.New(options)
}

// diskUsed is what was measured of a container.
func (l *loop) diskUsed(id string) (disk.Usage, bool) {
	switch {
	case l.projects != nil:
		return l.projects.Used(id)
	case l.disk != nil:
		return l.disk.Used(id)
	}
	return disk.Usage{}, false
}
