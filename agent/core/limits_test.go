package core

import (
	"testing"

	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/mesos"
)

func memOf(mib float64) []*mesos.Resource {
	return []*mesos.Resource{{Name: new("mem"), Type: mesos.Value_SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: &mib}}}
}

// Revocable CPU has a small share, whoever in the container has it.
func TestRevocableCPUHasLowPriority(t *testing.T) {
	cpus := func(revocable bool) []*mesos.Resource {
		r := &mesos.Resource{Name: new("cpus"), Type: mesos.Value_SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: new(1.0)}}
		if revocable {
			r.Revocable = &mesos.Resource_RevocableInfo{}
		}
		return []*mesos.Resource{r}
	}
	for _, c := range []struct{ executor, task, equal, want bool }{
		{false, false, false, false}, {true, false, false, true}, {false, true, false, true}, {true, true, true, false},
	} {
		ct := &container{rec: &record.Container{Kind: record.Container_CUSTOM.Enum(), Executor: &mesos.ExecutorInfo{Resources: cpus(c.executor)}}}
		ct.tasks = []*task{{ct: ct, rec: &record.Task{Info: &mesos.TaskInfo{Resources: cpus(c.task)}}, prog: &record.Progress{}}}
		core := &Core{opts: Options{EqualRevocable: c.equal}}
		if got := core.limits(ct); got.CPULow != c.want || got.CPUMilli != 2000 {
			t.Errorf("%+v: got %+v", c, got)
		}
	}
}

// A member of a pod may use what the executor was given too, but is shown with its
// own.
func TestLimitsOfAMember(t *testing.T) {
	member := &task{
		rec: &record.Task{Info: &mesos.TaskInfo{Resources: memOf(64)}},
		ct:  &container{rec: &record.Container{Executor: &mesos.ExecutorInfo{Resources: memOf(32)}}},
	}
	if got := memberLimits(member).MemBytes; got != 96<<20 {
		t.Errorf("limited to %d MiB, want 96", got>>20)
	}
	if got := shownLimits(member); got.MemBytes != 64<<20 || got.MemSoftBytes != 64<<20 {
		t.Errorf("shown %+v, want 64 MiB", got)
	}
	member.rec.Info.Resources = memOf(1)
	if got := shownLimits(member); got.MemBytes != minMemBytes {
		t.Errorf("shown %d, want the least there is", got.MemBytes)
	}
}
