package api

import (
	"slices"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/wire/json"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// What belongs to a framework, as the old endpoints show it.

func appendOffer(b []byte, o *core.Offer) []byte {
	b = append(b, '{')
	b = json.String(b, `"id":`, o.ID())
	b = json.String(b, `"framework_id":`, o.FrameworkID())
	b = object(b, `"allocation_info":`, func(b []byte) []byte { return json.String(b, `"role":`, o.Role()) })
	b = json.String(b, `"slave_id":`, o.AgentID())
	b = appendResources(b, `"resources":`, o.Resources())
	return json.EndMap(b)
}

func appendExecutor(b []byte, e *core.Executor) []byte {
	info := e.Rec.GetInfo()
	b = append(b, '{')
	b = json.String(b, `"executor_id":`, info.GetExecutorId().GetValue())
	b = json.String(b, `"name":`, info.GetName())
	b = json.String(b, `"framework_id":`, e.Rec.GetFrameworkId())
	b = object(b, `"command":`, func(b []byte) []byte { return appendCommand(b, info.GetCommand()) })
	b = appendResources(b, `"resources":`, e.Resources())
	b = appendRoleOf(b, e.Resources())
	b = appendLabels(b, `"labels":`, info.Labels)
	if info.Type != nil {
		b = json.String(b, `"type":`, info.GetType().String())
	}
	b = json.String(b, `"slave_id":`, e.Rec.GetAgentId())
	return json.EndMap(b)
}

// appendCommand appends a command's fields; a default executor has none and shows
// empty lists.
func appendCommand(b []byte, command *mesos.CommandInfo) []byte {
	if command == nil {
		command = &mesos.CommandInfo{}
	}
	if command.Shell != nil {
		b = json.Bool(b, `"shell":`, command.GetShell())
	}
	if command.Value != nil {
		b = json.String(b, `"value":`, command.GetValue())
	}
	b = appendStrings(b, `"argv":`, command.GetArguments())
	if command.GetEnvironment() != nil {
		b = message(b, `"environment":`, command.GetEnvironment())
	}
	return list(b, `"uris":`, func(b []byte) []byte {
		for _, u := range command.GetUris() {
			b = append(b, '{')
			b = json.String(b, `"value":`, u.GetValue())
			b = json.Bool(b, `"executable":`, u.GetExecutable())
			b = json.EndMap(b)
		}
		return b
	})
}

// appendTask appends a task as every old endpoint shows it. m is memory that is used again.
func appendTask(b []byte, t *core.Task, m *core.TaskMessage) []byte {
	info := t.InfoIn(m)
	b = json.String(b, `"id":`, t.ID())
	b = json.String(b, `"name":`, info.GetName())
	b = json.String(b, `"framework_id":`, info.GetFrameworkId().GetValue())
	b = json.String(b, `"executor_id":`, info.GetExecutorId().GetValue())
	b = json.String(b, `"slave_id":`, info.GetAgentId().GetValue())
	b = json.Name(b, `"state":`, mesos.TaskState_name[int32(info.GetState())])
	b = appendResources(b, `"resources":`, t.Resources())
	if len(info.GetLimits()) > 0 {
		b = object(b, `"limits":`, func(b []byte) []byte {
			for _, name := range json.SortedKeys(info.GetLimits(), nil) {
				b = json.Double(append(json.AppendString(b, name), ':'), "", info.GetLimits()[name].GetValue())
			}
			return b
		})
	}
	b = appendRoleOf(b, t.Resources())
	b = list(b, `"statuses":`, func(b []byte) []byte {
		for _, s := range info.GetStatuses() {
			b = appendStatus(b, s)
		}
		return b
	})
	if info.User != nil {
		b = json.String(b, `"user":`, info.GetUser())
	}
	b = appendLabels(b, `"labels":`, info.Labels)
	if info.Discovery != nil {
		b = message(b, `"discovery":`, info.Discovery)
	}
	if info.Container != nil {
		b = message(b, `"container":`, info.Container)
	}
	if info.HealthCheck != nil {
		b = message(b, `"health_check":`, info.HealthCheck)
	}
	return b
}

// appendRoleOf appends the role that resources are allocated to: one, for what
// belongs to a task or an executor.
func appendRoleOf(b []byte, rs resource.Resources) []byte {
	if len(rs) == 0 {
		return b
	}
	return json.String(b, `"role":`, rs[0].AllocationRole())
}

func appendStatus(b []byte, s *mesos.TaskStatus) []byte {
	b = append(b, '{')
	b = json.Name(b, `"state":`, mesos.TaskState_name[int32(s.GetState())])
	b = json.Double(b, `"timestamp":`, s.GetTimestamp())
	b = appendLabels(b, `"labels":`, s.Labels)
	if cs := s.ContainerStatus; cs != nil {
		shown := &mesos.ContainerStatus{ContainerId: cs.ContainerId, NetworkInfos: cs.NetworkInfos, CgroupInfo: cs.CgroupInfo}
		b = message(b, `"container_status":`, shown)
	}
	if s.Healthy != nil {
		b = json.Bool(b, `"healthy":`, s.GetHealthy())
	}
	return json.EndMap(b)
}

// sortTasks orders tasks by the time of their first status.
func sortTasks(tasks []*core.Task, ascending bool) {
	slices.SortStableFunc(tasks, func(a, b *core.Task) int {
		switch x, y := a.FirstTimestamp(), b.FirstTimestamp(); {
		case x == y:
			return 0
		case (x < y) == ascending:
			return -1
		}
		return 1
	})
}
