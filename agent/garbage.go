package agent

import (
	"context"
	"sync"
	"time"

	"github.com/caprock/caprock/agent/core"
)

// sweepEvery is how often old sandboxes are looked for.
const sweepEvery = 10 * time.Minute

// garbage lists the sandboxes of ended runs until they are old enough to remove.
type garbage struct {
	mu   sync.Mutex
	list []core.Discard // guarded by mu; in the order they ended
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
				o.Logger.Warn("sandbox cannot be removed", "directory", d.Directory, "err", err)
				continue
			}
			if l.submit(core.Collected{ContainerID: d.ContainerID}) != nil {
				return
			}
		}
	}
}
