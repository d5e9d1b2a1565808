package api

import (
	"iter"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/alloc/view"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/mesos/master"
)

// Reads of all tasks or all agents, written in pieces. The numbers are those of the fields in
// mesos.v1.master.

// appendState appends the answer to a call that readsState.
func appendState(what master.Call_Type, all *cluster, t codec.Type, b []byte) ([]byte, error) {
	p := begin(t, b)
	switch what {
	case master.Call_GET_STATE:
		p.fields(&master.Response{Type: master.Response_GET_STATE.Enum()})
		p.object(9, "get_state", func() { p.state(all) })
	case master.Call_GET_AGENTS:
		p.fields(&master.Response{Type: master.Response_GET_AGENTS.Enum()})
		p.object(10, "get_agents", func() { p.agents(all.snap, all.add()) })
	case master.Call_GET_TASKS:
		p.fields(&master.Response{Type: master.Response_GET_TASKS.Enum()})
		p.object(13, "get_tasks", func() { p.tasks(all.snap) })
	default:
		return t.Append(b, readState(what, all))
	}
	return p.end()
}

// appendSubscribed appends the first event of an operator's stream.
func appendSubscribed(snap *view.Snapshot, t codec.Type, b []byte) ([]byte, error) {
	p := begin(t, b)
	p.fields(&master.Event{Type: master.Event_SUBSCRIBED.Enum()})
	p.object(2, "subscribed", func() {
		p.object(1, "get_state", func() { p.state(clusterOf(snap)) })
		p.fields(&master.Event_Subscribed{HeartbeatIntervalSeconds: ptr(core.HeartbeatInterval.Seconds())})
	})
	return p.end()
}

// state appends the fields of a GetState.
func (p *pieces) state(all *cluster) {
	total := all.add()
	p.object(1, "get_tasks", func() { p.tasks(all.snap) })
	p.message(2, "get_executors", getExecutors(all.snap))
	p.message(3, "get_frameworks", getFrameworks(all.snap, total))
	p.object(4, "get_agents", func() { p.agents(all.snap, total) })
}

// tasks appends the fields of a GetTasks; JSON has them in the order of their declaration.
func (p *pieces) tasks(snap *view.Snapshot) {
	unreachable := func() { p.list(5, "unreachable_tasks", p.some(snap.Tasks, (*core.Task).Unreachable)) }
	p.list(2, "tasks", p.some(snap.Tasks, func(t *core.Task) bool { return !t.Unreachable() }))
	if p.t == codec.JSON {
		unreachable()
	}
	p.list(3, "completed_tasks", p.some(snap.Completed, func(*core.Task) bool { return true }))
	if p.t == codec.Protobuf {
		unreachable()
	}
}

// some gives the messages of the tasks that are wanted, one after the other in the same memory.
func (p *pieces) some(tasks view.Frozen[core.Task], wanted func(*core.Task) bool) iter.Seq[codec.Message] {
	return func(yield func(codec.Message) bool) {
		for t := range tasks.All() {
			if wanted(t) && !yield(t.InfoIn(&p.task)) {
				return
			}
		}
	}
}

// agents appends the fields of a GetAgents.
func (p *pieces) agents(snap *view.Snapshot, total *sums) {
	p.list(1, "agents", func(yield func(codec.Message) bool) {
		for a := range snap.Agents.All() {
			if !a.Registered() || a.Recovered {
				continue
			}
			v, use := core.AgentView(a, p.of(a.Total())), total.agent(a.ID())
			v.AllocatedResources, v.OfferedResources = p.of(use.allocated), p.of(use.offered)
			if !yield(v) {
				return
			}
		}
	})
	p.list(2, "recovered_agents", func(yield func(codec.Message) bool) {
		for a := range snap.Agents.All() {
			if a.Registered() && a.Recovered && !yield(a.Info()) {
				return
			}
		}
	})
}
