package agent

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caprock/caprock/agent/core"
)

// sweepEvery is how often old sandboxes are looked for.
const sweepEvery = 10 * time.Minute

// garbage lists the sandboxes of ended runs until they are old enough to remove.
type garbage struct {
	mu   sync.Mutex
	list []core.Discard // guarded by mu; in the order they ended

	removed, failed atomic.Uint64 // directories
}

// put gives the metrics, under Mesos' names.
func (g *garbage) put(add func(name string, value float64)) {
	g.mu.Lock()
	pending := len(g.list)
	g.mu.Unlock()
	add("gc/path_removals_pending", float64(pending))
	add("gc/path_removals_succeeded", float64(g.removed.Load()))
	add("gc/path_removals_failed", float64(g.failed.Load()))
}

func (g *garbage) add(d core.Discard) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.list = append(g.list, d)
}

// due takes those that ended before.
func (g *garbage) due(before int64) []core.Discard {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for n < len(g.list) && g.list[n].EndedAt < before {
		n++
	}
	out := g.list[:n:n]
	g.list = g.list[n:]
	return out
}

// sweep removes sandboxes once they are older than GCDelay.
func (l *loop) sweep(ctx context.Context) {
	o := &l.agent.opts
	for l.sleep(ctx, sweepEvery) {
		for _, d := range l.garbage.due(o.Clock.Now().Add(-o.GCDelay).UnixNano()) {
			if err := l.tree.Remove(d.Directory); err != nil {
				l.garbage.failed.Add(1)
				o.Logger.Warn("sandbox cannot be removed", "directory", d.Directory, "err", err)
				continue
			}
			l.garbage.removed.Add(1)
			if l.submit(core.Collected{ContainerID: d.ContainerID}) != nil {
				return
			}
		}
	}
}

// internals gives the metrics that the API cannot find in the core.
func (l *loop) internals(add func(name string, value float64)) {
	l.garbage.put(add)
	add("slave/executor_directory_max_allowed_age_secs", l.agent.opts.GCDelay.Seconds())
}
