package main

import (
	"fmt"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/resource"
)

// role is what the load reserves disk for.
const role = "torture"

var (
	// reservedDisk is what a volume is made on.
	reservedDisk = mustParse("disk:8")
	executorSize = mustParse("cpus:0.01;mem:48;disk:8")
)

// mixture makes tasks of every kind that agents know.
type mixture struct {
	binary, begun string
	next          int // counts what was made
}

// unit is one or more tasks that are launched together.
type unit struct {
	ids        []string
	operations []*mesos.Offer_Operation
	needs      resource.Resources
}

// one makes the next unit of tasks of a framework. name gives ids, millis lengths of tasks.
func (m *mixture) one(framework *mesos.FrameworkID, agent *mesos.AgentID, name func() string, millis func() int) unit {
	m.next++
	switch m.next % 5 {
	case 0:
		return m.command(agent, name(), millis(), nil)
	case 1:
		return m.command(agent, name(), millis(), checked)
	case 2:
		return m.group(framework, agent, name(), name(), millis)
	case 3:
		return m.custom(agent, name(), name(), millis)
	default:
		return m.volume(agent, name(), millis())
	}
}

func (m *mixture) task(agent *mesos.AgentID, id, line string) *mesos.TaskInfo {
	return &mesos.TaskInfo{
		Name: proto.String("torture"), TaskId: &mesos.TaskID{Value: &id}, AgentId: agent,
		Resources: allocated(wanted), Command: &mesos.CommandInfo{Value: &line},
	}
}

func allocated(rs resource.Resources) []*mesos.Resource {
	return rs.Allocate(role).ToProto(resource.PostRefinement)
}

// line notes the start of a task and then lets it live for a while.
func (m *mixture) line(id string, millis int) string {
	return fmt.Sprintf("echo %s >> %s; sleep %.3f", id, m.begun, float64(millis)/1000)
}

func launch(tasks ...*mesos.TaskInfo) *mesos.Offer_Operation {
	return &mesos.Offer_Operation{Type: mesos.Offer_Operation_LAUNCH.Enum(), Launch: &mesos.Offer_Operation_Launch{TaskInfos: tasks}}
}

func (m *mixture) command(agent *mesos.AgentID, id string, millis int, edit func(*mesos.TaskInfo)) unit {
	t := m.task(agent, id, m.line(id, millis))
	if edit != nil {
		edit(t)
	}
	return unit{ids: []string{id}, operations: []*mesos.Offer_Operation{launch(t)}, needs: wanted}
}

// checked gives a task checks that run often, one of them in its container.
func checked(t *mesos.TaskInfo) {
	often := proto.Float64(0.2)
	t.HealthCheck = &mesos.HealthCheck{
		Type: mesos.HealthCheck_COMMAND.Enum(), Command: &mesos.CommandInfo{Value: proto.String("true")},
		DelaySeconds: proto.Float64(0), IntervalSeconds: often,
	}
	t.Check = &mesos.CheckInfo{
		Type: mesos.CheckInfo_COMMAND.Enum(), Command: &mesos.CheckInfo_Command{Command: &mesos.CommandInfo{Value: proto.String("exit 3")}},
		DelaySeconds: proto.Float64(0), IntervalSeconds: often,
	}
}

func (m *mixture) group(framework *mesos.FrameworkID, agent *mesos.AgentID, a, b string, millis func() int) unit {
	ex := &mesos.ExecutorInfo{
		Type: mesos.ExecutorInfo_DEFAULT.Enum(), ExecutorId: &mesos.ExecutorID{Value: proto.String("pod-" + a)},
		FrameworkId: framework, Resources: allocated(executorSize),
	}
	tasks := []*mesos.TaskInfo{m.task(agent, a, m.line(a, millis())), m.task(agent, b, m.line(b, millis()))}
	return unit{ids: []string{a, b}, needs: wanted.Plus(wanted).Plus(executorSize), operations: []*mesos.Offer_Operation{{
		Type:        mesos.Offer_Operation_LAUNCH_GROUP.Enum(),
		LaunchGroup: &mesos.Offer_Operation_LaunchGroup{Executor: ex, TaskGroup: &mesos.TaskGroupInfo{Tasks: tasks}},
	}}}
}

