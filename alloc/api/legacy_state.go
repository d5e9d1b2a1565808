package api

import (
	"net"
	"path/filepath"
	"strconv"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/alloc/view"
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/build"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/json"
	"github.com/caprock/caprock/wire/mesos"
)

// state is /state: everything, in one body.
func (s *Server) state(c *httpd.Ctx) { s.replyRendered(c, "/state", s.appendState) }

func (s *Server) appendState(all *cluster, b []byte) []byte {
	all.join()
	b = s.appendAbout(append(b, '{'))
	b = s.appendAgentCounts(b, all.snap)
	info := s.opts.MasterInfo
	b = json.String(b, `"leader":`, info.GetPid())
	b = object(b, `"leader_info":`, func(b []byte) []byte {
		b = json.String(b, `"id":`, info.GetId())
		b = json.String(b, `"pid":`, info.GetPid())
		b = json.Uint(b, `"port":`, uint64(info.GetPort()))
		return json.String(b, `"hostname":`, info.GetHostname())
	})
	if s.opts.Cluster != "" {
		b = json.String(b, `"cluster":`, s.opts.Cluster)
	}
	if s.opts.LogFile != "" {
		b = json.String(b, `"log_dir":`, filepath.Dir(s.opts.LogFile))
	}
	b = s.appendFlags(b)
	b = all.appendSlaves(b, func(b []byte, _ *core.Agent) []byte { return b })
	b = all.appendRecovered(b)
	b = all.appendFrameworks(b, func(*core.Framework) bool { return true })
	return json.End(append(b, `"orphan_tasks":[],"unregistered_frameworks":[],`...))
}

// appendAbout says who this is and since when.
func (s *Server) appendAbout(b []byte) []byte {
	info := s.opts.MasterInfo
	b = build.AppendMembers(b, s.opts.Version)
	b = json.Double(b, `"start_time":`, s.master.GetStartTime())
	b = json.Double(b, `"elected_time":`, s.master.GetElectedTime())
	b = json.String(b, `"id":`, info.GetId())
	b = json.String(b, `"pid":`, info.GetPid())
	b = json.String(b, `"hostname":`, info.GetHostname())
	return list(b, `"capabilities":`, func(b []byte) []byte {
		for _, c := range info.GetCapabilities() {
			b = append(json.AppendString(b, c.GetType().String()), ',')
		}
		return b
	})
}

func (s *Server) appendAgentCounts(b []byte, snap *view.Snapshot) []byte {
	var active, inactive, unreachable float64
	for a := range snap.Agents.All() {
		switch {
		case a.Rec.GetPhase() == record.Agent_UNREACHABLE:
			unreachable++
		case a.Registered() && !a.Recovered:
			count(a.Active, &active, &inactive)
		}
	}
	b = json.Double(b, `"activated_slaves":`, active)
	b = json.Double(b, `"deactivated_slaves":`, inactive)
	return json.Double(b, `"unreachable_slaves":`, unreachable)
}

func (s *Server) appendFlags(b []byte) []byte {
	return object(b, `"flags":`, func(b []byte) []byte {
		for _, f := range s.opts.Flags {
			b = append(json.AppendString(b, f.Name), ':')
			b = append(json.AppendString(b, f.Value), ',')
		}
		return b
	})
}

// appendSlaves appends the registered agents; more adds members to each.
func (c *cluster) appendSlaves(b []byte, more func([]byte, *core.Agent) []byte) []byte {
	return list(b, `"slaves":`, func(b []byte) []byte {
		for a := range c.snap.Agents.All() {
			if a.Registered() && !a.Recovered {
				b = append(b, '{')
				b = json.EndMap(more(c.appendSlave(b, a), a))
			}
		}
		return b
	})
}

