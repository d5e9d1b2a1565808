package api

import (
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/build"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/json"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// state answers /state with the JSON that Mesos' tools know.
func (a *server) state(c *httpd.Ctx) {
	var body []byte
	if a.view(c, func(_ *core.Core, v *core.View) { body = a.appendState(nil, v) }) {
		c.ReplyJSON(200, body)
	}
}

func (a *server) appendState(b []byte, v *core.View) []byte {
	b = build.AppendMembers(append(b, '{'), a.Release)
	b = double(b, "start_time", seconds(a.StartedAt))
	b = text(b, "id", v.AgentID)
	b = text(b, "pid", "slave(1)@"+net.JoinHostPort(a.IP, strconv.Itoa(a.Port)))
	b = text(b, "hostname", v.Info.GetHostname())
	b = append(json.Key(b, "capabilities"), '[')
	for _, cap := range v.Capabilities {
		b = append(json.AppendString(b, cap.String()), ',')
	}
	b = json.EndList(b)
	b = appendTotals(b, v)
	b = append(json.Key(b, "resource_providers"), "[],"...)
	b = appendAttributes(b, v.Info.Attributes)
	if v.Allocator != "" {
		host, _, err := net.SplitHostPort(v.Allocator)
		if err != nil {
			host = v.Allocator
		}
		b = text(b, "master_hostname", host)
	}
	if a.LogFile != "" {
		b = text(b, "log_dir", filepath.Dir(a.LogFile))
	}
	b = a.appendFlags(b)
	if v.DrainConfig != nil {
		b = append(v.DrainConfig.AppendJSON(json.Key(b, "drain_config")), ',')
		b = double(b, "estimated_drain_start_time_seconds", float64(v.DrainSince/1e9))
	}
	b = append(json.Key(b, "frameworks"), '[')
	for i := range v.Frameworks {
		b = append(appendFramework(b, &v.Frameworks[i]), ',')
	}
	b = json.EndList(b)
	b = append(json.Key(b, "completed_frameworks"), '[')
	for i := range v.Ended {
		b = append(appendFramework(b, &v.Ended[i]), ',')
	}
	return json.End(json.EndList(b))
}

func seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

// appendTotals appends what the agent has and what of it is in use, by role.
func appendTotals(b []byte, v *core.View) []byte {
	total, _ := resource.FromProto(v.Total)
	allocated, _ := resource.FromProto(allocatedTo(v))
	free := total.Unreserved()
	used := allocated.Unallocate()
	b = appendResources(b, "resources", total)
	b = append(json.Key(b, "reserved_resources"), '{')
	for _, role := range total.Reserved().ReservationRoles() {
		b = appendResources(b, role, total.ReservedTo(role))
	}
	b = json.EndMap(b)
	b = appendResources(b, "unreserved_resources", free)
	b = append(json.Key(b, "reserved_resources_full"), '{')
	for _, role := range total.Reserved().ReservationRoles() {
		b = appendFull(b, role, total.ReservedTo(role))
	}
	b = json.EndMap(b)
	b = appendFull(b, "unreserved_resources_full", free)
	b = append(json.Key(b, "reserved_resources_allocated"), '{')
	for _, role := range used.Reserved().ReservationRoles() {
		b = appendResources(b, role, used.ReservedTo(role))
	}
	b = json.EndMap(b)
	return appendResources(b, "unreserved_resources_allocated", used.Unreserved())
}

func allocatedTo(v *core.View) []*mesos.Resource {
	var all []*mesos.Resource
	for i := range v.Frameworks {
		for j := range v.Frameworks[i].Executors {
			all = append(all, v.Frameworks[i].Executors[j].Resources...)
		}
	}
	return all
}

// appendResources appends a member in the legacy form: four numbers that are always
// there, and the rest as found, ranges and sets as text.
func appendResources(b []byte, key string, rs resource.Resources) []byte {
	b = append(json.Key(b, key), '{')
	plain, revocable := rs.NonRevocable(), rs.Revocable()
	for _, name := range [...]string{"disk", "mem", "gpus", "cpus"} {
		b = double(b, name, resource.FloatFromMilli(plain.ScalarMilli(name)))
	}
	b = appendOthers(b, plain, "")
	b = appendOthers(b, revocable, "_revocable")
	return json.EndMap(b)
}

func appendOthers(b []byte, rs resource.Resources, suffix string) []byte {
	for _, name := range rs.Names() {
		if ranges := rs.Ranges(name); len(ranges) > 0 {
			b = text(b, name+suffix, ranges.String())
			continue
		}
		if items := rs.Items(name); len(items) > 0 {
			b = text(b, name+suffix, setText(items))
			continue
		}
		switch name {
		case "cpus", "mem", "disk", "gpus":
			if suffix == "" {
				continue
			}
		}
		b = double(b, name+suffix, resource.FloatFromMilli(rs.ScalarMilli(name)))
	}
	return b
}

func setText(items []string) string {
	out := "{"
	for i, it := range items {
		if i > 0 {
			out += ", "
		}
		out += it
	}
	return out + "}"
}

func appendFull(b []byte, key string, rs resource.Resources) []byte {
	b = append(json.Key(b, key), '[')
	for _, r := range rs.ToProto(resource.Endpoint) {
		b = append(r.AppendJSON(b), ',')
	}
	return json.EndList(b)
}

func appendAttributes(b []byte, attributes []*mesos.Attribute) []byte {
	b = append(json.Key(b, "attributes"), '{')
	for _, at := range attributes {
		switch at.GetType() {
		case mesos.Value_SCALAR:
			b = double(b, at.GetName(), at.GetScalar().GetValue())
		case mesos.Value_RANGES:
			var ranges []resource.Range
			for _, r := range at.GetRanges().GetRange() {
				ranges = append(ranges, resource.Range{Begin: r.GetBegin(), End: r.GetEnd()})
			}
			b = text(b, at.GetName(), resource.NewRanges(ranges...).String())
		default:
			b = text(b, at.GetName(), at.GetText().GetValue())
		}
	}
	return json.EndMap(b)
}

func appendFramework(b []byte, f *core.FrameworkView) []byte {
	info := f.Info
	b = text(append(b, '{'), "id", info.GetId().GetValue())
	b = text(b, "name", info.GetName())
	b = text(b, "user", info.GetUser())
	b = double(b, "failover_timeout", info.GetFailoverTimeout())
	b = boolean(b, "checkpoint", info.GetCheckpoint())
	b = text(b, "hostname", info.GetHostname())
	if info.Principal != nil {
		b = text(b, "principal", info.GetPrincipal())
	}
	if len(info.Roles) > 0 {
		b = append(json.Key(b, "roles"), '[')
		for _, r := range info.Roles {
			b = append(json.AppendString(b, r), ',')
		}
		b = json.EndList(b)
	} else {
		//lint:ignore SA1019 frameworks without MULTI_ROLE say it here
		b = text(b, "role", info.GetRole())
	}
	b = append(json.Key(b, "executors"), '[')
	for i := range f.Executors {
		b = append(appendExecutor(b, f.Info, &f.Executors[i]), ',')
	}
	b = append(json.Key(json.EndList(b), "completed_executors"), '[')
	for i := range f.Completed {
		b = append(appendExecutor(b, f.Info, &f.Completed[i]), ',')
	}
	return json.End(json.EndList(b))
}

func appendExecutor(b []byte, f *mesos.FrameworkInfo, e *core.ExecutorView) []byte {
	b = text(append(b, '{'), "id", e.Info.ExecutorId.GetValue())
	b = text(b, "name", e.Info.GetName())
	//lint:ignore SA1019 tools read it
	b = text(b, "source", e.Info.GetSource())
	b = text(b, "container", e.ContainerID)
	b = text(b, "directory", e.Directory)
	b = appendProtoResources(b, e.Resources)
	b = appendRole(b, e.Resources)
	if e.Info.Labels != nil {
		b = appendLabels(b, e.Info.Labels)
	}
	if e.Kind != record.Container_COMMAND {
		b = text(b, "type", e.Info.GetType().String())
	}
	b = append(json.Key(b, "tasks"), '[')
	for _, t := range e.Launched {
		b = append(appendTask(b, t), ',')
	}
	b = append(json.Key(json.EndList(b), "queued_tasks"), '[')
	for _, t := range e.Queued {
		b = append(appendQueued(b, f, e, t), ',')
	}
	b = append(json.Key(json.EndList(b), "completed_tasks"), '[')
	// As in Mesos those whose end waits for its acknowledgement are among them.
	for _, t := range slices.Concat(e.Completed, e.Terminated) {
		b = append(appendTask(b, t), ',')
	}
	return json.End(json.EndList(b))
}

func appendProtoResources(b []byte, list []*mesos.Resource) []byte {
	rs, err := resource.FromProto(list)
	if err != nil {
		rs = nil
	}
	return appendResources(b, "resources", rs.Unallocate())
}

func appendRole(b []byte, list []*mesos.Resource) []byte {
	for _, r := range list {
		if role := r.GetAllocationInfo().GetRole(); role != "" {
			return text(b, "role", role)
		}
	}
	return b
}

func appendLabels(b []byte, labels *mesos.Labels) []byte {
	b = append(json.Key(b, "labels"), '[')
	for _, l := range labels.GetLabels() {
		b = text(append(b, '{'), "key", l.GetKey())
		if l.Value != nil {
			b = text(b, "value", l.GetValue())
		}
		b = append(json.End(b), ',')
	}
	return json.EndList(b)
}

func appendQueued(b []byte, f *mesos.FrameworkInfo, e *core.ExecutorView, t *mesos.TaskInfo) []byte {
	executorID := e.Info.ExecutorId.GetValue()
	if e.Kind == record.Container_COMMAND {
		executorID = ""
	}
	b = text(append(b, '{'), "id", t.TaskId.GetValue())
	b = text(b, "name", t.GetName())
	b = text(b, "framework_id", f.GetId().GetValue())
	b = text(b, "executor_id", executorID)
	b = text(b, "slave_id", t.AgentId.GetValue())
	b = text(b, "state", mesos.TaskState_TASK_STAGING.String())
	b = appendProtoResources(b, t.Resources)
	b = appendRole(b, t.Resources)
	b = append(json.Key(b, "statuses"), "[],"...)
	return json.End(b)
}

func appendTask(b []byte, t *mesos.Task) []byte {
	b = text(append(b, '{'), "id", t.TaskId.GetValue())
	b = text(b, "name", t.GetName())
	b = text(b, "framework_id", t.FrameworkId.GetValue())
	b = text(b, "executor_id", t.ExecutorId.GetValue())
	b = text(b, "slave_id", t.AgentId.GetValue())
	b = text(b, "state", t.GetState().String())
	b = appendProtoResources(b, t.Resources)
	b = appendRole(b, t.Resources)
	b = append(json.Key(b, "statuses"), '[')
	for _, st := range t.Statuses {
		b = append(appendStatus(b, st), ',')
	}
	b = json.EndList(b)
	if t.Labels != nil {
		b = appendLabels(b, t.Labels)
	}
	if t.Discovery != nil {
		b = append(t.Discovery.AppendJSON(json.Key(b, "discovery")), ',')
	}
	if t.Container != nil {
		b = append(t.Container.AppendJSON(json.Key(b, "container")), ',')
	}
	if t.HealthCheck != nil {
		b = append(t.HealthCheck.AppendJSON(json.Key(b, "health_check")), ',')
	}
	if t.User != nil {
		b = text(b, "user", t.GetUser())
	}
	return json.End(b)
}

func appendStatus(b []byte, st *mesos.TaskStatus) []byte {
	b = text(append(b, '{'), "state", st.GetState().String())
	b = double(b, "timestamp", st.GetTimestamp())
	if st.Labels != nil {
		b = appendLabels(b, st.Labels)
	}
	if cs := st.ContainerStatus; cs != nil {
		b = append(json.Key(b, "container_status"), '{')
		if cs.ContainerId != nil {
			b = append(cs.ContainerId.AppendJSON(json.Key(b, "container_id")), ',')
		}
		if len(cs.NetworkInfos) > 0 {
			b = append(json.Key(b, "network_infos"), '[')
			for _, n := range cs.NetworkInfos {
				b = append(n.AppendJSON(b), ',')
			}
			b = json.EndList(b)
		}
		b = json.EndMap(b)
	}
	if st.Healthy != nil {
		b = boolean(b, "healthy", st.GetHealthy())
	}
	return json.End(b)
}
