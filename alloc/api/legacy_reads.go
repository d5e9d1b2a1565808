package api

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/wire/daemon"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/json"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// legacyRoutes registers the unversioned endpoints. As in Mesos the reads do not
// look at the method and the writes do.
func (s *Server) legacyRoutes(h *httpd.Server) {
	for path, handler := range s.legacyHandlers() {
		h.Handle(path, handler)
	}
	daemon.Register(h, s.verbosity, "master", endpoints, "master", "allocator", "registrar(1)")
}

func (s *Server) legacyHandlers() map[string]httpd.Handler {
	return map[string]httpd.Handler{
		"/state":                s.state,
		"/state-summary":        s.stateSummary,
		"/slaves":               s.slaves,
		"/frameworks":           s.frameworks,
		"/tasks":                s.tasks,
		"/tasks/addresses":      s.taskAddresses,
		"/roles":                s.roles,
		"/flags":                s.flags,
		"/health":               func(c *httpd.Ctx) { c.ReplyEmpty(200) },
		"/version":              s.version,
		"/redirect":             s.redirect,
		"/metrics/snapshot":     s.metricsSnapshot,
		"/weights":              s.weights,
		"/quota":                s.quota,
		"/teardown":             s.teardown,
		"/reserve":              s.reserve,
		"/unreserve":            s.unreserve,
		"/create-volumes":       s.createVolumes,
		"/destroy-volumes":      s.destroyVolumes,
		"/maintenance/schedule": s.maintenanceSchedule,
		"/maintenance/status":   s.maintenanceStatus,
		"/machine/down":         s.machineDown,
		"/machine/up":           s.machineUp,
		"/files/browse":         s.filesBrowse,
		"/files/read":           s.filesRead,
		"/files/debug":          s.filesDebug,
		"/files/download":       s.filesDownload,

		registryPath: s.registry,

		"/allocator/offer_constraints_debug": s.offerConstraintsDebug,
	}
}

// stateSummary is /state-summary: agents and frameworks with counts of tasks.
func (s *Server) stateSummary(c *httpd.Ctx) {
	all := join(s.view.Snapshot())
	agents, frameworks := all.tally()
	b := json.String(append(s.sizes.summary.buffer(), '{'), `"hostname":`, s.opts.MasterInfo.GetHostname())
	if s.opts.Cluster != "" {
		b = json.String(b, `"cluster":`, s.opts.Cluster)
	}
	b = all.appendSlaves(b, func(b []byte, a *core.Agent) []byte {
		t := agents[a.ID()]
		return appendStrings(appendTally(b, t), `"framework_ids":`, t.peers())
	})
	b = list(b, `"frameworks":`, func(b []byte) []byte {
		for f := range all.snap.Frameworks.All() {
			if f.Completed() {
				continue
			}
			t := frameworks[f.ID()]
			b = append(b, '{')
			b = appendTally(all.appendFrameworkSummary(b, f), t)
			b = json.EndMap(appendStrings(b, `"slave_ids":`, t.peers()))
		}
		return b
	})
	b = json.End(b)
	s.sizes.summary.note(len(b))
	c.ReplyJSON(200, b)
}

// tally counts an agent's or a framework's tasks by state, and with whom.
type tally struct {
	states map[mesos.TaskState]int64
	with   map[string]bool
}

