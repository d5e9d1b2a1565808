package core

import (
	"testing"

	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/mesos"
)

func memOf(mib float64) []*mesos.Resource {
	return []*mesos.Resource{{Name: new("mem"), Type: mesos.Value_SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: &mib}}}
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
