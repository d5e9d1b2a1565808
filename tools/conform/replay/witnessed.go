package replay

import (
	"context"
	"encoding/json"
	"fmt"
	"syscall"
	"time"
)

// An operator's stream of events witnesses what happened in a cluster beside the
// conversations that were recorded. What only it tells of is done when it says so.

// planWitnessed adds the tasks of frameworks without transcripts, their ends, and the agent's leaving
// and coming back.
func (r *runner) planWitnessed(times map[*Exchange]time.Time) {
	here := r.conversations()
	done := map[string]bool{}
	once := func(key string) bool {
		first := !done[key]
		done[key] = true
		return first
	}
	for _, e := range r.world.Exchanges {
		if e.Response.Events == nil || apiOf(e.Request.Path(), e.toAgent()) != masterAPI {
			continue
		}
		trees, _ := recordedTrees(e.Response.Events, masterAPI.event())
		for i, t := range trees {
			when := times[e].Add(e.Response.Events[i].Since)
			task := at(t, "task_added", "task")
			framework := textAt(task, "framework_id", "value")
			switch {
			case task != nil && !here[framework] && once("task "+textAt(task, "task_id", "value")):
				r.add(when, func(ctx context.Context) { r.launchWitnessed(ctx, framework, task) })
			case at(t, "agent_removed") != nil && r.control != nil && once("removed"):
				r.add(when, func(context.Context) { r.control.UnregisterAgent() }).eager = true
			case at(t, "agent_added") != nil && r.control != nil && done["removed"] && once("added"):
				r.add(when, func(ctx context.Context) {
					if err := r.control.StartAgent(ctx); err != nil {
						r.log("starting the agent again: %v", err)
					}
				}).eager = true
			case at(t, "framework_removed") != nil:
				id := textAt(t, "framework_removed", "framework_info", "id", "value")
				if !here[id] && once("framework "+id) {
					r.add(when, func(ctx context.Context) { r.endFramework(ctx, id) })
				}
			}
		}
	}
}

// launchWitnessed launches a task of which only its resources are known, and lets it
// come to run.
func (r *runner) launchWitnessed(ctx context.Context, recorded string, task any) {
	var f *framework
	for _, have := range r.frameworks {
		if have.recordedFramework == recorded {
			f = have
		}
	}
	if f == nil {
		r.log("no stream of %s to launch a task on", recorded)
		return
	}
	r.await(ctx, func() bool { return f.enoughOffers("", nil) })
	agent, _ := r.ids.Live(r.past.agent())
	id := at(task, "task_id")
	resources, _ := json.Marshal(withoutAllocation(listAt(task, "resources")))
	name, _ := json.Marshal(id)
	var offers []any
	for _, o := range f.takeOffers("") {
		offers = append(offers, map[string]any{"value": o})
	}
	list, _ := json.Marshal(offers)
	r.callAs(f, fmt.Sprintf(`{"type": "ACCEPT", "framework_id": {"value": %q}, "accept": {"offer_ids": %s, "operations": [{"type": "LAUNCH", "launch": {"task_infos": [
		{"name": %q, "task_id": %s, "agent_id": {"value": %q}, "command": {"value": "sleep 1000"}, "resources": %s}]}}], "filters": {"refuse_seconds": 0.0}}}`,
		f.liveFramework, list, textAt(task, "name"), name, agent, resources))
	subject := textAt(id, "value")
	for _, state := range []string{"TASK_STARTING", "TASK_RUNNING"} {
		r.await(ctx, func() bool { return f.hasUpdate(false, subject, state) })
		if u, ok := f.update(false, subject, state); ok {
			r.acknowledge(f, u)
			f.acknowledged(u.uuid)
		}
	}
}

func withoutAllocation(resources []any) []any {
	var plain []any
	for _, r := range resources {
		if o, ok := r.(map[string]any); ok {
			o = copyObject(o)
			delete(o, "allocation_info")
			plain = append(plain, o)
		}
	}
	return plain
}

// UnregisterAgent has the agent leave the cluster: it ends its tasks and is gone.
func (c *cluster) UnregisterAgent() {
	c.agent.signal(syscall.SIGUSR1)
	c.agent.wait(5 * time.Second)
}
