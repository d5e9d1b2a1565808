package core

import (
	"slices"

	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// launch starts tasks one by one: each succeeds or fails for itself.
func (acc *acceptance) launch(op *mesos.Offer_Operation) {
	infos := op.GetLaunch().GetTaskInfos()
	if op.Id != nil {
		acc.taskErrors(infos, mesos.TaskStatus_REASON_TASK_INVALID, "The `id` field cannot be set on LAUNCH operations")
		return
	}
	tasks, err := acc.readTasks(infos)
	if err != nil {
		acc.taskErrors(infos, mesos.TaskStatus_REASON_TASK_INVALID, err.Error())
		return
	}
	orders := launchOrders{acc: acc}
	defer orders.flush()
	for i := range tasks {
		t := &tasks[i]
		t.info.HealthCheck = inferHealthCheckType(t.info.HealthCheck)
		if e := t.info.Executor; e != nil && e.FrameworkId == nil {
			e.FrameworkId = acc.f.info().Id
		}
		context := launchContext{f: acc.f, a: acc.a, available: acc.available()}
		launchExecutor, err := context.validateLaunch(t)
		if err != nil {
			acc.taskErrors(infos[i:i+1], mesos.TaskStatus_REASON_TASK_INVALID, err.Error())
			continue
		}
		consumed := t.res
		if launchExecutor {
			acc.addExecutor(t.info.Executor, t.executorRes)
			consumed = consumed.Plus(t.executorRes)
		}
		acc.addTask(t)
		acc.consume(consumed)
		orders.add(t.info, launchExecutor)
	}
}

// launchOrders gathers the command tasks of one LAUNCH into few frames: the
// frame, its entry in the outbox and the framework's description in both cost
// more than a task.
type launchOrders struct {
	acc   *acceptance
	tasks []*mesos.TaskInfo
	bytes int
}

// Bounds of one frame; a task that is larger goes alone.
const (
	tasksPerOrder = 256
	bytesPerOrder = 1 << 20
)

// add orders a task. Tasks with an executor of their own go alone, in their
// place among the others.
func (o *launchOrders) add(info *mesos.TaskInfo, launchExecutor bool) {
	if info.Executor != nil {
		o.flush()
		o.send(&link.Launch{Executor: info.Executor, Tasks: []*mesos.TaskInfo{info}, LaunchExecutor: &launchExecutor})
		return
	}
	size := info.SizeVT()
	if len(o.tasks) == tasksPerOrder || o.bytes+size > bytesPerOrder {
		o.flush()
	}
	o.tasks = append(o.tasks, info)
	o.bytes += size
}

func (o *launchOrders) flush() {
	if len(o.tasks) > 0 {
		o.send(&link.Launch{Tasks: o.tasks, LaunchExecutor: ptr(false)})
		o.tasks, o.bytes = nil, 0
	}
}

func (o *launchOrders) send(l *link.Launch) {
	l.Framework = o.acc.f.info()
	o.acc.order(o.acc.a, &link.Down{Body: &link.Down_Launch{Launch: l}})
}

// launchGroup starts all tasks of a group on one executor, or none.
func (acc *acceptance) launchGroup(op *mesos.Offer_Operation) {
	infos := op.GetLaunchGroup().GetTaskGroup().GetTasks()
	refuse := func(text string) { acc.taskErrors(infos, mesos.TaskStatus_REASON_TASK_GROUP_INVALID, text) }
	if op.Id != nil {
		refuse("The `id` field cannot be set on LAUNCH_GROUP operations")
		return
	}
	group, err := acc.readGroup(op.GetLaunchGroup())
	if err != nil {
		refuse(err.Error())
		return
	}
	context := launchContext{f: acc.f, a: acc.a, available: acc.available()}
	launchExecutor, err := context.validateGroup(group)
	if err != nil {
		refuse(err.Error())
		return
	}
	var consumed resource.Resources
	if launchExecutor {
		acc.addExecutor(group.executor, group.executorRes)
		consumed = group.executorRes
	}
	order := &link.Launch{Framework: acc.f.info(), Executor: group.executor, Group: ptr(true), LaunchExecutor: ptr(launchExecutor)}
	for i := range group.tasks {
		t := &group.tasks[i]
		acc.addTask(t)
		consumed = consumed.Plus(t.res)
		order.Tasks = append(order.Tasks, t.info)
	}
	acc.consume(consumed)
	acc.order(acc.a, &link.Down{Body: &link.Down_Launch{Launch: order}})
}

// available is what a task may use: shared volumes are not used up by others.
func (acc *acceptance) available() resource.Resources {
	if acc.shared.IsEmpty() {
		return acc.remaining
	}
	return acc.remaining.NonShared().Plus(acc.shared)
}

// consume takes what was launched from what remains. Further copies of shared
// volumes are allocated as needed.
func (acc *acceptance) consume(consumed resource.Resources) {
	if shared := consumed.Shared(); !shared.IsEmpty() {
		if more := shared.Minus(acc.remaining.Shared()); !more.IsEmpty() {
			acc.conversions = append(acc.conversions, resource.Conversion{Converted: more})
		}
	}
	acc.remaining = acc.remaining.Minus(consumed)
	acc.launched = acc.launched.Plus(consumed)
}

func (acc *acceptance) addExecutor(info *mesos.ExecutorInfo, res resource.Resources) {
	acc.putExecutor(&record.Executor{FrameworkId: ptr(acc.f.id()), AgentId: ptr(acc.a.id()), Info: info}, res)
}

func (acc *acceptance) addTask(t *launchTask) {
	acc.taskAdded(acc.putTask(&record.Task{Task: newTask(acc.f.info().Id, acc.a.info().Id, t.info)}, t.list))
}

// taskErrors answers for tasks that will never exist.
func (acc *acceptance) taskErrors(infos []*mesos.TaskInfo, reason mesos.TaskStatus_Reason, text string) {
	for _, info := range infos {
		acc.sendUpdate(acc.f, acc.masterStatus(info.GetTaskId().GetValue(), info.GetAgentId().GetValue(),
			mesos.TaskState_TASK_ERROR, reason, text))
	}
}

// readTasks reads the resources of all tasks; one that is malformed spoils the
// operation.
func (acc *acceptance) readTasks(infos []*mesos.TaskInfo) ([]launchTask, error) {
	tasks := make([]launchTask, len(infos))
	for i, info := range infos {
		t := &tasks[i]
		next := cloneTaskInfo(info)
		next.Name = acc.lists.name(info.Name)
		t.info = next
		var err error
		if i > 0 && sameResources(info.Resources, infos[i-1].Resources) {
			// The copies of one task: read once, kept once.
			t.list, t.res, next.Resources = tasks[i-1].list, tasks[i-1].res, tasks[i-1].info.Resources
		} else {
			list, err := acc.lists.read(info.GetResources(), acc.role)
			if err != nil {
				return nil, faultf("task '%s': %w", info.GetTaskId().GetValue(), err)
			}
			t.list, t.res, next.Resources = list, list.res, list.wire
		}
		if info.Executor != nil {
			if next.Executor, t.executorRes, err = acc.readExecutor(info.Executor); err != nil {
				return nil, faultf("task '%s': executor: %w", info.GetTaskId().GetValue(), err)
			}
		}
	}
	return tasks, nil
}

func sameResources(a, b []*mesos.Resource) bool {
	return slices.EqualFunc(a, b, (*mesos.Resource).EqualVT)
}

func (acc *acceptance) readExecutor(info *mesos.ExecutorInfo) (*mesos.ExecutorInfo, resource.Resources, error) {
	next := cloneExecutorInfo(info)
	list, err := acc.lists.read(info.GetResources(), acc.role)
	if err != nil {
		return nil, nil, err
	}
	next.Resources = list.wire
	return next, list.res, nil
}

// readGroup reads a group; members without executor get the group's.
func (acc *acceptance) readGroup(op *mesos.Offer_Operation_LaunchGroup) (*launchGroup, error) {
	tasks, err := acc.readTasks(op.GetTaskGroup().GetTasks())
	if err != nil {
		return nil, err
	}
	g := &launchGroup{tasks: tasks}
	if g.executor, g.executorRes, err = acc.readExecutor(op.GetExecutor()); err != nil {
		return nil, faultf("executor: %w", err)
	}
	for i := range tasks {
		if tasks[i].info.Executor == nil {
			tasks[i].info.Executor = g.executor
		}
	}
	return g, nil
}

// readResources reads resources of either format and allocates to the offers'
// role what is not allocated yet.
func (acc *acceptance) readResources(list []*mesos.Resource) (resource.Resources, error) {
	rs, err := resource.FromProto(list)
	if err != nil {
		return nil, err
	}
	return allocateMissing(rs, acc.role), nil
}

func allocateMissing(rs resource.Resources, role string) resource.Resources {
	if len(rs.AllocationRoles()) == 0 {
		return rs.Allocate(role)
	}
	missing := rs.AllocatedTo("")
	if missing.IsEmpty() {
		return rs
	}
	return rs.Filter(func(r resource.Resource) bool { return r.AllocationRole() != "" }).Plus(missing.Allocate(role))
}

// cloneTaskInfo is a copy of the message that shares what it points to.
func cloneTaskInfo(t *mesos.TaskInfo) *mesos.TaskInfo {
	return &mesos.TaskInfo{
		Name: t.Name, TaskId: t.TaskId, AgentId: t.AgentId, Resources: t.Resources, Executor: t.Executor,
		Command: t.Command, Container: t.Container, HealthCheck: t.HealthCheck, Check: t.Check, KillPolicy: t.KillPolicy,
		Data: t.Data, Labels: t.Labels, Discovery: t.Discovery, MaxCompletionTime: t.MaxCompletionTime, Limits: t.Limits,
	}
}
