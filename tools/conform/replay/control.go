package replay

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Some recordings show what becomes of a cluster whose processes fail. What
// happened to them is not in the transcripts; it follows from the names of the
// areas.

// failures are what was done before the reads of an area.
var failures = map[string]func(context.Context, *runner) error{
	"failover-agent-down":        func(_ context.Context, r *runner) error { r.control.KillAgent(); return nil },
	"failover-agent-restarted":   func(ctx context.Context, r *runner) error { return r.control.StartAgent(ctx) },
	"failover-master-recovering": func(_ context.Context, r *runner) error { return r.control.RestartAllocator() },
	"failover-master-recovered":  func(ctx context.Context, r *runner) error { return r.control.StartAgent(ctx) },
	"failover-agent-unreachable": func(ctx context.Context, r *runner) error {
		r.control.KillAgent()
		return r.control.awaitAgents(ctx, 0)
	},
	"failover-agent-back": func(ctx context.Context, r *runner) error { return r.control.StartAgent(ctx) },
	"failover-agent-gone": func(ctx context.Context, r *runner) error { return r.markGone(ctx) },
}

// wantsControl is why an exchange is not played where only URLs are known.
const wantsControl = "its processes must be killed and started (use --dev)"

// needsControl says why a world cannot be played knowing only URLs; "" if it
// can.
func needsControl(w *World) string {
	for _, e := range w.Exchanges {
		if failures[e.Area] != nil {
			return wantsControl
		}
	}
	return needsFlags(w)
}

// leaveOut takes from a world the areas in which its agent leaves, and says how many
// exchanges that are asked for went with them.
func (w *World) leaveOut() int {
	leaving := map[string]bool{}
	for _, e := range w.Exchanges {
		if e.Response.Events == nil || apiOf(e.Request.Path(), e.toAgent()) != masterAPI {
			continue
		}
		trees, _ := recordedTrees(e.Response.Events, masterAPI.event())
		for _, t := range trees {
			if at(t, "agent_removed") != nil {
				leaving[e.Area] = true
			}
		}
	}
	had := w.Counted()
	w.Exchanges = slices.DeleteFunc(w.Exchanges, func(e *Exchange) bool { return leaving[e.Area] })
	return had - w.Counted()
}

// needsFlags says what the daemons would have to be started with.
func needsFlags(w *World) string {
	for _, e := range w.Exchanges {
		if e.Area == "auth" {
			return "needs an allocator with authentication"
		}
	}
	return ""
}

// planControl adds the failures before the areas that show their effect.
func (r *runner) planControl() {
	if r.control == nil {
		return
	}
	planned := map[string]bool{}
	for _, e := range r.world.Exchanges {
		act := failures[e.Area]
		if act == nil || planned[e.Area] {
			continue
		}
		planned[e.Area] = true
		s := r.add(e.at(), func(ctx context.Context) {
			if err := act(ctx, r); err != nil {
				r.log("before %s: %v", e.Area, err)
			}
		})
		s.eager = true
	}
}

func (r *runner) markGone(ctx context.Context) error {
	agent, _ := r.ids.Live(r.past.agent())
	return r.operatorCall(ctx, fmt.Sprintf(`{"type":"MARK_AGENT_GONE","mark_agent_gone":{"agent_id":{"value":%q}}}`, agent))
}

// withoutAgent says whether a world was recorded before any agent came: its areas are about an
// empty cluster.
func withoutAgent(w *World) bool {
	for _, e := range w.Exchanges {
		if e.toAgent() || strings.HasPrefix(e.Area, "scheduler") {
			return false
		}
	}
	return w.hasArea("-empty")
}

// withAttributes says whether the recorded agent had attributes.
func withAttributes(w *World) bool {
	for _, e := range w.Exchanges {
		if bytes.Contains(e.Response.Body, []byte(`"attributes":{"rack"`)) || bytes.Contains(e.Response.Body, []byte(`"name":"rack"`)) {
			return true
		}
		for _, event := range e.Response.Events {
			if bytes.Contains(event.Data, []byte(`"name":"rack"`)) {
				return true
			}
		}
	}
	return false
}