func (m *mixture) custom(agent *mesos.AgentID, a, b string, millis func() int) unit {
	ex := &mesos.ExecutorInfo{
		Type: mesos.ExecutorInfo_CUSTOM.Enum(), ExecutorId: &mesos.ExecutorID{Value: proto.String("custom-" + a)},
		Resources: allocated(executorSize),
		Command: &mesos.CommandInfo{
			Shell: proto.Bool(false), Value: &m.binary, Arguments: []string{m.binary, "executor", m.begun},
			Environment: &mesos.Environment{Variables: []*mesos.Environment_Variable{
				{Name: proto.String("CAPROCK_TORTURE_PATIENCE"), Value: proto.String("1m")},
			}},
		},
	}
	u := unit{ids: []string{a, b}, needs: wanted.Plus(wanted).Plus(executorSize)}
	var tasks []*mesos.TaskInfo
	for _, id := range u.ids {
		t := m.task(agent, id, "")
		t.Command, t.Executor, t.Data = nil, ex, []byte(strconv.Itoa(millis()))
		tasks = append(tasks, t)
	}
	u.operations = []*mesos.Offer_Operation{launch(tasks...)}
	return u
}

// volume reserves disk, makes a volume on it and launches a task that relies on it.
func (m *mixture) volume(agent *mesos.AgentID, id string, millis int) unit {
	reserved, err := reservedDisk.PushReservation(&mesos.Resource_ReservationInfo{
		Type: mesos.Resource_ReservationInfo_DYNAMIC.Enum(), Role: proto.String(role)})
	if err != nil {
		panic("BUG: " + err.Error())
	}
	disk := allocated(reserved)
	made := proto.CloneOf(disk[0])
	made.Disk = &mesos.Resource_DiskInfo{
		Persistence: &mesos.Resource_DiskInfo_Persistence{Id: &id},
		Volume:      &mesos.Volume{ContainerPath: proto.String("data"), Mode: mesos.Volume_RW.Enum()},
	}
	t := m.task(agent, id, fmt.Sprintf(`[ -z "$(ls data/)" ] || exit 9; echo %s > data/id; %s; [ "$(cat data/id)" = %s ]`, id, m.line(id, millis), id))
	t.Resources = append(t.Resources, made)
	return unit{ids: []string{id}, needs: wanted.Plus(reservedDisk), operations: []*mesos.Offer_Operation{
		{Type: mesos.Offer_Operation_RESERVE.Enum(), Reserve: &mesos.Offer_Operation_Reserve{Resources: disk}},
		{Type: mesos.Offer_Operation_CREATE.Enum(), Create: &mesos.Offer_Operation_Create{Volumes: []*mesos.Resource{made}}},
		launch(t),
	}}
}

// cleanUp destroys what volumes are offered, and gives back what is reserved.
func cleanUp(offered resource.Resources) []*mesos.Offer_Operation {
	var out []*mesos.Offer_Operation
	for _, v := range offered.PersistentVolumes() {
		message := resource.Of(v).ToProto(resource.PostRefinement)
		out = append(out, &mesos.Offer_Operation{
			Type: mesos.Offer_Operation_DESTROY.Enum(), Destroy: &mesos.Offer_Operation_Destroy{Volumes: message}})
		plain := proto.CloneOf(message[0])
		plain.Disk = nil
		out = append(out, unreserve([]*mesos.Resource{plain}))
	}
	rest := offered.Reserved().Filter(func(r resource.Resource) bool { return !r.IsPersistentVolume() })
	if !rest.IsEmpty() {
		out = append(out, unreserve(rest.ToProto(resource.PostRefinement)))
	}
	return out
}

func unreserve(rs []*mesos.Resource) *mesos.Offer_Operation {
	return &mesos.Offer_Operation{Type: mesos.Offer_Operation_UNRESERVE.Enum(), Unreserve: &mesos.Offer_Operation_Unreserve{Resources: rs}}
}

func accept(offer *mesos.Offer, operations []*mesos.Offer_Operation) *scheduler.Call {
	return &scheduler.Call{Type: scheduler.Call_ACCEPT.Enum(), Accept: &scheduler.Call_Accept{
		OfferIds: []*mesos.OfferID{offer.GetId()}, Operations: operations,
		Filters: &mesos.Filters{RefuseSeconds: proto.Float64(0)},
	}}
}
