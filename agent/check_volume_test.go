package agent_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/caprock/caprock/wire/mesos"
)

// A check of a group's member sees its volume as the member does.
func TestHealthCheckReadsAVolume(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	v := reserved(64, "db")
	alloc.reserve(reserved(64, ""))
	alloc.createVolume(v)
	member := on(shell("m", "echo kept > data/file; sleep 1000"), v)
	member.HealthCheck = healthCheck(mesos.HealthCheck_COMMAND)
	member.HealthCheck.GracePeriodSeconds = new(10.0)
	member.HealthCheck.Command = &mesos.CommandInfo{Value: new(`test "$(cat data/file)" = kept`)}
	alloc.pod("p", true, member)
	alloc.awaitStatus("m", "healthy", isHealthy(true))
	if err := os.Remove(filepath.Join(n.volume("db"), "file")); err != nil {
		t.Fatal(err)
	}
	if st := alloc.await("m", mesos.TaskState_TASK_KILLED); st.Healthy == nil || st.GetHealthy() {
		t.Errorf("the terminal status is not unhealthy: %v", st)
	}
}

// A check has the environment of its task, and its own on top.
func TestEnvironmentOfChecks(t *testing.T) {
	alloc := newAllocator(t)
	startNode(t, alloc, nil)
	variables := func(pairs ...string) *mesos.Environment {
		e := &mesos.Environment{}
		for i := 0; i < len(pairs); i += 2 {
			e.Variables = append(e.Variables, &mesos.Environment_Variable{Name: &pairs[i], Value: &pairs[i+1]})
		}
		return e
	}
	info := shell("t", "sleep 1000")
	info.Command.Environment = variables("WHO", "task", "LEFT", "alone")
	info.Check = &mesos.CheckInfo{
		Type: mesos.CheckInfo_COMMAND.Enum(), DelaySeconds: new(0.0), IntervalSeconds: new(0.05),
		Command: &mesos.CheckInfo_Command{Command: &mesos.CommandInfo{
			Value:       new(`[ "$WHO $LEFT $OPERATOR" = "check alone yes" ] && [ "$MESOS_SANDBOX" = "$(pwd -P)" ] || exit 7; exit 42`),
			Environment: variables("WHO", "check"),
		}},
	}
	alloc.launch(framework(), info)
	st := alloc.awaitStatus("t", "checked", func(st *mesos.TaskStatus) bool {
		return st.GetReason() == mesos.TaskStatus_REASON_TASK_CHECK_STATUS_UPDATED && st.CheckStatus.GetCommand().ExitCode != nil
	})
	if got := st.CheckStatus.GetCommand().GetExitCode(); got != 42 {
		t.Errorf("the check ended with %d, want 42", got)
	}
}

// A check may ask for IPv6.
func TestHealthCheckOverIPv6(t *testing.T) {
	ln, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skipf("SKIP-ENV: no IPv6: %v", err)
	}
	defer ln.Close()
	alloc := newAllocator(t)
	startNode(t, alloc, nil)
	port := portOf(t, ln.Addr().String())
	info := shell("t", "sleep 1000")
	info.HealthCheck = healthCheck(mesos.HealthCheck_TCP)
	info.HealthCheck.Tcp = &mesos.HealthCheck_TCPCheckInfo{Port: &port, Protocol: mesos.NetworkInfo_IPv6.Enum()}
	alloc.launch(framework(), info)
	alloc.awaitStatus("t", "healthy", isHealthy(true))
}