func (w *World) hasArea(part string) bool {
	for _, e := range w.Exchanges {
		if strings.Contains(e.Area, part) {
			return true
		}
	}
	return false
}

// devWorlds plays each world on a cluster of its own, unless its agent was there
// before its master: then it goes on with the cluster of the world before.
func (o *options) devWorlds(ctx context.Context, worlds []*World, report *Report, log func(string, ...any)) error {
	var c *cluster
	defer func() {
		if c != nil {
			c.stop()
		}
	}()
	ids := newIds()
	for i, w := range worlds {
		if !o.needed(worlds, i, report) {
			continue
		}
		started := time.Now()
		var err error
		if c != nil && i > 0 && w.follows(worlds[i-1]) {
			time.Sleep(settlePatience) // until the agent has heard of the last call
			err = c.ReplaceAllocator(ctx)
		} else {
			if c != nil {
				c.stop()
			}
			ids = newIds()
			c, err = o.newCluster(ctx, w)
		}
		if err != nil {
			return fmt.Errorf("world %s: %w", w.Name, err)
		}
		on := scene{control: c, ids: ids, last: i+1 == len(worlds) || !worlds[i+1].follows(w)}
		if !on.last {
			on.keep = worlds[i+1].aliveFrameworks()
		}
		results, err := play(ctx, w, c.target(), on, log)
		report.add(results)
		log("world %s: %d exchanges in %v", w.Name, len(w.Exchanges), time.Since(started).Round(time.Second))
		if err != nil {
			return fmt.Errorf("world %s: %w", w.Name, err)
		}
	}
	return nil
}

// needed says whether a world is to be played: it counts, or the next does, which
// follows it.
func (o *options) needed(worlds []*World, i int, report *Report) bool {
	w := worlds[i]
	if reason := needsFlags(w); reason != "" {
		report.notRun[reason] += w.Counted()
		return false
	}
	return w.Counted() > 0 || i+1 < len(worlds) && worlds[i+1].follows(w) && o.needed(worlds, i+1, report)
}

// follows says whether w is of a master that came after that of before, with the
// same agent.
func (w *World) follows(before *World) bool {
	agent := remember(w).agent()
	return agent != "" && before.port == w.port && remember(before).agent() == agent && !masterOf(w.Exchanges)[masterPart(agent)]
}

func (o *options) newCluster(ctx context.Context, w *World) (*cluster, error) {
	if err := o.build(ctx); err != nil {
		return nil, err
	}
	output := io.Discard
	if o.clusterLog != "" {
		f, err := os.OpenFile(o.clusterLog, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(f, "=== world %s\n", w.Name)
		output = f // closed with this program
	}
	return startCluster(ctx, o.binary, !withoutAgent(w), withAttributes(w), output)
}

// build compiles caprock once if no program was given.
func (o *options) build(ctx context.Context) error {
	if o.binary != "" {
		return nil
	}
	dir, err := os.MkdirTemp("", "conform-caprock-")
	if err != nil {
		return err
	}
	binary := filepath.Join(dir, "caprock")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/caprock/caprock/tools/caprock")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building caprock: %w\n%s", err, out)
	}
	o.binary, o.temporary = binary, dir
	return nil
}

// aliveFrameworks are those that the master of a world shows as not completed.
func (w *World) aliveFrameworks() map[string]bool {
	alive := map[string]bool{}
	for _, e := range w.Exchanges {
		tree, err := parseJSON(e.Response.Body)
		if err != nil || e.toAgent() {
			continue
		}
		for _, f := range append(listAt(tree, "frameworks"), listAt(tree, "get_frameworks", "frameworks")...) {
			alive[textAt(f, "id")], alive[textAt(f, "framework_info", "id", "value")] = true, true
		}
	}
	return alive
}
