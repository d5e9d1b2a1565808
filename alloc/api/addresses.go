package api

import (
	"slices"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/json"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// Where tasks can be reached: /tasks/addresses?framework_id=&task_id=&name=&agent_id=.
// Mesos leaves it to each client to put this together out of /state.

// taskAddresses lists the tasks that have not ended and whose agent is reachable.
func (s *Server) taskAddresses(c *httpd.Ctx) {
	if !c.IsMethod("GET", "HEAD") {
		c.ReplyMethodNotAllowed("GET")
		return
	}
	snap := s.view.Snapshot()
	agents := map[string]*core.Agent{}
	for a := range snap.Agents.All() {
		agents[a.ID()] = a
	}
	wants := func(param, value string) bool {
		want := c.Query(param)
		return len(want) == 0 || string(want) == value
	}
	b := list([]byte{'{'}, `"tasks":`, func(b []byte) []byte {
		for t := range snap.Tasks.All() {
			a := agents[t.AgentID()]
			if a == nil || t.Unreachable() || core.IsTerminal(t.State()) ||
				!wants("framework_id", t.FrameworkID()) || !wants("task_id", t.ID()) ||
				!wants("name", t.Name()) || !wants("agent_id", a.ID()) {
				continue
			}
			b = append(appendReach(b, reachOf(t, a)), ',')
		}
		return b
	})
	c.ReplyJSON(200, json.End(b))
}

// reach is where a task can be reached.
type reach struct {
	task         *core.Task
	agent        *core.Agent
	healthy      *bool // nil: the task has no health check, or has not said
	containerIPs []string
	ports        []*mesos.Port     // those that the task published
	reserved     []resource.Range  // those among its resources
	mappings     map[uint32]uint32 // from container ports to ports of the agent
}

// reachOf reads the newest status that tells of the container; later ones may not.
func reachOf(t *core.Task, a *core.Agent) *reach {
	r := &reach{task: t, agent: a, ports: t.Discovery().GetPorts().GetPorts(), mappings: map[uint32]uint32{}}
	for _, res := range t.Resources() {
		if res.Name() == "ports" {
			r.reserved = append(r.reserved, res.Ranges()...)
		}
	}
	for _, m := range t.Container().GetDocker().GetPortMappings() {
		r.mappings[m.GetContainerPort()] = m.GetHostPort()
	}
	for _, n := range t.Container().GetNetworkInfos() {
		for _, m := range n.GetPortMappings() {
			r.mappings[m.GetContainerPort()] = m.GetHostPort()
		}
	}
	for _, status := range slices.Backward(t.Info().GetStatuses()) {
		if r.healthy == nil {
			r.healthy = status.Healthy
		}
		if r.containerIPs == nil {
			for _, n := range status.GetContainerStatus().GetNetworkInfos() {
				for _, ip := range n.GetIpAddresses() {
					if ip.GetIpAddress() != "" {
						r.containerIPs = append(r.containerIPs, ip.GetIpAddress())
					}
				}
			}
		}
	}
	return r
}

// maxEndpoints bounds the endpoints made of reserved ports, of which there may be
// thousands.
const maxEndpoints = 64

// endpoints gives each address and port that a client may connect to: published
// ports or, without any, reserved ones; at the agent's address where a port is
// mapped or the container has no address of its own.
func (r *reach) endpoints(each func(ip string, port uint64, name, protocol string)) {
	own := r.agent.Rec.GetAddress().GetIp()
	at := func(port uint64, name, protocol string) {
		host, mapped := r.mappings[uint32(port)]
		switch {
		case mapped:
			each(own, uint64(host), name, protocol)
		case len(r.containerIPs) > 0:
			each(r.containerIPs[0], port, name, protocol)
		default:
			each(own, port, name, protocol)
		}
	}
	for _, p := range r.ports {
		at(uint64(p.GetNumber()), p.GetName(), p.GetProtocol())
	}
	if len(r.ports) > 0 {
		return
	}
	n := 0
	for _, ports := range r.reserved {
		for port := ports.Begin; port <= ports.End && n < maxEndpoints; port++ {
			// Reserved ports are the agent's.
			each(own, port, "", "")
			n++
		}
	}
}

func appendReach(b []byte, r *reach) []byte {
	info := r.task.Info()
	b = json.String(append(b, '{'), `"framework_id":`, info.GetFrameworkId().GetValue())
	b = json.String(b, `"task_id":`, r.task.ID())
	b = json.String(b, `"name":`, info.GetName())
	b = json.Name(b, `"state":`, mesos.TaskState_name[int32(info.GetState())])
	if r.healthy != nil {
		b = json.Bool(b, `"healthy":`, *r.healthy)
	}
	b = json.String(b, `"agent_id":`, r.agent.ID())
	b = json.String(b, `"agent_hostname":`, r.agent.Info().GetHostname())
	b = json.String(b, `"agent_ip":`, r.agent.Rec.GetAddress().GetIp())
	b = appendStrings(b, `"container_ips":`, r.containerIPs)
	b = list(b, `"discovery_ports":`, func(b []byte) []byte {
		for _, p := range r.ports {
			b = append(p.AppendJSON(b), ',')
		}
		return b
	})
	b = list(b, `"resource_ports":`, func(b []byte) []byte {
		for _, p := range r.reserved {
			b = json.Int(append(b, '{'), `"begin":`, int64(p.Begin))
			b = json.EndMap(json.Int(b, `"end":`, int64(p.End)))
		}
		return b
	})
	b = list(b, `"endpoints":`, func(b []byte) []byte {
		r.endpoints(func(ip string, port uint64, name, protocol string) {
			b = json.String(append(b, '{'), `"ip":`, ip)
			b = json.Int(b, `"port":`, int64(port))
			if name != "" {
				b = json.String(b, `"name":`, name)
			}
			if protocol != "" {
				b = json.String(b, `"protocol":`, protocol)
			}
			b = json.EndMap(b)
		})
		return b
	})
	return json.End(b)
}
