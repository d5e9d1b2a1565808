package core

import (
	"path/filepath"

	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/mesos"
)

// VolumeAt tells which persistent volume the absolute path lies in, if it leads through
// one that the sandbox of a live container shows: the volume's directory, and the way
// from there. In the sandbox itself there is but a link out of it, or a mount that only
// the container sees. As in Mesos a volume is found there for as long as it is in use.
func (c *Core) VolumeAt(path string) (volume, rest string, ok bool) {
	for _, f := range c.order {
		for _, ct := range f.containers {
			if ct.state() == record.Container_TERMINATED {
				continue
			}
			if volume, rest, ok = c.volumeBelow(ct, path); ok {
				return volume, rest, true
			}
		}
	}
	return "", "", false
}

func (c *Core) volumeBelow(ct *container, path string) (volume, rest string, ok bool) {
	directory := ct.rec.GetDirectory()
	way, ok := below(path, directory, latest(ct))
	if !ok {
		return "", "", false
	}
	if volume, rest, ok = c.shows(ct, ct.rec.Executor.GetResources(), way); ok {
		return volume, rest, true
	}
	for _, t := range ct.tasks {
		if t.terminal() {
			continue
		}
		in, own := way, true
		if ct.kind() == record.Container_DEFAULT {
			in, own = below(way, filepath.Join("tasks", t.id()), filepath.Join("containers", t.rec.GetNestedId()))
			own = own && t.rec.GetNestedId() != ""
		}
		if !own {
			continue
		}
		if volume, rest, ok = c.shows(ct, t.rec.Info.Resources, in); ok {
			return volume, rest, true
		}
	}
	return "", "", false
}

// shows looks for the way among the volumes that resources put into a sandbox.
func (c *Core) shows(ct *container, resources []*mesos.Resource, way string) (volume, rest string, ok bool) {
	list, err := c.volumes(ct, resources)
	if err != nil {
		return "", "", false // and so was the launch refused
	}
	for _, v := range list {
		if rest, ok := below(way, v.Target); ok {
			return v.Source, rest, true
		}
	}
	return "", "", false
}

// below is path as seen from the first of the directories that it is in, "." for that
// itself.
func below(path string, directories ...string) (rest string, ok bool) {
	for _, d := range directories {
		if rest, err := filepath.Rel(d, path); err == nil && filepath.IsLocal(rest) {
			return rest, true
		}
	}
	return "", false
}
