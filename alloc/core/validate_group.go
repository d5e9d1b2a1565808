package core

import (
	"google.golang.org/protobuf/proto"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// Executors of task groups need at least this much.
const (
	minExecutorCPUsMilli = 10
	minExecutorMemMilli  = 32 * 1000
)

// launchGroup is the task group of a LAUNCH_GROUP.
type launchGroup struct {
	executor    *mesos.ExecutorInfo
	executorRes resource.Resources
	tasks       []launchTask
}

// validateGroup applies the rules for a LAUNCH_GROUP as a whole. launchExecutor
// says whether the executor does not run yet. That no task is in it twice,
// ValidateSchedulerCall has seen.
func (l *launchContext) validateGroup(g *launchGroup) (launchExecutor bool, err error) {
	if len(g.tasks) == 0 {
		return false, faultf("Task group cannot be empty")
	}
	for i := range g.tasks {
		id := g.tasks[i].info.GetTaskId().GetValue()
		if err := l.validateMember(&g.tasks[i]); err != nil {
			return false, faultf("Task '%s' is invalid: %w", id, err)
		}
	}
	if err := l.validateGroupExecutor(g); err != nil {
		return false, err
	}
	launchExecutor = !l.executorRuns(g.executor)
	if err := l.validateGroupResources(g, launchExecutor); err != nil {
		return false, err
	}
	return launchExecutor, l.validateShareCgroups(g)
}

func (l *launchContext) validateMember(t *launchTask) error {
	if err := l.validateTask(t); err != nil {
		return err
	}
	container := t.info.GetContainer()
	if container != nil && len(container.GetNetworkInfos()) > 0 {
		switch t.info.GetHealthCheck().GetType() {
		case mesos.HealthCheck_HTTP, mesos.HealthCheck_TCP:
			return faultf("HTTP and TCP health checks are not supported for nested containers not joining parent's network")
		}
	}
	if container != nil && container.GetType() == mesos.ContainerInfo_DOCKER {
		return faultf("Docker ContainerInfo is not supported on the task")
	}
	if len(t.info.GetLimits()) > 0 && (container.GetLinuxInfo() == nil || container.LinuxInfo.GetShareCgroups()) {
		return faultf("Resource limits may only be set for tasks within a task group when 'share_cgroups' is set to false")
	}
	return nil
}

func (l *launchContext) validateGroupExecutor(g *launchGroup) error {
	e := g.executor
	if e.Type == nil || e.GetType() == mesos.ExecutorInfo_UNKNOWN {
		return faultf("'ExecutorInfo.type' must be set for a task group")
	}
	if err := l.validateExecutor(e, g.executorRes); err != nil {
		return err
	}
	if e.Container != nil && e.Container.GetType() == mesos.ContainerInfo_DOCKER {
		return faultf("Docker ContainerInfo is not supported on the executor")
	}
	for i := range g.tasks {
		if own := g.tasks[i].info.Executor; own != nil && own != e && !proto.Equal(own, e) {
			return faultf("The 'ExecutorInfo' of task '%s' is different from that of the task group", g.tasks[i].info.GetTaskId().GetValue())
		}
	}
	cpus, mem := g.executorRes.ScalarMilli("cpus"), g.executorRes.ScalarMilli("mem")
	switch {
	case cpus < minExecutorCPUsMilli:
		return faultf("Executor '%s' uses less CPUs (%s) than the minimum required (0.01)", e.GetExecutorId().GetValue(), resource.FormatMilli(cpus))
	case mem < minExecutorMemMilli:
		return faultf("Executor '%s' uses less memory (%s) than the minimum required (32)", e.GetExecutorId().GetValue(), resource.FormatMilli(mem))
	case g.executorRes.ScalarMilli("disk") == 0:
		return faultf("Executor '%s' uses no disk", e.GetExecutorId().GetValue())
	}
	return nil
}

func (l *launchContext) validateGroupResources(g *launchGroup, launchExecutor bool) error {
	all := make([]resource.Resources, 0, len(g.tasks)+1)
	for i := range g.tasks {
		all = append(all, g.tasks[i].res)
	}
	needed := resource.Sum(all...)
	if launchExecutor {
		needed = needed.Plus(g.executorRes)
	}
	all = append(all, g.executorRes)
	if err := validateTogether(all...); err != nil {
		return err
	}
	if err := resource.Sum(all...).ValidateUniquePersistenceIDs(); err != nil {
		return err
	}
	if !l.available.Contains(needed) {
		return faultf("Total resources %s required by task group and its executor are more than available %s", needed, l.available)
	}
	return nil
}

// validateShareCgroups: all tasks of an executor, of this group and earlier ones,
// share cgroups or none does.
func (l *launchContext) validateShareCgroups(g *launchGroup) error {
	shares := func(c *mesos.ContainerInfo) bool {
		return c.GetLinuxInfo().GetShareCgroups() || c.GetLinuxInfo() == nil
	}
	want := shares(g.tasks[0].info.GetContainer())
	for i := range g.tasks {
		if shares(g.tasks[i].info.GetContainer()) != want {
			return faultf("If set, the value of 'share_cgroups' must be the same for all tasks in the group")
		}
	}
	for _, t := range l.a.tasks {
		if t.FrameworkID() == l.f.id() && t.executor() == g.executor.GetExecutorId().GetValue() && !t.terminal() && shares(t.Container()) != want {
			return faultf("If set, the value of 'share_cgroups' must be the same for all tasks under an executor")
		}
	}
	return nil
}
