package api

import (
	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/json"
)

// endpoints say in a line what each path is for; /help shows them.
var endpoints = map[string]string{
	"/api/v1":                            "the operator API: POST a call",
	"/api/v1/scheduler":                  "the scheduler API: POST a call",
	"/api/v1/link":                       "agents connect here",
	frameworkStatePath:                   "values that frameworks keep: GET, PUT and DELETE /<key>",
	"/explain":                           "why a framework is not offered agents: ?framework_id=&agent_id=&role=",
	"/tasks/file":                        "a file of a task: ?task_id=&path=[&framework_id=][&offset=][&follow=true]",
	"/tasks/files":                       "the files of a task: ?task_id=[&framework_id=][&path=]",
	"/agent":                             "/agent/<id>/<path>: an endpoint of an agent",
	"/tasks/addresses":                   "where tasks can be reached: ?framework_id=&task_id=&name=&agent_id=",
	"/state":                             "everything, in Mesos' old JSON",
	"/state-summary":                     "agents and frameworks with counts of tasks",
	"/slaves":                            "agents: ?slave_id=",
	"/frameworks":                        "frameworks: ?framework_id=",
	"/tasks":                             "tasks: ?limit=&offset=&order=&framework_id=&task_id=",
	"/roles":                             "roles with weights, quotas and what they use",
	"/flags":                             "settings",
	"/health":                            "200 while the service runs",
	"/version":                           "the version",
	"/redirect":                          "redirects to the leader",
	"/metrics/snapshot":                  "metrics",
	"/weights":                           "weights of roles: GET, PUT",
	"/quota":                             "quotas of roles: GET, POST, DELETE",
	"/teardown":                          "ends a framework: POST frameworkId",
	"/reserve":                           "reserves resources: POST slaveId, resources",
	"/unreserve":                         "ends reservations: POST slaveId, resources",
	"/create-volumes":                    "creates volumes: POST slaveId, volumes",
	"/destroy-volumes":                   "destroys volumes: POST slaveId, volumes",
	"/maintenance/schedule":              "the maintenance schedule: GET, POST",
	"/maintenance/status":                "machines in maintenance",
	"/machine/down":                      "starts maintenance: POST machines",
	"/machine/up":                        "ends maintenance: POST machines",
	"/files/browse":                      "lists files: ?path=",
	"/files/read":                        "reads from a file: ?path=&offset=&length=",
	"/files/download":                    "sends a file: ?path=",
	"/files/debug":                       "paths that are served",
	registryPath:                         "agents, maintenance, quotas and weights as Mesos' registry has them",
	"/allocator/offer_constraints_debug": "agents that frameworks' offer constraints exclude",
}

// offerConstraintsDebug is /allocator/offer_constraints_debug: for each framework
// with offer constraints, per role, the agents that they exclude.
func (s *Server) offerConstraintsDebug(c *httpd.Ctx) {
	snap := s.view.Snapshot()
	b := object([]byte{'{'}, `"frameworks":`, func(b []byte) []byte {
		for f := range snap.Frameworks.All() {
			constraints, err := cycle.CompileConstraints(f.Constraints(), cycle.Unlimited)
			if f.Completed() || constraints == nil || err != nil {
				continue
			}
			b = object(b, string(append(json.AppendString(nil, f.ID()), ':')), func(b []byte) []byte {
				return object(b, `"roles":`, func(b []byte) []byte {
					for _, role := range json.SortedKeys(f.Constraints().GetRoleConstraints(), nil) {
						b = object(b, string(append(json.AppendString(nil, role), ':')), func(b []byte) []byte {
							return appendStrings(b, `"excluded_agents":`, excludedAgents(snap.Agents.All(), constraints, role))
						})
					}
					return b
				})
			})
		}
		return b
	})
	c.ReplyJSON(200, json.End(b))
}

func excludedAgents(agents func(func(*core.Agent) bool), constraints *cycle.Constraints, role string) (ids []string) {
	for a := range agents {
		if a.Registered() && !a.Recovered && !constraints.Admit(role, &cycle.Agent{
			Hostname: a.Info().GetHostname(), Attributes: a.Info().GetAttributes(), Domain: a.Info().GetDomain(),
		}) {
			ids = append(ids, a.ID())
		}
	}
	return ids
}
