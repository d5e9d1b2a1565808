package agent_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/caprock/caprock/agent/runner"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

func healthCheck(kind mesos.HealthCheck_Type) *mesos.HealthCheck {
	return &mesos.HealthCheck{
		Type: kind.Enum(), DelaySeconds: new(0.0), IntervalSeconds: new(0.05),
		GracePeriodSeconds: new(0.0), ConsecutiveFailures: new(uint32(2)),
	}
}

// awaitStatus waits for a status of a task of which ok holds.
func (a *allocator) awaitStatus(task, what string, ok func(*mesos.TaskStatus) bool) *mesos.TaskStatus {
	a.t.Helper()
	var found *mesos.TaskStatus
	a.wait(task+" to be "+what, func() bool {
		for _, u := range a.updates {
			if u.Status.TaskId.GetValue() == task && ok(u.Status) {
				found = u.Status
			}
		}
		return found != nil
	})
	return found
}

func isHealthy(want bool) func(*mesos.TaskStatus) bool {
	return func(st *mesos.TaskStatus) bool {
		return st.GetReason() == mesos.TaskStatus_REASON_TASK_HEALTH_CHECK_STATUS_UPDATED && st.Healthy != nil && st.GetHealthy() == want
	}
}

// A command checks a task from within: same directory, environment, user
// and cgroup. The
// task is healthy, and then not; the agent restarts in between.
func TestCommandHealthCheck(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	info := shell("t", "id -u >user; cat /proc/self/cgroup >cgroup; touch well; sleep 1000")
	info.Command.Environment = &mesos.Environment{Variables: []*mesos.Environment_Variable{{Name: new("FILE"), Value: new("well")}}}
	info.HealthCheck = healthCheck(mesos.HealthCheck_COMMAND)
	// Until the task is so far its failures do not count.
	info.HealthCheck.GracePeriodSeconds = new(10.0)
	info.HealthCheck.Command = &mesos.CommandInfo{Value: new(`test -e "$FILE" && test "$(id -u)" = "$(cat user)" && test "$MESOS_EXECUTOR_ID" = t && test "$(cat /proc/self/cgroup)" = "$(cat cgroup)"`)}
	alloc.launch(framework(), info)
	alloc.awaitStatus("t", "healthy", isHealthy(true))
	n.halt()
	n.start()
	healthyAgain := func() (count int) {
		for _, u := range alloc.updates {
			if isHealthy(true)(u.Status) {
				count++
			}
		}
		return count
	}
	alloc.wait("the first result after the restart", func() bool { return healthyAgain() == 2 })
	if err := os.Remove(filepath.Join(n.sandbox("t"), "well")); err != nil {
		t.Fatal(err)
	}
	st := alloc.await("t", mesos.TaskState_TASK_KILLED)
	if st.Healthy == nil || st.GetHealthy() {
		t.Errorf("the terminal status is not unhealthy: %v", st)
	}
}

func TestCommandHealthCheckWithoutCgroups(t *testing.T) {
	t.Setenv("CAPROCK_TEST_ISOLATION", runner.Posix)
	TestCommandHealthCheck(t)
}

func portOf(t *testing.T, address string) uint32 {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(n)
}

// Members of a group are checked over the network; one that fails takes its group
// along.
func TestNetworkChecks(t *testing.T) {
	var code atomic.Int32
	code.Store(204)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(code.Load())) }))
	defer s.Close()
	alloc := newAllocator(t)
	startNode(t, alloc, nil)
	port := portOf(t, s.Listener.Addr().String())
	web, tcp := shell("web", "sleep 1000"), shell("tcp", "sleep 1000")
	web.HealthCheck = healthCheck(mesos.HealthCheck_HTTP)
	web.HealthCheck.Http = &mesos.HealthCheck_HTTPCheckInfo{Port: &port, Path: new("/health")}
	web.Check = &mesos.CheckInfo{
		Type: mesos.CheckInfo_HTTP.Enum(), DelaySeconds: new(0.0), IntervalSeconds: new(0.05), Http: &mesos.CheckInfo_Http{Port: &port},
	}
	tcp.HealthCheck = healthCheck(mesos.HealthCheck_TCP)
	tcp.HealthCheck.Tcp = &mesos.HealthCheck_TCPCheckInfo{Port: &port}
	alloc.send(&link.Down{Body: &link.Down_Launch{Launch: &link.Launch{
		Framework: framework(), Group: new(true), LaunchExecutor: new(true), Tasks: []*mesos.TaskInfo{web, tcp},
		Executor: &mesos.ExecutorInfo{ExecutorId: &mesos.ExecutorID{Value: new("group")}, Type: mesos.ExecutorInfo_DEFAULT.Enum()},
	}}})
	if st := alloc.await("web", mesos.TaskState_TASK_STARTING); st.CheckStatus.GetHttp() == nil {
		t.Errorf("the first status has no empty check status: %v", st)
	}
	alloc.awaitStatus("web", "healthy", isHealthy(true))
	alloc.awaitStatus("tcp", "healthy", isHealthy(true))
	alloc.awaitStatus("web", "checked", func(st *mesos.TaskStatus) bool {
		return st.GetReason() == mesos.TaskStatus_REASON_TASK_CHECK_STATUS_UPDATED && st.CheckStatus.GetHttp().GetStatusCode() == 204
	})
	code.Store(500)
	alloc.awaitStatus("web", "unhealthy", isHealthy(false))
	if st := alloc.await("web", mesos.TaskState_TASK_KILLED); st.Healthy == nil || st.GetHealthy() {
		t.Errorf("the terminal status is not unhealthy: %v", st)
	}
	if st := alloc.await("tcp", mesos.TaskState_TASK_KILLED); st.Healthy != nil {
		t.Errorf("the other member was killed for its own health: %v", st)
	}
	if !slices.Contains(alloc.states("tcp"), mesos.TaskState_TASK_RUNNING) {
		t.Error("tcp never ran")
	}
}