func (c *cluster) appendSlave(b []byte, a *core.Agent) []byte {
	info, use := a.Info(), c.sums.agent(a.ID())
	b = json.String(b, `"id":`, a.ID())
	b = json.String(b, `"hostname":`, info.GetHostname())
	b = json.Int(b, `"port":`, int64(info.GetPort()))
	b = appendAttributes(b, `"attributes":`, info.GetAttributes())
	if info.Domain != nil {
		b = message(b, `"domain":`, info.Domain)
	}
	b = appendAgentPID(b, a)
	b = json.Double(b, `"registered_time":`, secondsOf(a.Rec.GetRegisteredNanos()))
	if again := a.Rec.GetReregisteredNanos(); again != 0 {
		b = json.Double(b, `"reregistered_time":`, secondsOf(again))
	}
	total := a.Total()
	b = appendResources(b, `"resources":`, total)
	b = appendResources(b, `"used_resources":`, use.allocated)
	b = appendResources(b, `"offered_resources":`, use.offered)
	b = object(b, `"reserved_resources":`, func(b []byte) []byte {
		for _, role := range total.ReservationRoles() {
			b = append(json.AppendString(b, role), ':')
			b = appendResources(b, "", total.ReservedTo(role))
		}
		return b
	})
	b = appendResources(b, `"unreserved_resources":`, total.Unreserved())
	b = json.Bool(b, `"active":`, a.Active)
	b = json.Bool(b, `"deactivated":`, a.Rec.GetDeactivated())
	b = json.String(b, `"version":`, a.Rec.GetVersion())
	b = list(b, `"capabilities":`, func(b []byte) []byte {
		for _, capability := range a.Rec.GetCapabilities() {
			b = append(json.AppendString(b, mesos.AgentInfo_Capability_Type_name[int32(capability.GetType())]), ',')
		}
		return b
	})
	if a.Rec.Drain != nil {
		b = message(b, `"drain_info":`, a.Rec.Drain)
	}
	if a.Rec.GetDrainStartNanos() != 0 {
		b = json.Double(b, `"estimated_drain_start_time_seconds":`, secondsOf(a.Rec.GetDrainStartNanos()))
	}
	return b
}

// appendAgentPID appends the agent's actor address; tools find its endpoints through it.
func appendAgentPID(b []byte, a *core.Agent) []byte {
	port := a.Rec.GetAddress().GetPort()
	if port == 0 {
		port = a.Info().GetPort()
	}
	ip := a.Rec.GetAddress().GetIp()
	if !plainHost(ip) {
		return json.String(b, `"pid":`, "slave(1)@"+net.JoinHostPort(ip, strconv.Itoa(int(port))))
	}
	b = append(append(b, `"pid":"slave(1)@`...), ip...)
	b = strconv.AppendInt(append(b, ':'), int64(port), 10)
	return append(b, `",`...)
}

