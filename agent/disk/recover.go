package disk

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/isolation/quota"
)

// Recover learns from the directories which ids are whose, bounds the containers that
// live, and lifts the limits of projects that have nothing left: whatever an agent was
// doing when it ended. It comes before any other call.
func (p *Projects) Recover(live []core.DiskBox) error {
	// A project that the work dir itself is in is the operator's.
	theirs, err := projectOf(p.opts.WorkDir)
	if err != nil {
		return err
	}
	for _, dir := range p.directories() {
		id, err := projectOf(dir)
		if err != nil {
			p.opts.Logger.Warn("project of a directory is not known", "err", err)
			continue
		}
		if id != 0 && id != theirs && p.owner(id) == "" {
			p.mu.Lock()
			p.pool.take(id, dir)
			p.mu.Unlock()
		}
	}
	for i := range live {
		if err := p.Hold(&live[i]); err != nil {
			p.opts.Logger.Warn("disk space of a container is not bounded", "container", live[i].ID, "err", err)
		}
	}
	for _, f := range p.systems {
		if err := p.lift(f); err != nil {
			return err
		}
	}
	return nil
}

// directories are those that may have projects of ours: sandboxes of executors and of
// standalone containers, and volumes.
func (p *Projects) directories() []string {
	out := below(p.opts.WorkDir, "slaves/*/frameworks/*/executors/*/runs/*")
	out = slices.DeleteFunc(out, func(dir string) bool { return filepath.Base(dir) == "latest" })
	out = append(out, below(p.opts.WorkDir, "containers/*")...)
	for _, f := range p.systems {
		out = append(out, below(f.Path(), "volumes/roles/*/*")...)
	}
	return out
}

func below(root, pattern string) []string {
	found, _ := fs.Glob(os.DirFS(root), pattern) // the pattern is well formed
	for i, name := range found {
		found[i] = filepath.Join(root, name)
	}
	return found
}

// lift removes the limits of ids in our ranges that nobody has.
func (p *Projects) lift(f *quota.FS) error {
	for _, r := range p.opts.Ranges {
		for id := uint64(r.From); id <= uint64(r.To); {
			q, found, err := f.Next(uint32(id))
			if err != nil {
				return err
			}
			if !found || q.ID > r.To {
				break
			}
			if p.owner(q.ID) == "" && (q.SoftBytes > 0 || q.HardBytes > 0) {
				p.step("lift")
				if err := f.SetLimits(q.ID, 0, 0); err != nil {
					return err
				}
			}
			id = uint64(q.ID) + 1
		}
	}
	return nil
}
