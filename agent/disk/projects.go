package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/isolation/quota"
)

// ProjectOptions of Projects.
type ProjectOptions struct {
	WorkDir string
	// Disks are the roots of PATH disks, on which persistent volumes lie too.
	Disks []string
	// Ranges of ids that are the agent's.
	Ranges []Range
	// Enforce bounds what containers write; otherwise it is counted only.
	Enforce bool
	// HeadroomBytes is how far above its share a container gets, so that it can be
	// found there and ended; 0 where writes are to fail instead.
	HeadroomBytes int64
	Logger        *slog.Logger
	// Step is called before every change that the file system keeps; nil outside of
	// tests, which end there.
	Step func(what string)
}

// Projects gives every top-level container's sandbox, and every persistent volume, a
// project of XFS' quotas. A sandbox keeps its id until it is removed and a volume
// until it is destroyed; which ids are in use is written on the directories
// themselves, and read from there at the next start.
type Projects struct {
	opts ProjectOptions
	// systems are the work dir's file system and those of Disks.
	systems []*quota.FS

	// changing lets one change after the other be made; it is taken before mu.
	changing sync.Mutex

	mu    sync.Mutex
	pool  *pool                    // guarded by mu
	boxes map[string]*core.DiskBox // guarded by mu; live containers by id, not changed once here
}

// OpenProjects opens the file systems that opts names. The error says what one of
// them lacks.
func OpenProjects(opts ProjectOptions) (*Projects, error) {
	p := &Projects{opts: opts, pool: newPool(opts.Ranges), boxes: map[string]*core.DiskBox{}}
	for _, root := range append([]string{opts.WorkDir}, opts.Disks...) {
		f, err := quota.Open(root, opts.Enforce)
		if err != nil {
			p.Close()
			return nil, err
		}
		p.systems = append(p.systems, f)
	}
	return p, nil
}

// Close lets go of the file systems; projects and limits stay.
func (p *Projects) Close() {
	for _, f := range p.systems {
		_ = f.Close()
	}
}

// Hold gives the sandbox of a container and its volumes their projects, if they have
// none, and brings the limits up to date. What runs there is bounded when it returns.
func (p *Projects) Hold(box *core.DiskBox) error {
	p.changing.Lock()
	defer p.changing.Unlock()
	limit := box.QuotaBytes
	if !box.Enforced {
		limit = 0
	}
	if err := p.bound(box.Directory, limit); err != nil {
		return err
	}
	for _, v := range box.Volumes {
		if !v.Enforced {
			continue // a file system of its own bounds it
		}
		if err := p.bound(v.Path, v.QuotaBytes); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.boxes[box.ID] = box
	return nil
}

// Forget says that a container has ended. Its projects stay those of its directories.
func (p *Projects) Forget(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.boxes, id)
}

// systemOf is the file system of a sandbox, or of a volume, <root>/volumes/roles/<role>/<id>.
func (p *Projects) systemOf(dir string) *quota.FS {
	volumes := filepath.Dir(filepath.Dir(filepath.Dir(dir)))
	if filepath.Base(volumes) != "volumes" {
		return p.systems[0]
	}
	i := slices.IndexFunc(p.systems, func(f *quota.FS) bool { return f.Path() == filepath.Dir(volumes) })
	return p.systems[max(i, 0)]
}

// bound makes a directory a project with a limit, 0 for none. The limit comes before
// anything can be written.
func (p *Projects) bound(path string, limit int64) error {
	f := p.systemOf(path)
	dir, err := openDir(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	id, err := quota.Of(dir)
	if err != nil {
		return err
	}
	assigned := id != 0 && p.owner(id) == path
	if !assigned {
		if id, err = p.next(f, path); err != nil {
			return err
		}
	}
	if err := p.limit(f, id, limit); err != nil || assigned {
		return err
	}
	p.step("assign")
	return quota.Assign(dir, id)
}

func (p *Projects) step(what string) {
	if p.opts.Step != nil {
		p.opts.Step(what)
	}
}

func (p *Projects) limit(f *quota.FS, id uint32, limit int64) error {
	p.step("limit")
	if !p.opts.Enforce || limit == 0 {
		return f.SetLimits(id, 0, 0)
	}
	return f.SetLimits(id, limit, limit+p.opts.HeadroomBytes)
}

func (p *Projects) owner(id uint32) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pool.owners[id]
}