func (t *tally) peers() []string {
	if t == nil {
		return nil
	}
	ids := make([]string, 0, len(t.with))
	for id := range t.with {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (c *cluster) tally() (agents, frameworks map[string]*tally) {
	agents, frameworks = map[string]*tally{}, map[string]*tally{}
	note := func(m map[string]*tally, id, with string) *tally {
		t := m[id]
		if t == nil {
			t = &tally{states: map[mesos.TaskState]int64{}, with: map[string]bool{}}
			m[id] = t
		}
		t.with[with] = true
		return t
	}
	// As in Mesos, what is over with its framework does not count.
	over := map[string]bool{}
	for f := range c.snap.Frameworks.All() {
		over[f.ID()] = f.Completed()
	}
	for _, of := range []map[string][]*core.Task{c.tasks, c.unreachable, c.completed} {
		for framework, tasks := range of {
			if over[framework] {
				continue
			}
			for _, t := range tasks {
				agent, state := t.Info().GetAgentId().GetValue(), t.Info().GetState()
				if t.Rec.GetUnreachable() {
					state = mesos.TaskState_TASK_UNREACHABLE
				}
				note(agents, agent, framework).states[state]++
				note(frameworks, framework, agent).states[state]++
			}
		}
	}
	for framework, executors := range c.executors {
		for _, e := range executors {
			note(agents, e.Rec.GetAgentId(), framework)
			note(frameworks, framework, e.Rec.GetAgentId())
		}
	}
	return agents, frameworks
}

// talliedStates are what /state-summary shows, in its order.
var talliedStates = [...]mesos.TaskState{
	mesos.TaskState_TASK_STAGING, mesos.TaskState_TASK_STARTING, mesos.TaskState_TASK_RUNNING,
	mesos.TaskState_TASK_KILLING, mesos.TaskState_TASK_FINISHED, mesos.TaskState_TASK_KILLED,
	mesos.TaskState_TASK_FAILED, mesos.TaskState_TASK_LOST, mesos.TaskState_TASK_ERROR,
	mesos.TaskState_TASK_UNREACHABLE,
}

func appendTally(b []byte, t *tally) []byte {
	for _, state := range talliedStates {
		var n int64
		if t != nil {
			n = t.states[state]
		}
		b = json.Int(append(json.AppendString(b, state.String()), ':'), "", n)
	}
	return b
}

// slaves is /slaves?slave_id=.
func (s *Server) slaves(c *httpd.Ctx) {
	all := join(s.view.Snapshot())
	id := string(c.Query("slave_id"))
	b := list(append(s.sizes.slaves.buffer(), '{'), `"slaves":`, func(b []byte) []byte {
		for a := range all.snap.Agents.All() {
			if a.Registered() && !a.Recovered && (id == "" || a.ID() == id) {
				b = append(b, '{')
				b = json.EndMap(all.appendSlaveFull(all.appendSlave(b, a), a))
			}
		}
		return b
	})
	b = json.End(all.appendRecovered(b))
	s.sizes.slaves.note(len(b))
	c.ReplyJSON(200, b)
}

// frameworks is /frameworks?framework_id=.
func (s *Server) frameworks(c *httpd.Ctx) {
	id := string(c.Query("framework_id"))
	all := join(s.view.Snapshot())
	b := all.appendFrameworks(append(s.sizes.frameworks.buffer(), '{'), func(f *core.Framework) bool { return id == "" || f.ID() == id })
	b = json.End(append(b, `"unregistered_frameworks":[],`...))
	s.sizes.frameworks.note(len(b))
	c.ReplyJSON(200, b)
}

// tasks is /tasks?limit=&offset=&order=&framework_id=&task_id=.
func (s *Server) tasks(c *httpd.Ctx) {
	limit, offset := 100, 0
	for _, p := range []struct {
		name  string
		value *int
	}{{"limit", &limit}, {"offset", &offset}} {
		if text := c.Query(p.name); text != nil {
			// As in Mesos, what is no number counts as absent.
			if n, err := strconv.Atoi(string(text)); err == nil && n >= 0 {
				*p.value = n
			}
		}
	}
	framework, task := string(c.Query("framework_id")), string(c.Query("task_id"))
	var found []*core.Task
	snap := s.view.Snapshot()
	for _, all := range []func(func(*core.Task) bool){snap.Tasks.All(), snap.Completed.All()} {
		for t := range all {
			if (framework == "" || t.Info().GetFrameworkId().GetValue() == framework) && (task == "" || t.ID() == task) {
				found = append(found, t)
			}
		}
	}
	sortTasks(found, string(c.Query("order")) == "asc")
	found = found[min(offset, len(found)):]
	found = found[:min(limit, len(found))]
	b := list([]byte{'{'}, `"tasks":`, func(b []byte) []byte {
		for _, t := range found {
			b = append(b, '{')
			b = json.EndMap(appendTask(b, t))
		}
		return b
	})
	c.ReplyJSON(200, json.End(b))
}

// roles is /roles.
func (s *Server) roles(c *httpd.Ctx) {
	snap := s.view.Snapshot()
	known := rolesOf(snap, add(snap))
	b := list([]byte{'{'}, `"roles":`, func(b []byte) []byte {
		for _, r := range known {
			b = append(b, '{')
			b = json.EndMap(appendRole(b, r))
		}
		return b
	})
	c.ReplyJSON(200, json.End(b))
}

func appendRole(b []byte, r *role) []byte {
	b = json.String(b, `"name":`, r.name)
	b = json.Double(b, `"weight":`, r.weight)
	// Amounts come from resources, so they parse.
	guarantee, _ := resource.FromScalarMap(r.rec.GetQuota().GetGuarantees())
	limit, _ := resource.FromScalarMap(r.rec.GetQuota().GetLimits())
	b = object(b, `"quota":`, func(b []byte) []byte {
		b = json.String(b, `"role":`, r.name)
		b = appendQuantities(b, `"guarantee":`, guarantee)
		b = appendQuantities(b, `"limit":`, limit)
		return appendQuantities(b, `"consumed":`, r.consumed())
	})
	b = appendQuantities(b, `"resources":`, r.allocated.Plus(r.offered).Quantities())
	b = appendQuantities(b, `"allocated":`, r.allocated.Quantities())
	b = appendQuantities(b, `"offered":`, r.offered.Quantities())
	b = appendQuantities(b, `"reserved":`, r.reserved.Quantities())
	return appendStrings(b, `"frameworks":`, r.frameworks)
}

// flags is /flags.
func (s *Server) flags(c *httpd.Ctx) { c.ReplyJSON(200, json.End(s.appendFlags([]byte{'{'}))) }

// version is /version.
func (s *Server) version(c *httpd.Ctx) {
	c.ReplyJSON(200, s.versionInfo().AppendJSON(nil))
}

// redirect is /redirect: to the leader, which is this allocator. What follows in
// the path has no endpoint.
func (s *Server) redirect(c *httpd.Ctx) {
	if len(c.Rest()) > 0 {
		c.ReplyText(404, "got path "+clip(c.RoutePath())+", which is not served here")
		return
	}
	c.ReplyRedirect(fmt.Sprintf("//%s:%d", s.opts.MasterInfo.GetHostname(), s.opts.MasterInfo.GetPort()))
}
