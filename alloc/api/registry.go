package api

import (
	"slices"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/alloc/view"
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/json"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// registryPath is where a Mesos master shows what it has in its registry.
const registryPath = "/registrar(1)/registry"

// registry is /registrar(1)/registry: of what the store keeps, the part that Mesos
// keeps too, in the form of Mesos' registry.
func (s *Server) registry(c *httpd.Ctx) {
	snap := s.view.Snapshot()
	b := object([]byte{'{'}, `"master":`, func(b []byte) []byte { return message(b, `"info":`, s.opts.MasterInfo) })
	b = appendMachines(b, snap)
	b = appendKnownAgents(b, snap)
	b = appendRoleSettings(b, snap)
	c.ReplyJSON(200, json.End(b))
}

// appendMachines appends the maintenance schedule and the machines in it, once
// there has been one.
func appendMachines(b []byte, snap *view.Snapshot) []byte {
	if snap.Maintenance == nil || snap.Maintenance.Rec.GetSchedule() == nil {
		return b
	}
	var machines []*mesos.MachineInfo
	for _, w := range snap.Maintenance.Schedule().GetWindows() {
		for _, id := range w.GetMachineIds() {
			mode := mesos.MachineInfo_DRAINING
			if slices.ContainsFunc(snap.Maintenance.Rec.GetDown(), func(o *mesos.MachineID) bool { return sameMachine(o, id) }) {
				mode = mesos.MachineInfo_DOWN
			}
			machines = append(machines, &mesos.MachineInfo{Id: id, Mode: &mode, Unavailability: w.GetUnavailability()})
		}
	}
	b = object(b, `"machines":`, func(b []byte) []byte {
		if len(machines) == 0 {
			return b
		}
		return list(b, `"machines":`, func(b []byte) []byte {
			for _, m := range machines {
				b = json.EndMap(message(append(b, '{'), `"info":`, m))
			}
			return b
		})
	})
	if len(machines) == 0 {
		return b
	}
	return list(b, `"schedules":`, func(b []byte) []byte {
		return append(snap.Maintenance.Schedule().AppendJSON(b), ',')
	})
}

// appendKnownAgents appends the admitted agents, the unreachable and the gone.
func appendKnownAgents(b []byte, snap *view.Snapshot) []byte {
	for _, kind := range []struct {
		key    string
		is     func(*core.Agent) bool
		append func([]byte, *core.Agent) []byte
	}{
		{`"slaves":`, (*core.Agent).Registered, appendAdmitted},
		{`"unreachable":`, inPhase(record.Agent_UNREACHABLE), func(b []byte, a *core.Agent) []byte {
			return appendDrain(json.Bool(appendSince(b, a), `"deactivated":`, a.Rec.GetDeactivated()), a)
		}},
		{`"gone":`, inPhase(record.Agent_GONE), appendSince},
	} {
		some := false
		for a := range snap.Agents.All() {
			some = some || kind.is(a)
		}
		if !some {
			continue
		}
		b = object(b, kind.key, func(b []byte) []byte {
			return list(b, `"slaves":`, func(b []byte) []byte {
				for a := range snap.Agents.All() {
					if kind.is(a) {
						b = json.EndMap(kind.append(append(b, '{'), a))
					}
				}
				return b
			})
		})
	}
	return b
}

func inPhase(p record.Agent_Phase) func(*core.Agent) bool {
	return func(a *core.Agent) bool { return a.Rec.GetPhase() == p }
}

func appendAdmitted(b []byte, a *core.Agent) []byte {
	info := a.Info().CloneVT()
	if rs, err := resource.FromProto(info.Resources); err == nil {
		// As Mesos does: of agents that came new in the form of old masters, of
		// those that came back as they sent it.
		form := resource.Endpoint
		if a.Rec.GetReregisteredNanos() != 0 {
			form = resource.PostRefinement
		}
		info.Resources = rs.ToProto(form)
	}
	return message(appendDrain(json.Bool(b, `"deactivated":`, a.Rec.GetDeactivated()), a), `"info":`, info)
}

func appendDrain(b []byte, a *core.Agent) []byte {
	if a.Rec.Drain == nil {
		return b
	}
	return message(b, `"drain_info":`, a.Rec.Drain)
}

func appendSince(b []byte, a *core.Agent) []byte {
	b = object(b, `"id":`, func(b []byte) []byte { return json.String(b, `"value":`, a.ID()) })
	return object(b, `"timestamp":`, func(b []byte) []byte { return json.Int(b, `"nanoseconds":`, a.Rec.GetSinceNanos()) })
}

// appendRoleSettings appends quotas and weights, and what a master must be able to
// do to understand the registry.
func appendRoleSettings(b []byte, snap *view.Snapshot) []byte {
	var needed []string
	for a := range snap.Agents.All() {
		if a.Rec.Drain != nil || a.Rec.GetDeactivated() {
			needed = []string{mesos.MasterInfo_Capability_AGENT_DRAINING.String()}
		}
	}
	var quotas, weights []byte
	for known := range snap.Roles.All() {
		if q := known.Rec.GetQuota(); len(q.GetGuarantees())+len(q.GetLimits()) > 0 {
			quotas = append(q.AppendJSON(quotas), ',')
		}
		if known.Rec.Weight != nil {
			w := &mesos.WeightInfo{Weight: known.Rec.Weight, Role: known.Rec.Name}
			weights = json.EndMap(message(append(weights, '{'), `"info":`, w))
		}
	}
	if quotas != nil {
		needed = append(needed, mesos.MasterInfo_Capability_QUOTA_V2.String())
		b = list(b, `"quota_configs":`, func(b []byte) []byte { return append(b, quotas...) })
	}
	if weights != nil {
		b = list(b, `"weights":`, func(b []byte) []byte { return append(b, weights...) })
	}
	if needed == nil {
		return b
	}
	return list(b, `"minimum_capabilities":`, func(b []byte) []byte {
		for _, name := range needed {
			b = json.EndMap(json.String(append(b, '{'), `"capability":`, name))
		}
		return b
	})
}
