package api

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/wire/daemon"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/json"
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
func (s *Server) stateSummary(c *httpd.Ctx) { s.replyRendered(c, "/state-summary", s.appendSummary) }

func (s *Server) appendSummary(all *cluster, b []byte) []byte {
	all.join()
	all.tally()
	b = json.String(append(b, '{'), `"hostname":`, s.opts.MasterInfo.GetHostname())
	if s.opts.Cluster != "" {
		b = json.String(b, `"cluster":`, s.opts.Cluster)
	}
	b = all.appendSlaves(b, func(b []byte, a *core.Agent) []byte {
		t := &all.sums.agent(a.ID()).tally
		return appendStrings(appendTally(b, t), `"framework_ids":`, t.peers())
	})
	b = list(b, `"frameworks":`, func(b []byte) []byte {
		for f := range all.snap.Frameworks.All() {
			if f.Completed() {
				continue
			}
			t := &all.sums.framework(f.ID()).tally
			b = append(b, '{')
			b = appendTally(all.appendFrameworkSummary(b, f), t)
			b = json.EndMap(appendStrings(b, `"slave_ids":`, t.peers()))
		}
		return b
	})
	return json.End(b)
}

// peers are the others by their ids, which are sorted in place.
func (t *tally) peers() []string {
	slices.Sort(t.with)
	return t.with
}

func appendTally(b []byte, t *tally) []byte {
	for i, state := range talliedStates {
		b = json.Int(append(json.AppendString(b, state.String()), ':'), "", t.states[i])
	}
	return b
}

// slaves is /slaves?slave_id=.
func (s *Server) slaves(c *httpd.Ctx) {
	wanted := only(c, "slave_id")
	s.replyRendered(c, "/slaves", func(all *cluster, b []byte) []byte {
		all.add()
		b = list(append(b, '{'), `"slaves":`, func(b []byte) []byte {
			for a := range all.snap.Agents.All() {
				if a.Registered() && !a.Recovered && wanted(a.ID()) {
					b = append(b, '{')
					b = json.EndMap(all.appendSlaveFull(all.appendSlave(b, a), a))
				}
			}
			return b
		})
		return json.End(all.appendRecovered(b))
	})
}

// frameworks is /frameworks?framework_id=.
func (s *Server) frameworks(c *httpd.Ctx) {
	wanted := only(c, "framework_id")
	s.replyRendered(c, "/frameworks", func(all *cluster, b []byte) []byte {
		all.join()
		b = all.appendFrameworks(append(b, '{'), func(f *core.Framework) bool { return wanted(f.ID()) })
		return json.End(append(b, `"unregistered_frameworks":[],`...))
	})
}

// only picks what has the id that a query parameter names; an empty one is no id, and
// without the parameter everything is picked.
func only(c *httpd.Ctx, parameter string) func(id string) bool {
	text := c.Query(parameter)
	id := string(text)
	return func(other string) bool { return text == nil || other == id }
}

// tasks is /tasks?limit=&offset=&order=&framework_id=&task_id=.
func (s *Server) tasks(c *httpd.Ctx) {
	page := taskPage{limit: bound(c, "limit", 100), offset: bound(c, "offset", 0)}
	framework, task := only(c, "framework_id"), only(c, "task_id")
	ascending := string(c.Query("order")) == "asc"
	s.replyRendered(c, "/tasks", func(all *cluster, b []byte) []byte {
		var found []*core.Task
		for _, some := range []func(func(*core.Task) bool){all.snap.Tasks.All(), all.snap.Completed.All()} {
			for t := range some {
				if framework(t.FrameworkID()) && task(t.ID()) {
					found = append(found, t)
				}
			}
		}
		sortTasks(found, ascending)
		return json.End(list(append(b, '{'), `"tasks":`, func(b []byte) []byte {
			var m core.TaskMessage
			for _, t := range page.of(found) {
				b = append(b, '{')
				b = json.EndMap(appendTask(b, t, &m))
			}
			return b
		}))
	})
}

// taskPage is the part of a list that /tasks was asked for.
type taskPage struct{ limit, offset uint64 }

// bound reads a parameter of /tasks. As in Mesos what is no number counts as absent,
// and a negative one as the number without sign that its bits are.
func bound(c *httpd.Ctx, parameter string, absent uint64) uint64 {
	n, err := strconv.ParseInt(string(c.Query(parameter)), 10, 32)
	if err != nil {
		return absent
	}
	return uint64(n)
}

// of cuts the page out; its end may run over, so that offset=1&limit=-1 is nothing.
func (p taskPage) of(tasks []*core.Task) []*core.Task {
	end := min(p.offset+p.limit, uint64(len(tasks)))
	if p.offset >= end {
		return nil
	}
	return tasks[p.offset:end]
}

// roles is /roles.
func (s *Server) roles(c *httpd.Ctx) {
	s.replyRendered(c, "/roles", func(all *cluster, b []byte) []byte {
		return json.End(list(append(b, '{'), `"roles":`, func(b []byte) []byte {
			for _, r := range rolesOf(all.snap, all.add()) {
				b = append(b, '{')
				b = json.EndMap(appendRole(b, r))
			}
			return b
		}))
	})
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
