package core

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

// launches collects what a Core asks to be launched.
func launches(c *Core) map[string]map[string]string {
	out := map[string]map[string]string{}
	for _, e := range c.Take().Effects {
		l, ok := e.(Launch)
		if !ok {
			continue
		}
		env := map[string]string{}
		for _, v := range l.Env {
			name, value, _ := strings.Cut(v, "=")
			env[name] = value
		}
		out[env["MESOS_EXECUTOR_ID"]] = env
	}
	return out
}

// Executors and tasks get every variable that Mesos gives them, those of durations
// only where they mean something, and the operator's and the command's on top.
func TestEnvironmentOfExecutors(t *testing.T) {
	opts := testOptions(1)
	opts.Environment = []string{"LIBPROCESS_IP=10.0.0.9", "WHO=operator", "LEFT=alone"}
	c := New(opts)
	c.Assemble()
	if err := c.Recover(Time{Wall: 1, Mono: 1}, nil); err != nil {
		t.Fatal(err)
	}
	step := func(cmd Command) { c.Step(Time{Wall: 1, Mono: 1}, cmd) }
	down := func(d *link.Down) { d.Term = new(uint64(1)); step(Frame{Down: d}) }
	step(Connected{})
	down(&link.Down{Body: &link.Down_Registered{Registered: &link.Registered{AgentId: &mesos.AgentID{Value: new("S0")}, ClusterId: new("c")}}})
	c.Take()
	seq := uint64(0)
	launch := func(checkpoint bool, ex *mesos.ExecutorInfo, ids ...string) map[string]map[string]string {
		seq++
		fw := fwInfo.CloneVT()
		fw.Checkpoint = &checkpoint
		l := &link.Launch{Framework: fw, Executor: ex, LaunchExecutor: new(ex != nil)}
		for _, id := range ids {
			info := &mesos.TaskInfo{Name: new("n"), TaskId: &mesos.TaskID{Value: &id}, AgentId: &mesos.AgentID{Value: new("S0")}}
			if ex.GetType() != mesos.ExecutorInfo_CUSTOM {
				info.Command = &mesos.CommandInfo{Value: new("x"), Environment: &mesos.Environment{
					Variables: []*mesos.Environment_Variable{{Name: new("WHO"), Value: new("task")}}}}
				info.Resources = []*mesos.Resource{{Name: new("cpus"), Type: mesos.Value_SCALAR.Enum(),
					Scalar: &mesos.Value_Scalar{Value: new(1.0)}, AllocationInfo: &mesos.Resource_AllocationInfo{Role: new("eng")}}}
			}
			l.Tasks = append(l.Tasks, info)
		}
		down(&link.Down{Seq: &seq, Body: &link.Down_Launch{Launch: l}})
		return launches(c)
	}
	want := map[string]string{
		"PATH": defaultPath, "LIBPROCESS_PORT": "0", "LIBPROCESS_IP": "10.0.0.9", "WHO": "operator", "LEFT": "alone",
		"MESOS_FRAMEWORK_ID": "F", "MESOS_EXECUTOR_ID": "custom", "MESOS_SLAVE_ID": "S0", "MESOS_SLAVE_PID": "slave(1)@10.0.0.1:5051",
		"MESOS_AGENT_ENDPOINT": "10.0.0.1:5051", "MESOS_CHECKPOINT": "1", "MESOS_RECOVERY_TIMEOUT": "15mins",
		"MESOS_SUBSCRIPTION_BACKOFF_MAX": "2secs", "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "7secs", "MESOS_HTTP_COMMAND_EXECUTOR": "0",
	}
	expect := func(what string, got, want map[string]string) {
		t.Helper()
		if !strings.HasPrefix(got["MESOS_SANDBOX"], "/w/slaves/S0/frameworks/F/executors/") || got["MESOS_DIRECTORY"] != got["MESOS_SANDBOX"] {
			t.Errorf("%s: sandbox is %q, directory %q", what, got["MESOS_SANDBOX"], got["MESOS_DIRECTORY"])
		}
		delete(got, "MESOS_SANDBOX")
		delete(got, "MESOS_DIRECTORY")
		for _, name := range slices.Sorted(maps.Keys(want)) {
			if got[name] != want[name] {
				t.Errorf("%s: %s is %q, want %q", what, name, got[name], want[name])
			}
			delete(got, name)
		}
		if len(got) > 0 {
			t.Errorf("%s: has %v besides", what, got)
		}
	}
	ex := &mesos.ExecutorInfo{
		ExecutorId: &mesos.ExecutorID{Value: new("custom")}, Type: mesos.ExecutorInfo_CUSTOM.Enum(),
		Command: &mesos.CommandInfo{Value: new("x")}, ShutdownGracePeriod: &mesos.DurationInfo{Nanoseconds: new(int64(7e9))},
	}
	expect("custom executor", launch(true, ex, "a")["custom"], want)

	want["MESOS_EXECUTOR_ID"], want["WHO"], want["MESOS_ALLOCATION_ROLE"] = "b", "task", "eng"
	want["MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD"] = "5secs"
	want["MESOS_CHECKPOINT"] = "0"
	delete(want, "MESOS_RECOVERY_TIMEOUT")
	delete(want, "MESOS_SUBSCRIPTION_BACKOFF_MAX")
	expect("command task without checkpointing", launch(false, nil, "b")["b"], want)

	pod := &mesos.ExecutorInfo{ExecutorId: &mesos.ExecutorID{Value: new("pod")}, Type: mesos.ExecutorInfo_DEFAULT.Enum()}
	want["MESOS_EXECUTOR_ID"], want["MESOS_CONTAINER_IP"] = "pod", "10.0.0.1"
	expect("member of a group", launch(false, pod, "c")["pod"], want)
}
