package caprock

import (
	"fmt"

	"github.com/caprock/caprock/bench/peers/work"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/resource"
)

// roles is how many roles the applications are dealt over.
const roles = 10

func roleOf(app int) string { return fmt.Sprintf("role%d", app%roles) }

func parse(text string) resource.Resources {
	rs, err := resource.Parse(text, "*")
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return rs
}

// nodeResources also has disk and ports, as the agents of Wire have.
var nodeResources = parse(fmt.Sprintf("cpus:%d;mem:%d;disk:1048576;ports:[31000-32000]", work.NodeCPUs, work.NodeMemMiB)).
	ToProto(resource.PostRefinement)

func taskResources(role string) []*mesos.Resource {
	return parse(fmt.Sprintf("cpus:%d;mem:%d", work.TaskCPUs, work.TaskMemMiB)).Allocate(role).ToProto(resource.PostRefinement)
}

func register(node int) *link.Register {
	hostname, port, ip := work.Node(node), int32(5051), fmt.Sprintf("10.%d.%d.%d", node>>16&255, node>>8&255, node&255)
	version, boot, instance := "1.12.0", "boot-1", fmt.Sprintf("instance-%d", node)
	r := &link.Register{
		Agent: &mesos.AgentInfo{Hostname: &hostname, Port: &port, Resources: nodeResources}, Total: nodeResources,
		Version: &version, BootId: &boot, Instance: &instance, Address: &mesos.Address{Ip: &ip, Port: &port},
	}
	for _, c := range []mesos.AgentInfo_Capability_Type{
		mesos.AgentInfo_Capability_MULTI_ROLE, mesos.AgentInfo_Capability_HIERARCHICAL_ROLE,
		mesos.AgentInfo_Capability_RESERVATION_REFINEMENT, mesos.AgentInfo_Capability_AGENT_OPERATION_FEEDBACK,
	} {
		r.Capabilities = append(r.Capabilities, &mesos.AgentInfo_Capability{Type: c.Enum()})
	}
	return r
}

func frameworkInfo(app int) *mesos.FrameworkInfo {
	name, user := work.App(app), "root"
	info := &mesos.FrameworkInfo{Name: &name, User: &user, Roles: []string{roleOf(app)}}
	for _, c := range []mesos.FrameworkInfo_Capability_Type{
		mesos.FrameworkInfo_Capability_MULTI_ROLE, mesos.FrameworkInfo_Capability_RESERVATION_REFINEMENT,
		mesos.FrameworkInfo_Capability_PARTITION_AWARE,
	} {
		info.Capabilities = append(info.Capabilities, &mesos.FrameworkInfo_Capability{Type: c.Enum()})
	}
	return info
}

// fit is how many tasks an offer has room for.
func fit(o *mesos.Offer) int {
	n := 0
	for _, r := range o.GetResources() {
		if r.GetName() == "cpus" {
			n += int(r.GetScalar().GetValue()+1e-6) / work.TaskCPUs
		}
	}
	return n
}

var task = struct {
	name    string
	command *mesos.CommandInfo
}{"task", &mesos.CommandInfo{Value: &[]string{"task"}[0]}}

// accept launches n tasks, from number first of the framework, and takes the rest of the offer
// again at once.
func accept(o *mesos.Offer, f *framework, first, n int) *scheduler.Call {
	launch := &mesos.Offer_Operation_Launch{TaskInfos: make([]*mesos.TaskInfo, n)}
	for i := range launch.TaskInfos {
		id := work.Task(f.number, first+i)
		launch.TaskInfos[i] = &mesos.TaskInfo{Name: &task.name, TaskId: &mesos.TaskID{Value: &id}, AgentId: o.AgentId,
			Resources: f.tasks, Command: task.command}
	}
	return &scheduler.Call{Type: scheduler.Call_ACCEPT.Enum(), Accept: &scheduler.Call_Accept{
		OfferIds:   []*mesos.OfferID{o.Id},
		Operations: []*mesos.Offer_Operation{{Type: mesos.Offer_Operation_LAUNCH.Enum(), Launch: launch}},
		Filters:    &mesos.Filters{RefuseSeconds: new(float64)},
	}}
}

// decline gives offers back; a framework that wants no more is suppressed, so there is no need to
// refuse them for long.
func decline(offers []*mesos.Offer) *scheduler.Call {
	d := &scheduler.Call_Decline{Filters: &mesos.Filters{RefuseSeconds: new(float64)}}
	for _, o := range offers {
		d.OfferIds = append(d.OfferIds, o.Id)
	}
	return &scheduler.Call{Type: scheduler.Call_DECLINE.Enum(), Decline: d}
}
