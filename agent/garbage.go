package agent

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/agent/core"
)

// garbage lists the sandboxes of ended runs until they are old enough to remove.
type garbage struct {
	mu                sync.Mutex
	list              []core.Discard // guarded by mu, as all below; in the order they ended
	stuck             []removal      // those that could not be removed, each with its own time
	succeeded, failed int64
	keep              time.Duration // what keepFor last said; 0 before
}

// removal is one that is due.
type removal struct {
	core.Discard
	pause time.Duration // after the last one that failed, 0 if none has
	again time.Time     // the earliest next one
}

const (
	// firstRetry after a removal that failed, twice as long after each further one, up to
	// longestRetry: a mount that is stuck stays so for hours, and each attempt walks the tree.
	firstRetry   = time.Minute
	longestRetry = time.Hour
)

func (g *garbage) add(d core.Discard) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.list = append(g.list, d)
}

// due takes those that ended keep or longer before now, and those that are to be tried again.
func (g *garbage) due(now time.Time, keep time.Duration) (due []removal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.keep = keep
	before, n := now.Add(-keep).UnixNano(), 0
	for n < len(g.list) && g.list[n].EndedAt <= before {
		n++
	}
	for _, d := range g.list[:n] {
		due = append(due, removal{Discard: d})
	}
	g.list = g.list[n:]
	g.stuck = slices.DeleteFunc(g.stuck, func(r removal) bool {
		if r.again.After(now) {
			return false
		}
		due = append(due, r)
		return true
	})
	return due
}

// settle counts a removal. One that failed is tried again later; the pause is returned.
func (g *garbage) settle(r removal, now time.Time, err error) (pause time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil {
		g.succeeded++
		return 0
	}
	g.failed++
	r.pause = min(max(firstRetry, 2*r.pause), longestRetry)
	r.again = now.Add(r.pause)
	g.stuck = append(g.stuck, r)
	return r.pause
}

// put gives the metrics, under Mesos' names.
func (g *garbage) put(add func(name string, value float64)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	add("gc/path_removals_pending", float64(len(g.list)+len(g.stuck)))
	add("gc/path_removals_succeeded", float64(g.succeeded))
	add("gc/path_removals_failed", float64(g.failed))
	add("slave/executor_directory_max_allowed_age_secs", g.keep.Seconds())
}

// keepFor is how long sandboxes are kept while a part used of the disk, from 0 to 1,
// is in use: delay on an empty disk, less the fuller it is, and not at all once less
// than headroom is free. The rule is Mesos'.
func keepFor(delay time.Duration, headroom, used float64) time.Duration {
	return time.Duration(float64(delay) * max(0, 1-headroom-used))
}

// sweep removes sandboxes that are older than the disk has room for.
func (l *loop) sweep(ctx context.Context) {
	o := &l.agent.opts
	for l.sleep(ctx, o.DiskWatchInterval) {
		used, err := diskUsed(o.WorkDir)
		if err != nil {
			o.Logger.Warn("the free disk space cannot be learned; sandboxes are kept for the full gc_delay", "err", err)
			used = -o.GCDiskHeadroom
		}
		keep := keepFor(o.GCDelay, o.GCDiskHeadroom, used)
		for _, d := range l.garbage.due(o.Clock.Now(), keep) {
			err := l.tree.Remove(d.Directory)
			pause := l.garbage.settle(d, o.Clock.Now(), err)
			if err != nil {
				o.Logger.Warn("sandbox cannot be removed", "directory", d.Directory, "again_in", pause, "err", err)
				continue
			}
			if l.submit(core.Collected{ContainerID: d.ContainerID}) != nil {
				return
			}
		}
		if l.projects != nil {
			l.projects.Reclaim()
		}
	}
}

// diskUsed is the part of dir's file system that is in use, from 0 to 1, counted
// as df does: what is kept for root is not free.
func diskUsed(dir string) (float64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	used := float64(st.Blocks - st.Bfree)
	if used == 0 {
		return 0, nil
	}
	return used / (used + float64(st.Bavail)), nil
}

// internals gives the metrics that the API cannot find in the core.
func (l *loop) internals(add func(name string, value float64)) {
	l.garbage.put(add)
	var total, free uint64
	if l.projects != nil {
		total, free = l.projects.Count()
	}
	add("containerizer/mesos/disk/project_ids_total", float64(total))
	add("containerizer/mesos/disk/project_ids_free", float64(free))
	rotated := l.logs.Metrics()
	// Ours: files that were kept within their size, and attempts that failed.
	add("containerizer/logs/rotated", float64(rotated.Rotated))
	add("containerizer/logs/failed", float64(rotated.Failed))
}