// plainHost says that neither JSON nor an address with a port writes a host in a
// special way, as is so for IPv4.
func plainHost(host string) bool {
	for i := range len(host) {
		if c := host[i]; c != '.' && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// appendSlaveFull adds what /slaves shows beyond /state: resources as messages.
func (c *cluster) appendSlaveFull(b []byte, a *core.Agent) []byte {
	total, use := a.Total(), c.sums.agent(a.ID())
	b = object(b, `"reserved_resources_full":`, func(b []byte) []byte {
		for _, role := range total.ReservationRoles() {
			b = append(json.AppendString(b, role), ':')
			b = appendFull(b, "", total.ReservedTo(role))
		}
		return b
	})
	b = appendFull(b, `"unreserved_resources_full":`, total.Unreserved())
	b = appendFull(b, `"used_resources_full":`, use.allocated)
	return appendFull(b, `"offered_resources_full":`, use.offered)
}

// appendRecovered appends the agents that are known from before this process
// started and have not come back yet.
func (c *cluster) appendRecovered(b []byte) []byte {
	return list(b, `"recovered_slaves":`, func(b []byte) []byte {
		for a := range c.snap.Agents.All() {
			if !a.Registered() || !a.Recovered {
				continue
			}
			b = append(b, '{')
			b = json.String(b, `"id":`, a.ID())
			b = json.String(b, `"hostname":`, a.Info().GetHostname())
			b = json.Int(b, `"port":`, int64(a.Info().GetPort()))
			b = json.EndMap(appendAttributes(b, `"attributes":`, a.Info().GetAttributes()))
		}
		return b
	})
}

func (c *cluster) appendFrameworks(b []byte, wanted func(*core.Framework) bool) []byte {
	some := func(completed bool) func([]byte) []byte {
		return func(b []byte) []byte {
			for f := range c.snap.Frameworks.All() {
				if f.Completed() == completed && wanted(f) {
					b = append(b, '{')
					b = json.EndMap(c.appendFramework(b, f))
				}
			}
			return b
		}
	}
	b = list(b, `"frameworks":`, some(false))
	return list(b, `"completed_frameworks":`, some(true))
}

// appendFrameworkSummary appends the members that /state-summary shows too.
func (c *cluster) appendFrameworkSummary(b []byte, f *core.Framework) []byte {
	info, use := f.Info(), c.sums.framework(f.ID())
	b = json.String(b, `"id":`, f.ID())
	b = json.String(b, `"name":`, info.GetName())
	b = appendResources(b, `"used_resources":`, use.allocated)
	b = appendResources(b, `"offered_resources":`, use.offered)
	b = list(b, `"capabilities":`, func(b []byte) []byte {
		for _, capability := range info.GetCapabilities() {
			b = append(json.AppendString(b, capability.GetType().String()), ',')
		}
		return b
	})
	b = json.String(b, `"hostname":`, info.GetHostname())
	b = json.String(b, `"webui_url":`, info.GetWebuiUrl())
	b = json.Bool(b, `"active":`, f.Active)
	b = json.Bool(b, `"connected":`, f.Connected)
	return json.Bool(b, `"recovered":`, f.Recovered)
}

func (c *cluster) appendFramework(b []byte, f *core.Framework) []byte {
	info, use := f.Info(), c.sums.framework(f.ID())
	b = c.appendFrameworkSummary(b, f)
	b = json.String(b, `"user":`, info.GetUser())
	b = json.Double(b, `"failover_timeout":`, info.GetFailoverTimeout())
	b = json.Bool(b, `"checkpoint":`, info.GetCheckpoint())
	b = json.Double(b, `"registered_time":`, secondsOf(f.Rec.GetRegisteredNanos()))
	b = json.Double(b, `"unregistered_time":`, secondsOf(f.Rec.GetUnregisteredNanos()))
	if info.Principal != nil {
		b = json.String(b, `"principal":`, info.GetPrincipal())
	}
	b = appendResources(b, `"resources":`, use.allocated.Plus(use.offered))
	if again := f.Rec.GetReregisteredNanos(); again != 0 && again != f.Rec.GetRegisteredNanos() {
		b = json.Double(b, `"reregistered_time":`, secondsOf(again))
	}
	if multiRole(info) {
		b = appendStrings(b, `"roles":`, info.GetRoles())
	} else {
		b = json.String(b, `"role":`, frameworkRoles(info)[0])
	}
	own := c.of(f.ID())
	var m core.TaskMessage
	tasks := func(of []*core.Task) func([]byte) []byte {
		return func(b []byte) []byte {
			for _, t := range of {
				b = append(b, '{')
				b = json.EndMap(appendTask(b, t, &m))
			}
			return b
		}
	}
	b = list(b, `"tasks":`, tasks(own.tasks))
	b = list(b, `"unreachable_tasks":`, tasks(own.unreachable))
	b = list(b, `"completed_tasks":`, tasks(own.completed))
	b = list(b, `"offers":`, func(b []byte) []byte {
		for _, o := range own.offers {
			b = appendOffer(b, o)
		}
		return b
	})
	b = list(b, `"executors":`, func(b []byte) []byte {
		for _, e := range own.executors {
			b = appendExecutor(b, e)
		}
		return b
	})
	b = appendLabels(b, `"labels":`, info.Labels)
	if f.Constraints() != nil {
		return message(b, `"offer_constraints":`, f.Constraints())
	}
	return append(b, `"offer_constraints":{},`...)
}