// next takes an id for a directory. Ids that files still carry, which something else
// on the file system uses or whose removal is under way, are passed over.
func (p *Projects) next(f *quota.FS, dir string) (uint32, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	empty := func(id uint32) (bool, error) {
		q, err := f.Read(id)
		return q.UsedBytes == 0 && q.Files == 0, err
	}
	if id, ok := p.pool.ids[dir]; ok {
		// Of an attempt that failed, or of a volume that was there before.
		if ok, err := empty(id); ok || err != nil {
			return id, err
		}
	}
	id, err := p.pool.lowest(empty)
	if err == nil {
		p.pool.take(id, dir)
	}
	return id, err
}

func openDir(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
}

// Boxes are the live containers.
func (p *Projects) Boxes() []core.DiskBox {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]core.DiskBox, 0, len(p.boxes))
	for _, b := range p.boxes {
		out = append(out, *b)
	}
	return out
}

// Measure is what a directory takes that Hold was called for.
func (p *Projects) Measure(_ context.Context, dir string) (int64, error) {
	p.mu.Lock()
	id, ok := p.pool.ids[dir]
	p.mu.Unlock()
	if !ok {
		return 0, fmt.Errorf("disk: %s has no project: %w", dir, fs.ErrNotExist)
	}
	q, err := p.systemOf(dir).Read(id)
	return q.UsedBytes, err
}

// Used returns what a live container takes at this moment.
func (p *Projects) Used(id string) (Usage, bool) {
	p.mu.Lock()
	box := p.boxes[id]
	p.mu.Unlock()
	if box == nil {
		return Usage{}, false
	}
	u := Usage{QuotaBytes: box.QuotaBytes}
	var err error
	if u.SandboxBytes, err = p.Measure(context.Background(), box.Directory); err != nil {
		return Usage{}, false
	}
	for _, v := range box.Volumes {
		bytes, err := p.volumeUsed(&v)
		if err == nil {
			u.Volumes = append(u.Volumes, VolumeUsage{DiskVolume: v, UsedBytes: bytes})
		}
	}
	return u, true
}

func (p *Projects) volumeUsed(v *core.DiskVolume) (int64, error) {
	if v.Enforced {
		return p.Measure(context.Background(), v.Path)
	}
	var st unix.Statfs_t
	err := unix.Statfs(v.Path, &st)
	return int64(st.Blocks-st.Bfree) * st.Bsize, err
}

// Count is how many ids there are, and how many of them nobody has.
func (p *Projects) Count() (total, free uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	total = p.pool.total()
	return total, total - p.pool.used
}

// Reclaim takes back the ids of directories that are gone with all that was in them.
func (p *Projects) Reclaim() {
	p.changing.Lock()
	defer p.changing.Unlock()
	p.mu.Lock()
	owners := make(map[uint32]string, len(p.pool.owners))
	for id, dir := range p.pool.owners {
		owners[id] = dir
	}
	p.mu.Unlock()
	for id, dir := range owners {
		if err := p.reclaim(id, dir); err != nil {
			p.opts.Logger.Warn("project id cannot be taken back", "id", id, "directory", dir, "err", err)
		}
	}
}

func (p *Projects) reclaim(id uint32, dir string) error {
	switch now, err := projectOf(dir); {
	case err == nil && now == id:
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	f := p.systemOf(dir)
	q, err := f.Read(id)
	if err != nil || q.Files > 0 || q.UsedBytes > 0 {
		return err
	}
	p.step("lift")
	if err := f.SetLimits(id, 0, 0); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pool.giveBack(id)
	return nil
}

func projectOf(path string) (uint32, error) {
	dir, err := openDir(path)
	if err != nil {
		return 0, err
	}
	defer dir.Close()
	return quota.Of(dir)
}
