package core

import (
	"slices"
	"testing"

	"github.com/caprock/caprock/wire/mesos"
)

// Readers find the executor that Mesos has for a command task: with the task's
// container, labels, discovery, environment and URIs, its resources in the same role, and 2 s more to end.
func TestExecutorThatIsShownForACommandTask(t *testing.T) {
	w := newWorld(t)
	w.connect()
	w.launchCommand()
	w.rest()
	f := w.core.frameworks["F"]
	labels := &mesos.Labels{Labels: []*mesos.Label{{Key: new("a"), Value: new("b")}}}
	info := &mesos.TaskInfo{
		Name: new("n"), TaskId: &mesos.TaskID{Value: new("t")}, AgentId: &mesos.AgentID{Value: new("S0")}, Labels: labels,
		Resources: []*mesos.Resource{{Name: new("cpus"), Type: mesos.Value_SCALAR.Enum(),
			Scalar: &mesos.Value_Scalar{Value: new(1.0)}, AllocationInfo: &mesos.Resource_AllocationInfo{Role: new("eng")}}},
		Container: &mesos.ContainerInfo{Type: mesos.ContainerInfo_MESOS.Enum(), NetworkInfos: []*mesos.NetworkInfo{{Name: new("net")}}},
		Discovery: &mesos.DiscoveryInfo{Visibility: mesos.DiscoveryInfo_CLUSTER.Enum(), Name: new("web")},
		Command: &mesos.CommandInfo{Value: new("sleep 100000"), User: new("nobody"), Uris: []*mesos.CommandInfo_URI{{Value: new("file:///x")}},
			Environment: &mesos.Environment{Variables: []*mesos.Environment_Variable{{Name: new("A"), Value: new("1")}}}},
		KillPolicy: &mesos.KillPolicy{GracePeriod: &mesos.DurationInfo{Nanoseconds: new(int64(5e9))}},
	}
	ex := commandExecutor(f, info)
	if ex.ExecutorId.GetValue() != "t" || ex.FrameworkId.GetValue() != "F" || ex.GetName() != "Command Executor (Task: t) (Command: sh -c 'sleep 100000')" {
		t.Errorf("got %q of %v, named %q", ex.ExecutorId.GetValue(), ex.FrameworkId, ex.GetName())
	}
	if !ex.Container.EqualVT(info.Container) || !ex.Labels.EqualVT(labels) || !ex.Discovery.EqualVT(info.Discovery) {
		t.Errorf("got container %v, labels %v, discovery %v, want the task's", ex.Container, ex.Labels, ex.Discovery)
	}
	c := ex.Command
	if c.GetShell() || c.GetUser() != "nobody" || !c.Environment.EqualVT(info.Command.Environment) || len(c.Uris) != 1 ||
		!slices.Equal(c.Arguments, []string{"mesos-executor", "--launcher_dir=/usr/libexec/mesos"}) {
		t.Errorf("got command %v", c)
	}
	if g := ex.ShutdownGracePeriod.GetNanoseconds(); g != 7e9 {
		t.Errorf("got a grace of %d ns, want the task's and 2 s", g)
	}
	for i, want := range []struct {
		name  string
		value float64
	}{{"cpus", 0.1}, {"mem", 32}} {
		r := ex.Resources[i]
		if r.GetName() != want.name || r.GetScalar().GetValue() != want.value || r.GetAllocationInfo().GetRole() != "eng" {
			t.Errorf("got resource %v, want %v %v of role eng", r, want.name, want.value)
		}
	}
	for _, tc := range []struct {
		cmd  *mesos.CommandInfo
		want string
	}{
		{&mesos.CommandInfo{Value: new("a line that is rather long")}, "sh -c 'a line that ...'"},
		{&mesos.CommandInfo{}, "NO COMMAND"},
		{&mesos.CommandInfo{Shell: new(false)}, "NO EXECUTABLE"},
		{&mesos.CommandInfo{Shell: new(false), Value: new("/x"), Arguments: []string{"a", "b"}}, "[/x, a, b]"},
	} {
		if got := commandLabel(tc.cmd); got != tc.want {
			t.Errorf("%v is shown as %s, want %s", tc.cmd, got, tc.want)
		}
	}
}
