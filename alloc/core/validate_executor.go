//lint:file-ignore SA1019 Deprecated members are carried along.

package core

import (
	"google.golang.org/protobuf/proto"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// validateExecutor applies the rules for executors of tasks and groups.
func (l *launchContext) validateExecutor(e *mesos.ExecutorInfo, res resource.Resources) error {
	if err := ValidateExecutorInfo(e); err != nil {
		return err
	}
	if e.FrameworkId == nil {
		return faultf("'ExecutorInfo.framework_id' must be set")
	}
	if e.FrameworkId.GetValue() != l.f.id() {
		return faultf("ExecutorInfo has an invalid FrameworkID (got %s, want %s)", e.FrameworkId.GetValue(), l.f.id())
	}
	if err := validateUsedResources(res); err != nil {
		return faultf("Executor uses invalid resources: %w", err)
	}
	return l.validateSameExecutor(e)
}

// ValidateExecutorInfo applies the rules that need the description alone.
func ValidateExecutorInfo(e *mesos.ExecutorInfo) error {
	switch e.GetType() {
	case mesos.ExecutorInfo_DEFAULT:
		if e.Command != nil {
			return faultf("'ExecutorInfo.command' must not be set for 'DEFAULT' executor")
		}
		if e.Container != nil && e.Container.GetType() != mesos.ContainerInfo_MESOS {
			return faultf("'ExecutorInfo.container.type' must be 'MESOS' for 'DEFAULT' executor")
		}
		if e.GetContainer().GetMesos().GetImage() != nil {
			return faultf("'ExecutorInfo.container.mesos.image' must not be set for 'DEFAULT' executor")
		}
	case mesos.ExecutorInfo_CUSTOM:
		if e.Command == nil {
			return faultf("'ExecutorInfo.command' must be set for 'CUSTOM' executor")
		}
	}
	if err := resource.ValidateID(e.GetExecutorId().GetValue()); err != nil {
		return faultf("'ExecutorInfo.executor_id': %w", err)
	}
	if e.GetShutdownGracePeriod().GetNanoseconds() < 0 {
		return faultf("ExecutorInfo's 'shutdown_grace_period' must be non-negative")
	}
	if e.Command != nil {
		if err := ValidateCommand(e.Command); err != nil {
			return faultf("Executor's `CommandInfo` is invalid: %w", err)
		}
	}
	if err := ValidateContainer(e.Container); err != nil {
		return faultf("Executor's `ContainerInfo` is invalid: %w", err)
	}
	if l := e.GetContainer().GetLinuxInfo(); l != nil && l.ShareCgroups != nil && l.GetShareCgroups() {
		return faultf("The 'share_cgroups' field cannot be set to true on executor containers")
	}
	return nil
}

// validateSameExecutor: an executor id that is live on the agent means that very
// executor.
func (l *launchContext) validateSameExecutor(e *mesos.ExecutorInfo) error {
	live := l.a.executors[executorKey{agent: l.a.id(), framework: l.f.id(), executor: e.GetExecutorId().GetValue()}]
	if live == nil || sameExecutorInfo(live, e) {
		return nil
	}
	return faultf("ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID %q", live.ID())
}

// sameExecutorInfo compares descriptions; resources by what they mean.
func sameExecutorInfo(live *Executor, e *mesos.ExecutorInfo) bool {
	res, err := resource.FromProto(e.GetResources())
	if err != nil || !live.res.Equal(res) {
		return false
	}
	a, b := cloneExecutorInfo(live.Rec.Info), cloneExecutorInfo(e)
	a.Resources, b.Resources = nil, nil
	return proto.Equal(a, b)
}

func cloneExecutorInfo(e *mesos.ExecutorInfo) *mesos.ExecutorInfo {
	return &mesos.ExecutorInfo{
		Type: e.Type, ExecutorId: e.ExecutorId, FrameworkId: e.FrameworkId, Command: e.Command, Container: e.Container,
		Resources: e.Resources, Name: e.Name, Source: e.Source, Data: e.Data, Discovery: e.Discovery,
		ShutdownGracePeriod: e.ShutdownGracePeriod, Labels: e.Labels,
	}
}
