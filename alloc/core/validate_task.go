package core

import (
	"math"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// launchTask is a task of an ACCEPT with its resources read: upgraded and
// allocated to the role of the offers.
type launchTask struct {
	info        *mesos.TaskInfo // with resources in the internal format
	res         resource.Resources
	list        *sharedList        // res, and how readers are shown them
	executorRes resource.Resources // of info.executor
}

// launchContext is what a task or group is held against.
type launchContext struct {
	f         *frameworkState
	a         *agentState
	available resource.Resources
}

// validateTask applies the rules that hold for every task, alone or in a group.
func (l *launchContext) validateTask(t *launchTask) error {
	info := t.info
	if err := resource.ValidateID(info.GetTaskId().GetValue()); err != nil {
		return faultf("'TaskInfo.task_id': %w", err)
	}
	if old := l.f.tasks[info.GetTaskId().GetValue()]; old != nil {
		if old.Unreachable() {
			return faultf("Task has duplicate ID: %s (unreachable)", old.ID())
		}
		return faultf("Task has duplicate ID: %s", old.ID())
	}
	if info.GetAgentId().GetValue() != l.a.id() {
		return faultf("Task uses invalid agent %s while agent %s is expected", info.GetAgentId().GetValue(), l.a.id())
	}
	if g := info.GetKillPolicy().GetGracePeriod(); g.GetNanoseconds() < 0 {
		return faultf("Task's 'kill_policy.grace_period' must be non-negative, got %d ns", g.GetNanoseconds())
	}
	if info.GetMaxCompletionTime().GetNanoseconds() < 0 {
		return faultf("Task's 'max_completion_time' must be non-negative, got %d ns", info.GetMaxCompletionTime().GetNanoseconds())
	}
	if info.Check != nil {
		if err := ValidateCheck(info.Check); err != nil {
			return faultf("Task uses invalid check: %w", err)
		}
	}
	if info.HealthCheck != nil {
		if err := ValidateHealthCheck(info.HealthCheck); err != nil {
			return faultf("Task uses invalid health check: %w", err)
		}
	}
	if t.res.IsEmpty() {
		return faultf("Task uses no resources")
	}
	if err := validateUsedResources(t.res); err != nil {
		return faultf("Task uses invalid resources: %w", err)
	}
	if err := validateLimits(t, l.a.caps); err != nil {
		return err
	}
	if info.Command != nil {
		if err := ValidateCommand(info.Command); err != nil {
			return faultf("Task's `CommandInfo` is invalid: %w", err)
		}
	}
	if err := ValidateContainer(info.Container); err != nil {
		return faultf("Task's `ContainerInfo` is invalid: %w", err)
	}
	return nil
}

// validateUsedResources applies the rules for what a task or executor uses.
func validateUsedResources(rs resource.Resources) error {
	for _, check := range []func() error{
		rs.Validate, rs.ValidateUniquePersistenceIDs, rs.ValidateAllocatedToSingleRole, rs.ValidateNoRevocableMix,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// validateLimits: limits are for cpus and mem, need a request, and are not below it.
func validateLimits(t *launchTask, caps agentCaps) error {
	limits := t.info.GetLimits()
	if len(limits) == 0 {
		return nil
	}
	if !caps.taskResourceLimits {
		return faultf("The agent does not support resource limits: it lacks the capability TASK_RESOURCE_LIMITS")
	}
	for _, name := range sortedKeys(limits) {
		if name != "cpus" && name != "mem" {
			return faultf("Resource limits are only supported for cpus and mem, got %q", name)
		}
		if limits[name] == nil || limits[name].Value == nil {
			return faultf("The resource limit of %s has no value", name)
		}
		request := t.res.ScalarMilli(name)
		if request == 0 {
			return faultf("A resource limit of %s needs a request of %s", name, name)
		}
		limit := limits[name].GetValue()
		if math.IsInf(limit, 1) {
			continue
		}
		if milli, ok := resource.MilliFromFloat(limit); !ok || milli < request {
			return faultf("The resource limit of %s is %v, below the request of %s", name, limit, resource.FormatMilli(request))
		}
	}
	return nil
}

// validateLaunch applies the rules for a task of LAUNCH. launchExecutor says
// whether its executor does not run yet, so that its resources count too.
func (l *launchContext) validateLaunch(t *launchTask) (launchExecutor bool, err error) {
	if err := l.validateTask(t); err != nil {
		return false, err
	}
	if t.info.GetContainer().GetLinuxInfo() != nil && !t.info.Container.LinuxInfo.GetShareCgroups() {
		return false, faultf("The 'TaskInfo' of a LAUNCH must not set 'share_cgroups' to false")
	}
	if (t.info.Executor != nil) == (t.info.Command != nil) {
		return false, faultf("Task should have at least one (but not both) of CommandInfo or ExecutorInfo present")
	}
	total := t.res
	if e := t.info.Executor; e != nil {
		if e.Type != nil && e.GetType() != mesos.ExecutorInfo_CUSTOM {
			return false, faultf("'ExecutorInfo.type' must be CUSTOM in a LAUNCH, got %v", e.GetType())
		}
		if e.Command == nil {
			return false, faultf("'ExecutorInfo.command' must be set in a LAUNCH")
		}
		if err := l.validateExecutor(e, t.executorRes); err != nil {
			return false, err
		}
		if !t.executorRes.Shared().IsEmpty() {
			return false, faultf("Executor resources %s contain shared resources, which executors cannot use", t.executorRes)
		}
		launchExecutor = !l.executorRuns(e)
		if launchExecutor {
			total = total.Plus(t.executorRes)
		}
		if err := validateTogether(t.res, t.executorRes); err != nil {
			return false, err
		}
	}
	if !l.available.Contains(total) {
		return false, faultf("Total resources %s required by task and its executor is more than available %s", total, l.available)
	}
	return launchExecutor, nil
}

// validateTogether are the rules for resources of a task and its executor, or of
// all members of a group.
func validateTogether(all ...resource.Resources) error {
	total := resource.Sum(all...)
	if err := total.NonShared().ValidateUniquePersistenceIDs(); err != nil {
		return err
	}
	if err := total.ValidateNoRevocableMix(); err != nil {
		return err
	}
	if resource.Overlap(all...) {
		return faultf("There are overlapping resources in the task resources and executor resources")
	}
	return nil
}

func (l *launchContext) executorRuns(e *mesos.ExecutorInfo) bool {
	return l.a.executors[executorKey{agent: l.a.id(), framework: l.f.id(), executor: e.GetExecutorId().GetValue()}] != nil
}
