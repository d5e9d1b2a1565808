package agent

import (
	"context"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/logs"
)

// rotate keeps what tasks print within bounds, if there are any.
func (l *loop) rotate(ctx context.Context) {
	o := &l.agent.opts
	if o.Logs == nil {
		return
	}
	faulty := map[string]bool{} // directories whose environment was complained about
	for l.sleep(ctx, o.LogsInterval) {
		var boxes []logs.Sandbox
		if err := l.read(func(c *core.Core) { boxes = l.bounded(c.Printing(), faulty) }); err != nil {
			return
		}
		l.logs.Look(boxes)
	}
}

// bounded is what each task may print. A task whose wishes make no sense gets the
// agent's policies, and a complaint once.
func (l *loop) bounded(printing []core.Printing, faulty map[string]bool) []logs.Sandbox {
	boxes := make([]logs.Sandbox, len(printing))
	live := make(map[string]bool, len(faulty))
	for i, p := range printing {
		policies, err := l.agent.opts.Logs.For(p.Environment)
		if err != nil {
			live[p.Directory] = true
			if !faulty[p.Directory] {
				l.agent.opts.Logger.Warn("a task sets its log files wrongly", "directory", p.Directory, "err", err)
			}
		}
		boxes[i] = logs.Sandbox{Directory: p.Directory, Policies: policies}
	}
	clear(faulty)
	for dir := range live {
		faulty[dir] = true
	}
	return boxes
}
